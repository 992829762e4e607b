"""Verbs of a recovery that the web tier may say: begin, veto, complete (`opening` has open).

Each is one transaction: a compare-and-swap of the state by the machine's table, the ledger event
and what follows from it. What needs the wait to be over is decided again by the custodian.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escrow.account import flow as accounts
from escrow.account import limits
from escrow.context import Web
from escrow.db import changed
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import (
    Conflict,
    MalformedRequest,
    NotFound,
    TooEarly,
    WrongState,
)
from escrow.ledger.append import append
from escrow.protocol import release as releases
from escrow.protocol import seal
from escrow.protocol.errors import BadSignature, ProtocolError
from escrow.recovery import machine, proofs
from escrow.recovery.models import Recovery, RecoverySession

MAX_BEGUN_AN_HOUR = 20
RESET_SECONDS = 86400


@dataclass(frozen=True)
class Times:
    """What a recovery's stored times mean; None where not known yet."""

    ready_at: int | None
    expires_at: int | None


def times_of(row: Recovery) -> Times:
    """Compute when a recovery can be finished and when it expires."""
    if row.state == "frozen":
        return Times(None, (row.frozen_at or row.opened_at) + machine.FROZEN_EXPIRES_SECONDS)
    if row.noticed_at is None:
        opened_at = row.unfrozen_at or row.opened_at
        return Times(None, opened_at + machine.OPENED_EXPIRES_SECONDS)
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
    db: Session,
    web: Web,
    row: Recovery,
    session: str,
    public_key: bytes,
    piece: proofs.Piece | None = None,
) -> RecoverySession:
    """Begin collecting with a fresh public key; earlier sessions are void.

    A repeat with the same session and key gets what is stored. Raises Conflict, MalformedRequest,
    TooEarly (with the time), RateLimited, WrongState.
    """
    earlier = db.get(RecoverySession, session)
    if earlier is not None:
        if earlier.recovery != row.id or earlier.public_key != public_key:
            raise Conflict
        return earlier
    try:
        seal.check_public_key(public_key)
    except ProtocolError as error:
        raise MalformedRequest("public_key", str(error)) from None
    now = web.clock.now()
    if row.state == "waiting":
        raise TooEarly(times_of(row).ready_at or now)
    limits.spend(db, web, "begin", row.id, MAX_BEGUN_AN_HOUR)
    if row.proof in proofs.WITH_KIT:
        deposit = custodies.find_deposit(db, row.deposit)
        piece = proofs.check_kit(db, web, deposit, row.id, piece, (session, public_key))
        proofs.keep(db, web, row.id, piece, session)
    swap_or_refuse(db, row, "begin", session=session)
    void_sessions(db, row, now)
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
    return made


def veto(db: Session, web: Web, row: Recovery, custody: CustodyRow | None) -> Recovery:
    """Stop a recovery, by the customer (custody None) or a contact. Raises WrongState.

    A repeat on a cancelled recovery is harmless.
    """
    db.refresh(row, with_for_update=True)  # of two at once the second finds it stopped already
    if row.state == "cancelled":
        return row
    if custody is not None and not custodies.may_stop(custody):
        raise WrongState(custody.state)
    if custody is not None and custody.deposit != row.deposit:
        raise NotFound
    if custody is not None and row.proof in proofs.PAST_VETO:
        raise WrongState(
            row.state,
            "A contact's veto counts once, and it has been used. Call the owner, or the provider.",
        )
    end(db, row, "veto", web.clock.now())
    by = "customer" if custody is None else "contact"
    say(db, web, row, "vetoed", {"by": by}, custody.id if custody else None)
    return row


def end(db: Session, row: Recovery, event: str, now: int, **values: Any) -> None:
    """Move a recovery to a final state: its sessions are void. Raises WrongState."""
    swap_or_refuse(db, row, event, ended_at=now, session=None, **values)
    void_sessions(db, row, now)


def void_sessions(db: Session, row: Recovery, now: int) -> None:
    """End all sessions of a recovery for ever."""
    db.execute(
        update(RecoverySession)
        .where(RecoverySession.recovery == row.id, RecoverySession.voided_at.is_(None))
        .values(voided_at=now)
    )


def complete(
    db: Session, web: Web, row: Recovery, time: int, signature: bytes, auth_session: str
) -> Recovery:
    """Record that the key is back, as the owner key says. Raises MalformedRequest, WrongState.

    The sign-in that says so may set a new authenticator afterwards (`may_reset`).
    """
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
    end(db, row, "complete", now, completed_by=auth_session)
    say(db, web, row, "completed", {"time": time, "signature": signature})
    return row


def may_reset(db: Session, web: Web, session: str, account: str) -> bool:
    """Tell whether this sign-in has completed a recovery of the account in the last 24 hours.

    A drill proves nothing: it waits for nobody.
    """
    query = (
        select(Deposit.id)
        .join(Recovery, Recovery.deposit == Deposit.id)
        .where(
            Recovery.account == account,
            Recovery.completed_by == session,
            Recovery.state == "completed",
            Recovery.ended_at > web.clock.now() - RESET_SECONDS,
            Deposit.kind == "real",
        )
    )
    return db.scalars(query.limit(1)).first() is not None


accounts.MAY_RESET.append(may_reset)
