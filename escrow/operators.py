"""Operators: people at the provider who approve with an Ed25519 key of their own, on the host.

The setting `operators` names them, each as `name:public key` (32 bytes as base64url); it is the
only place from which their keys are believed. The private key is a file that one operator keeps:

    {"format":"escrow/v1/operator-key","name":"anna","seed":"…"}

A credential says who signed: `operator:<name>`. Other kinds (an admin's passkey) have another word
before the colon. Source: PROTOCOL.md section 13.
"""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.keyfile import create_private, read_private
from escrow.protocol import keys
from escrow.protocol.encoding import (
    HASH_LENGTH_BYTES,
    KEY,
    Shape,
    b64url,
    b64url_decode,
    choice,
    read_document,
    text,
    write_document,
)
from escrow.protocol.errors import Malformed

KIND = "operator"
_FORMAT = "escrow/v1/operator-key"
_FILE = Shape(format=choice(_FORMAT), name=text(40, 1), seed=KEY)
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,39}\Z")


@dataclass(frozen=True)
class Operator:
    """Who may approve: a name and a 32-byte Ed25519 public key."""

    name: str
    public_key: bytes

    @property
    def credential(self) -> str:
        """How an approval names its signer."""
        return f"{KIND}:{self.name}"

    @property
    def line(self) -> str:
        """The public line for the setting `operators`."""
        return f"{self.name}:{b64url(self.public_key)}"

    @classmethod
    def parse(cls, line: str) -> "Operator":
        """Read a public line; raises ConfigurationError."""
        name, _, key = line.strip().partition(":")
        check_name(name)
        try:
            public_key = b64url_decode(key)
        except Malformed:
            public_key = b""
        if len(public_key) != HASH_LENGTH_BYTES:
            raise ConfigurationError(
                N_("operators: the key of “{name}” is not one that `escrow admin keygen` printed"),
                name=name,
            )
        return cls(name, public_key)


def check_name(name: str) -> None:
    """Refuse a name that does not fit; raises ConfigurationError."""
    if not _NAME.match(name):
        raise ConfigurationError(
            N_("an operator's name has at most 40 small letters, digits, dots and dashes")
        )


def parse_all(given: str | Iterable[object]) -> tuple[Operator, ...]:
    """Read the setting: a list of lines, or one text with commas or spaces between them.

    Raises ConfigurationError for anything that is not a line, and for two operators with one name
    or one key: who has two votes would need nobody else.
    """
    lines = re.split(r"[\s,]+", given.strip()) if isinstance(given, str) else list(given)
    if not all(isinstance(line, str) for line in lines):
        raise ConfigurationError(N_("operators must be a list of texts like name:key"))
    found = tuple(Operator.parse(str(line)) for line in lines if line)
    for what, seen in (
        ("name", [operator.name for operator in found]),
        ("key", [operator.public_key.hex() for operator in found]),
    ):
        if len(set(seen)) != len(seen):
            raise ConfigurationError(N_("operators: two of them have the same {what}"), what=what)
    return found


@dataclass(frozen=True)
class OperatorKey:
    """An operator's private key. It never shows in a `repr`."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def operator(self) -> Operator:
        """The public half."""
        return Operator(self.name, keys.public_bytes(self.key))

    @classmethod
    def create(cls, name: str, path: Path) -> "OperatorKey":
        """Make a fresh key in a new file, mode 0600; raises ConfigurationError, FileExistsError."""
        check_name(name)
        seed = secrets.token_bytes(32)
        document = {"format": _FORMAT, "name": name, "seed": seed}
        create_private(path, write_document(document, _FILE))
        return cls(name, Ed25519PrivateKey.from_private_bytes(seed))

    @classmethod
    def load(cls, path: Path) -> "OperatorKey":
        """Read a key file; raises ConfigurationError (missing, open to others, damaged)."""
        try:
            found = read_document(read_private(path), _FILE, "key", 1024)
        except Malformed:
            raise ConfigurationError(
                N_("{path} is not an operator’s key, or is damaged"), path=path
            ) from None
        return cls(found["name"], Ed25519PrivateKey.from_private_bytes(found["seed"]))
