"""A keyring in a hardware security module, through PKCS #11.

The AES-256 key is made on the token, not extractable, and found by its label; wrapped bytes are
`12 random bytes ‖ AES-GCM ciphertext`. One lock and one logged-in session for the process:
concurrent calls corrupt the heap of some modules, and a session does not survive a fork, so that it
is made on first use in the process that uses it.
"""

import os
import secrets
import threading
from pathlib import Path
from typing import Any

import pkcs11
from pkcs11.exceptions import PKCS11Error

from escrow.config import Settings
from escrow.custodian.keyring import (
    NONCE_LENGTH_BYTES,
    Context,
    KeyringError,
    aad_bytes,
    not_opened,
)
from escrow.i18n import N_
from escrow.keyfile import read_private

_lock = threading.Lock()


class Pkcs11Keyring:
    """AES-256-GCM with a key on a token."""

    name = "pkcs11"

    def __init__(self, module: str, token: str, label: str, pin: str) -> None:
        self._place = (module, token, label)
        self._pin = pin
        self._session: Any = None
        self._process = 0

    @classmethod
    def from_settings(cls, settings: Settings) -> "Pkcs11Keyring":
        """Take module, token, label and the PIN's private file from the settings."""
        pin = read_private(Path(settings.pkcs11_pin_file)).decode().strip()
        return cls(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_label, pin)

    def wrap(self, plaintext: bytes, aad: Context) -> bytes:
        """Encrypt on the token, bound to `aad`; raises KeyringError."""
        nonce = secrets.token_bytes(NONCE_LENGTH_BYTES)
        with _lock:
            key = self._key()
            try:
                body = key.encrypt(plaintext, **_gcm(nonce, aad))
            except PKCS11Error as error:
                raise _unreachable(error) from None
        return bytes(nonce + body)

    def unwrap(self, wrapped: bytes, aad: Context) -> bytes:
        """Decrypt on the token; raises KeyringError.

        Modules differ in what they say to a wrong tag (SoftHSM: GeneralError), so that every
        refusal by the token reads as “does not open”.
        """
        nonce, body = wrapped[:NONCE_LENGTH_BYTES], wrapped[NONCE_LENGTH_BYTES:]
        with _lock:
            key = self._key()
            try:
                return bytes(key.decrypt(body, **_gcm(nonce, aad)))
            except PKCS11Error:
                raise not_opened(self.name) from None

    def create(self) -> None:
        """Make the key on the token (`escrow server init`, once); raises KeyringError."""
        template = {
            pkcs11.Attribute.EXTRACTABLE: False,
            pkcs11.Attribute.SENSITIVE: True,
        }
        with _lock:
            session = self._open()
            if list(session.get_objects(self._wanted())):
                raise KeyringError(N_("The token has a key “{name}” already."), name=self._place[2])
            session.generate_key(
                pkcs11.KeyType.AES, 256, label=self._place[2], store=True, template=template
            )

    def _key(self) -> Any:
        try:
            found = list(self._open().get_objects(self._wanted()))
        except PKCS11Error as error:
            raise _unreachable(error) from None
        if len(found) != 1:
            raise KeyringError(
                N_("The token has {count} keys named “{name}”, not 1."),
                count=len(found),
                name=self._place[2],
            )
        return found[0]

    def _wanted(self) -> dict[Any, Any]:
        return {
            pkcs11.Attribute.CLASS: pkcs11.ObjectClass.SECRET_KEY,
            pkcs11.Attribute.LABEL: self._place[2],
        }

    def _open(self) -> Any:
        if self._session is None or self._process != os.getpid():
            module, token, _ = self._place
            try:
                library = pkcs11.lib(module)
                if self._process not in {0, os.getpid()}:
                    library.reinitialize()
                found = library.get_token(token_label=token)
                self._session = found.open(rw=True, user_pin=self._pin)
            except (PKCS11Error, RuntimeError) as error:
                raise _unreachable(error) from None
            self._process = os.getpid()
        return self._session


def _gcm(nonce: bytes, aad: Context) -> dict[str, Any]:
    parameters = pkcs11.GCMParams(nonce, aad_bytes(aad), 128)
    return {"mechanism": pkcs11.Mechanism.AES_GCM, "mechanism_param": parameters}


def _unreachable(error: Exception) -> KeyringError:
    return KeyringError(N_("The token cannot be used ({why})."), why=type(error).__name__)
