"""What follows from a sequenced entry: one function an event type, each in one transaction.

The transaction that reacts also marks the entry as acted upon, so a crash before it repeats the
reaction and a crash after it does not; reactions are written so that a repeat is harmless.
"""

from collections.abc import Callable, Iterable

from sqlalchemy import false, select, update
from sqlalchemy.orm import Session

from escrow.custodian import (
    aging,
    approvals,
    contacts,
    counting,
    deposits,
    instructions,
    notices,
    release,
    replacing,
)
from escrow.custodian.closing import letter_about
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.erasing import ERASED_AFTER_SECONDS
from escrow.custodian.letters import tell_about_recovery, tell_contacts, tell_customer
from escrow.custodian.service import Custodian
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.models import LedgerEvent

BATCH = 200
RETRY_SECONDS = 60
# Whoever drills sits before the screen: a closing that follows at once is no news.
_NOT_OF_DRILLS = {"deposit_closing", "deposit_reopened"}
Reaction = Callable[[Custodian, Session, Entry], None]


def _stop(custodian: Custodian, db: Session, entry: Entry) -> None:
    """A veto must survive a restored backup: it stands outside the database too."""
    custodian.outside.write_line(str(entry.event.recovery), "cancelled")
    tell_about_recovery(custodian, db, entry, "recovery_vetoed")


def _destroyed(custodian: Custodian, db: Session, entry: Entry) -> None:
    """Destroyed also for a restored backup, and in a while its contacts are forgotten."""
    custodian.outside.write_line(str(entry.event.deposit), "destroyed")
    held = update(CustodyRow).where(CustodyRow.deposit == entry.event.deposit)
    until = entry.at + ERASED_AFTER_SECONDS
    db.execute(held.where(CustodyRow.role == "contact").values(due_at=until))


def _about_recovery(message: str) -> Reaction:
    def react(custodian: Custodian, db: Session, entry: Entry) -> None:
        tell_about_recovery(custodian, db, entry, message)

    return react


def _about_deposit(message: str, *, contacts: bool = False) -> Reaction:
    def react(custodian: Custodian, db: Session, entry: Entry) -> None:
        deposit = db.get(Deposit, entry.event.deposit)
        if deposit is None or (deposit.kind == "drill" and message in _NOT_OF_DRILLS):
            return
        is_closing = message == "deposit_closing"
        told, extra = letter_about(entry) if is_closing else (message, {})
        tell_customer(custodian, db, deposit, told, extra, entry=entry)
        if contacts:
            tell_contacts(custodian, db, deposit, f"{message}_contact", holders=True, entry=entry)

    return react


REACTIONS: dict[str, Reaction] = {
    "deposit created": deposits.take_in,
    "custody held": contacts.held,
    "custody declined": contacts.declined,
    "custody lost": contacts.lost,
    "custody moved": contacts.moved,
    "custody paused": _about_deposit("custody_paused"),
    "deposit complete": replacing.take_over,
    "deposit closing": _about_deposit("deposit_closing", contacts=True),
    "deposit reopened": _about_deposit("deposit_reopened", contacts=True),
    "deposit destroyed": _destroyed,
    "recovery opened": notices.write,
    "recovery noticed": notices.start_waiting,
    "recovery ready": _about_recovery("recovery_ready"),
    "recovery frozen": _about_recovery("recovery_frozen"),
    "recovery unfrozen": notices.write,
    "recovery vetoed": _stop,
    "recovery expired": _about_recovery("recovery_expired"),
    "recovery completed": _about_recovery("recovery_completed"),
    "recovery begun": release.intend,
    "release intended": release.fulfil,
    "release made": release.follow,
    "admin approved": approvals.count,
    "admin rejected": approvals.reject,
    "admin resent": instructions.send_again,
}


def _also(kinds: Iterable[str], then: Reaction) -> None:
    """Let a reaction follow what is done upon entries of some types already."""
    for kind in kinds:
        REACTIONS[kind] = _both(REACTIONS.get(kind), then)


def _both(first: Reaction | None, then: Reaction) -> Reaction:
    def react(custodian: Custodian, db: Session, entry: Entry) -> None:
        if first is not None:
            first(custodian, db, entry)
        then(custodian, db, entry)

    return react


DUE = (
    select(LedgerEvent.position)
    .where(LedgerEvent.acted == false(), LedgerEvent.index.is_not(None))
    .order_by(LedgerEvent.index)
)
# What makes a replacement worth less brings back what it was to replace.
_also(replacing.WEAKENS, replacing.keep_old)
_also(aging.CHANGES, aging.assess)
_also(counting.COUNTED, counting.count)


def act(custodian: Custodian) -> int:
    """React to every sequenced entry that was not acted upon, in order; returns how many.

    One that fails is tried again after a minute, so that it keeps nobody else waiting.
    """
    _pass_over(custodian)
    now = custodian.clock.now()
    later = [position for position, at in custodian.postponed.items() if at > now]
    with custodian.database.reading() as db:
        query = DUE.where(LedgerEvent.position.not_in(later)).limit(BATCH)
        positions = db.scalars(query).all()
    done = 0
    for position in positions:
        if custodian.guarded(_react, position):
            custodian.postponed.pop(position, None)
            done += 1
        else:
            custodian.postponed[position] = now + RETRY_SECONDS
    return done


def _pass_over(custodian: Custodian) -> None:
    """Mark entries that ask for nothing, all in one statement."""
    with custodian.database.transaction() as db:
        db.execute(
            update(LedgerEvent)
            .where(
                LedgerEvent.acted == false(),
                LedgerEvent.index.is_not(None),
                LedgerEvent.type.not_in(REACTIONS),
            )
            .values(acted=True)
        )


def _react(custodian: Custodian, position: int) -> None:
    with custodian.database.transaction() as db:
        row = db.get(LedgerEvent, position, with_for_update=True)
        if row is None or row.acted:
            return
        reaction = REACTIONS.get(row.type)
        if reaction is not None:
            reaction(custodian, db, Entries(db, custodian.keys).one(row))
        row.acted = True
