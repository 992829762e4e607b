r"""Signed notes and checkpoints (c2sp.org/signed-note, c2sp.org/tlog-checkpoint).

A note is text ending in a newline, an empty line, and signature lines
`— <name> <base64(key id (4) ‖ signature)>`. A checkpoint's text is `<origin>\\n<size>\\n<base64
root>\\n`. A verifier key is `<name>+<8 hex digits of the key id>+<base64(0x01 ‖ public key)>`, the
key id being the first four bytes of SHA-256(name ‖ "\\n" ‖ 0x01 ‖ public key).
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys
from escrow.protocol.encoding import digits, sha256
from escrow.protocol.errors import ProtocolError

ED25519_ALGORITHM = b"\x01"
KEY_ID_LENGTH_BYTES = 4
MAX_LENGTH_BYTES = 16384
MAX_NOTE_CHARACTERS = 1_000_000
MAX_SIGNATURES = 100
LEDGER_KEY_DIGITS = 8
_SIGNATURE_START = "\u2014 "
_VERIFIER = re.compile(r"([^+\s]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/=]+)\Z")
_NOT_TEXT = re.compile("[\x00-\x09\x0b-\x1f\ud800-\udfff]")
_SIZE = re.compile(r"(0|[1-9][0-9]{0,15})\Z")


def base64_decode(text: str) -> bytes:
    """Read canonical standard base64; raises ProtocolError("malformed_note")."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise _malformed() from None
    if base64.b64encode(data).decode() != text:
        raise _malformed()
    return data


def _malformed() -> ProtocolError:
    return ProtocolError("This is not a signed note.", code="malformed_note")


def _key_id(name: str, public_key: bytes) -> bytes:
    return sha256(name.encode() + b"\n" + ED25519_ALGORITHM + public_key)[:KEY_ID_LENGTH_BYTES]


def is_key_name(name: str) -> bool:
    """Tell whether a key name is allowed: not empty, no white space, no plus sign."""
    return bool(name) and "+" not in name and not any(c.isspace() for c in name)


@dataclass(frozen=True)
class Verifier:
    """A public key that checks notes: its name and 32 bytes of Ed25519."""

    name: str
    public_key: bytes

    @classmethod
    def parse(cls, vkey: str) -> "Verifier":
        """Read a verifier key; raises ProtocolError("malformed_vkey")."""
        match = _VERIFIER.match(vkey)
        try:
            data = base64_decode(match[3]) if match else b""
        except ProtocolError:
            data = b""
        if match is None or data[:1] != ED25519_ALGORITHM or len(data) != 33:
            raise ProtocolError("This is not a verifier key.", code="malformed_vkey")
        verifier = cls(match[1], data[1:])
        if verifier.key_id.hex() != match[2] or not is_key_name(verifier.name):
            raise ProtocolError("This is not a verifier key.", code="malformed_vkey")
        return verifier

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in a signature line."""
        return _key_id(self.name, self.public_key)

    @property
    def vkey(self) -> str:
        """The verifier key as text."""
        encoded = base64.b64encode(ED25519_ALGORITHM + self.public_key).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"

    def key_digits(self) -> str:
        """Return 8 digits of the key, for paper."""
        return digits(sha256(self.vkey.encode()), LEDGER_KEY_DIGITS)


@dataclass(frozen=True)
class Signer:
    """A private key that signs notes under a name."""

    name: str
    key: Ed25519PrivateKey = field(repr=False)

    @property
    def verifier(self) -> Verifier:
        """The public half."""
        return Verifier(self.name, keys.public_bytes(self.key))

    def signature_line(self, text: str) -> str:
        """Return the signature line, with its newline, for a note's text."""
        raw = self.verifier.key_id + self.key.sign(text.encode())
        return f"{_SIGNATURE_START}{self.name} {base64.b64encode(raw).decode()}\n"


def sign(text: str, signers: Sequence[Signer]) -> str:
    """Sign a note's text, which must end in a newline; returns the whole note."""
    if not _is_text(text):
        raise _malformed()
    return text + "\n" + "".join(signer.signature_line(text) for signer in signers)


def _is_text(text: str) -> bool:
    return text.endswith("\n") and _NOT_TEXT.search(text) is None


def split_note(signed: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Split a note into its text and (name, key id ‖ signature) pairs, unverified.

    Raises ProtocolError("malformed_note").
    """
    if len(signed) > MAX_NOTE_CHARACTERS or not _is_text(signed):
        raise _malformed()
    text, separator, block = signed.rpartition("\n\n")
    lines = block.split("\n")
    if not separator or lines[-1] or len(lines) < 2 or len(lines) - 1 > MAX_SIGNATURES:
        raise _malformed()
    return text + "\n", [_signature(line) for line in lines[:-1]]


def _signature(line: str) -> tuple[str, bytes]:
    name, _, encoded = line.removeprefix(_SIGNATURE_START).partition(" ")
    if not line.startswith(_SIGNATURE_START) or not is_key_name(name):
        raise _malformed()
    raw = base64_decode(encoded)
    if len(raw) < KEY_ID_LENGTH_BYTES + 1:
        raise _malformed()
    return name, raw


def verify(signed: str, verifiers: Sequence[Verifier]) -> str:
    """Check a note by known keys; returns its text.

    Signatures by unknown keys are ignored, one known key's wrong signature refuses the whole note,
    and at least one must hold. Raises ProtocolError (malformed_note, unverified_note) or
    BadSignature.
    """
    text, signatures = split_note(signed)
    known = {(verifier.name, verifier.key_id): verifier for verifier in verifiers}
    held = set()
    for name, raw in signatures:
        verifier = known.get((name, raw[:KEY_ID_LENGTH_BYTES]))
        if verifier is None or verifier in held:
            continue
        keys.verify(verifier.public_key, raw[KEY_ID_LENGTH_BYTES:], text.encode())
        held.add(verifier)
    if not held:
        raise ProtocolError("No known key has signed this note.", code="unverified_note")
    return text


@dataclass(frozen=True)
class Checkpoint:
    """A ledger's state: origin, number of entries, root hash (32 bytes)."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The note's text, which is what gets signed and hashed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @property
    def hash(self) -> bytes:
        """SHA-256 of the text without signatures: what attestations name."""
        return hashlib.sha256(self.text.encode()).digest()

    @classmethod
    def parse(cls, text: str) -> "Checkpoint":
        """Read a checkpoint's text, extension lines refused; ProtocolError("malformed_note")."""
        lines = text.split("\n")
        if len(lines) != 4 or lines[3] or not lines[0] or not _SIZE.match(lines[1]):
            raise _malformed()
        root = base64_decode(lines[2])
        if len(root) != 32:
            raise _malformed()
        return cls(lines[0], int(lines[1]), root)

    @classmethod
    def verify(cls, signed: str, verifier: Verifier) -> "Checkpoint":
        """Read a signed checkpoint of the ledger whose key this is.

        Raises ProtocolError (malformed_note, unverified_note, wrong_origin) or BadSignature.
        """
        checkpoint = cls.parse(verify(signed, [verifier]))
        if checkpoint.origin != verifier.name:
            raise ProtocolError("The checkpoint is of another ledger.", code="wrong_origin")
        return checkpoint
