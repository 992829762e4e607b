"""Taking up an approval: checked here so that nobody fills the table, and counted nowhere here.

Only what the custodian verifies itself has an effect (`escrow.custodian.approvals`).
"""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.admin import approvers, operations
from escrow.admin.approvers import Approver
from escrow.admin.models import Approval
from escrow.admin.operations import Proposal, approval_id, rejection_id
from escrow.context import Web
from escrow.deposit.models import Deposit
from escrow.errors import Conflict, MalformedRequest, NotFound, Unauthenticated, WrongState
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.errors import BadSignature, Malformed
from escrow.recovery.models import Recovery
from escrow.webkeys import WebKeys

BODY = ("approval", "body")


def submit(
    db: Session, web: Web, proposal: Proposal, credential: str, signature: bytes
) -> tuple[Approval, bool]:
    """Store an approval with its event `admin approved`; returns (it, is new).

    The same approval again is harmless. Raises MalformedRequest (operation, target, body, expires),
    Unauthenticated (nobody who may approve it, wrong signature), NotFound (no such target),
    Conflict (another approval of the same proposal, or the same nonce with another content),
    WrongState (rejected, or withdrawn).
    """
    contents = _contents(proposal)
    approver = approvers.find(db, web, credential)
    _check_signature(proposal, signature, approver)
    identifier = approval_id(credential, contents["nonce"])
    earlier = db.get(Approval, identifier, with_for_update=True)
    if earlier is not None:
        if not _is_same(earlier, proposal):
            raise Conflict
        return earlier, False
    _check_times(web, proposal)
    _refuse_other_content(db, contents["nonce"], proposal)
    if rejections(db, [proposal.body_sha256]):
        raise WrongState("rejected")
    on = subjects(db, proposal)
    row = Approval(
        id=identifier,
        proposal=contents["nonce"],
        operation=proposal.operation,
        target=proposal.target,
        body=web.keys.encrypt(BODY, identifier, identifier, proposal.body.decode()),
        body_sha256=proposal.body_sha256,
        credential=credential,
        signature=signature,
        expires=proposal.expires,
        created_at=web.clock.now(),
    )
    db.add(row)
    db.flush()
    said = {
        "operation": proposal.operation,
        "body_sha256": proposal.body_sha256,
        "credential": credential,
        "signature": signature,
    }
    append(db, web.author, "admin approved", said, event_id=identifier, **on)
    return row, True


def _contents(proposal: Proposal) -> dict[str, Any]:
    if proposal.operation not in operations.BY_API:
        raise MalformedRequest("operation", "There is no such operation.")
    try:
        return proposal.contents()
    except Malformed as error:
        field = error.field if error.field in {"operation", "target"} else "body"
        raise MalformedRequest(field, f"This cannot be approved: {error.reason}.") from None


def _check_signature(proposal: Proposal, signature: bytes, approver: Approver | None) -> None:
    """Refuse what nobody signed who may approve this; raises Unauthenticated."""
    refusal = Unauthenticated("The approval is not signed by somebody who may approve it.")
    if approver is None or approver.role not in proposal.rule.roles:
        raise refusal
    try:
        approver.verify(proposal.signed(), signature)
    except BadSignature:
        raise refusal from None


def _check_times(web: Web, proposal: Proposal) -> None:
    now = web.clock.now()
    if not now < proposal.expires <= now + operations.MAX_LIFETIME_SECONDS:
        raise MalformedRequest("expires", "An approval expires within the next 7 days.")


def _is_same(row: Approval, proposal: Proposal) -> bool:
    return (row.operation, row.target, row.body_sha256, row.expires) == (
        proposal.operation,
        proposal.target,
        proposal.body_sha256,
        proposal.expires,
    )


def _refuse_other_content(db: Session, nonce: str, proposal: Proposal) -> None:
    query = select(Approval).where(Approval.proposal == nonce).limit(1)
    other = db.scalars(query).first()
    if other is not None and (other.operation, other.target, other.body_sha256) != (
        proposal.operation,
        proposal.target,
        proposal.body_sha256,
    ):
        raise Conflict


def subjects(db: Session, proposal: Proposal) -> dict[str, str]:
    """Return whom the event is about; the custodian compares it with the target. NotFound."""
    if proposal.rule.subject not in operations.IN_LEDGER:
        return {}
    if proposal.rule.subject == "account":
        return {"account": proposal.target}
    if proposal.rule.subject == "recovery":
        recovery = db.get(Recovery, proposal.target)
        if recovery is None:
            raise NotFound
        on = {"account": recovery.account, "deposit": recovery.deposit}
        return on | {"recovery": recovery.id}
    deposit = db.get(Deposit, proposal.target)
    if deposit is None:
        raise NotFound
    return {"account": deposit.account, "deposit": deposit.id}


def rejections(db: Session, bodies: Iterable[bytes]) -> dict[bytes, LedgerEvent]:
    """Return by which events proposals were rejected or withdrawn, also those not yet in the log.

    `bodies` are SHA-256 hashes of 32 bytes.
    """
    wanted = {rejection_id(body): body for body in bodies}
    query = select(LedgerEvent).where(
        LedgerEvent.id.in_(wanted), LedgerEvent.type == "admin rejected"
    )
    found = db.scalars(query.where(LedgerEvent.refused.is_(None)))
    return {wanted[row.id]: row for row in found}


def proposal_of(keys: WebKeys, row: Approval) -> Proposal:
    """Return what a stored approval approves; raises ForgedRow."""
    body = keys.decrypt(BODY, row.id, row.id, row.body).encode()
    return Proposal(row.operation, row.target, body, row.expires)
