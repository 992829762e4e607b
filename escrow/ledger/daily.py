"""How much of what happened on each day, counted once for every sequenced entry.

Charts and comparisons read these counts and not the ledger, so that they cost the same with a
thousand entries and with a hundred million. Days begin at midnight UTC and count from 1970.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.ledger.models import DailyCount
from escrow.sql import upsert

DAY_SECONDS = 86400


def add(db: Session, kind: str, at: int) -> None:
    """Count one more of a kind on the day of `at`, in Unix seconds."""
    statement = upsert(db, DailyCount).values(kind=kind, day=at // DAY_SECONDS, count=1)
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["kind", "day"], set_={"count": DailyCount.count + 1}
        )
    )


def history(db: Session, kinds: Sequence[str], first: int, last: int) -> dict[str, list[int]]:
    """Return the counts of each day from `first` to `last`, by kind."""
    row = DailyCount
    query = select(row.kind, row.day, row.count).where(row.kind.in_(kinds))
    counts = {
        (kind, day): count
        for kind, day, count in db.execute(query.where(row.day >= first, row.day <= last))
    }
    days = range(first, last + 1)
    return {kind: [counts.get((kind, day), 0) for day in days] for kind in kinds}


def sums(
    db: Session, kinds: Sequence[str], first: int, days: int, count: int
) -> dict[str, list[int]]:
    """Return the sums of `count` spans of so many `days`, the first from day `first`, by kind."""
    row = DailyCount
    found = (
        select(row.kind, ((row.day - first) // days).label("span"), row.count.label("n"))
        .where(row.kind.in_(kinds), row.day >= first, row.day < first + count * days)
        .subquery()
    )
    query = select(found.c.kind, found.c.span, func.sum(found.c.n))
    added = {
        (kind, span): int(n)
        for kind, span, n in db.execute(query.group_by(found.c.kind, found.c.span))
    }
    return {kind: [added.get((kind, span), 0) for span in range(count)] for kind in kinds}
