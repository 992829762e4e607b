/**
 * What the library `age-encryption` imports for kinds of recipients that this service does not have
 * (post-quantum hybrids, tags on P-256). The build puts this in their place: half of the library.
 */

export const MLKEM768P256 = undefined;
export const MLKEM768X25519 = undefined;
export const p256 = undefined;
