"""How every deposit is doing, counted from nothing: each way back tried one by one."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from itertools import combinations, pairwise

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian import counting
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange, RecoverabilityCount
from escrow.ledger.models import DailyCount, LedgerEvent
from escrow.protocol.manifest import Manifest

WAYS = (("customer", "contact"), ("customer", "provider"), ("contact", "provider"))


def open_ways(lines: list[CustodyRow], manifest: Manifest) -> int:
    """Count the ways that some set of these pieces opens."""
    needed = {"customer": 1, "contact": manifest.contacts_needed, "provider": 1}
    found = set()
    for size in range(len(lines) + 1):
        for some in combinations(lines, size):
            have = Counter(line.role for line in some)
            found |= {way for way in WAYS if all(have[r] >= needed[r] > 0 for r in way)}
    return len(found)


def state_of(deposit: Deposit, lines: list[CustodyRow], now: int, fresh: int) -> str | None:
    """Say what a deposit's state must be."""
    if deposit.kind == "drill" or deposit.state not in {"active", "complete", "closing"}:
        return None
    if deposit.state == "closing" and deposit.state_before_closing == "pending":
        return None
    manifest = Manifest.parse(deposit.manifest)
    held = [line for line in lines if line.state == "held"]
    young = [line for line in held if max(_dates(line)) > now - fresh]
    if open_ways(young, manifest) >= 2:
        return "safe"
    return "at_risk" if open_ways(held, manifest) else "not_recoverable"


def _dates(line: CustodyRow) -> tuple[int, int]:
    return line.last_share_at or 0, line.last_check_at or 0


@dataclass
class Known:
    """What was there at an earlier recount: drills, and whose each piece was."""

    drills: set[str] = field(default_factory=set)
    roles: dict[str, str] = field(default_factory=dict)


def happened(db: Session, known: Known | None = None) -> Counter[tuple[str, int]]:
    """Count from the ledger what charts are drawn from: (kind, day).

    What was erased counts by what the columns still say, as long as its deposit is there, or was
    when it became `known`.
    """
    known = known or Known()
    found: Counter[tuple[str, int]] = Counter()
    known.drills |= {row.id for row in db.scalars(select(Deposit)) if _is_drill(row)}
    known.roles |= {row.id: row.role for row in db.scalars(select(CustodyRow))}
    query = select(LedgerEvent).where(LedgerEvent.index.is_not(None), LedgerEvent.acted)
    for row in db.scalars(query):
        kind = row.type
        if kind not in counting.COUNTED:
            continue
        if kind == "custody attested":
            kind += f" {known.roles[str(row.custody)]}"
        is_drill = row.deposit in known.drills
        found[(f"drill {kind}" if is_drill else kind, row.at // 86400)] += 1
    return found


def _is_drill(row: Deposit) -> bool:
    return Manifest.parse(row.manifest).kind == "drill"


def counted(db: Session) -> dict[tuple[str, int], int]:
    """Return what is stored of it: (kind, day)."""
    return {(row.kind, row.day): row.count for row in db.scalars(select(DailyCount))}


def check(db: Session, now: int, fresh: int, known: Known | None = None) -> Counter[str]:
    """Compare what is stored with a recount; returns the counts."""
    assert counted(db) == dict(happened(db, known))
    expected: Counter[str] = Counter()
    for deposit in db.scalars(select(Deposit)):
        lines = list(db.scalars(select(CustodyRow).where(CustodyRow.deposit == deposit.id)))
        state = state_of(deposit, lines, now, fresh)
        assert deposit.recoverability == state, (deposit.id, deposit.recoverability, state)
        assert deposit.recoverability_until is None or deposit.recoverability_until > now
        if state is not None:
            expected[state] += 1
        told = db.scalars(
            select(RecoverabilityChange)
            .where(RecoverabilityChange.deposit == deposit.id)
            .order_by(RecoverabilityChange.id)
        ).all()
        chain = [None, *(change.now for change in told)]
        assert [change.was for change in told] == chain[:-1]
        assert chain[-1] == state
        assert all(a != b for a, b in pairwise(chain))
    rows = db.scalars(select(RecoverabilityCount).order_by(RecoverabilityCount.day))
    stored = {row.state: row.count for row in rows}
    assert {state: count for state, count in stored.items() if count} == dict(expected)
    return expected
