"""What happens because time has passed: ready, expired, paused, closed, verified anew."""

from collections.abc import Callable
from typing import Any

from sqlalchemy import BigInteger, Select, bindparam, func, or_, select, update
from sqlalchemy.orm import Session

from escrow.account.models import Account
from escrow.custodian import deposits
from escrow.custodian.entries import Entries
from escrow.custodian.letters import tell_customer
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal, checked_manifest, open_share
from escrow.db import changed
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.append import append
from escrow.recovery import drafts, machine
from escrow.recovery.flow import end, swap_state, times_of
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow

BATCH = 100
_NOW = bindparam("now", type_=BigInteger)
READY_DUE = select(Recovery.id).where(
    Recovery.state == "waiting",
    Recovery.noticed_at.is_not(None),
    Recovery.noticed_at + Recovery.wait_seconds <= _NOW,
)
_OPENED_AT = func.coalesce(Recovery.unfrozen_at, Recovery.opened_at)
EXPIRED_DUE = select(Recovery.id).where(
    or_(
        (Recovery.state == "opened") & (_OPENED_AT <= _NOW - machine.OPENED_EXPIRES_SECONDS),
        (Recovery.state == "frozen")
        & (Recovery.frozen_at <= _NOW - machine.FROZEN_EXPIRES_SECONDS),
        Recovery.state.in_(("ready", "collecting"))
        & (Recovery.ready_at <= _NOW - machine.READY_EXPIRES_SECONDS),
    )
)
_OVER = select(RecoverySession.id).where(
    RecoverySession.id == ReleaseRow.session,
    or_(RecoverySession.expires_at <= _NOW, RecoverySession.voided_at.is_not(None)),
)
SEALED_DUE = select(ReleaseRow.session).where(ReleaseRow.sealed.is_not(None), _OVER.exists())
PAUSED_DUE = select(CustodyRow.id).where(
    CustodyRow.role == "contact",
    CustodyRow.state == "invited",
    CustodyRow.paused.is_(False),
    CustodyRow.invited_until <= _NOW,
)
_BUSY = select(Deposit.id).where(Deposit.account == Account.id, Deposit.state != "closed")
CLOSED_DUE = select(Account.id).where(
    Account.state == "closing", Account.closing_at <= _NOW, ~_BUSY.exists()
)
# No other condition: it is null where nothing is held, and so its index serves.
VERIFIED_DUE = (
    select(CustodyRow.id)
    .where(CustodyRow.verified_at <= _NOW - deposits.VERIFY_SECONDS)
    .order_by(CustodyRow.verified_at)
)


def _each(
    custodian: Custodian, act: str, due: Select[Any], do: Callable[[Session, str], bool]
) -> int:
    """Run `do` for every identifier that is due."""
    with custodian.database.reading() as db:
        found = list(db.scalars(due, {"now": custodian.clock.now()}))
    return custodian.each(act, found, do)


def make_ready(custodian: Custodian) -> int:
    """Say `ready` for recoveries whose wait is over, counted from the sequenced `noticed`."""
    now = custodian.clock.now()

    def do(db: Session, recovery: str) -> bool:
        row = db.get(Recovery, recovery, with_for_update=True)
        if row is None or row.state != "waiting":
            return False
        entries = Entries(db, custodian.keys).of_recovery(recovery)
        noticed = [entry for entry in entries if entry.event.type == "recovery noticed"]
        if not noticed or now < noticed[-1].at + noticed[-1].event.data["wait_seconds"]:
            return False
        if not swap_state(db, row, "ready", ready_at=now):
            return False
        _say(custodian, db, row, "ready")
        return True

    return _each(custodian, "make_ready", READY_DUE, do)


def expire(custodian: Custodian) -> int:
    """Say `expired` for recoveries that nobody finished."""
    now = custodian.clock.now()

    def do(db: Session, recovery: str) -> bool:
        row = db.get(Recovery, recovery, with_for_update=True)
        if row is None or row.state not in machine.states_before("expire"):
            return False
        at = times_of(row).expires_at
        if at is None or now < at:
            return False
        end(db, row, "expire", now)
        _say(custodian, db, row, "expired")
        return True

    return _each(custodian, "expire", EXPIRED_DUE, do)


def drop_drafts(custodian: Custodian) -> int:
    """Drop requests that contacts did not prove within a week: they had no effect."""
    with custodian.database.transaction() as db:
        return drafts.drop_expired(db, custodian.clock.now())


def _say(custodian: Custodian, db: Session, row: Recovery, what: str) -> None:
    append(
        db,
        custodian.author,
        f"recovery {what}",
        account=row.account,
        deposit=row.deposit,
        recovery=row.id,
    )


def wipe_sessions(custodian: Custodian) -> int:
    """Delete the sealed bytes of sessions that are void or over an hour old."""
    now = custodian.clock.now()
    with custodian.database.transaction() as db:
        statement = (
            update(ReleaseRow)
            .where(ReleaseRow.sealed.is_not(None), _OVER.params(now=now).exists())
            .values(sealed=None)
        )
        return changed(db, statement)


def pause(custodian: Custodian) -> int:
    """Pause invitations that nobody fetched for 14 days, and tell the customer."""
    now = custodian.clock.now()

    def do(db: Session, custody: str) -> bool:
        row = db.get(CustodyRow, custody, with_for_update=True)
        if row is None or row.state != "invited" or row.paused or (row.invited_until or now) > now:
            return False
        row.paused = True
        append(
            db,
            custodian.author,
            "custody paused",
            account=row.account,
            deposit=row.deposit,
            custody=row.id,
        )
        return True

    return _each(custodian, "pause", PAUSED_DUE, do)


def close_accounts(custodian: Custodian) -> int:
    """Close the accounts whose time is over and whose deposits are all destroyed."""
    now = custodian.clock.now()
    with custodian.database.transaction() as db:
        statement = (
            update(Account)
            .where(Account.state == "closing", Account.closing_at <= now, ~_BUSY.exists())
            .values(state="closed")
        )
        return changed(db, statement)


def verify(custodian: Custodian) -> int:
    """Open every stored share daily and compare; attest every 30 days; a failure at once."""
    now = custodian.clock.now()

    def do(db: Session, custody: str) -> bool:
        row = db.get(CustodyRow, custody, with_for_update=True)
        deposit = db.get(Deposit, row.deposit) if row else None
        if row is None:
            return False
        if deposit is None or row.state != "held":
            row.verified_at = None
            return False
        row.verified_at = now
        try:
            share = open_share(db, custodian.keys, checked_manifest(deposit, deposit.manifest_hash))
        except Refusal as refusal:
            custodian.alarm("provider share fails", deposit=deposit.id, reason=refusal.reason)
            row.state = "rejected"
            row.verified_at = None
            deposits.say(custodian, db, row, "rejected", reason=refusal.reason)
            tell_customer(custodian, db, deposit, "custody_rejected", {"reason": refusal.reason})
            return True
        if now - (row.last_share_at or 0) >= deposits.ATTEST_SECONDS:
            deposits.attest(custodian, db, row, share)
        return True

    due = VERIFIED_DUE.limit(BATCH + len(custodian.put_off))
    return _each(custodian, "verify", due, do)
