"""What happened more often in the last seven days than it usually does, and so wants a look.

One rule for all, which the page says in words: at least 5, and more than 3 times the usual number,
which is the weekly average of the eight weeks before.
"""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from escrow.ledger import daily

WEEK_DAYS, WEEKS = 7, 8
LEAST, TIMES = 5, 3
KINDS = (
    *("recovery opened", "recovery vetoed", "recovery frozen", "address changed", "totp changed"),
    *("deposit closing", "custody lost", "custody declined", "admin executed", "admin exported"),
)


@dataclass(frozen=True)
class Number:
    """How often something happened in the last seven days; `before` is the sum of eight weeks."""

    kind: str
    count: int
    before: int

    @property
    def usual(self) -> float:
        """The weekly average before."""
        return self.before / WEEKS

    @property
    def is_unusual(self) -> bool:
        """Whether it wants a look."""
        return self.count >= LEAST and self.count * WEEKS > TIMES * self.before


def look(db: Session, now: int) -> list[Number]:
    """Return all numbers as of `now`, in Unix seconds, what is unusual first."""
    today = now // daily.DAY_SECONDS
    first = today - WEEK_DAYS * (WEEKS + 1) + 1
    found = daily.sums(db, KINDS, first, WEEK_DAYS, WEEKS + 1)
    numbers = [Number(kind, weeks[-1], sum(weeks[:-1])) for kind, weeks in found.items()]
    return sorted(numbers, key=lambda number: not number.is_unusual)
