"""Keyrings wrap the custodian's keys: what stands on the disk does not open without one.

`file` keeps its 32-byte key in a private file of its own, so that the wrapped keys and their
keyring can be backed up apart; `pkcs11` and `kms` keep it in hardware or at a cloud, where it never
comes out. What is wrapped is bound to its context (format and origin of the ledger) as additional
data, so that a wrapped file of one installation does not open as another's.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from escrow.config import Settings
from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.keyfile import create_private, read_private
from escrow.protocol.encoding import pae

KEY_LENGTH_BYTES = 32
NONCE_LENGTH_BYTES = 12
FILE_NAME = "keyring.key"
Context = Mapping[str, str]


class KeyringError(ConfigurationError):
    """The keyring cannot be reached, or what was wrapped does not open with it."""


class Keyring(Protocol):
    """Wraps a few hundred bytes so that only the same keyring opens them again."""

    @property
    def name(self) -> str:
        """Return the word by which settings and key file know it."""
        ...

    def wrap(self, plaintext: bytes, aad: Context) -> bytes:
        """Encrypt, bound to `aad`; raises KeyringError."""
        ...

    def unwrap(self, wrapped: bytes, aad: Context) -> bytes:
        """Decrypt what was wrapped with the same `aad`; raises KeyringError."""
        ...


def aad_bytes(aad: Context) -> bytes:
    """Write a context as one byte string, in the order of its names."""
    fields = [text for name in sorted(aad) for text in (name, aad[name])]
    return pae("escrow/v1/keyring", *fields)


def not_opened(name: str) -> KeyringError:
    """Make the error for wrapped bytes that do not open."""
    return KeyringError(
        N_(
            "The custodian's keys do not open with this keyring ({name}): key file and keyring do "
            "not belong together. Restore both from the same backup."
        ),
        name=name,
    )


@dataclass(frozen=True)
class FileKeyring:
    """AES-256-GCM with a key from a private file: `12 random bytes ‖ ciphertext`."""

    key: bytes = field(repr=False)
    name: str = "file"

    @classmethod
    def load(cls, path: Path) -> "FileKeyring":
        """Read the key; raises ConfigurationError."""
        key = read_private(path)
        if len(key) != KEY_LENGTH_BYTES:
            raise ConfigurationError(
                N_("{path} is damaged: {length} bytes are needed"),
                path=path,
                length=KEY_LENGTH_BYTES,
            )
        return cls(key)

    @classmethod
    def create(cls, path: Path) -> "FileKeyring":
        """Make a fresh key (`escrow server init`, once); raises FileExistsError."""
        keyring = cls(secrets.token_bytes(KEY_LENGTH_BYTES))
        create_private(path, keyring.key)
        return keyring

    def wrap(self, plaintext: bytes, aad: Context) -> bytes:
        """Encrypt, bound to `aad`."""
        nonce = secrets.token_bytes(NONCE_LENGTH_BYTES)
        return nonce + AESGCM(self.key).encrypt(nonce, plaintext, aad_bytes(aad))

    def unwrap(self, wrapped: bytes, aad: Context) -> bytes:
        """Decrypt what was wrapped with the same `aad`; raises KeyringError."""
        nonce, body = wrapped[:NONCE_LENGTH_BYTES], wrapped[NONCE_LENGTH_BYTES:]
        try:
            return AESGCM(self.key).decrypt(nonce, body, aad_bytes(aad))
        except (InvalidTag, ValueError):
            raise not_opened(self.name) from None


def open_keyring(settings: Settings, *, create: bool = False) -> Keyring:
    """Return the keyring that the settings name; `create` is for `escrow server init` alone.

    A key at a cloud's service is made there, by whoever may.
    """
    if settings.keyring == "pkcs11":
        from escrow.custodian.keyring_pkcs11 import Pkcs11Keyring

        keyring = Pkcs11Keyring.from_settings(settings)
        if create:
            keyring.create()
        return keyring
    if settings.keyring == "kms":
        from escrow.custodian.keyring_kms import KmsKeyring

        return KmsKeyring.from_settings(settings)
    path = settings.key_dir / FILE_NAME
    return FileKeyring.create(path) if create else FileKeyring.load(path)
