"""Freezing a recovery, and starting it again: what approvals do (PROTOCOL.md sections 10 and 13).

Whoever calls has verified the approvals. Both verbs are one compare-and-swap in the caller's
transaction, together with the ledger event; the sequencer writes the line outside the database, and
everybody is told from the sequenced entry. A recovery that was started again is `opened` as on its
first day: told anew, waiting anew.
"""

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, Entry
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.ledger.append import append
from escrow.recovery.flow import swap_or_refuse, void_sessions
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow


def freeze(
    custodian: Custodian, db: Session, recovery: str, reason: str, approval: bytes | None
) -> None:
    """Put a recovery on hold: its sessions are void and its sealed bytes are gone.

    `reason` has at most 200 characters and stands in the ledger; `approval` is the 32-byte hash of
    what was approved. Raises Refusal for a recovery that the ledger does not know, WrongState.
    """
    row, opened = _find(custodian, db, recovery)
    now = custodian.clock.now()
    swap_or_refuse(db, row, "freeze", frozen_at=now, session=None)
    void_sessions(db, row, now)
    _wipe(db, row)
    _say(custodian, db, opened, "frozen", {"reason": reason, "approval": approval})


def unfreeze(custodian: Custodian, db: Session, recovery: str, approval: bytes) -> None:
    """Start a frozen recovery again: everybody is told again and it waits anew.

    `approval` is the 32-byte hash of what was approved. Raises Refusal for a recovery that the
    ledger does not know or does not call frozen, WrongState.
    """
    row, opened = _find(custodian, db, recovery)
    if not is_frozen(Entries(db, custodian.keys).of_recovery(recovery)):
        raise Refusal("recovery frozen not in the ledger")
    now = custodian.clock.now()
    swap_or_refuse(
        db,
        row,
        "unfreeze",
        unfrozen_at=now,
        frozen_at=None,
        notices_written_at=None,
        noticed_at=None,
        ready_at=None,
    )
    _say(custodian, db, opened, "unfrozen", {"approval": approval})


def is_frozen(of_recovery: list[Entry]) -> bool:
    """Tell whether the newest word of the ledger on holding a recovery is `frozen`."""
    said = [
        entry.event.type
        for entry in of_recovery
        if entry.event.type in {"recovery frozen", "recovery unfrozen"}
    ]
    return bool(said) and said[-1] == "recovery frozen"


def _find(custodian: Custodian, db: Session, recovery: str) -> tuple[Recovery, Entry]:
    row = db.get(Recovery, recovery, with_for_update=True)
    if row is None:
        raise Refusal("no recovery")
    for entry in Entries(db, custodian.keys).of_recovery(recovery):
        if entry.event.type == "recovery opened":
            return row, entry
    raise Refusal("recovery opened not in the ledger")


def _wipe(db: Session, row: Recovery) -> None:
    sessions = select(RecoverySession.id).where(RecoverySession.recovery == row.id)
    db.execute(
        update(ReleaseRow)
        .where(ReleaseRow.session.in_(sessions), ReleaseRow.sealed.is_not(None))
        .values(sealed=None)
    )


def _say(
    custodian: Custodian, db: Session, opened: Entry, what: str, data: dict[str, object]
) -> None:
    """Say it about whom the ledger names, whatever the row says by now."""
    append(
        db,
        custodian.author,
        f"recovery {what}",
        data,
        account=opened.event.account,
        deposit=opened.event.deposit,
        recovery=opened.event.recovery,
    )
