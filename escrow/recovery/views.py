"""Recoveries, sessions and calls as documents of the API."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import views as deposit_views
from escrow.deposit.bodies import EntryOut, RunningRecovery
from escrow.ledger import read
from escrow.recovery import bodies, flow
from escrow.recovery.calls import calls_of
from escrow.recovery.models import CallRow, Recovery, RecoverySession, ReleaseRow


def running(db: Session, deposit: str) -> RunningRecovery | None:
    """Return the recovery of a deposit that is under way, or None."""
    query = select(Recovery).where(Recovery.deposit == deposit, Recovery.ended_at.is_(None))
    row = db.scalars(query).first()
    if row is None:
        return None
    return RunningRecovery(recovery=row.id, state=row.state, session=row.session)


deposit_views.RUNNING.append(running)


def recovery_document(web: Web, row: Recovery) -> bodies.RecoveryOut:
    """Return a recovery as its customer and its contacts see it."""
    times = flow.times_of(row)
    reason = row.reason and web.keys.decrypt(flow.REASON, row.id, row.account, row.reason)
    return bodies.RecoveryOut(
        recovery=row.id,
        deposit=row.deposit,
        state=row.state,
        proof=row.proof,
        reason=reason or None,
        opened_at=row.opened_at,
        wait_seconds=row.wait_seconds,
        noticed_at=row.noticed_at,
        ready_at=times.ready_at,
        expires_at=None if row.ended_at else times.expires_at,
        ended_at=row.ended_at,
        session=row.session,
    )


def session_document(
    db: Session, web: Web, recovery: Recovery, row: RecoverySession, *, is_customer: bool
) -> bodies.SessionOut:
    """Return a session; sealed bytes are for the customer alone."""
    over = row.voided_at is not None or web.clock.now() >= row.expires_at
    query = select(ReleaseRow).where(ReleaseRow.session == row.id).order_by(ReleaseRow.custody)
    releases = [_release(db, line, is_customer=is_customer) for line in db.scalars(query)]
    return bodies.SessionOut(
        session=row.id,
        recovery=recovery.id,
        public_key=row.public_key,
        begun_at=row.begun_at,
        expires_at=row.expires_at,
        is_over=over,
        calls=[call_document(call) for call in calls_of(db, row.id)],
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
