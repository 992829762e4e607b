"""What the QR codes on kit, card and screen say.

    share       escrow1s: + base64url(payload bytes)
    check       escrow1c: + base64url(deposit ‖ custody ‖ check seed)
    checkpoint  escrow1l: + base64url(note)
    envelope    escrow1e: + base64url(envelope), when the text has at most 1700 characters
    invitation  https://host/invite/<custody>#<22 characters>-<16 digits>, in person only

Source: PROTOCOL.md section 14.
"""

import re
from dataclasses import dataclass, field

from escrow.protocol import note
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.envelope import MAX_ENVELOPE_LENGTH_BYTES
from escrow.protocol.errors import Malformed
from escrow.protocol.invitation import Password
from escrow.protocol.keys import CHECK_SEED_LENGTH_BYTES
from escrow.protocol.share import Payload

SHARE_PREFIX = "escrow1s:"
CHECK_PREFIX = "escrow1c:"
CHECKPOINT_PREFIX = "escrow1l:"
ENVELOPE_PREFIX = "escrow1e:"
MAX_ENVELOPE_CHARACTERS = 1700
# http:// is for a trial on one's own machine only: the fragment must not travel in clear.
_INVITATION = re.compile(
    r"(https://[^/#?\s]{1,255}|http://(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{1,5})?)"
    r"/invite/([0-9a-f]{32})#([A-Za-z0-9_-]{22})(?:-([0-9]{16}))?\Z"
)


def _decode(text: str, prefix: str, maximum: int) -> bytes:
    text = text.strip()
    if not text.startswith(prefix) or len(text) > len(prefix) + 2 * maximum:
        raise Malformed("qr", reason="another kind of code")
    try:
        return b64url_decode(text.removeprefix(prefix))
    except Malformed as error:
        raise Malformed("qr", reason=error.reason) from None


def share_text(payload: Payload) -> str:
    """Write the share's code. It is secret."""
    return SHARE_PREFIX + b64url(payload.data)


def parse_share(text: str) -> Payload:
    """Read the share's code; raises Malformed ("qr" or "share")."""
    return Payload.parse(_decode(text, SHARE_PREFIX, 2048))


@dataclass(frozen=True)
class Check:
    """The check code: proves that the paper is there, and gives nothing else."""

    deposit: str
    custody: str
    seed: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """The check code as the QR says it."""
        return CHECK_PREFIX + b64url(
            bytes.fromhex(self.deposit) + bytes.fromhex(self.custody) + self.seed
        )

    @classmethod
    def parse(cls, text: str) -> "Check":
        """Read a check code; raises Malformed("qr")."""
        data = _decode(text, CHECK_PREFIX, 48)
        if len(data) != 32 + CHECK_SEED_LENGTH_BYTES:
            raise Malformed("qr", reason="a wrong length")
        return cls(data[:16].hex(), data[16:32].hex(), data[32:])


def checkpoint_text(signed: str) -> str:
    """Write a signed checkpoint's code."""
    return CHECKPOINT_PREFIX + b64url(signed.encode())


def parse_checkpoint(text: str) -> str:
    """Read a signed checkpoint's code; returns the note, unverified; raises Malformed("qr")."""
    try:
        return _decode(text, CHECKPOINT_PREFIX, note.MAX_LENGTH_BYTES).decode()
    except UnicodeDecodeError:
        raise Malformed("qr", reason="not text") from None


def envelope_text(envelope: bytes) -> str | None:
    """Write the envelope's code, or None when it is too long for one."""
    text = ENVELOPE_PREFIX + b64url(envelope)
    return text if len(text) <= MAX_ENVELOPE_CHARACTERS else None


def parse_envelope(text: str) -> bytes:
    """Read the envelope's code; raises Malformed("qr")."""
    return _decode(text, ENVELOPE_PREFIX, MAX_ENVELOPE_LENGTH_BYTES)


@dataclass(frozen=True)
class InvitationLink:
    """An invitation's link, with the digits only when it is shown to someone in the room."""

    host: str
    custody: str
    fragment: str = field(repr=False)
    digits: str | None = field(default=None, repr=False)

    @property
    def text(self) -> str:
        """The link. `host` starts with https:// (or http:// for a loopback trial)."""
        spoken = f"-{self.digits}" if self.digits else ""
        return f"{self.host}/invite/{self.custody}#{self.fragment}{spoken}"

    @classmethod
    def parse(cls, text: str) -> "InvitationLink":
        """Read a link; raises Malformed("link")."""
        match = _INVITATION.match(text.strip())
        if match is None:
            raise Malformed("link", reason="copy the whole link of the invitation")
        return cls(match[1], match[2], match[3], match[4])

    def password(self, digits: str | None = None) -> Password:
        """Return the password, with digits heard or those of the link.

        Raises ProtocolError: wrong_fragment or wrong_digits.
        """
        return Password.parse(self.fragment, digits or self.digits or "")
