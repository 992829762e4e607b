"""Bodies of the admins' part of the API, in and out."""

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from escrow.admin.filters import PATTERNS, Filter
from escrow.admin.operations import MAX_BODY_LENGTH_BYTES
from escrow.api import Address, Base64, Body, Identifier, Seconds, Text


def _like(pattern: str) -> StringConstraints:
    return StringConstraints(strict=True, pattern=f"^(?:{pattern})$")


# The kind of credential before the colon: an operator's key, or an admin's passkey.
Credential = Annotated[
    str, StringConstraints(strict=True, max_length=128, pattern=r"^[a-z]{1,16}:[A-Za-z0-9._-]+$")
]


class ApprovalIn(Body):
    """A signed approval; `body` is the exact content, a JSON document of its own."""

    operation: Literal[
        "freeze",
        "unfreeze",
        "close-deposit",
        "close-account",
        "move-account",
        "set-address",
        "add-admin",
        "remove-admin",
        "rotate-key",
        "change-wait",
    ]
    target: Annotated[str, Text(128, 1)]
    body: Annotated[bytes, Base64(MAX_BODY_LENGTH_BYTES, 1)]
    expires: Seconds
    credential: Credential
    signature: Annotated[bytes, Base64(2048, 1)]


class ApprovalOut(Body):
    """An approval that was taken up; the custodian decides what becomes of it."""

    approval: Identifier
    proposal: Identifier
    expires: Seconds


Token = Annotated[str, StringConstraints(strict=True, pattern=r"^[A-Za-z0-9_-]{43}$")]
Role = Literal["support", "auditor", "operator", "owner"]
Challenge = Annotated[bytes, Base64.exactly(32)]
ClientData = Annotated[bytes, Base64(2048, 1)]
CredentialId = Annotated[bytes, Base64(1023, 1)]


class InvitationIn(Body):
    """The token of an admin's invitation, which stands in the link's fragment."""

    token: Token


class InvitationOut(Body):
    """Whom an invitation is for, and what a new passkey is to sign under which name."""

    admin: Identifier
    name: str
    role: Role
    challenge: Challenge
    host: str
    is_first: bool = Field(description="There is no admin yet, and so nobody who named this one.")


class AcceptIn(Body):
    """A new passkey: what the browser got from `navigator.credentials.create`."""

    token: Token
    name: Annotated[str, Text(80, 1)]
    challenge: Challenge
    client_data: ClientData
    attestation: Annotated[bytes, Base64(8192, 1)]


class ChallengeOut(Body):
    """What a passkey is to sign, and under which name it is kept."""

    challenge: Challenge
    host: str


class AnswerIn(Body):
    """A passkey's answer: what the browser got from `navigator.credentials.get`."""

    challenge: Challenge
    credential_id: CredentialId
    client_data: ClientData
    authenticator_data: Annotated[bytes, Base64(2048, 37)]
    signature: Annotated[bytes, Base64(2048, 1)]


class WaitingOut(Body):
    """Who has made a passkey and waits; two people compare `code`, 12 digits in groups of four."""

    admin: Identifier
    name: str
    role: Role
    code: str
    is_first: bool = Field(description="Nobody need approve it: there is no admin yet.")


class PersonIn(Body):
    """Whom an owner invites, and as what."""

    name: Annotated[str, Text(80, 1)]
    role: Role


class PersonOut(Body):
    """The link for the invited person; it is shown this once."""

    admin: Identifier
    link: str


class ProposalOut(Body):
    """What is proposed: `body` is signed byte for byte; `why` says why it was refused."""

    operation: str
    target: str
    body: Annotated[bytes, Base64(MAX_BODY_LENGTH_BYTES)]
    expires: Seconds
    state: Literal["open", "executed", "refused", "expired"]
    why: str


class SessionOut(Body):
    """Who is signed in; `step_up_until` is until when acts need no new answer."""

    role: Role
    name: str
    step_up_until: Seconds


class SessionLine(Body):
    """One of an admin's own sessions."""

    session: Identifier
    created_at: Seconds
    used_at: Seconds
    is_current: bool


class SessionList(Body):
    """An admin's own sessions."""

    sessions: list[SessionLine]


class FilterIn(Body):
    """What a list of keys is narrowed by, as in the address of its page; empty for nothing."""

    state: Literal["", "safe", "at_risk", "not_recoverable"] = ""
    role: Literal["", "customer", "contact", "provider"] = ""
    piece: Literal["", "proven", "due", "missing"] = ""
    days: Annotated[str, _like("|" + PATTERNS["days"])] = ""
    policy: Annotated[str, _like("|" + PATTERNS["policy"])] = ""
    domain: Annotated[str, _like("|" + PATTERNS["domain"])] = ""
    account: Annotated[str, _like("|" + PATTERNS["account"])] = ""

    def chosen(self) -> Filter:
        """Return it as a filter."""
        return Filter.read({name: getattr(self, name) for name in FilterIn.model_fields})


Place = Annotated[str, _like("(?:(?:0|[1-9][0-9]{0,14})-)?[0-9a-f]{32}")]


class KeysIn(FilterIn):
    """Which keys, as on the page, and where to go on."""

    after: Place | None = None


class ReportOut(Body):
    """A report as text, to be kept byte for byte; `next` is where the next part begins."""

    report: str
    next: Place | None


class ExportOut(Body):
    """A part of a list as CSV (RFC 4180, UTF-8); `next` is where the next part begins."""

    csv: str
    next: Place | None


class PieceLine(Body):
    """One piece of a key: who of the three holds it."""

    custody: Identifier
    role: Literal["customer", "contact", "provider"]


class DescriptionOut(Body):
    """What of a key's signed description an admin's browser needs to check its history."""

    deposit: Identifier
    ledger_vkey: str
    custodies: list[PieceLine]


class AddressIn(Body):
    """The mail address that a customer names on the telephone."""

    address: Address


class AccountsOut(Body):
    """The accounts of an address, the newest first."""

    accounts: list[Identifier]


class LookupIn(Body):
    """What is looked for: a mail address or number of a customer, a key, or a mail domain."""

    find: Annotated[str, Text(254)] = ""
    domain: Annotated[str, Text(254)] = ""


class LookupOut(Body):
    """What a list of keys is narrowed by instead; null and empty for what is not there."""

    accounts: list[Identifier]
    deposit: Identifier | None
    domain: Annotated[str, _like(PATTERNS["domain"])] | None


class ViewIn(FilterIn):
    """A filter and the name that it is to have."""

    name: Annotated[str, Text(60, 1)]


class ViewOut(Body):
    """A saved view."""

    view: Identifier
