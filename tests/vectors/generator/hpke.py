"""HPKE base mode with X-Wing, HKDF-SHA256 and ChaCha20-Poly1305 (RFC 9180, KEM 0x647a).

`encrypt` is the library's, since it draws its own randomness; `decrypt` is written out
here from RFC 9180 and the X-Wing draft, on nothing but ML-KEM, X25519, SHA-3 and HMAC.
"""

import hashlib
import hmac

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, MLKEM768X25519PublicKey, Suite

SUITE_ID = b"HPKE" + bytes.fromhex("647a 0001 0003")
ENC_LENGTH = 1120
LABEL = bytes.fromhex("5c2e2f2f5e5c")


def expand(seed: bytes) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
    """Expand the 32-byte X-Wing seed into the two private keys."""
    stretched = hashlib.shake_256(seed).digest(96)
    return (
        MLKEM768PrivateKey.from_seed_bytes(stretched[:64]),
        X25519PrivateKey.from_private_bytes(stretched[64:]),
    )


def public_key(seed: bytes) -> bytes:
    """Give the 1216-byte public key of a seed."""
    lattice, curve = expand(seed)
    return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()


def decapsulate(seed: bytes, enc: bytes) -> bytes:
    """Give the X-Wing shared secret."""
    lattice, curve = expand(seed)
    share = enc[1088:]
    shared = curve.exchange(X25519PublicKey.from_public_bytes(share))
    mixed = lattice.decapsulate(enc[:1088]) + shared + share
    return hashlib.sha3_256(mixed + curve.public_key().public_bytes_raw() + LABEL).digest()


def labelled_extract(salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + SUITE_ID + label + ikm, "sha256")


def labelled_expand(prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    labelled = length.to_bytes(2, "big") + b"HPKE-v1" + SUITE_ID + label + info
    return hmac.digest(prk, labelled + b"\x01", "sha256")[:length]


def schedule(shared_secret: bytes, info: bytes) -> tuple[bytes, bytes]:
    """Give key and base nonce of RFC 9180 section 5.1, base mode."""
    context = b"\x00" + labelled_extract(b"", b"psk_id_hash", b"")
    context += labelled_extract(b"", b"info_hash", info)
    secret = labelled_extract(shared_secret, b"secret", b"")
    key = labelled_expand(secret, b"key", context, 32)
    return key, labelled_expand(secret, b"base_nonce", context, 12)


def decrypt(seed: bytes, sealed: bytes, info: bytes) -> bytes | None:
    """Open a one-shot ciphertext; `None` when it does not open."""
    key, nonce = schedule(decapsulate(seed, sealed[:ENC_LENGTH]), info)
    try:
        return ChaCha20Poly1305(key).decrypt(nonce, sealed[ENC_LENGTH:], b"")
    except InvalidTag:
        return None


def encrypt(public: bytes, plaintext: bytes, info: bytes) -> bytes:
    """Seal with the library: another ciphertext every time."""
    recipient = MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:1184]),
        X25519PublicKey.from_public_bytes(public[1184:]),
    )
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.CHACHA20_POLY1305)
    return suite.encrypt(plaintext, recipient, info=info)
