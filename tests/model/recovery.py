"""What the pages say of one recovery, and of the requests that contacts prove first."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.model.expected import DAY, HOUR, Account, Counts, Custody, Refused

ENDED = frozenset({"cancelled", "completed", "expired"})
RUNNING = frozenset({"opened", "waiting", "ready", "collecting"})
BY_KIT = frozenset({"kit", "totp+kit"})
BY_CONTACTS = frozenset({"contacts", "totp+contacts"})
PAST_VETO = frozenset({"totp+kit", "totp+contacts"})
CALLS_A_SESSION = 5


def wait_of(proof: str, waiting_seconds: int) -> int:
    """Return how long a proof waits at least, after the manifest's own waiting time."""
    if proof in PAST_VETO:
        return max(2 * waiting_seconds, 14 * DAY)
    if proof == "kit":
        return max(3 * waiting_seconds, 7 * DAY)
    return max(waiting_seconds, 30 * DAY) if proof == "contacts" else waiting_seconds


@dataclass
class Draft:
    """A request that contacts have to prove; `given` are those who have."""

    proof: str
    asked_at: int
    given: set[str] = field(default_factory=set)

    def stands(self, now: int) -> bool:
        return now < self.asked_at + 7 * DAY


@dataclass
class Recovery:
    """One recovery. `least` is its wait without a late change; `said` is what `open` has fixed."""

    account: Account
    proof: str
    opened_at: int
    least: int
    is_drill: bool = False
    state: str = "opened"
    said: int = 0
    wait: int = 0
    begun_anew_at: int = 0
    noticed_at: int = 0
    ready_at: int = 0
    frozen_at: int = 0
    begun_at: int = 0
    calls: int = 0
    released: set[str] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)

    def __post_init__(self) -> None:
        self.said = self.wait = self._least(self.opened_at)
        self.begun_anew_at = self.opened_at

    def _least(self, now: int) -> int:
        late = self.account.changed_lately(now) and not self.is_drill
        return self.least + (7 * DAY if late else 0)

    def notice(self, now: int, waiting_seconds: int, *, is_refused: bool = False) -> None:
        """Everybody's mail was taken or finally refused, at least one of the customer's taken."""
        more = min(waiting_seconds, 7 * DAY) if is_refused and not self.is_drill else 0
        self.wait = max(self._least(now), self.said) + more
        self.state, self.noticed_at = "waiting", now

    def veto(self, by: Custody | None = None) -> Refused:
        """Stop it, as the customer or as a contact; against two proofs at once no contact can."""
        if self.state == "cancelled":
            return None
        if by is not None and (not by.may_stop or self.proof in PAST_VETO):
            return "wrong_state"
        return self._end("cancelled", RUNNING | {"frozen"})

    def complete(self) -> Refused:
        return None if self.state == "completed" else self._end("completed", {"collecting"})

    def _end(self, state: str, before: set[str] | frozenset[str]) -> Refused:
        if self.state not in before:
            return "wrong_state"
        self.state = state
        return None

    def freeze(self, now: int) -> Refused:
        if self.state not in RUNNING:
            return "wrong_state"
        self.state, self.frozen_at = "frozen", now
        return None

    def unfreeze(self, now: int, waiting_seconds: int) -> Refused:
        """Everybody is told again, and the whole wait begins anew."""
        if self.state != "frozen":
            return "wrong_state"
        self.state, self.begun_anew_at, self.ready_at = "opened", now, 0
        self.notice(now, waiting_seconds)
        return None

    def begin(self, kit: Custody, now: int) -> Refused:
        if self.state == "waiting":
            return "too_early"
        if self.counts.is_full("begin", now):
            return "rate_limited"
        if self.state not in {"ready", "collecting"}:
            return "wrong_state"
        if self.proof in BY_KIT and kit.state != "held":
            return "wrong_state"
        self.counts.add("begin", now)
        self.state, self.begun_at, self.calls = "collecting", now, 0
        self.released = set()
        return None

    def is_live(self, now: int) -> bool:
        return self.state == "collecting" and now < self.begun_at + HOUR

    def call(self, custody: Custody, now: int) -> Refused:
        if not self.is_live(now):
            return "gone" if self.state == "collecting" else "wrong_state"
        if custody.state != "held":
            return "wrong_state"
        if self.calls >= CALLS_A_SESSION:
            return "rate_limited"
        self.calls += 1
        return None

    def release(self, name: str, custody: Custody, now: int) -> Refused:
        if not self.is_live(now):
            return "gone" if self.state == "collecting" else "wrong_state"
        if name in self.released:
            return "conflict"
        if custody.state != "held":
            return "wrong_state"
        self.released.add(name)
        return None

    def served(self, provider: str, needed: int, now: int) -> set[str]:
        """Return whose pieces are there now; the provider's comes after the contacts that prove."""
        if not self.is_live(now):
            return set()
        is_enough = self.proof not in BY_CONTACTS or len(self.released) >= needed
        return self.released | ({provider} if is_enough else set())

    def deadlines(self) -> list[int]:
        return {
            "opened": [self.begun_anew_at + 7 * DAY],
            "waiting": [self.noticed_at + self.wait],
            "ready": [self.ready_at + 14 * DAY],
            "collecting": [self.ready_at + 14 * DAY, self.begun_at + HOUR],
            "frozen": [self.frozen_at + 30 * DAY],
        }.get(self.state, [])

    def tick(self, now: int) -> None:
        if self.state == "waiting" and now >= self.noticed_at + self.wait:
            self.state, self.ready_at = "ready", now
        if self.state in {"ready", "collecting"} and now >= self.ready_at + 14 * DAY:
            self.state = "expired"
        if self.state == "opened" and now >= self.begun_anew_at + 7 * DAY:
            self.state = "expired"
        if self.state == "frozen" and now >= self.frozen_at + 30 * DAY:
            self.state = "cancelled"
