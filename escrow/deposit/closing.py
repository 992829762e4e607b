"""Closing a deposit, and undoing it: each one transaction. Nothing is destroyed before 30 days."""

import re
from collections.abc import Iterator
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.account.flow import ON_CLOSE, ON_REOPEN, keep_account
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import NotFound, WrongState
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event

CLOSING_SECONDS = 30 * 86400
# Each of these writes to the ledger for ever and mails to people: nobody needs more in an hour.
CLOSED_AN_HOUR = 5
_OPEN = ("pending", "active", "complete", "rejected")  # a rejected one is kept until it is closed
_REPLACED = re.compile(r"replaced by ([0-9a-f]{32})\Z")


def replaced_reason(by: str) -> str:
    """Return the reason in the ledger of a closing that a replacement has brought about."""
    return f"replaced by {by}"


def replaced_by(reason: str) -> str | None:
    """Return the deposit that a closing's reason names, None for another reason."""
    found = _REPLACED.match(reason)
    return found[1] if found else None


def close(db: Session, web: Web, row: Deposit, reason: str, until: int | None = None) -> Deposit:
    """Schedule a deposit's destruction in 30 days, a drill's at once; raises WrongState.

    One that closes because of a replacement closes now because somebody wants it to: it is not kept
    when the replacement fails. A repeat changes nothing.
    """
    if row.state == "closing" and not _is_for_a_replacement(db, row):
        return row
    if row.state == "closed":
        raise WrongState(row.state)
    limits.spend(db, web, "close", row.id, CLOSED_AN_HOUR)
    grace = 0 if row.kind == "drill" else CLOSING_SECONDS
    schedule(row, until or web.clock.now() + grace)
    append(
        db,
        web.author,
        "deposit closing",
        {"until": row.closing_at, "reason": reason},
        account=row.account,
        deposit=row.id,
    )
    return row


def schedule(row: Deposit, until: int) -> None:
    """Set a row to closing; what it was comes back when it is reopened."""
    if row.state != "closing":
        row.state_before_closing = row.state
    row.state = "closing"
    row.closing_at = until


def unschedule(row: Deposit) -> None:
    """Set a closing row back to what it was."""
    row.state = row.state_before_closing or "active"
    row.state_before_closing = None
    row.closing_at = None


def reopen(db: Session, web: Web, row: Deposit, contact: CustodyRow | None = None) -> Deposit:
    """Undo a scheduled closing, by the customer (None) or a contact; raises NotFound, WrongState.

    It also undoes an owner's signature that waits for a recovery to end: whoever wants the old
    deposit gone after all says so again. And an account that was to end stays, as a key of it does.
    """
    if contact is not None:
        _check_contact(contact, row)
    if row.state in _OPEN:
        return row
    if row.state != "closing":
        raise WrongState(row.state)
    if contact is not None and _has_counted(db, row):
        raise WrongState("undone_before", "A contact has undone this once; now the owner decides.")
    unschedule(row)
    db.execute(update(Deposit).where(Deposit.replaces == row.id).values(replaced_signature=None))
    by = "customer" if contact is None else "contact"
    append(db, web.author, "deposit reopened", {"by": by}, account=row.account, deposit=row.id)
    keep_account(db, web, row.account)
    return row


def _check_contact(contact: CustodyRow, row: Deposit) -> None:
    """Refuse who is not a contact that holds, or has held, a piece of this very deposit."""
    if contact.deposit != row.id:
        raise NotFound
    if not custodies.may_stop(contact):
        raise WrongState(contact.state)


def _has_counted(db: Session, row: Deposit) -> bool:
    """Tell whether contacts may not undo this closing any more, by the ledger.

    Against the customer's own will (her closing, or a replacement) a contact's undo counts once a
    deposit. What an operator has scheduled it stops every time: she may not know of it.
    """
    is_her_will, undone = False, 0
    for author, data in _closings(db, row):
        if "reason" in data:
            is_her_will = author == "web" or replaced_by(data["reason"]) is not None
        elif data["by"] == "contact" and is_her_will:
            undone += 1
    return is_her_will and undone > 0


def _is_for_a_replacement(db: Session, row: Deposit) -> bool:
    """Tell whether the custodian closes a deposit because a replacement stands in its place."""
    said = [(author, data["reason"]) for author, data in _closings(db, row) if "reason" in data]
    return bool(said) and said[-1][0] == "custodian" and replaced_by(said[-1][1]) is not None


def _closings(db: Session, row: Deposit) -> Iterator[tuple[str, dict[str, Any]]]:
    """Return who has scheduled and undone the closing of a deposit, and the events' data."""
    query = (
        select(LedgerEvent.author, LedgerEvent.body)
        .where(
            LedgerEvent.deposit == row.id,
            LedgerEvent.type.in_(("deposit closing", "deposit reopened")),
            LedgerEvent.refused.is_(None),
            LedgerEvent.body.is_not(None),
        )
        .order_by(LedgerEvent.position)
    )
    for author, body in db.execute(query):
        yield author, Event.parse(body or b"").data


def end_drills(db: Session, web: Web, account: str, but: str) -> None:
    """Close the drills of an account that were left open: a new one ends those before it."""
    query = select(Deposit).where(
        Deposit.account == account,
        Deposit.kind == "drill",
        Deposit.state.in_(_OPEN),
        Deposit.id != but,
    )
    for row in db.scalars(query.with_for_update()):
        close(db, web, row, "another drill was begun")


def close_all(db: Session, web: Web, account: str, until: int, reason: str) -> None:
    """Schedule the closing of all deposits of an account."""
    states = (*_OPEN, "closing")  # what closes for a replacement is to close with the account
    query = select(Deposit).where(Deposit.account == account, Deposit.state.in_(states))
    for row in db.scalars(query.with_for_update()):
        close(db, web, row, reason, until)


def reopen_all(db: Session, web: Web, account: str, until: int, reason: str) -> None:
    """Undo the closing of all deposits of an account."""
    query = select(Deposit).where(Deposit.account == account, Deposit.state == "closing")
    for row in db.scalars(query.with_for_update()):
        reopen(db, web, row)


# Closing an account closes its deposits, in the same transaction.
ON_CLOSE.append(close_all)
ON_REOPEN.append(reopen_all)
