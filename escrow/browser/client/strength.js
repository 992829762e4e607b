/**
 * A backup password that nobody can guess and a person can copy by hand.
 *
 * 40 characters of 5 random bits each: 200 bits, so that also a quantum computer has 2^100 to try.
 * In eight groups of five; 32 digits and letters without i, l, o and u, which look like others.
 * Words would look like those of a piece, so there are none.
 */

import { randomBytes, wipe } from "../platform/bytes.js";

export const LENGTH_CHARACTERS = 40;
export const GROUP_LENGTH_CHARACTERS = 5;
export const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";
const DASH = 45;
// Where the alphabet leaves a letter out: from these numbers on, the character is one further.
const GAPS = [18, 20, 22, 27];

/** Give the character of five bits, without a look-up by them. @param {number} five */
function characterCode(five) {
  const letter = ((9 - five) >>> 31) & 1;
  let code = 48 + five + letter * 39;
  for (const gap of GAPS) code += ((gap - 1 - five) >>> 31) & 1;
  return code;
}

/**
 * Make a fresh password of 40 characters and seven dashes, as ASCII bytes.
 *
 * The caller overwrites it. 256 is a multiple of 32, so each character is as likely as any other.
 */
export function backupPassword() {
  const drawn = randomBytes(LENGTH_CHARACTERS);
  const groups = LENGTH_CHARACTERS / GROUP_LENGTH_CHARACTERS;
  const password = new Uint8Array(LENGTH_CHARACTERS + groups - 1).fill(DASH);
  for (let i = 0; i < LENGTH_CHARACTERS; i++) {
    password[i + Math.floor(i / GROUP_LENGTH_CHARACTERS)] = characterCode(drawn[i] & 31);
  }
  wipe(drawn);
  return password;
}
