"""Recoveries, sessions and calls as documents of the API."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit import views as deposit_views
from escrow.deposit.bodies import EntryOut, RunningRecovery
from escrow.deposit.models import CustodyRow
from escrow.ledger import read
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from escrow.recovery import bodies, drafts, flow, opening, proofs
from escrow.recovery.calls import calls_of
from escrow.recovery.models import (
    CallRow,
    Recovery,
    RecoveryDraft,
    RecoverySession,
    ReleaseRow,
)


def running(db: Session, deposit: str) -> RunningRecovery | None:
    """Return the recovery of a deposit that is under way, or None."""
    query = select(Recovery).where(Recovery.deposit == deposit, Recovery.ended_at.is_(None))
    row = db.scalars(query).first()
    if row is None:
        return None
    return RunningRecovery(recovery=row.id, state=row.state, session=row.session)


deposit_views.RUNNING.append(running)


def recovery_document(db: Session, web: Web, row: Recovery | RecoveryDraft) -> bodies.RecoveryOut:
    """Return a recovery or a draft as its customer and its contacts see it."""
    shared: dict[str, Any] = {
        "recovery": row.id,
        "deposit": row.deposit,
        "proof": row.proof,
        "reason": opening.reason_of(web, row.id, row.account, row.reason) or None,
        "proven": proofs.given(db, row.id),
        "proofs_needed": _proofs_needed(db, row),
    }
    if isinstance(row, RecoveryDraft):
        return bodies.RecoveryOut(**shared, **_draft(db, web, row))
    times = flow.times_of(row)
    return bodies.RecoveryOut(
        **shared,
        state=row.state,
        opened_at=row.opened_at,
        wait_seconds=row.wait_seconds,
        noticed_at=row.noticed_at,
        ready_at=times.ready_at,
        expires_at=None if row.ended_at else times.expires_at,
        ended_at=row.ended_at,
        session=row.session,
        hold_reason=_hold_reason(db, row) if row.state == "frozen" else None,
    )


def _hold_reason(db: Session, row: Recovery) -> str | None:
    """Return why an operator has put a recovery on hold, as the ledger says."""
    query = select(LedgerEvent.body).where(
        LedgerEvent.recovery == row.id,
        LedgerEvent.type == "recovery frozen",
        LedgerEvent.refused.is_(None),
        LedgerEvent.body.is_not(None),
    )
    body = db.scalars(query.order_by(LedgerEvent.position.desc()).limit(1)).first()
    return str(Event.parse(body).data["reason"]) if body else None


def _proofs_needed(db: Session, row: Recovery | RecoveryDraft) -> int:
    if row.proof not in proofs.OF_CONTACTS:
        return 0
    return custodies.manifest_of(custodies.find_deposit(db, row.deposit)).contacts_needed


def recovery_list(db: Session, web: Web, deposit: str) -> bodies.RecoveryList:
    """Return what is under way for a deposit: its recovery, and the drafts that stand."""
    query = select(Recovery).where(Recovery.deposit == deposit, Recovery.ended_at.is_(None))
    row = db.scalars(query).first()
    return bodies.RecoveryList(
        recovery=None if row is None else recovery_document(db, web, row),
        drafts=[
            recovery_document(db, web, draft)
            for draft in drafts.of_deposit(db, deposit, web.clock.now())
        ],
    )


def _draft(db: Session, web: Web, row: RecoveryDraft) -> dict[str, Any]:
    """Say of a draft what a recovery says: its wait is the one that it would have now."""
    deposit = custodies.find_deposit(db, row.deposit)
    return {
        "state": "draft",
        "opened_at": row.created_at,
        "wait_seconds": opening.wait_of(db, web, deposit, row.proof, web.clock.now()),
        "noticed_at": None,
        "ready_at": None,
        "expires_at": row.expires_at,
        "ended_at": None,
        "session": None,
    }


def session_document(
    db: Session,
    web: Web,
    recovery: Recovery,
    row: RecoverySession,
    signer: CustodyRow | None = None,
) -> bodies.SessionOut:
    """Return a session; sealed bytes are for the customer alone, a call for its contact too."""
    over = row.voided_at is not None or web.clock.now() >= row.expires_at
    query = select(ReleaseRow).where(ReleaseRow.session == row.id).order_by(ReleaseRow.custody)
    releases = [_release(db, line, is_customer=signer is None) for line in db.scalars(query)]
    return bodies.SessionOut(
        session=row.id,
        recovery=recovery.id,
        public_key=row.public_key,
        begun_at=row.begun_at,
        expires_at=row.expires_at,
        is_over=over,
        calls=[
            call_document(call)
            for call in calls_of(db, row.id)
            if signer is None or call.custody == signer.id
        ],
        releases=[line for line in releases if line is not None],
    )


def _release(db: Session, row: ReleaseRow, *, is_customer: bool) -> bodies.ReleaseOut | None:
    """Return a release once its entry is in a signed checkpoint, else None."""
    if row.state == "refused":
        return _release_out(row, sealed=None, entry=None, proof=None)
    entry = read.entry_of(db, row.event) if row.state == "made" else None
    if entry is None or entry.index is None:
        return None
    return _release_out(
        row,
        sealed=row.sealed if is_customer else None,
        entry=EntryOut(
            index=entry.index,
            author=entry.author,
            nonce=entry.nonce or b"",
            event=entry.body or b"",
        ),
        proof=read.inclusion(db, entry.index),
    )


def _release_out(
    row: ReleaseRow, *, sealed: bytes | None, entry: EntryOut | None, proof: str | None
) -> bodies.ReleaseOut:
    return bodies.ReleaseOut(
        custody=row.custody,
        state=row.state,
        reason=row.reason,
        sealed=sealed,
        signature=row.signature,
        time=row.time,
        entry=entry,
        proof=proof,
    )


def call_document(row: CallRow) -> bodies.CallOut:
    """Return a call; what is not said yet is null."""
    return bodies.CallOut(
        call=row.id,
        custody=row.custody,
        commitment=row.commitment,
        nonce=row.nonce,
        nonce_signature=row.nonce_signature,
        public_key=row.public_key,
        random=row.random,
    )
