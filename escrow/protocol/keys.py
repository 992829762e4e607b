"""Keys derived from the recovery key `R` and from share values.

All by HKDF-SHA256 with `salt = context = SHA-256(PAE("escrow/v1/context", deposit))`:

| from | info | gives |
|---|---|---|
| R | PAE("escrow/v1/key/owner") | Ed25519 seed of the owner key |
| share value | PAE("escrow/v1/key/release", custody) | Ed25519 seed of the release key |
| share value | PAE("escrow/v1/key/check", custody) | the check seed, 16 bytes |
| check seed | PAE("escrow/v1/key/attest", custody) | Ed25519 seed of the attest key |

`R` as Bech32 with prefix `AGE-SECRET-KEY-` is an X25519 age identity. Source: PROTOCOL.md
section 4.
"""

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from escrow.protocol import bech32
from escrow.protocol.encoding import pae, pae_hash, raw_id
from escrow.protocol.errors import BadSignature, ProtocolError

CHECK_SEED_LENGTH_BYTES = 16
CHECK_CODE_DIGITS = 40
AGE_IDENTITY_PREFIX = "AGE-SECRET-KEY-"


def context(deposit: str) -> bytes:
    """Return the 32-byte context of a deposit: the salt of every derivation in it."""
    return pae_hash("escrow/v1/context", raw_id(deposit))


def hkdf(secret: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """Derive `length` bytes with HKDF-SHA256 (RFC 5869)."""
    return HKDF(SHA256(), length, salt, info).derive(secret)


def owner_key(recovery_key: bytes, deposit: str) -> Ed25519PrivateKey:
    """Derive the owner key of a deposit from its 32-byte recovery key."""
    seed = hkdf(recovery_key, context(deposit), pae("escrow/v1/key/owner"))
    return Ed25519PrivateKey.from_private_bytes(seed)


def release_key(share_value: bytes, deposit: str, custody: str) -> Ed25519PrivateKey:
    """Derive the release key of a custody from its 32-byte share value."""
    info = pae("escrow/v1/key/release", raw_id(custody))
    return Ed25519PrivateKey.from_private_bytes(hkdf(share_value, context(deposit), info))


def check_seed(share_value: bytes, deposit: str, custody: str) -> bytes:
    """Derive the 16-byte check seed of a custody: it proves the paper is there, nothing else."""
    info = pae("escrow/v1/key/check", raw_id(custody))
    return hkdf(share_value, context(deposit), info, CHECK_SEED_LENGTH_BYTES)


def attest_key(seed: bytes, deposit: str, custody: str) -> Ed25519PrivateKey:
    """Derive the attest key of a custody from its 16-byte check seed."""
    info = pae("escrow/v1/key/attest", raw_id(custody))
    return Ed25519PrivateKey.from_private_bytes(hkdf(seed, context(deposit), info))


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """Return the 32-byte public key of an Ed25519 private key."""
    return key.public_key().public_bytes_raw()


def verify(public_key: bytes, signature: bytes, message: bytes) -> None:
    """Check an Ed25519 signature (64 bytes) by a 32-byte public key; raises BadSignature."""
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, message)
    except (InvalidSignature, ValueError):
        raise BadSignature("The signature does not fit the key and the contents.") from None


def age_identity(secret: bytes) -> str:
    """Write 32 bytes as an age X25519 identity (`AGE-SECRET-KEY-1…`)."""
    return bech32.encode(AGE_IDENTITY_PREFIX.lower(), secret).upper()


def age_identity_bytes(identity: str) -> bytes:
    """Read the 32 bytes of an age X25519 identity; raises ProtocolError("wrong_bech32")."""
    prefix, data = bech32.decode(identity)
    if prefix != AGE_IDENTITY_PREFIX.lower() or len(data) != 32:
        raise ProtocolError("This is not an age identity.", code="wrong_bech32")
    return data


def check_code(seed: bytes) -> str:
    """Write a check seed (16 bytes) as 40 digits."""
    return str(int.from_bytes(seed, "big")).zfill(CHECK_CODE_DIGITS)


def check_code_seed(code: str) -> bytes:
    """Read a check seed from its 40 digits; spaces and dashes are ignored.

    Raises ProtocolError("wrong_check_code") for another length or a number of 2^128 and above.
    """
    plain = code.translate({ord(c): None for c in " -\t\n\r\u00a0"})
    if len(plain) != CHECK_CODE_DIGITS or not (plain.isascii() and plain.isdigit()):
        raise ProtocolError("A check code has 40 digits.", code="wrong_check_code")
    number = int(plain)
    if number >> 8 * CHECK_SEED_LENGTH_BYTES:
        raise ProtocolError(
            "This is not a check code: compare it with the paper.", code="wrong_check_code"
        )
    return number.to_bytes(CHECK_SEED_LENGTH_BYTES, "big")
