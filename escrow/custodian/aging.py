"""Recoverability kept true: after what changes a piece or a deposit, and as proofs age."""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entry
from escrow.custodian.service import Custodian
from escrow.deposit import recoverability
from escrow.deposit.models import Deposit

BATCH = 100
CHANGES = (
    *("custody held", "custody attested", "custody declined", "custody lost"),
    *("deposit active", "deposit complete", "deposit destroyed"),
)
DUE = (
    select(Deposit.id)
    .where(Deposit.recoverability_until <= bindparam("now"))
    .order_by(Deposit.recoverability_until)
)


def assess(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to an entry of `CHANGES`: assess its deposit anew."""
    _refresh(custodian, db, str(entry.event.deposit))


def act(custodian: Custodian) -> int:
    """Assess at most 100 deposits whose proofs have become too old; returns how many."""
    with custodian.database.reading() as db:
        query = DUE.limit(BATCH + len(custodian.put_off))
        found = list(db.scalars(query, {"now": custodian.clock.now()}))

    def do(db: Session, deposit: str) -> None:
        _refresh(custodian, db, deposit)

    return custodian.each("assess", found, do)


def _refresh(custodian: Custodian, db: Session, deposit: str) -> None:
    now, fresh = custodian.clock.now(), custodian.settings.proof_seconds
    recoverability.refresh(db, deposit, now, fresh)
