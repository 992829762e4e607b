"""Age v1 files to one X25519 recipient (c2sp.org/age), with every random choice given.

The libraries draw an ephemeral key, a file key and a nonce; here they come from a
name, so that a vector file can be written again byte for byte. `pyrage` opens
what this writes before it goes into a file.
"""

import base64
import hmac

import pyrage
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from . import bech32
from .basics import fixed, hkdf

CHUNK = 65536


def raw64(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def stanza(identity: bytes, file_key: bytes, name: str) -> bytes:
    """Wrap the file key to the recipient of a 32-byte identity."""
    recipient = X25519PrivateKey.from_private_bytes(identity).public_key().public_bytes_raw()
    ephemeral = X25519PrivateKey.from_private_bytes(fixed("ephemeral " + name, 32))
    share = ephemeral.public_key().public_bytes_raw()
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(recipient))
    wrap = hkdf(shared, share + recipient, b"age-encryption.org/v1/X25519")
    body = ChaCha20Poly1305(wrap).encrypt(bytes(12), file_key, None)
    return b"-> X25519 " + raw64(share) + b"\n" + raw64(body) + b"\n"


def payload(file_key: bytes, plaintext: bytes, name: str) -> bytes:
    """Encrypt the body in chunks of 64 KiB."""
    nonce = fixed("nonce " + name, 16)
    aead = ChaCha20Poly1305(hkdf(file_key, nonce, b"payload"))
    chunks = [plaintext[i : i + CHUNK] for i in range(0, len(plaintext), CHUNK)] or [b""]
    out = nonce
    for number, chunk in enumerate(chunks):
        last = number == len(chunks) - 1
        out += aead.encrypt(number.to_bytes(11, "big") + bytes([last]), chunk, None)
    return out


def encrypt(plaintext: bytes, identity: bytes, name: str, wrapped: bytes | None = None) -> bytes:
    """Write an age file; `wrapped` replaces the stanza that the identity opens."""
    file_key = fixed("file key " + name, 16)
    header = b"age-encryption.org/v1\n" + (wrapped or stanza(identity, file_key, name)) + b"---"
    mac = hmac.digest(hkdf(file_key, b"", b"header"), header, "sha256")
    return header + b" " + raw64(mac) + b"\n" + payload(file_key, plaintext, name)


def checked(plaintext: bytes, identity: bytes, name: str) -> bytes:
    """Write an age file and have another implementation read it."""
    sealed = encrypt(plaintext, identity, name)
    reader = pyrage.x25519.Identity.from_str(bech32.identity(identity))
    if pyrage.decrypt(sealed, [reader]) != plaintext:
        raise AssertionError(f"pyrage does not open {name}")
    return sealed
