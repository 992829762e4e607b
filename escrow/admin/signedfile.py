"""A signed approval as a file: what is given to the custodian on the host, apart from the database.

    {"format":"escrow/v1/approval","operation":…,"target":…,"body":…,"expires":…,
     "credential":…,"signature":…}

in the one serialisation, `body` and `signature` as base64url. Nothing in it is secret.
"""

from dataclasses import dataclass

from escrow.admin.operations import MAX_BODY_LENGTH_BYTES, Proposal
from escrow.operators import OperatorKey
from escrow.protocol.encoding import (
    INTEGER,
    Shape,
    binary,
    choice,
    read_document,
    text,
    write_document,
)
from escrow.protocol.request import sign_approval

FORMAT = "escrow/v1/approval"
MAX_LENGTH_BYTES = 8192
_FILE = Shape(
    format=choice(FORMAT),
    operation=text(64, 1),
    target=text(128, 1),
    body=binary(MAX_BODY_LENGTH_BYTES, 1),
    expires=INTEGER,
    credential=text(128, 1),
    signature=binary(2048, 1),
)


@dataclass(frozen=True)
class SignedApproval:
    """A proposal with one signature."""

    proposal: Proposal
    credential: str
    signature: bytes

    @classmethod
    def make(cls, proposal: Proposal, key: OperatorKey) -> "SignedApproval":
        """Sign a proposal with an operator's key."""
        signature = sign_approval(proposal.signed(), key.key)
        return cls(proposal, key.operator.credential, signature)

    @classmethod
    def parse(cls, data: bytes) -> "SignedApproval":
        """Read a file; raises Malformed("approval")."""
        found = read_document(data, _FILE, "approval", MAX_LENGTH_BYTES)
        names = ("operation", "target", "body", "expires")
        proposal = Proposal(**{name: found[name] for name in names})
        return cls(proposal, found["credential"], found["signature"])

    @property
    def data(self) -> bytes:
        """The bytes of the file."""
        return write_document(
            {
                "format": FORMAT,
                **self.proposal.__dict__,
                "credential": self.credential,
                "signature": self.signature,
            },
            _FILE,
        )
