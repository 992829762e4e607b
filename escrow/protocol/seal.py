"""Sealing a share to one public key: HPKE base mode, one shot (RFC 9180).

KEM MLKEM768-X25519 ("X-Wing", 0x647a), HKDF-SHA256, ChaCha20-Poly1305. The result is
`enc (1120 bytes) ‖ ciphertext`; there is no AAD, so all context stands in

    info = PAE("escrow/v1/seal/<purpose>", deposit, custody, manifest_hash, recovery, session,
               SHA-256(public_key))

with purpose `deposit` (recovery and session empty) or `release`. Private keys are stored as their
32-byte X-Wing seed; public keys have 1216 bytes (ML-KEM 1184 ‖ X25519 32). HPKE authenticates no
sender: what was opened counts only with a signature. Source: PROTOCOL.md section 8.
"""

import hashlib
import secrets
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidTag, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.mlkem import (
    MLKEM768PrivateKey,
    MLKEM768PublicKey,
)
from cryptography.hazmat.primitives.asymmetric.x25519 import (
    X25519PrivateKey,
    X25519PublicKey,
)
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from escrow.protocol.encoding import pae, raw_id, sha256
from escrow.protocol.errors import NotOpened, ProtocolError

SEED_LENGTH_BYTES = 32
PUBLIC_KEY_LENGTH_BYTES = 1216
ENC_LENGTH_BYTES = 1120
TAG_LENGTH_BYTES = 16
MAX_SEALED_LENGTH_BYTES = ENC_LENGTH_BYTES + 2048 + TAG_LENGTH_BYTES
_MLKEM_PUBLIC_KEY_LENGTH_BYTES = 1184
_SUITE = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)


@dataclass(frozen=True)
class Binding:
    """What a sealed share is bound to. `recovery` and `session` are None for a deposit."""

    deposit: str
    custody: str
    manifest_hash: bytes
    recovery: str | None = None
    session: str | None = None

    def info(self, public_key: bytes) -> bytes:
        """Return the HPKE `info` for one 1216-byte public key."""
        purpose = "deposit" if self.recovery is None else "release"
        return pae(
            f"escrow/v1/seal/{purpose}",
            raw_id(self.deposit),
            raw_id(self.custody),
            self.manifest_hash,
            raw_id(self.recovery),
            raw_id(self.session),
            sha256(public_key),
        )


@dataclass(frozen=True)
class PrivateKey:
    """An X-Wing private key by its 32-byte seed, which never shows in a `repr`."""

    seed: bytes = field(repr=False)

    @classmethod
    def generate(cls) -> "PrivateKey":
        """Make a fresh key from the random generator."""
        return cls(secrets.token_bytes(SEED_LENGTH_BYTES))

    def parts(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        """Expand the seed: `SHAKE256(seed, 96)` = ML-KEM seed (64) ‖ X25519 key (32)."""
        expanded = hashlib.shake_256(self.seed).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    def public_key(self) -> bytes:
        """Return the 1216-byte public key."""
        return self._expanded[1]

    @cached_property
    def _expanded(self) -> tuple[MLKEM768X25519PrivateKey, bytes]:
        """Expand the seed once for as long as the key is held: it costs more than to open."""
        kem, x25519 = self.parts()
        public = kem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        return MLKEM768X25519PrivateKey(kem, x25519), public


def seal(plaintext: bytes, public_key: bytes, binding: Binding) -> bytes:
    """Seal bytes to a 1216-byte public key, bound to a deposit or a recovery's session.

    Returns `enc ‖ ciphertext`, 1136 bytes longer than the plaintext. Raises
    ProtocolError("wrong_public_key").
    """
    try:
        return _SUITE.encrypt(plaintext, _load_public_key(public_key), binding.info(public_key))
    except ValueError:  # the X25519 part is a point of low order
        raise _bad_public_key() from None


def open(sealed: bytes, key: PrivateKey, binding: Binding) -> bytes:
    """Open sealed bytes; raises NotOpened for any other key, binding or content."""
    private, public_key = key._expanded
    try:
        return _SUITE.decrypt(sealed, private, binding.info(public_key))
    except (InvalidTag, ValueError):
        raise NotOpened("The sealed share does not open.") from None


def _load_public_key(public_key: bytes) -> MLKEM768X25519PublicKey:
    if len(public_key) != PUBLIC_KEY_LENGTH_BYTES:
        raise _bad_public_key()
    middle = _MLKEM_PUBLIC_KEY_LENGTH_BYTES
    try:
        return MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public_key[:middle]),
            X25519PublicKey.from_public_bytes(public_key[middle:]),
        )
    except (ValueError, UnsupportedAlgorithm):
        raise _bad_public_key() from None


def _bad_public_key() -> ProtocolError:
    return ProtocolError(
        f"This is not a public key of {PUBLIC_KEY_LENGTH_BYTES} bytes.", code="wrong_public_key"
    )


def check_public_key(public_key: bytes) -> None:
    """Refuse bytes to which nothing can be sealed; raises ProtocolError("wrong_public_key")."""
    try:
        _SUITE.encrypt(b"", _load_public_key(public_key), b"")
    except ValueError:
        raise _bad_public_key() from None
