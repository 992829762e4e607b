"""What the first page of admins shows: how all keys are doing, and what wants a look."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.admin import unusual
from escrow.admin.models import Approval
from escrow.context import Web
from escrow.deposit import recoverability
from escrow.ledger import daily
from escrow.ledger.models import CheckpointRow
from escrow.mail.models import Outbox
from escrow.recovery.models import Recovery

DAY_SECONDS = 86400
YEAR_DAYS = 365
MONTH_DAYS = 30
ATTESTED_DAYS = 90
WEEKS, WEEK_DAYS = 52, 7
ROLES = ("customer", "contact", "provider")
OUTCOMES = ("completed", "vetoed", "expired", "frozen")
MOST = 1000  # counted to here, and "more" from there


@dataclass(frozen=True)
class Overview:
    """Counts now, of every day of a year, and of what is under way.

    `days` begins `YEAR_DAYS` before today. `refused` are mails that no server took, `approvals`
    proposals that wait for another signature. `attested` are proofs of pieces on each of the last
    90 days, by whose piece; `outcomes` is what became of recoveries in each of the last 52 weeks;
    one that was put on hold counts there too, and once more when it ends.
    """

    counts: dict[str, int]
    days: dict[str, list[int]]
    recoveries: dict[str, int]
    refused: int
    approvals: int
    size: int
    signed_at: int | None
    attested: dict[str, list[int]]
    outcomes: dict[str, list[int]]
    unusual: int

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
    refused, approvals = _waiting(db)
    days = recoverability.history(db, today - YEAR_DAYS, today)
    return Overview(
        counts={state: counts[-1] for state, counts in days.items()},
        days=days,
        recoveries=_under_way(db),
        refused=refused,
        approvals=approvals,
        size=newest.size if newest is not None else 0,
        signed_at=newest.at if newest is not None else None,
        attested=_attested(db, today),
        outcomes=_outcomes(db, today),
        unusual=sum(number.is_unusual for number in unusual.look(db, web.clock.now())),
    )


def _attested(db: Session, today: int) -> dict[str, list[int]]:
    kinds = {f"custody attested {role}": role for role in ROLES}
    found = daily.history(db, list(kinds), today - ATTESTED_DAYS + 1, today)
    return {kinds[kind]: days for kind, days in found.items()}


def _outcomes(db: Session, today: int) -> dict[str, list[int]]:
    kinds = {f"recovery {outcome}": outcome for outcome in OUTCOMES}
    found = daily.sums(db, list(kinds), today - WEEKS * WEEK_DAYS + 1, WEEK_DAYS, WEEKS)
    return {kinds[kind]: weeks for kind, weeks in found.items()}


def refused_mails(db: Session) -> list[Outbox]:
    """Return the mails that no server took, the newest first, at most as many as are counted."""
    mails = select(Outbox).where(Outbox.state == "refused")
    return list(db.scalars(mails.order_by(Outbox.next_at.desc()).limit(MOST)))


def _waiting(db: Session) -> tuple[int, int]:
    """Count the mails that no server took, at most `MOST`, and the proposals not yet decided."""
    # In the order of the index, or SQLite's statistics talk it into reading the whole table.
    mails = select(Outbox.id).where(Outbox.state == "refused").order_by(Outbox.next_at)
    refused = select(func.count()).select_from(mails.limit(MOST).subquery())
    proposals = select(func.count(Approval.proposal.distinct())).where(
        Approval.executed_at.is_(None), Approval.refused.is_(None)
    )
    counted = select(refused.scalar_subquery(), proposals.scalar_subquery())
    mails_refused, waiting = db.execute(counted).one()
    return mails_refused, waiting


def _under_way(db: Session) -> dict[str, int]:
    running = (
        select(Recovery.state, func.count())
        .where(Recovery.ended_at.is_(None))
        .group_by(Recovery.state)
    )
    return dict(db.execute(running.order_by(Recovery.state)).all())
