"""Verbs of a recovery that the web tier may say: open, begin, veto, complete.

Each is one transaction: a compare-and-swap of the state by the machine's table, the ledger event
and what follows from it. What needs the wait to be over is decided again by the custodian.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.account.models import Account
from escrow.context import Web
from escrow.db import changed
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import (
    Conflict,
    MalformedRequest,
    NotFound,
    RateLimited,
    TooEarly,
    WrongState,
)
from escrow.ledger.append import append
from escrow.protocol import release as releases
from escrow.protocol import seal
from escrow.protocol.encoding import pae_hash
from escrow.protocol.errors import BadSignature, ProtocolError
from escrow.recovery import machine
from escrow.recovery.models import Recovery, RecoverySession

REASON = ("recovery", "reason")
MAX_OPENED_A_DAY = 10
MAX_BEGUN_AN_HOUR = 20
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Times:
    """What a recovery's stored times mean; None where not known yet."""

    ready_at: int | None
    expires_at: int | None


def times_of(row: Recovery) -> Times:
    """Compute when a recovery can be finished and when it expires."""
    if row.noticed_at is None:
        return Times(None, row.opened_at + machine.OPENED_EXPIRES_SECONDS)
    ready_at = row.noticed_at + row.wait_seconds
    return Times(ready_at, (row.ready_at or ready_at) + machine.READY_EXPIRES_SECONDS)


def find_recovery(db: Session, recovery: str) -> Recovery:
    """Return a recovery; raises NotFound."""
    row = db.get(Recovery, recovery)
    if row is None:
        raise NotFound
    return row


def swap_state(db: Session, row: Recovery, event: str, **values: Any) -> bool:
    """Move a recovery along the machine's edge; False when another was faster.

    Raises WrongState when the state that was read does not allow the event.
    """
    following = machine.next_state(row.state, event)
    if following in machine.FINAL and "ended_at" not in values:
        raise ValueError("a final state needs its time")
    statement = (
        update(Recovery)
        .where(Recovery.id == row.id, Recovery.state == row.state)
        .values(state=following, **values)
    )
    moved = changed(db, statement) == 1
    db.refresh(row)
    return moved


def swap_or_refuse(db: Session, row: Recovery, event: str, **values: Any) -> None:
    """Move a recovery along the machine's edge; raises WrongState with the state it is in now.

    When another was faster it is tried from the new state: a veto that crosses the moment at which
    the recovery becomes ready still stops it.
    """
    for _ in range(len(machine.STATES)):
        if swap_state(db, row, event, **values):
            return
    raise WrongState(row.state)


def wait_of(db: Session, web: Web, deposit: Deposit, now: int) -> int:
    """Return the waiting time in seconds of a recovery opened now with mail code and TOTP."""
    manifest = custodies.manifest_of(deposit)
    if manifest.kind == "drill":
        return 0
    wait = max(manifest.waiting_seconds, web.settings.minimum_waiting_seconds)
    account = db.get(Account, deposit.account)
    changes = [account.address_changed_at, account.totp_changed_at] if account else []
    created = account.created_at if account else 0
    if any(at and at > created and now - at < machine.CHANGED_LATELY_SECONDS for at in changes):
        wait += machine.CHANGED_LATELY_SECONDS
    return wait


def open_recovery(
    db: Session, web: Web, account: str, recovery: str, said: tuple[str, str]
) -> tuple[Recovery, bool]:
    """Open a recovery of a deposit; `said` is (deposit, reason). Returns (recovery, is new).

    Raises Conflict, NotFound, WrongState (with the state of the deposit, or of the recovery that
    is under way), RateLimited.
    """
    deposit_id, reason = said
    body = pae_hash("escrow/v1/body/recovery", deposit_id, reason)
    earlier = db.get(Recovery, recovery)
    if earlier is not None:
        if earlier.account != account or earlier.body_sha256 != body:
            raise Conflict
        return earlier, False
    deposit = custodies.find_deposit(db, deposit_id, account, lock=True)
    if deposit.state not in {"active", "complete", "closing"}:
        raise WrongState(deposit.state, "This deposit cannot be recovered through the service.")
    _refuse_second(db, deposit)
    now = web.clock.now()
    _refuse_flood(db, deposit, now)
    row = Recovery(
        id=recovery,
        deposit=deposit.id,
        account=account,
        state=machine.next_state(machine.NONE, "open"),
        proof="totp",
        reason=web.keys.encrypt(REASON, recovery, account, reason) if reason else None,
        body_sha256=body,
        wait_seconds=wait_of(db, web, deposit, now),
        opened_at=now,
    )
    db.add(row)
    db.flush()
    say(
        db,
        web,
        row,
        "opened",
        {"proof": row.proof, "wait_seconds": row.wait_seconds, "account": account},
    )
    return row, True


def _refuse_second(db: Session, deposit: Deposit) -> None:
    query = select(Recovery).where(Recovery.deposit == deposit.id, Recovery.ended_at.is_(None))
    running = db.scalars(query).first()
    if running is not None:
        raise WrongState(running.state, "A recovery of this deposit is under way already.")


def _refuse_flood(db: Session, deposit: Deposit, now: int) -> None:
    """Refuse too many a day; those of drills are counted apart: they never block a real one."""
    query = (
        select(func.count())
        .select_from(Recovery)
        .join(Deposit, Deposit.id == Recovery.deposit)
        .where(
            Recovery.account == deposit.account,
            Recovery.opened_at > now - _DAY_SECONDS,
            Deposit.kind == deposit.kind,
        )
    )
    if (db.scalar(query) or 0) >= MAX_OPENED_A_DAY:
        raise RateLimited(_DAY_SECONDS, "Too many recoveries were opened today.")


def say(
    db: Session,
    web: Web,
    row: Recovery,
    what: str,
    data: dict[str, Any] | None = None,
    custody: str | None = None,
) -> None:
    """Append an event of a recovery."""
    append(
        db,
        web.author,
        f"recovery {what}",
        data or {},
        account=row.account,
        deposit=row.deposit,
        custody=custody,
        recovery=row.id,
    )


def begin(
    db: Session, web: Web, row: Recovery, session: str, public_key: bytes
) -> tuple[RecoverySession, bool]:
    """Begin collecting with a fresh public key; earlier sessions are void. Returns (it, is new).

    A repeat with the same session and key gets what is stored. Raises Conflict, MalformedRequest,
    TooEarly (with the time), RateLimited, WrongState.
    """
    earlier = db.get(RecoverySession, session)
    if earlier is not None:
        if earlier.recovery != row.id or earlier.public_key != public_key:
            raise Conflict
        return earlier, False
    try:
        seal.check_public_key(public_key)
    except ProtocolError as error:
        raise MalformedRequest("public_key", str(error)) from None
    now = web.clock.now()
    if row.state == "waiting":
        raise TooEarly(times_of(row).ready_at or now)
    limits.spend(db, web, "begin", row.id, MAX_BEGUN_AN_HOUR)
    swap_or_refuse(db, row, "begin", session=session)
    db.execute(
        update(RecoverySession)
        .where(RecoverySession.recovery == row.id, RecoverySession.voided_at.is_(None))
        .values(voided_at=now)
    )
    made = RecoverySession(
        id=session,
        recovery=row.id,
        deposit=row.deposit,
        public_key=public_key,
        begun_at=now,
        expires_at=now + machine.SESSION_SECONDS,
    )
    db.add(made)
    db.flush()
    say(db, web, row, "begun", {"session": session, "public_key": public_key})
    return made, True


def veto(db: Session, web: Web, row: Recovery, custody: CustodyRow | None) -> Recovery:
    """Stop a recovery, by the customer (custody None) or a contact. Raises WrongState.

    A repeat on a cancelled recovery is harmless.
    """
    if row.state == "cancelled":
        return row
    if custody is not None and not custodies.may_stop(custody):
        raise WrongState(custody.state)
    if custody is not None and custody.deposit != row.deposit:
        raise NotFound
    end(db, row, "veto", web.clock.now())
    by = "customer" if custody is None else "contact"
    say(db, web, row, "vetoed", {"by": by}, custody.id if custody else None)
    if custody is not None:
        custody.vetoed = True
    return row


def end(db: Session, row: Recovery, event: str, now: int) -> None:
    """Move a recovery to a final state: its sessions are void. Raises WrongState."""
    swap_or_refuse(db, row, event, ended_at=now, session=None)
    db.execute(
        update(RecoverySession)
        .where(RecoverySession.recovery == row.id, RecoverySession.voided_at.is_(None))
        .values(voided_at=now)
    )


def complete(db: Session, web: Web, row: Recovery, time: int, signature: bytes) -> Recovery:
    """Record that the key is back, as the owner key says. Raises MalformedRequest, WrongState."""
    if row.state == "completed":
        return row
    now = web.clock.now()
    if abs(now - time) > custodies.CLIENT_TIME_SECONDS:
        raise MalformedRequest("time", "Set this computer's clock.")
    manifest = custodies.manifest_of(custodies.find_deposit(db, row.deposit))
    try:
        releases.verify_complete(
            manifest.owner_key, signature, row.deposit, row.id, manifest.hash, time
        )
    except BadSignature:
        raise MalformedRequest("signature", "This is not signed with the recovered key.") from None
    end(db, row, "complete", now)
    say(db, web, row, "completed", {"time": time, "signature": signature})
    return row
