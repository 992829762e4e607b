"""The invitation: how a contact's share travels, in two halves by two ways.

The plaintext is a JSON document: `format` ("escrow/v1/invitation"), `payload`, `name`, `address`,
`nonce`, `manifest`, `manifest_signature`. It is an age file to the identity whose 32 bytes are

    scrypt(password, salt = PAE("escrow/v1/invitation", custody), N = 2^16, r = 8, p = 1)

with password = 22 base64url characters of 16 random bytes, `-`, 16 decimal digits. The characters
are the link's fragment, the digits are said on the telephone. The server keeps the SHA-256 of the
fetch token, `HKDF(fragment bytes, empty salt, PAE("escrow/v1/invitation/fetch", custody))`.
Source: PROTOCOL.md section 7.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass, field

from escrow.protocol import envelope, keys
from escrow.protocol import manifest as manifests
from escrow.protocol.encoding import (
    SIGNATURE,
    Shape,
    b64url,
    b64url_decode,
    binary,
    choice,
    pae,
    raw_id,
    read_document,
    write_document,
)
from escrow.protocol.errors import Malformed, Mismatch, NotOpened, ProtocolError
from escrow.protocol.kit import CONTACT_FIELDS, Contact, check_piece
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import MAX_LENGTH_BYTES as MAX_PAYLOAD_LENGTH_BYTES
from escrow.protocol.share import Payload

FRAGMENT_LENGTH_BYTES = 16
FRAGMENT_LENGTH_CHARACTERS = 22
DIGITS_COUNT = 16
MAX_LENGTH_BYTES = 32768
MAX_SEALED_LENGTH_BYTES = MAX_LENGTH_BYTES + 512
_FRAGMENT = re.compile(r"[A-Za-z0-9_-]{22}\Z")
_SHAPE = Shape(
    format=choice("escrow/v1/invitation"),
    payload=binary(MAX_PAYLOAD_LENGTH_BYTES),
    **CONTACT_FIELDS,
    manifest=binary(manifests.MAX_LENGTH_BYTES),
    manifest_signature=SIGNATURE,
)


@dataclass(frozen=True)
class Password:
    """The two halves: the link's fragment (22 characters) and the spoken digits (16)."""

    fragment: str = field(repr=False)
    digits: str = field(repr=False)

    @classmethod
    def generate(cls) -> "Password":
        """Make a fresh password from the random generator."""
        number = secrets.randbelow(10**DIGITS_COUNT)
        fragment = b64url(secrets.token_bytes(FRAGMENT_LENGTH_BYTES))
        return cls(fragment, str(number).zfill(DIGITS_COUNT))

    @classmethod
    def parse(cls, fragment: str, digits: str) -> "Password":
        """Check both halves as people hand them over; spaces and dashes in the digits are ignored.

        Raises ProtocolError: wrong_fragment or wrong_digits.
        """
        plain = re.sub(r"[\s-]", "", digits)
        if len(plain) != DIGITS_COUNT or not (plain.isascii() and plain.isdigit()):
            raise ProtocolError("The invitation has 16 digits.", code="wrong_digits")
        cls(fragment, plain).fragment_bytes()
        return cls(fragment, plain)

    def fragment_bytes(self) -> bytes:
        """Return the 16 bytes of the fragment; raises ProtocolError("wrong_fragment")."""
        try:
            if not _FRAGMENT.match(self.fragment):
                raise Malformed("base64url")
            return b64url_decode(self.fragment)
        except Malformed:
            raise ProtocolError(
                "The invitation's link is not complete.", code="wrong_fragment"
            ) from None

    def identity(self, custody: str) -> bytes:
        """Stretch the password to the 32 bytes of the age identity (about 0.2 s, 64 MiB)."""
        return hashlib.scrypt(
            f"{self.fragment}-{self.digits}".encode(),
            salt=pae("escrow/v1/invitation", raw_id(custody)),
            n=2**16,
            r=8,
            p=1,
            maxmem=2**27,
            dklen=32,
        )

    def fetch_token(self, custody: str) -> bytes:
        """Derive the 32-byte token that fetches the invitation; it says nothing of the digits."""
        info = pae("escrow/v1/invitation/fetch", raw_id(custody))
        return keys.hkdf(self.fragment_bytes(), b"", info)


@dataclass(frozen=True)
class Invitation:
    """What the contact receives: the share, who they are in the manifest, and the manifest."""

    payload: Payload
    contact: Contact
    manifest: Manifest
    manifest_signature: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Invitation":
        """Read the plaintext and check that everything in it belongs together.

        Raises Malformed ("invitation", or of an inner document), Mismatch or BadSignature.
        """
        found = read_document(data, _SHAPE, "invitation", MAX_LENGTH_BYTES)
        invitation = cls(
            Payload.parse(found["payload"]),
            Contact(found["name"], found["address"], found["nonce"]),
            Manifest.parse(found["manifest"]),
            found["manifest_signature"],
        )
        invitation.check()
        return invitation

    def check(self) -> None:
        """Check the parts against each other; raises Mismatch or BadSignature."""
        check_piece(self.payload, self.manifest, self.manifest_signature, "contact")
        line = self.manifest.custody(self.payload.custody)
        if self.contact.commitment() != line.contact_commitment:
            raise Mismatch(
                "The invitation names another contact than the deposit.", code="wrong_contact"
            )

    @property
    def data(self) -> bytes:
        """The plaintext's bytes. They are secret."""
        return write_document(
            {
                "format": "escrow/v1/invitation",
                "payload": self.payload.data,
                **self.contact.__dict__,
                "manifest": self.manifest.data,
                "manifest_signature": self.manifest_signature,
            },
            _SHAPE,
        )

    def seal(self, password: Password) -> bytes:
        """Encrypt to the password; returns an age file."""
        return envelope.seal_to(self.data, password.identity(self.payload.custody))


def open(sealed: bytes, password: Password, custody: str) -> Invitation:
    """Open and check an invitation that was fetched for `custody`.

    Raises NotOpened (wrong_key for wrong digits, damaged_envelope), Malformed, Mismatch or
    BadSignature.
    """
    if len(sealed) > MAX_SEALED_LENGTH_BYTES:
        raise NotOpened("The invitation is too large.", code="damaged_envelope")
    invitation = Invitation.parse(envelope.open_with(sealed, password.identity(custody)))
    if invitation.payload.custody != custody:
        raise Mismatch("This invitation is for another contact.", code="wrong_custody")
    return invitation
