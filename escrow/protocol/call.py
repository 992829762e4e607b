"""The call: twelve digits that tie the contact's release to the customer's own public key.

1. The customer's client draws 32 random bytes `r` and publishes
   `c = SHA-256(PAE("escrow/v1/call/commit", deposit, recovery, session, call, custody, public_key,
   r))`.
2. The contact's client fixes `c` and sends 32 random bytes `n`, signed with its release key over
   `PAE("escrow/v1/call/nonce", call, custody, c, n)`.
3. The customer's client takes one `n` a call, ever, then reveals `public_key` and `r`.
4. The contact's client recomputes `c` and stops if it differs, before it shows the digit field.
5. code = 12 digits of `SHA-256(PAE("escrow/v1/call/code", c, n, public_key, r))`.

Security rests on `r` hidden until `n` is fixed, and `n` unknown until `c` is fixed: whoever swaps
the key has one guess in 10^12 a call. Source: PROTOCOL.md section 10.
"""

import hmac
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys
from escrow.protocol.encoding import digits, pae, pae_hash, raw_id
from escrow.protocol.errors import Mismatch

RANDOM_LENGTH_BYTES = 32
CODE_DIGITS = 12
MAX_TRIES = 3
MAX_CALLS_A_SESSION = 5


@dataclass(frozen=True)
class Call:
    """One call: what its commitment covers besides key and randomness."""

    deposit: str
    recovery: str
    session: str
    call: str
    custody: str


def commitment(call: Call, public_key: bytes, random: bytes) -> bytes:
    """Commit to the recovering client's public key and 32 random bytes; returns 32 bytes."""
    return pae_hash(
        "escrow/v1/call/commit",
        raw_id(call.deposit),
        raw_id(call.recovery),
        raw_id(call.session),
        raw_id(call.call),
        raw_id(call.custody),
        public_key,
        random,
    )


def check_reveal(call: Call, committed: bytes, public_key: bytes, random: bytes) -> None:
    """Stop a swapped key: what was revealed must open the commitment.

    Raises Mismatch("wrong_commitment").
    """
    if not hmac.compare_digest(committed, commitment(call, public_key, random)):
        raise Mismatch(
            "What the other side revealed is not what it committed to. Stop, and tell them.",
            code="wrong_commitment",
        )


def _nonce_message(call: str, custody: str, committed: bytes, nonce: bytes) -> bytes:
    return pae("escrow/v1/call/nonce", raw_id(call), raw_id(custody), committed, nonce)


def sign_nonce(
    key: Ed25519PrivateKey, call: str, custody: str, committed: bytes, nonce: bytes
) -> bytes:
    """Sign a contact's 32-byte nonce with its release key; returns 64 bytes."""
    return key.sign(_nonce_message(call, custody, committed, nonce))


def verify_nonce(
    release_key: bytes, signature: bytes, call: str, custody: str, committed: bytes, nonce: bytes
) -> None:
    """Check that the nonce comes from the custody's holder; raises BadSignature."""
    keys.verify(release_key, signature, _nonce_message(call, custody, committed, nonce))


def code(committed: bytes, nonce: bytes, public_key: bytes, random: bytes) -> str:
    """Return the 12 digits that the customer reads out and the contact types."""
    digest = pae_hash("escrow/v1/call/code", committed, nonce, public_key, random)
    return digits(digest, CODE_DIGITS)


def same_code(typed: str, expected: str) -> bool:
    """Compare typed digits with the expected ones; spaces and dashes are ignored."""
    plain = re.sub(r"[\s-]", "", typed)
    return hmac.compare_digest(plain.encode(), expected.encode())
