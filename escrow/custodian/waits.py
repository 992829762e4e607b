"""The shortest wait of a recovery: of the settings, or what owners have made of it."""

from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries
from escrow.custodian.service import Custodian

WAIT_CHANGED = "wait changed"


def shortest_wait(custodian: Custodian, db: Session, before: int | None = None) -> int:
    """Return the shortest wait in seconds.

    `before`: as it was for what stands at this index of the ledger. Raises ForgedEntry.
    """
    changed = Entries(db, custodian.keys).newest(WAIT_CHANGED, before)
    decided = 0 if changed is None else changed.event.data["seconds"]
    return max(custodian.settings.minimum_waiting_seconds, decided)
