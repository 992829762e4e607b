"""The end of a deposit: what is scheduled, and destroying it. Decided from sequenced entries.

A closing counts from its own entry: 30 days, whatever the web tier wrote beside it (a drill's dummy
needs none). It is paused while a recovery is open. One that a replacement has brought about is
carried out only while something stands in the old one's place.
"""

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import reason_of, tell_contacts, tell_customer
from escrow.custodian.recipients import manifest_of
from escrow.custodian.service import Custodian
from escrow.deposit.closing import CLOSING_SECONDS, replaced_by, unschedule
from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.ledger.append import append
from escrow.recovery.models import Recovery
from escrow.webkeys import ForgedRow

BATCH = 100
_OPEN_RECOVERY = select(Recovery.deposit).where(Recovery.ended_at.is_(None))
DUE = select(Deposit.id).where(
    Deposit.state == "closing",
    Deposit.closing_at <= bindparam("now"),
    Deposit.id.not_in(_OPEN_RECOVERY),
)
_ENDINGS = {"recovery vetoed", "recovery expired", "recovery completed"}


def scheduled(entries: list[Entry]) -> Entry | None:
    """Return the entry by which a deposit is closing, None when it was undone or carried out."""
    said = {"deposit closing", "deposit reopened", "deposit destroyed"}
    newest = [entry for entry in entries if entry.event.type in said][-1:]
    return next((entry for entry in newest if entry.event.type == "deposit closing"), None)


def successor(closing: Entry) -> str | None:
    """Return the deposit by which a closing says that it is replaced; only we can say so."""
    return replaced_by(closing.event.data["reason"]) if closing.author == "custodian" else None


def letter_about(closing: Entry) -> tuple[str, dict[str, str]]:
    """Return the customer's letter about a closing, and what else stands in it.

    What operators decided she does not know of yet: she is told that they did, and why.
    """
    if successor(closing) is not None:
        return "deposit_closing_replaced", {}
    if closing.author == "custodian":
        return "deposit_closing_provider", reason_of(closing)
    return "deposit_closing", {}


def has_open_recovery(db: Session, deposit: str, entries: list[Entry]) -> bool:
    """Tell whether a recovery is under way: by its row, or by the ledger if the row is gone."""
    query = select(Recovery.id).where(Recovery.deposit == deposit, Recovery.ended_at.is_(None))
    if db.scalars(query).first() is not None:
        return True
    opened = {e.event.recovery for e in entries if e.event.type == "recovery opened"}
    return bool(opened - {e.event.recovery for e in entries if e.event.type in _ENDINGS})


def destroy(custodian: Custodian) -> int:
    """Destroy what was scheduled to close, unless a recovery is under way."""
    now = custodian.clock.now()

    def do(db: Session, deposit: str) -> bool:
        row = db.get(Deposit, deposit, with_for_update=True)
        if row is None or row.state != "closing" or (row.closing_at or now + 1) > now:
            return False
        return _finish(custodian, db, row)

    with custodian.database.reading() as db:
        found = list(db.scalars(DUE.limit(BATCH + len(custodian.put_off)), {"now": now}))
    return custodian.each("destroy", found, do)


def _finish(custodian: Custodian, db: Session, row: Deposit) -> bool:
    """Carry a closing out when its time by the ledger has come; tells whether anything was done."""
    from escrow.custodian.replacing import is_covered  # late: it decides by what stands here

    entries = Entries(db, custodian.keys).of_deposit(row.id)
    closing = scheduled(entries)
    if closing is None:
        return False
    ends = max(closing.event.data["until"], closing.at + _grace(row, entries))
    if custodian.clock.now() < ends or has_open_recovery(db, row.id, entries):
        return False
    if successor(closing) is not None and not is_covered(custodian, db, row.id):
        keep(custodian, db, row)
    else:
        destroy_one(custodian, db, row, "closed", "deposit_destroyed")
    return True


def _grace(row: Deposit, entries: list[Entry]) -> int:
    """Return how many seconds must pass at least; the manifest that the ledger names decides."""
    try:
        return 0 if manifest_of(row, entries).kind == "drill" else CLOSING_SECONDS
    except ForgedRow:
        return CLOSING_SECONDS


def keep(custodian: Custodian, db: Session, row: Deposit) -> None:
    """Undo a closing on our own account: what was to stand in the deposit's place does not."""
    unschedule(row)
    append(
        db,
        custodian.author,
        "deposit reopened",
        {"by": "provider"},
        account=row.account,
        deposit=row.id,
    )


def destroy_one(custodian: Custodian, db: Session, row: Deposit, reason: str, message: str) -> None:
    """Destroy the provider's share and the envelope; the ledger and everybody concerned are told.

    One transaction: a crash before its end destroys nothing, a crash after it repeats nothing.
    """
    if row.kind != "drill":
        tell_customer(custodian, db, row, message)
        tell_contacts(custodian, db, row, f"{message}_contact", holders=True)
    row.state = "closed"
    row.closing_at = None
    db.execute(delete(Blob).where(Blob.deposit == row.id))
    db.execute(
        update(CustodyRow)
        .where(CustodyRow.deposit == row.id, CustodyRow.role == "provider")
        .values(state="destroyed", verified_at=None)
    )
    append(
        db,
        custodian.author,
        "deposit destroyed",
        {"reason": reason},
        account=row.account,
        deposit=row.id,
        event_id=custodian.once("deposit destroyed", row.id),
    )
