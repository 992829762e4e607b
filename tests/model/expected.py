"""What the pages say must happen, in a hundred lines: the model that the real service is held to.

It knows nothing of tables, mails or signatures; only states, times and who holds what. Times are
Unix seconds. Every verb returns the code of the problem that is expected, or None when the service
must say yes; then the model has moved.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOUR = 3600
DAY = 86400
ENDED = frozenset({"cancelled", "completed", "expired"})
RUNNING = frozenset({"opened", "waiting", "ready", "collecting"})
OPENED_A_DAY = 10
CLOSED_AN_HOUR = 5


@dataclass
class Custody:
    """One piece: `until` is the end of an invitation."""

    role: str
    state: str
    until: int = 0
    paused: bool = False
    has_held: bool = False

    def accept(self) -> str | None:
        if self.state != "invited":
            return "gone"
        if self.paused:
            return "wrong_state"
        self.state, self.has_held = "held", True
        return None

    def leave(self, state: str, *before: str) -> str | None:
        """Decline, be withdrawn, be lost: a repeat is harmless."""
        if self.state == state:
            return None
        if self.state not in before:
            return "wrong_state"
        self.state = state
        return None

    def resume(self, now: int) -> str | None:
        if self.state != "invited":
            return "wrong_state"
        self.until, self.paused = now + 14 * DAY, False
        return None

    @property
    def may_stop(self) -> bool:
        return self.state == "held" or (self.state == "lost" and self.has_held)


@dataclass
class Recovery:
    """One recovery, noticed at once because its mails are taken or refused at once."""

    opened_at: int
    wait: int
    state: str = "waiting"
    ready_at: int | None = None
    begun_at: int = 0
    released: set[str] = field(default_factory=set)

    def veto(self) -> str | None:
        if self.state == "cancelled":
            return None
        return self._end("cancelled", RUNNING)

    def complete(self) -> str | None:
        if self.state == "completed":
            return None
        return self._end("completed", {"collecting"})

    def _end(self, state: str, before: set[str] | frozenset[str]) -> str | None:
        if self.state not in before:
            return "wrong_state"
        self.state = state
        return None

    def begin(self, now: int) -> str | None:
        if self.state == "waiting":
            return "too_early"
        if self.state not in {"ready", "collecting"}:
            return "wrong_state"
        self.state, self.begun_at = "collecting", now
        self.released = set()
        return None

    def release(self, name: str, custody: Custody, now: int) -> str | None:
        if self.state != "collecting":
            return "wrong_state"
        if now >= self.begun_at + HOUR:
            return "gone"
        if name in self.released:
            return "conflict"
        if custody.state != "held":
            return "wrong_state"
        self.released.add(name)
        return None

    def deadlines(self) -> list[int]:
        if self.state == "waiting":
            return [self.opened_at + self.wait]
        if self.ready_at is None or self.state in ENDED:
            return []
        return [self.ready_at + 14 * DAY, self.begun_at + HOUR]

    def tick(self, now: int) -> None:
        if self.state == "waiting" and now >= self.opened_at + self.wait:
            self.state, self.ready_at = "ready", now
        late = self.ready_at is not None and now >= self.ready_at + 14 * DAY
        if self.state in {"ready", "collecting"} and late:
            self.state = "expired"


@dataclass
class Deposit:
    """One deposit: its pieces by name, its recoveries, and the newest of them."""

    waiting_seconds: int
    needed: int
    custodies: dict[str, Custody]
    state: str = "pending"
    before: str = ""
    closing_at: int = 0
    closed: list[int] = field(default_factory=list)
    recovery: Recovery | None = None

    def settle(self) -> None:
        """Become active and complete as pieces are held; what was once held counts for ever."""
        both = self.custodies["kit"].has_held
        contacts = [c for c in self.custodies.values() if c.role == "contact"]
        enough = sum(c.has_held for c in contacts) >= self.needed
        if both:
            self._advance("complete" if enough else "active")

    def _advance(self, state: str) -> None:
        order = ("pending", "active", "complete")
        now = self.before if self.state == "closing" else self.state
        if now not in order or order.index(now) >= order.index(state):
            return
        if self.state == "closing":
            self.before = state
        else:
            self.state = state

    def open(self, now: int, wait: int, opened_today: int) -> str | None:
        if self.state not in {"active", "complete", "closing"}:
            return "wrong_state"
        if self.recovery is not None and self.recovery.state not in ENDED:
            return "wrong_state"
        if opened_today >= OPENED_A_DAY:
            return "rate_limited"
        self.recovery = Recovery(now, wait)
        return None

    def close(self, now: int) -> str | None:
        if self.state == "closing":
            return None
        if self.state == "closed":
            return "wrong_state"
        if sum(at // HOUR == now // HOUR for at in self.closed) >= CLOSED_AN_HOUR:
            return "rate_limited"
        self.closed.append(now)
        self.before, self.state, self.closing_at = self.state, "closing", now + 30 * DAY
        return None

    def reopen(self) -> str | None:
        if self.state == "closed":
            return "wrong_state"
        if self.state == "closing":
            self.state = self.before
        return None

    def deadlines(self) -> list[int]:
        found = [c.until for c in self.custodies.values() if c.state == "invited" and c.until]
        if self.state == "closing":
            found.append(self.closing_at)
        return found + (self.recovery.deadlines() if self.recovery else [])

    def tick(self, now: int) -> None:
        if self.recovery is not None:
            self.recovery.tick(now)
        for custody in self.custodies.values():
            if custody.role == "contact" and custody.state == "invited" and custody.until <= now:
                custody.paused = True
        busy = self.recovery is not None and self.recovery.state not in ENDED
        if self.state == "closing" and now >= self.closing_at and not busy:
            self.state = "closed"
            self.custodies["provider"].state = "destroyed"
