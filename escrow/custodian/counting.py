"""Counting what happens, in the transaction that reacts to an entry: once, whatever crashes.

Drills are no recoveries and prove nothing of a real key: what is of a dummy is counted apart.
"""

from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, Entry
from escrow.custodian.recipients import manifest_of
from escrow.custodian.service import Custodian
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger import daily
from escrow.webkeys import ForgedRow

ATTESTED = "custody attested"
COUNTED = frozenset(
    {
        ATTESTED,
        *("recovery completed", "recovery vetoed", "recovery expired"),
        *("recovery opened", "recovery frozen", "address changed", "totp changed"),
        *("deposit created", "deposit closing", "custody lost", "custody declined"),
        *("admin executed", "admin exported", "admin resent"),
    }
)


def count(custodian: Custodian, db: Session, entry: Entry) -> None:
    """Count an entry of `COUNTED` on its day."""
    daily.add(db, _kind(custodian, db, entry), entry.at)


def _kind(custodian: Custodian, db: Session, entry: Entry) -> str:
    """Name what an entry is counted as: its type, of a proof with whose piece it was."""
    kind = entry.event.type
    if kind == ATTESTED:
        kind = f"{kind} {_role(db, entry)}"
    return f"drill {kind}" if _is_of_a_drill(custodian, db, entry) else kind


def _role(db: Session, entry: Entry) -> str:
    custody = db.get(CustodyRow, entry.event.custody)
    return custody.role if custody is not None else ""


def _is_of_a_drill(custodian: Custodian, db: Session, entry: Entry) -> bool:
    """Whether it is of a dummy by what was signed: a column must not make a theft look like one."""
    deposit = db.get(Deposit, entry.event.deposit) if entry.event.deposit else None
    if deposit is None or deposit.kind != "drill":
        return False
    try:
        entries = Entries(db, custodian.keys).of_deposit(deposit.id)
        return manifest_of(deposit, entries).kind == "drill"
    except ForgedRow:
        return False
