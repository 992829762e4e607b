"""Approvals: counted from the ledger, verified here, executed once (PROTOCOL.md section 13).

What the web tier checked counts for nothing, and neither does any flag in the table. An approval
counts when its `admin approved` entry is sequenced, the row says exactly what was signed, and the
signature holds by a key of the setting `operators` or a passkey that the ledger names (`crew`).
Enough of them by different people, and the operation is executed in one transaction with its
`admin executed`, whose identifier only one event can have. What does not fit is refused with a
reason, and an alarm is raised.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escrow.admin.approvers import Approver
from escrow.admin.flow import proposal_of
from escrow.admin.models import Approval
from escrow.admin.operations import (
    ADD_ADMIN,
    IN_LEDGER,
    MAX_LIFETIME_SECONDS,
    Proposal,
    approval_id,
    rejection_id,
)
from escrow.admin.people import person
from escrow.custodian.approved import Order
from escrow.custodian.crew import Crew, members
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.executed import EXECUTED
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.errors import EscrowError, Unavailable
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.errors import BadSignature, Malformed
from escrow.webkeys import ForgedRow

LOOKED_AT = 20
# The web tier's clock may be a little ahead of the custodian's.
_CLOCK_SECONDS = 300


@dataclass(frozen=True)
class Vote:
    """One approval that counts."""

    row: Approval
    approver: Approver
    proposal: Proposal
    contents: dict[str, Any]


def count(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `admin approved`: execute what enough different people have signed."""
    row = db.get(Approval, entry.event.id)
    if row is None:
        _alarm(custodian, entry.event.id, "no such approval")
        return
    try:
        crew = members(custodian, db)
        _execute(custodian, db, crew, check(custodian, db, crew, row, entry), entry)
    except Refusal as refusal:
        row.refused = refusal.reason
        _alarm(custodian, row.id, refusal.reason)


def check(custodian: Custodian, db: Session, crew: Crew, row: Approval, entry: Entry) -> Vote:
    """Check one approval against its entry and those who may approve; raises Refusal."""
    try:
        proposal = proposal_of(custodian.web_keys, row)
        contents = proposal.contents()
    except (ForgedRow, Malformed):
        raise Refusal("altered") from None
    said = entry.event.data
    if entry.event.type != "admin approved" or said != {
        "operation": row.operation,
        "body_sha256": proposal.body_sha256,
        "credential": row.credential,
        "signature": row.signature,
    }:
        raise Refusal("altered")
    if not entry.event.id == row.id == approval_id(row.credential, contents["nonce"]):
        raise Refusal("altered")
    approver = _approver(crew, row.credential, entry)
    if approver.role not in proposal.rule.roles:
        raise Refusal("not for this role")
    try:
        approver.verify(proposal.signed(), row.signature)
    except BadSignature:
        raise Refusal("wrong signature") from None
    if not _is_about(entry, proposal):
        raise Refusal("another target")
    if max(custodian.clock.now(), custodian.outside.at) >= proposal.expires:
        raise Refusal("expired")
    if proposal.expires > entry.at + MAX_LIFETIME_SECONDS + _CLOCK_SECONDS:
        raise Refusal("expires too late")
    if entry.index < _accepted_backup(custodian, db):
        raise Refusal("before the backup")
    if _is_rejected(custodian, db, proposal, entry):
        raise Refusal("rejected")
    return Vote(row, approver, proposal, contents)


def _is_rejected(custodian: Custodian, db: Session, proposal: Proposal, entry: Entry) -> bool:
    """Tell whether it was rejected or withdrawn before this approval: one is enough for that."""
    found = _entry(custodian, db, rejection_id(proposal.body_sha256))
    if found is None or found.event.type != "admin rejected":
        return False
    return found.index < entry.index


def reject(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `admin rejected`: show it on what was signed and is not carried out."""
    body = entry.event.data["body_sha256"]
    if entry.event.id != rejection_id(body):
        return
    waiting = (Approval.body_sha256 == body) & Approval.executed_at.is_(None)
    db.execute(update(Approval).where(waiting).values(refused="rejected"))


def _is_about(entry: Entry, proposal: Proposal) -> bool:
    """Tell whether the entry stands where the target's history is read; of a few, nowhere."""
    subject = proposal.rule.subject
    if subject in IN_LEDGER:
        return bool(getattr(entry.event, subject) == proposal.target)
    return entry.event.account is None and entry.event.deposit is None


def _approver(crew: Crew, credential: str, entry: Entry) -> Approver:
    """Return whose credential this was already when the approval was sequenced."""
    member = crew.get(credential)
    if member is None or member.since >= entry.index:
        raise Refusal("unknown operator")
    return member.approver


def _accepted_backup(custodian: Custodian, db: Session) -> int:
    """Return the index of the newest `backup accepted`: what was executed before may be lost."""
    found = Entries(db, custodian.keys).newest("backup accepted")
    return -1 if found is None else found.index


def executed_id(custodian: Custodian, proposal: Proposal) -> str:
    """Return the identifier of the one `admin executed` that a proposal can have."""
    return custodian.once("admin executed", proposal.body_sha256)


def _is_executed(custodian: Custodian, db: Session, proposal: Proposal, entry: Entry) -> bool:
    """Tell whether it was executed when this approval was counted with others.

    Raises Refusal for one that came afterwards: the same body is executed once.
    """
    identifier = executed_id(custodian, proposal)
    done = db.scalars(select(LedgerEvent).where(LedgerEvent.id == identifier)).first()
    if done is None:
        return False
    if done.index is not None and done.index < entry.index:
        raise Refusal("executed before")
    return True


def _votes(
    custodian: Custodian, db: Session, crew: Crew, proposal: Proposal, nonce: str
) -> Iterator[Vote]:
    """Find the approvals of one proposal that count: at most one a credential.

    They are locked in the order of the credentials, so that of two custodians one goes first.
    """
    for credential in crew:
        identifier = approval_id(credential, nonce)
        row = db.get(Approval, identifier, with_for_update=True)
        entry = _entry(custodian, db, identifier)
        if row is None or entry is None:
            continue
        try:
            vote = check(custodian, db, crew, row, entry)
        except Refusal:
            continue  # its own reaction has said why
        same = (vote.proposal.operation, vote.proposal.target, vote.proposal.body_sha256)
        if same == (proposal.operation, proposal.target, proposal.body_sha256):
            yield vote


def _entry(custodian: Custodian, db: Session, identifier: str) -> Entry | None:
    query = select(LedgerEvent).where(LedgerEvent.id == identifier, LedgerEvent.index.is_not(None))
    found = db.scalars(query).first()
    return None if found is None else Entries(db, custodian.keys).one(found)


def require_different(approvers: list[Approver], needed: int) -> bool:
    """Tell whether enough different people have signed; raises Refusal for one under two names.

    A person is a name and a key: who has a key on the host and a passkey still is one.
    """
    keys = {approver.key for approver in approvers}
    if len(keys) < len(approvers) or len({person(a.name) for a in approvers}) < len(approvers):
        raise Refusal("one person twice")
    return len(keys) >= needed


def _needed(crew: Crew, proposal: Proposal) -> int:
    """Return how many must approve.

    Who is the only one can add the second admin alone, or there would never be two.
    """
    if proposal.operation != ADD_ADMIN:
        return proposal.rule.needed
    able = [
        person(member.approver.name)
        for member in crew.values()
        if member.approver.role in proposal.rule.roles
    ]
    return min(proposal.rule.needed, len(set(able)))


def _execute(custodian: Custodian, db: Session, crew: Crew, vote: Vote, entry: Entry) -> None:
    """Do what was approved, if enough have; raises Refusal, and then nothing was done."""
    proposal = vote.proposal
    votes = list(_votes(custodian, db, crew, proposal, vote.contents["nonce"]))
    if _is_executed(custodian, db, proposal, entry):
        return
    if not require_different([found.approver for found in votes], _needed(crew, proposal)):
        return
    order = Order(custodian, db, proposal, vote.contents, entry)
    try:
        with db.begin_nested():
            EXECUTED[proposal.operation](order)
            _say_executed(order)
    except Unavailable:
        raise
    except (EscrowError, Refusal) as error:
        for found in votes:
            found.row.refused = _reason(error)
        raise Refusal(_reason(error)) from None
    for found in votes:
        found.row.executed_at = custodian.clock.now()
        found.row.refused = None


def _reason(error: EscrowError | Refusal) -> str:
    """Name why an operation is not possible: its refusal, or the state that it found."""
    if isinstance(error, Refusal):
        return error.reason
    return str(error.extra.get("state") or error.code)[:40]


def _say_executed(order: Order) -> None:
    event = order.entry.event
    append(
        order.db,
        order.custodian.author,
        "admin executed",
        {"operation": order.proposal.operation, "body_sha256": order.proposal.body_sha256},
        account=event.account,
        deposit=event.deposit,
        recovery=event.recovery,
        event_id=executed_id(order.custodian, order.proposal),
    )


def _alarm(custodian: Custodian, approval: str, reason: str) -> None:
    custodian.alarm("approval refused", approval=approval, reason=reason)


class Audit:
    """An act that looks at the table itself, a few rows at a time, round and round.

    Nothing is decided from the table, so a row that was written into it has no effect; here the
    operators learn that somebody tried. It never asks for another pass.
    """

    def __init__(self) -> None:
        self._after = ""

    def __call__(self, custodian: Custodian) -> int:
        """Look at the next rows."""
        with custodian.database.reading() as db:
            query = select(Approval).where(Approval.id > self._after)
            rows = db.scalars(query.order_by(Approval.id).limit(LOOKED_AT)).all()
            wrong = [row.id for row in rows if _what_is_wrong(custodian, db, row)]
        self._after = rows[-1].id if len(rows) == LOOKED_AT else ""
        for identifier in wrong:
            custodian.guarded(_refuse_row, identifier, name="look at approvals")
        return 0


def _what_is_wrong(custodian: Custodian, db: Session, row: Approval) -> str:
    """Return why a row is refused; nothing for one that is right, or was refused already."""
    if row.refused is not None:
        return ""
    try:
        _check_row(custodian, db, row)
    except Refusal as refusal:
        return refusal.reason
    return ""


def _refuse_row(custodian: Custodian, identifier: str) -> None:
    with custodian.database.transaction() as db:
        row = db.get(Approval, identifier, with_for_update=True)
        if row is None or not (reason := _what_is_wrong(custodian, db, row)):
            return
        row.refused, row.executed_at = reason, None
        if reason != "expired":
            _alarm(custodian, identifier, reason)


def _check_row(custodian: Custodian, db: Session, row: Approval) -> None:
    """Refuse a row, or a flag on it, that the ledger does not know of."""
    said = db.scalars(select(LedgerEvent).where(LedgerEvent.id == row.id)).first()
    if said is None or said.refused is not None:
        raise Refusal("not in the ledger")
    if said.index is None:
        return
    entry = Entries(db, custodian.keys).one(said)
    if entry.event.type != "admin approved":
        raise Refusal("not in the ledger")
    if row.executed_at is None:
        check(custodian, db, members(custodian, db), row, entry)
        return
    identifier = custodian.once("admin executed", entry.event.data["body_sha256"])
    if db.scalars(select(LedgerEvent.id).where(LedgerEvent.id == identifier)).first() is None:
        raise Refusal("executed flag without entry")
