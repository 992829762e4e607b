"""Who may approve: operators with a key of their own on the host, and admins with a passkey.

An approver is a credential, the person behind it, a role, and a way to check a signature. The web
tier asks here in order to refuse early; what counts is what the custodian finds by its own settings
and the ledger (`escrow.custodian.crew`).

A passkey's signature over an approval is one document in the one serialisation,

    {"authenticator_data":…,"client_data":…,"signature":…}

each as base64url: what the browser got when it asked for the challenge of exactly this approval.
"""

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy.orm import Session

from escrow.admin import passkeys, people
from escrow.admin.models import Admin
from escrow.admin.passkeys import Answer, Site
from escrow.admin.roles import OWNER
from escrow.context import Web
from escrow.errors import Unauthenticated
from escrow.operators import Operator
from escrow.protocol import request as requests
from escrow.protocol.encoding import Shape, binary, is_identifier, read_document, write_document
from escrow.protocol.errors import BadSignature, Malformed

PASSKEY = "passkey"
MAX_SIGNATURE_LENGTH_BYTES = 2048
_ANSWER = Shape(
    authenticator_data=binary(1024, 37), client_data=binary(1024, 1), signature=binary(1024, 1)
)


class Approver(Protocol):
    """Somebody whose signature may count. `key` is what tells two credentials apart."""

    @property
    def credential(self) -> str:
        """How an approval names its signer: the kind, a colon, a name."""
        ...

    @property
    def name(self) -> str:
        """What the person is called."""
        ...

    @property
    def role(self) -> str:
        """One of `escrow.admin.roles`."""
        ...

    @property
    def key(self) -> bytes:
        """The public key."""
        ...

    def verify(self, approval: requests.Approval, signature: bytes) -> None:
        """Check a signature; raises BadSignature."""
        ...


@dataclass(frozen=True)
class KeyHolder:
    """An operator of the settings, who signs on the host. Whoever has the host may do all."""

    operator: Operator
    role: str = OWNER

    @property
    def credential(self) -> str:
        """`operator:<name>`."""
        return self.operator.credential

    @property
    def name(self) -> str:
        """The name in the settings."""
        return self.operator.name

    @property
    def key(self) -> bytes:
        """The Ed25519 public key, 32 bytes."""
        return self.operator.public_key

    def verify(self, approval: requests.Approval, signature: bytes) -> None:
        """Check an Ed25519 signature of 64 bytes; raises BadSignature."""
        requests.verify_approval(approval, signature, self.operator.public_key)


@dataclass(frozen=True)
class PasskeyHolder:
    """An admin. `key` is the COSE public key of the passkey that `credential_id` names."""

    admin: str
    name: str
    role: str
    credential_id: bytes
    key: bytes
    site: Site

    @property
    def credential(self) -> str:
        """`passkey:<admin>`."""
        return credential_of(self.admin)

    def verify(self, approval: requests.Approval, signature: bytes) -> None:
        """Check a passkey's answer to exactly this approval; raises BadSignature."""
        try:
            answer = read_answer(self.credential_id, signature)
            # The challenge is the approval's, so an answer fits nothing else; a counter that two
            # processes would have to share adds nothing to that.
            passkeys.verify(self.site, approval.challenge(), answer, self.key, 0)
        except (Malformed, Unauthenticated):
            raise BadSignature("The passkey has not signed this.") from None


def credential_of(admin: str) -> str:
    """Return how an admin's approvals name their signer."""
    return f"{PASSKEY}:{admin}"


def write_answer(answer: Answer) -> bytes:
    """Write what a passkey signed as the signature of an approval."""
    return write_document(
        {
            "authenticator_data": answer.authenticator_data,
            "client_data": answer.client_data,
            "signature": answer.signature,
        },
        _ANSWER,
    )


def read_answer(credential_id: bytes, signature: bytes) -> Answer:
    """Read a passkey's signature of an approval; raises Malformed("signature")."""
    found = read_document(signature, _ANSWER, "signature", MAX_SIGNATURE_LENGTH_BYTES)
    return Answer(
        credential_id, found["client_data"], found["authenticator_data"], found["signature"]
    )


def find(db: Session, web: Web, credential: str) -> Approver | None:
    """Return whose credential this is by the settings and the web tier's own rows."""
    for operator in web.settings.operators:
        if operator.credential == credential:
            return KeyHolder(operator)
    kind, _, identifier = credential.partition(":")
    if kind != PASSKEY or not is_identifier(identifier):
        return None
    row = db.get(Admin, identifier)
    if row is None or row.state != "active":
        return None
    web.keys.check_row(row)
    return holder(web, row)


def holder(web: Web, row: Admin) -> PasskeyHolder:
    """Return an admin's row, which has a passkey, as an approver."""
    return PasskeyHolder(
        row.id,
        people.name_of(web.keys, row),
        row.role,
        row.credential_id or b"",
        row.public_key or b"",
        Site.of(web.settings),
    )
