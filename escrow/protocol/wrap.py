"""Passkey-wrapped copies: a contact's share, and apart from it the check seed, at the provider.

    key  = HKDF(PRF output, context, PAE("escrow/v1/key/wrap/<part>", custody, manifest_hash))
    blob = 12 random bytes ‖ AES-256-GCM
    AAD  = PAE("escrow/v1/wrap/<part>", deposit, custody, manifest_hash, credential_id)

with part `share` (over the payload) or `check` (over the check seed). The PRF inputs are the texts
`escrow/v1/share` and `escrow/v1/check`. Source: PROTOCOL.md section 7.
"""

import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from escrow.protocol import keys
from escrow.protocol.encoding import pae, raw_id
from escrow.protocol.errors import NotOpened

NONCE_LENGTH_BYTES = 12
PRF_OUTPUT_LENGTH_BYTES = 32
MAX_LENGTH_BYTES = 4096


@dataclass(frozen=True)
class Binding:
    """What a wrapped copy is bound to. `part` is "share" or "check"."""

    part: str
    deposit: str
    custody: str
    manifest_hash: bytes
    credential_id: bytes

    def _key(self, prf_output: bytes) -> AESGCM:
        label = f"escrow/v1/key/wrap/{self.part}"
        info = pae(label, raw_id(self.custody), self.manifest_hash)
        return AESGCM(keys.hkdf(prf_output, keys.context(self.deposit), info))

    def _aad(self) -> bytes:
        return pae(
            f"escrow/v1/wrap/{self.part}",
            raw_id(self.deposit),
            raw_id(self.custody),
            self.manifest_hash,
            self.credential_id,
        )

    def wrap(self, plaintext: bytes, prf_output: bytes) -> bytes:
        """Encrypt to the 32-byte PRF output; returns 28 bytes more than the plaintext has."""
        nonce = secrets.token_bytes(NONCE_LENGTH_BYTES)
        return nonce + self._key(prf_output).encrypt(nonce, plaintext, self._aad())

    def unwrap(self, blob: bytes, prf_output: bytes) -> bytes:
        """Decrypt with the 32-byte PRF output; raises NotOpened for anything that does not fit."""
        nonce, ciphertext = blob[:NONCE_LENGTH_BYTES], blob[NONCE_LENGTH_BYTES:]
        try:
            return self._key(prf_output).decrypt(nonce, ciphertext, self._aad())
        except (InvalidTag, ValueError):
            raise NotOpened("The passkey does not open this copy.") from None
