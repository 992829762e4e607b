"""By how many ways a deposit could be brought back today: decided here and nowhere else.

A key comes back with the pieces of two of three parties: kit, contacts (as many as the policy
demands), provider. A party counts while what it holds was proven within the configured days; so
three parties make three ways, two make one.

    safe              two or more ways are proven: whichever piece is lost, another way stays
    at_risk           one way is proven, or there are ways that nobody has shown to work lately
    not_recoverable   the pieces that are held give no way at all

Only deposits that somebody counts on have a state: not drills, nor what is not yet taken in or has
ended. The state is stored with the moment at which age alone may change it, so that it is listed
and counted without looking at every deposit; every change is kept with its date.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import select, union_all
from sqlalchemy.orm import Session

from escrow.deposit import custodies
from escrow.deposit.models import (
    CustodyRow,
    Deposit,
    RecoverabilityChange,
    RecoverabilityCount,
)

SAFE, AT_RISK, NOT_RECOVERABLE = "safe", "at_risk", "not_recoverable"
STATES = (SAFE, AT_RISK, NOT_RECOVERABLE)  # from good to bad
PARTIES_NEEDED = 2
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Assessment:
    """A deposit's state, None where nobody counts on it; `until`: when age alone may change it.

    `ways` are those proven lately, `held` those that the held pieces give: 0, 1 or 3.
    """

    state: str | None = None
    ways: int = 0
    held: int = 0
    until: int | None = None


def is_counted_on(deposit: Deposit) -> bool:
    """Tell whether somebody counts on a deposit: it was made whole, and has not ended.

    One that is closing counts as it did before; what never became active never counted.
    """
    state = deposit.state
    if state == "closing":
        state = deposit.state_before_closing or "active"
    return deposit.kind == "real" and state in {"active", "complete"}


def proven_until(line: CustodyRow, fresh_seconds: int) -> int | None:
    """Return until when a piece counts as proven, in Unix seconds; None where it is not held."""
    if line.state != "held":
        return None
    return _proven_at(line) + fresh_seconds


def _proven_at(line: CustodyRow) -> int:
    """Return when a piece was proven last, in Unix seconds; 0 where it is not held."""
    if line.state != "held":
        return 0
    return max(line.last_share_at or 0, line.last_check_at or 0)


def assess(
    deposit: Deposit, lines: Iterable[CustodyRow], now: int, fresh_seconds: int
) -> Assessment:
    """Return how a deposit is doing at `now` (Unix seconds)."""
    if not is_counted_on(deposit):
        return Assessment()
    ends: dict[str, list[int]] = {"customer": [], "contact": [], "provider": []}
    for line in lines:
        until = proven_until(line, fresh_seconds)
        if until is not None:
            ends[line.role].append(until)
    needed = {"customer": 1, "contact": deposit.contacts_needed, "provider": 1}
    # A party of several counts until the first of its best ones is too old.
    parties = [
        sorted(found, reverse=True)[needed[role] - 1]
        for role, found in ends.items()
        if 0 < needed[role] <= len(found)
    ]
    fresh = [until for until in parties if until > now]
    ways, held = _ways(len(fresh)), _ways(len(parties))
    return Assessment(_state(ways, held), ways, held, min(fresh, default=None))


def _ways(parties: int) -> int:
    return parties * (parties - 1) // PARTIES_NEEDED


def _state(ways: int, held: int) -> str:
    if ways > 1:
        return SAFE
    return AT_RISK if held > 0 else NOT_RECOVERABLE


def refresh(db: Session, identifier: str, now: int, fresh_seconds: int) -> None:
    """Assess a deposit anew and store what came out, with the counts; harmless when repeated."""
    deposit = db.get(Deposit, identifier, with_for_update=True)
    if deposit is None:
        return
    lines = custodies.custodies_of(db, identifier)
    found = assess(deposit, lines, now, fresh_seconds)
    for line in lines:
        line.proven_at = None if found.state is None else _proven_at(line)
    deposit.recoverability_until = found.until
    if found.state != deposit.recoverability:
        _change(db, deposit, found.state, now)


def _change(db: Session, deposit: Deposit, state: str | None, now: int) -> None:
    was, deposit.recoverability, deposit.recoverability_at = deposit.recoverability, state, now
    for name, step in ((was, -1), (state, 1)):
        if name is not None:
            _step(db, name, now // _DAY_SECONDS, step)
    is_loss = was in STATES and state in STATES and STATES.index(state) > STATES.index(was)
    change = RecoverabilityChange(deposit=deposit.id, was=was, now=state, at=now, is_loss=is_loss)
    db.add(change)


def _step(db: Session, state: str, day: int, step: int) -> None:
    """Count one more or less. The custodian alone writes here, so nobody does so in between."""
    newest = _newest(db, state)
    if newest is not None and newest.day >= day:
        newest.count += step
    else:
        count = step + (newest.count if newest is not None else 0)
        db.add(RecoverabilityCount(state=state, day=day, count=count))
    db.flush()


def _newest(db: Session, state: str) -> RecoverabilityCount | None:
    row = RecoverabilityCount
    query = select(row).where(row.state == state).order_by(row.day.desc()).limit(1)
    return db.scalars(query).first()


def history(db: Session, first: int, last: int) -> dict[str, list[int]]:
    """Return how many deposits were in each state at the end of each day from `first` to `last`.

    Days count from 1970 (UTC); of today it is how many there are now.
    """
    row = RecoverabilityCount
    newest_before = union_all(
        *(
            select(
                select(row.state, row.count)
                .where(row.state == state, row.day < first)
                .order_by(row.day.desc())
                .limit(1)
                .subquery()
            )
            for state in STATES
        )
    )
    before: dict[str, int] = dict(db.execute(newest_before).all())
    changed = select(row.state, row.day, row.count).where(row.state.in_(STATES), row.day >= first)
    counts = {(state, day): n for state, day, n in db.execute(changed.where(row.day <= last))}
    found = {}
    for state in STATES:
        count = before.get(state, 0)
        found[state] = [count := counts.get((state, day), count) for day in range(first, last + 1)]
    return found
