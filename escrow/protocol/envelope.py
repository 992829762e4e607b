"""The envelope: the secret as an age v1 file (c2sp.org/age) to the X25519 recipient of `R`.

The plaintext is the secret, byte for byte, so that `age -d -i identity.txt envelope.age` prints it.
The recipient is never published: who does not know it faces a symmetric ciphertext. The manifest
binds the envelope by its SHA-256. Source: PROTOCOL.md section 5.
"""

import pyrage

from escrow.protocol import keys
from escrow.protocol.errors import NotOpened, ProtocolError

MAX_SECRET_LENGTH_BYTES = 65536
MAX_ENVELOPE_LENGTH_BYTES = 70000
_MAGIC = b"age-encryption.org/v1\n"


def seal(secret: bytes, recovery_key: bytes) -> bytes:
    """Encrypt a secret of 1 to 65536 bytes to the 32-byte recovery key.

    Raises ProtocolError("wrong_secret_length").
    """
    if not 1 <= len(secret) <= MAX_SECRET_LENGTH_BYTES:
        raise ProtocolError(
            f"A secret has 1 to {MAX_SECRET_LENGTH_BYTES} bytes.", code="wrong_secret_length"
        )
    return seal_to(secret, recovery_key)


def open(envelope: bytes, recovery_key: bytes) -> bytes:
    """Decrypt an envelope with the 32-byte recovery key; returns the secret.

    Raises NotOpened: wrong_key, or damaged_envelope when it is not an intact age file.
    """
    return open_with(envelope, recovery_key)


def seal_to(plaintext: bytes, identity: bytes) -> bytes:
    """Encrypt to the age recipient whose identity is these 32 bytes."""
    key = pyrage.x25519.Identity.from_str(keys.age_identity(identity))
    return bytes(pyrage.encrypt(plaintext, [key.to_public()]))


def open_with(file: bytes, identity: bytes) -> bytes:
    """Decrypt an age file with the identity of these 32 bytes; raises NotOpened."""
    if not file.startswith(_MAGIC):
        raise NotOpened("This is not an age file.", code="damaged_envelope")
    key = pyrage.x25519.Identity.from_str(keys.age_identity(identity))
    try:
        return bytes(pyrage.decrypt(file, [key]))
    except pyrage.DecryptError as error:
        if "No matching keys" in str(error):
            raise NotOpened("This key does not open the envelope.", code="wrong_key") from None
        raise NotOpened("The envelope is damaged.", code="damaged_envelope") from None
