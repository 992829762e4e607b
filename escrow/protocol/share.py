"""The share payload: what a custodian holds, in the one serialisation.

Fields: `format` ("escrow/v1/share"), `deposit`, `custody`, `role`, `words` (33, one space between),
`manifest_hash`. Source: PROTOCOL.md section 7.
"""

from dataclasses import dataclass, field

from escrow.protocol import slip39
from escrow.protocol.encoding import HASH, ID, Shape, choice, read_document, text, write_document
from escrow.protocol.errors import BadShare, Malformed, Mismatch
from escrow.protocol.manifest import ROLES, Manifest

MAX_LENGTH_BYTES = 2048
_SHAPE = Shape(
    format=choice("escrow/v1/share"),
    deposit=ID,
    custody=ID,
    role=choice(*ROLES),
    words=text(512),
    manifest_hash=HASH,
)


@dataclass(frozen=True)
class Payload:
    """A share with the deposit, custody and manifest it belongs to. Its words never show."""

    deposit: str
    custody: str
    role: str
    words: str = field(repr=False)
    manifest_hash: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Payload":
        """Read a payload from its bytes; raises Malformed("share")."""
        found = read_document(data, _SHAPE, "share", MAX_LENGTH_BYTES)
        found.pop("format")
        payload = cls(**found)
        payload._check_words()
        return payload

    def _check_words(self) -> None:
        try:
            share = slip39.Share.parse(self.words)
        except BadShare as error:
            raise Malformed("share", "words", error.code) from None
        if (
            share.words() != self.words
            or len(share.value) != slip39.RECOVERY_KEY_LENGTH_BYTES
            or not share.extendable
            or share.iteration_exponent
        ):
            raise Malformed("share", "words", "not a share of this service")

    @property
    def data(self) -> bytes:
        """The one serialisation of the payload. It is secret."""
        return write_document({**self.__dict__, "format": "escrow/v1/share"}, _SHAPE)

    def share(self) -> slip39.Share:
        """Return the SLIP-39 share."""
        return slip39.Share.parse(self.words)

    def check_with(self, manifest: Manifest) -> slip39.Share:
        """Check that payload and manifest belong together, keys recomputed; returns the share.

        Raises Mismatch: wrong_deposit, wrong_manifest, wrong_custody or wrong_share.
        """
        if self.deposit != manifest.deposit:
            raise Mismatch("This share is of another deposit.", code="wrong_deposit")
        if self.manifest_hash != manifest.hash:
            raise Mismatch(
                "This share names another description of the deposit.", code="wrong_manifest"
            )
        if manifest.custody(self.custody).role != self.role:
            raise Mismatch("This share was made for another custodian.", code="wrong_custody")
        share = self.share()
        manifest.check_share(share, self.custody)
        return share
