"""Counting what happens, in the transaction that reacts to an entry: once, whatever crashes.

Drills are no recoveries: what is of a dummy is counted apart, where it is counted at all.
"""

from sqlalchemy.orm import Session

from escrow.custodian.entries import Entry
from escrow.custodian.service import Custodian
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger import daily

ATTESTED = "custody attested"
OUTCOMES = ("recovery completed", "recovery vetoed", "recovery expired")
COUNTED = frozenset(
    {
        ATTESTED,
        *OUTCOMES,
        *("recovery opened", "recovery frozen", "address changed", "totp changed"),
        *("deposit created", "deposit closing", "custody lost", "custody declined"),
        *("admin executed", "admin exported", "admin resent"),
    }
)


def kind_of(entry: Entry, role: str, kind: str) -> str:
    """Return what an entry is counted as: its type, with whose piece or what kind of deposit."""
    if entry.event.type == ATTESTED:
        return f"{ATTESTED} {role}"
    return f"drill {entry.event.type}" if kind == "drill" else entry.event.type


def count(custodian: Custodian, db: Session, entry: Entry) -> None:
    """Count an entry of `COUNTED` on its day."""
    custody = db.get(CustodyRow, entry.event.custody) if entry.event.custody else None
    deposit = db.get(Deposit, entry.event.deposit) if entry.event.deposit else None
    role, kind = custody.role if custody else "", deposit.kind if deposit else ""
    daily.add(db, kind_of(entry, role, kind), entry.at)
