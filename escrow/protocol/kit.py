"""Kit and card files: the customer's and a contact's piece, with all that recovery needs.

Kit file, `….escrow.json`: `format` ("escrow/v1/kit"), `payload`, `manifest`, `manifest_signature`,
`envelope`, `host`, `contacts` [{`name`, `address`, `nonce`}]. Card file: "escrow/v1/card",
`payload`, `manifest`, `manifest_signature`, `host`, `checkpoint` (a note as text, empty when none
was seen). Inner objects are base64url of their bytes. Source: PROTOCOL.md section 14.
"""

from dataclasses import dataclass, field

from escrow.protocol import envelope as age
from escrow.protocol import manifest as manifests
from escrow.protocol.encoding import (
    SIGNATURE,
    ListOf,
    Shape,
    binary,
    choice,
    exactly,
    load_json,
    read_document,
    text,
    write_document,
)
from escrow.protocol.errors import Malformed, Mismatch
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import MAX_LENGTH_BYTES as MAX_PAYLOAD_LENGTH_BYTES
from escrow.protocol.share import Payload
from escrow.protocol.slip39 import MAX_CONTACTS

MAX_KIT_LENGTH_BYTES = 196608
MAX_CARD_LENGTH_BYTES = 65536
MAX_NAME_LENGTH = 80
MAX_ADDRESS_LENGTH = 254
NONCE_LENGTH_BYTES = 16

CONTACT_FIELDS = {
    "name": text(MAX_NAME_LENGTH, 1),
    "address": text(MAX_ADDRESS_LENGTH, 3),
    "nonce": exactly(NONCE_LENGTH_BYTES),
}
_KIT = Shape(
    format=choice("escrow/v1/kit"),
    payload=binary(MAX_PAYLOAD_LENGTH_BYTES),
    manifest=binary(manifests.MAX_LENGTH_BYTES),
    manifest_signature=SIGNATURE,
    envelope=binary(age.MAX_ENVELOPE_LENGTH_BYTES),
    host=text(255, 1),
    contacts=ListOf(Shape(**CONTACT_FIELDS), MAX_CONTACTS),
)
_CARD = Shape(
    format=choice("escrow/v1/card"),
    payload=binary(MAX_PAYLOAD_LENGTH_BYTES),
    manifest=binary(manifests.MAX_LENGTH_BYTES),
    manifest_signature=SIGNATURE,
    host=text(255, 1),
    checkpoint=text(4096),
)


@dataclass(frozen=True)
class Contact:
    """A contact as the kit remembers it: the opening of the manifest's commitment."""

    name: str
    address: str
    nonce: bytes = field(repr=False)

    def commitment(self) -> bytes:
        """Return the 32-byte commitment that stands in the manifest."""
        return manifests.contact_commitment(self.nonce, self.name, self.address)


@dataclass(frozen=True)
class Kit:
    """The customer's piece: share, manifest, envelope and contacts."""

    payload: Payload
    manifest: Manifest
    manifest_signature: bytes
    envelope: bytes = field(repr=False)
    host: str
    contacts: tuple[Contact, ...]

    @classmethod
    def parse(cls, data: bytes) -> "Kit":
        """Read a kit file and check that everything in it belongs together.

        Raises Malformed ("kit", or of an inner document), Mismatch or BadSignature.
        """
        found = read_document(data, _KIT, "kit", MAX_KIT_LENGTH_BYTES)
        kit = cls(
            Payload.parse(found["payload"]),
            Manifest.parse(found["manifest"]),
            found["manifest_signature"],
            found["envelope"],
            found["host"],
            tuple(Contact(**contact) for contact in found["contacts"]),
        )
        kit.check()
        return kit

    def check(self) -> None:
        """Check the parts against each other; raises Mismatch or BadSignature."""
        check_piece(self.payload, self.manifest, self.manifest_signature, "customer")
        self.manifest.check_envelope(self.envelope)
        expected = [line.contact_commitment for line in self.manifest.of_role("contact")]
        if [contact.commitment() for contact in self.contacts] != expected:
            raise Mismatch("The kit names other contacts than the deposit.", code="wrong_contact")

    @property
    def data(self) -> bytes:
        """The kit file's bytes. They are secret."""
        return write_document(
            {
                "format": "escrow/v1/kit",
                "payload": self.payload.data,
                "manifest": self.manifest.data,
                "manifest_signature": self.manifest_signature,
                "envelope": self.envelope,
                "host": self.host,
                "contacts": [contact.__dict__ for contact in self.contacts],
            },
            _KIT,
        )


@dataclass(frozen=True)
class Card:
    """A contact's piece: share and manifest, and the newest checkpoint seen when it was made."""

    payload: Payload
    manifest: Manifest
    manifest_signature: bytes
    host: str
    checkpoint: str

    @classmethod
    def parse(cls, data: bytes) -> "Card":
        """Read a card file and check that everything in it belongs together.

        Raises Malformed ("card", or of an inner document), Mismatch or BadSignature.
        """
        found = read_document(data, _CARD, "card", MAX_CARD_LENGTH_BYTES)
        card = cls(
            Payload.parse(found["payload"]),
            Manifest.parse(found["manifest"]),
            found["manifest_signature"],
            found["host"],
            found["checkpoint"],
        )
        check_piece(card.payload, card.manifest, card.manifest_signature, "contact")
        return card

    @property
    def data(self) -> bytes:
        """The card file's bytes. They are secret."""
        return write_document(
            {
                "format": "escrow/v1/card",
                "payload": self.payload.data,
                "manifest": self.manifest.data,
                "manifest_signature": self.manifest_signature,
                "host": self.host,
                "checkpoint": self.checkpoint,
            },
            _CARD,
        )


def parse_piece(data: bytes) -> Kit | Card:
    """Read a kit or a card file, whichever it is; raises what their parsers raise."""
    found = load_json(data, "kit", MAX_KIT_LENGTH_BYTES)
    kind = found.get("format") if isinstance(found, dict) else None
    if kind == "escrow/v1/card":
        return Card.parse(data)
    if kind == "escrow/v1/kit":
        return Kit.parse(data)
    raise Malformed("kit", "format", "neither a kit nor a card")


def check_piece(payload: Payload, manifest: Manifest, signature: bytes, role: str) -> None:
    """Check a payload against its signed manifest and the role it must have.

    Raises Mismatch (wrong_deposit, wrong_manifest, wrong_custody, wrong_share) or BadSignature.
    """
    payload.check_with(manifest)
    if payload.role != role:
        raise Mismatch("This piece belongs to another kind of custodian.", code="wrong_custody")
    manifest.verify(signature)
