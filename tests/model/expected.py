"""What the pages say must happen to accounts and pieces: the model that the service is held to.

The model is the pages said once more, in as few lines as possible (with `recovery` and `deposit`
beside it). It knows nothing of tables, mails or signatures; only states, times and who holds what,
and it imports nothing of the service. Times are Unix seconds. Every verb returns the code of the
problem that is expected, or None when the service must say yes; then the model has moved.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.model.deposit import Deposit

HOUR = 3600
DAY = 86400
TRIES = 5
TRY_SECONDS = 15 * 60
OPENED_A_DAY = 10
DRILLS_A_DAY = 10
LIMITS = {
    "attestation": 30,
    "begin": 20,
    "close": 5,
    "drill": 5,
    "replaced": 20,
    "reset": 10,
    "resume": 10,
}
Refused = str | None


@dataclass
class Counts:
    """How often something was done to one subject in this hour; what was refused is not counted."""

    done: Counter[tuple[str, int]] = field(default_factory=Counter)

    def is_full(self, what: str, now: int) -> bool:
        return self.done[what, now // HOUR] >= LIMITS[what]

    def add(self, what: str, now: int) -> None:
        self.done[what, now // HOUR] += 1


@dataclass
class Attempts:
    """Codes of the authenticator that were tried: five in a quarter of an hour, right or wrong."""

    since: int = 0
    tries: int = 0
    locked_until: int = 0

    def attempt(self, now: int, *, is_right: bool) -> Refused:
        if now < self.locked_until:
            return "locked"
        if now - self.since >= TRY_SECONDS:
            self.since, self.tries = now, 0
        self.tries += 1
        self.locked_until = now + TRY_SECONDS if self.tries >= TRIES else 0
        if not is_right:
            return "unauthenticated"
        self.clear()
        return None

    def clear(self) -> None:
        self.since = self.tries = self.locked_until = 0


@dataclass
class Account:
    """One account: when its authenticator changed, what it has opened, whether it is closing."""

    state: str = "active"
    closing_at: int = 0
    changed_at: int | None = None
    opened: dict[str, list[int]] = field(default_factory=lambda: {"real": [], "drill": []})
    drills: list[int] = field(default_factory=list)
    attempts: Attempts = field(default_factory=Attempts)
    counts: Counts = field(default_factory=Counts)

    def close(self, deposits: list[Deposit], now: int) -> Refused:
        """Close all that is hers in 30 days, also what a replacement was to close."""
        if self.state == "closing":
            return None
        hers = [d for d in deposits if d.state != "closed" and not d.is_closing_by_itself]
        if any(d.counts.is_full("close", now) for d in hers):
            return "rate_limited"
        self.state, self.closing_at = "closing", now + 30 * DAY
        for deposit in hers:
            deposit.close(now, until=self.closing_at)
        return None

    def reopen(self, deposits: list[Deposit]) -> Refused:
        was_closing, self.state = self.state == "closing", "active"
        for deposit in deposits:
            if was_closing and deposit.state == "closing":
                deposit.reopen()
        return None

    def tick(self, deposits: list[Deposit], now: int) -> None:
        is_over = self.state == "closing" and now >= self.closing_at
        if is_over and all(deposit.state == "closed" for deposit in deposits):
            self.state = "closed"

    def changed_lately(self, now: int) -> bool:
        return self.changed_at is not None and now - self.changed_at < 7 * DAY

    def opened_too_many(self, kind: str, now: int) -> bool:
        return sum(at > now - DAY for at in self.opened[kind]) >= OPENED_A_DAY

    def drills_too_often(self, now: int) -> bool:
        return sum(at > now - DAY for at in self.drills) >= DRILLS_A_DAY


@dataclass
class Custody:
    """One piece: `until` is the end of an invitation, `left_at` when it was declined or lost."""

    role: str
    state: str
    until: int = 0
    paused: bool = False
    has_held: bool = False
    left_at: int = 0
    moved_at: int = 0
    counts: Counts = field(default_factory=Counts)

    def accept(self) -> Refused:
        if self.state != "invited":
            return "gone"
        if self.paused:
            return "wrong_state"
        self.hold()
        return None

    def hold(self) -> None:
        self.state, self.has_held = "held", True

    def attest(self, means: str, now: int, *, is_closed: bool) -> Refused:
        """Prove the piece: with the piece itself one that was left comes back for 30 days."""
        if self.state in {"withdrawn", "destroyed", "rejected"} or is_closed:
            return "wrong_state"
        if self.state != "held" and means != "share":
            return "wrong_state"
        if self.state in {"declined", "lost"} and now >= self.left_at + 30 * DAY:
            return "wrong_state"
        if self.counts.is_full("attestation", now):
            return "rate_limited"
        self.counts.add("attestation", now)
        self.hold()
        return None

    def leave(self, state: str, now: int, *before: str, is_closed: bool) -> Refused:
        """Decline, be withdrawn, be lost: a repeat is harmless."""
        if self.state == state:
            return None
        if self.state not in before or is_closed:
            return "wrong_state"
        self.state, self.left_at = state, now
        return None

    def resume(self, now: int, *, is_closed: bool) -> Refused:
        if self.state != "invited" or is_closed:
            return "wrong_state"
        if self.counts.is_full("resume", now):
            return "rate_limited"
        self.counts.add("resume", now)
        self.until, self.paused = now + 14 * DAY, False
        return None

    def move(self, now: int, *, is_closed: bool) -> Refused:
        """Name another address: not twice in one second, and not after having declined."""
        if self.state not in {"held", "lost"} or is_closed:
            return "wrong_state"
        if now <= self.moved_at:
            return "malformed"
        self.moved_at = now
        return None

    def deadlines(self) -> list[int]:
        if self.state in {"declined", "lost"}:
            return [self.left_at + 30 * DAY]
        return [self.until] if self.state == "invited" and self.until else []

    def tick(self, now: int) -> None:
        if self.role == "contact" and self.state == "invited" and self.until <= now:
            self.paused = True

    @property
    def may_stop(self) -> bool:
        return self.state == "held" or (self.state == "lost" and self.has_held)
