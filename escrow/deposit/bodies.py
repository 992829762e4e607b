"""Bodies of the deposits' part of the API, in and out."""

from typing import Annotated, Literal

from pydantic import Field

from escrow.api import (
    Address,
    Base64,
    Body,
    Code,
    Hash,
    Identifier,
    Integer,
    Locale,
    Query,
    Seconds,
    Signature,
    Text,
)
from escrow.protocol import envelope, invitation, manifest, seal, slip39, wrap

Reason = Annotated[str, Text(200)]
Token = Annotated[str, Text(64, 20)]
Manifest = Annotated[bytes, Base64(manifest.MAX_LENGTH_BYTES, 2)]
Envelope = Annotated[bytes, Base64(envelope.MAX_ENVELOPE_LENGTH_BYTES, 1)]
Sealed = Annotated[bytes, Base64(seal.MAX_SEALED_LENGTH_BYTES, 1)]
Recoverability = Literal["safe", "at_risk", "not_recoverable"]
Cursor = Annotated[str, Field(max_length=80, pattern=r"^[0-9]{1,16}-[0-9a-f]{32}$")]


class ContactIn(Body):
    """One contact of a new deposit."""

    custody: Identifier
    invitation: Annotated[bytes, Base64(invitation.MAX_SEALED_LENGTH_BYTES, 1)]
    fetch_sha256: Hash
    name: Annotated[str, Text(80, 1)]
    address: Address
    nonce: Annotated[bytes, Base64.exactly(16)]


class DepositIn(Body):
    """A new deposit: everything in one request."""

    manifest: Manifest
    manifest_signature: Signature
    envelope: Envelope
    provider_share: Sealed
    contacts: Annotated[list[ContactIn], Field(max_length=slip39.MAX_CONTACTS)]


class CloseIn(Body):
    """Why a deposit is closed; the reason stands in the ledger."""

    reason: Reason


class ReopenIn(Body):
    """Undo a closing; the token of a mail link, or null from a session or a signed request."""

    token: Token | None = None


class ReplacedIn(Body):
    """By which deposit it is replaced; the old owner key's signature over that one's hash."""

    by: Identifier
    signature: Signature


class DrillIn(Body):
    """The drill that was completed."""

    drill: Identifier


class DepositState(Body):
    """A deposit's state, for everybody who may change it."""

    deposit: Identifier
    state: str


class TokenIn(Body):
    """The fetch token of an invitation."""

    token: Hash


class AttestationIn(Body):
    """A custodian's proof of possession; with `locale` a contact chooses the language of mails."""

    means: Literal["share", "check"]
    checkpoint_hash: Hash
    time: Seconds
    signature: Signature
    locale: Locale | None = None


class PhraseIn(Body):
    """The phrase that a contact will see in every mail, and the language of those mails.

    What is null or not there stays as it is.
    """

    phrase: Annotated[str, Text(80, 1)] | None = None
    locale: Locale | None = None


class LinkIn(Body):
    """The token of a mail link."""

    token: Token


class LinkOut(Body):
    """What a mail link is about; `custody` is null for the customer's own.

    `possible` tells whether there still is something for its button to do.
    """

    deposit: Identifier
    label: str
    created_at: Seconds
    recovery: Identifier | None
    custody: Identifier | None
    possible: bool


class LeaveIn(Body):
    """The token of a mail link; null from a session or a signed request."""

    token: Token | None = None


class MoveIn(Body):
    """Where a contact can be reached from now on. The body must be in the one serialisation.

    `previous` is the commitment that this follows: the description's, or that of the newest move.
    """

    name: Annotated[str, Text(80, 1)]
    address: Address
    nonce: Annotated[bytes, Base64.exactly(16)]
    previous: Hash


class NewAddressIn(Body):
    """Where a contact wants to move."""

    address: Address


class CodeSent(Body):
    """Whether a code was mailed; not when it is the address that the contact has already."""

    is_sent: bool


class AddressCodeIn(Body):
    """The code that was mailed to where a contact wants to move."""

    address: Address
    code: Code


class WrapIn(Body):
    """A passkey-wrapped copy."""

    credential_id: Annotated[bytes, Base64(1023, 16)]
    data: Annotated[bytes, Base64(wrap.MAX_LENGTH_BYTES, 28)]


class AfterQuery(Query):
    """Entries after this index."""

    after: Annotated[int, Field(ge=-1, le=2**53 - 1)] = -1


class CursorQuery(Query):
    """Deposits after the `next` of the page before."""

    after: Cursor | None = None
    kind: Literal["real", "drill"] = "real"


class CustodyOut(Body):
    """One custodian of a deposit, as its customer sees it."""

    custody: Identifier
    role: str
    state: str
    name: str | None
    address: str | None
    invited_until: Seconds | None
    fetched_at: Seconds | None
    paused: bool
    last_share_at: Seconds | None
    last_check_at: Seconds | None
    proven_until: Seconds | None = Field(description="Until then the last proof counts.")


class DepositLine(Body):
    """One deposit in a list."""

    deposit: Identifier
    account: Identifier
    label: str
    kind: str
    state: str
    created_at: Seconds
    replaces: Identifier | None
    closing_at: Seconds | None
    waiting_seconds: Seconds
    contacts: Integer = Field(description="How many contacts its description names.")
    contacts_vouch: bool = Field(
        description="Whether its owner allowed contacts to vouch in place of the authenticator."
    )
    recoverability: Recoverability | None = Field(
        description="By two or more ways that were proven lately, by one, by none; null for a "
        "drill and for what is not active yet or has ended."
    )


class DepositList(Body):
    """A page of deposits."""

    deposits: list[DepositLine]
    next: str | None


class DepositOut(DepositLine):
    """One deposit with everything that its customer may see."""

    manifest: Manifest
    manifest_signature: Signature
    envelope: Envelope | None
    custodies: list[CustodyOut]
    recovery: Identifier | None


class EntryOut(Body):
    """One entry of the ledger."""

    index: Integer
    author: str
    nonce: Hash
    event: Annotated[bytes, Base64(8192)]


class EntryList(Body):
    """A page of entries."""

    events: list[EntryOut]
    next: Integer | None


class UntilOut(Body):
    """When something will be destroyed."""

    until: Seconds


class InvitationOut(Body):
    """A sealed invitation, and an address of the customer, so that the contact sees who asks."""

    customer: str
    invitation: Annotated[bytes, Base64(invitation.MAX_SEALED_LENGTH_BYTES)]


class StateOut(Body):
    """The state of a custody."""

    state: str


class WrapOut(Body):
    """A passkey-wrapped copy."""

    part: str
    credential_id: Annotated[bytes, Base64(1023)]
    data: Annotated[bytes, Base64(wrap.MAX_LENGTH_BYTES)]


class RunningRecovery(Body):
    """The recovery of a deposit that is under way."""

    recovery: Identifier
    state: str
    session: Identifier | None


class ProviderOut(Body):
    """Whom to call."""

    name: str
    phone: str


class PublicCustody(Body):
    """What everybody may read who knows a custody's identifier."""

    custody: Identifier
    deposit: Identifier
    role: str
    state: str
    paused: bool
    manifest: Manifest
    manifest_signature: Signature
    wraps: list[WrapOut]
    recovery: RunningRecovery | None
    provider: ProviderOut
