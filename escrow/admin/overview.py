"""What the first page of admins shows: how all keys are doing, and what wants a look."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.admin.models import Approval
from escrow.context import Web
from escrow.deposit import recoverability
from escrow.ledger.models import CheckpointRow
from escrow.mail.models import Outbox
from escrow.recovery.models import Recovery

DAY_SECONDS = 86400
YEAR_DAYS = 365
MONTH_DAYS = 30
MOST = 1000  # counted to here, and "more" from there


@dataclass(frozen=True)
class Overview:
    """Counts now, of every day of a year, and of what is under way.

    `days` begins `YEAR_DAYS` before today. `refused` are mails that no server took, `approvals`
    proposals that wait for another signature.
    """

    counts: dict[str, int]
    days: dict[str, list[int]]
    recoveries: dict[str, int]
    refused: int
    approvals: int
    size: int
    signed_at: int | None

    @property
    def total(self) -> int:
        """How many keys are counted on."""
        return sum(self.counts.values())

    def months(self) -> list[tuple[int, dict[str, int]]]:
        """Return the counts thirty days apart, newest first, as (days ago, counts)."""
        last = YEAR_DAYS
        return [
            (ago, {state: values[last - ago] for state, values in self.days.items()})
            for ago in range(0, YEAR_DAYS + 1, MONTH_DAYS)
        ]


def look(db: Session, web: Web) -> Overview:
    """Read it all; each query is served by an index, whatever the number of keys."""
    today = web.clock.now() // DAY_SECONDS
    newest = db.scalars(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)).first()
    # In the order of the index, or SQLite's statistics talk it into reading the whole table.
    mails = select(Outbox.id).where(Outbox.state == "refused").order_by(Outbox.next_at)
    refused = mails.limit(MOST).subquery()
    return Overview(
        counts=recoverability.counts(db),
        days=recoverability.history(db, today - YEAR_DAYS, today),
        recoveries=_under_way(db),
        refused=db.scalar(select(func.count()).select_from(refused)) or 0,
        approvals=_waiting(db),
        size=newest.size if newest is not None else 0,
        signed_at=newest.at if newest is not None else None,
    )


def refused_mails(db: Session) -> list[Outbox]:
    """Return the mails that no server took, the newest first, at most as many as are counted."""
    mails = select(Outbox).where(Outbox.state == "refused")
    return list(db.scalars(mails.order_by(Outbox.next_at.desc()).limit(MOST)))


def _waiting(db: Session) -> int:
    waiting = select(func.count(Approval.proposal.distinct())).where(
        Approval.executed_at.is_(None), Approval.refused.is_(None)
    )
    return db.scalar(waiting) or 0


def _under_way(db: Session) -> dict[str, int]:
    running = (
        select(Recovery.state, func.count())
        .where(Recovery.ended_at.is_(None))
        .group_by(Recovery.state)
    )
    return dict(db.execute(running.order_by(Recovery.state)).all())
