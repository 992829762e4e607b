"""A signed approval as a file: what is given to the custodian on the host, apart from the database.

    {"format":"escrow/v1/approval","operation":…,"target":…,"body":…,"expires":…,
     "credential":…,"signature":…}

in the one serialisation, `body` and `signature` as base64url. What nobody has signed yet is the
same without `credential` and `signature`, as "escrow/v1/proposal". Nothing in either is secret.
"""

from dataclasses import dataclass
from typing import Any

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
PROPOSAL_FORMAT = "escrow/v1/proposal"
MAX_LENGTH_BYTES = 8192
_CONTENT: dict[str, Any] = {
    "operation": text(64, 1),
    "target": text(128, 1),
    "body": binary(MAX_BODY_LENGTH_BYTES, 1),
    "expires": INTEGER,
}
_FILE = Shape(format=choice(FORMAT), **_CONTENT, credential=text(128, 1), signature=binary(2048, 1))
_UNSIGNED = Shape(format=choice(PROPOSAL_FORMAT), **_CONTENT)


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


def write_proposal(proposal: Proposal) -> bytes:
    """Write what is to be signed, for people who sign it elsewhere."""
    return write_document({"format": PROPOSAL_FORMAT, **proposal.__dict__}, _UNSIGNED)
