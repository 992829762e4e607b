"""How often every verb was allowed and refused, and every state reached: printed, and demanded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from hypothesis import currently_in_test_context, event

VERBS = frozenset(
    {
        "accept",
        "approve closing",
        "ask contacts",
        "ask totp+contacts",
        "begin",
        "begin a drill",
        "call",
        "change the authenticator",
        "check",
        "close",
        "close the account",
        "come back",
        "complete",
        "contact stops",
        "decline",
        "enrol",
        "freeze",
        "guess",
        "lost",
        "lost by contact",
        "move",
        "open kit",
        "open totp",
        "open totp+kit",
        "prove the kit",
        "release",
        "reopen",
        "reopen as contact",
        "reopen the account",
        "replace",
        "report a drill",
        "resume",
        "set a new authenticator",
        "sign a replacement",
        "stop",
        "unfreeze",
        "vouch",
        "withdraw",
        "withdraw a request",
    }
)
NEVER_ALLOWED = frozenset({"guess"})
STATES = frozenset(
    {
        *("account active", "account closing", "account closed"),
        *("deposit pending", "deposit active", "deposit complete"),
        *("deposit closing", "deposit closed"),
        *("custody invited", "custody held", "custody declined", "custody lost"),
        *("custody withdrawn", "custody destroyed"),
        *("recovery opened", "recovery waiting", "recovery ready", "recovery collecting"),
        *("recovery frozen", "recovery cancelled", "recovery completed", "recovery expired"),
    }
)


@dataclass
class Tally:
    """Counts over all plays of a run."""

    plays: int = 0
    allowed: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)

    def verb(self, verb: str, refused: str | None) -> None:
        assert verb in VERBS, verb
        (self.allowed if refused is None else self.refused)[verb] += 1
        if currently_in_test_context():
            event(f"{verb}: {refused or 'allowed'}")

    def state(self, state: str) -> None:
        self.reached[state] += 1

    def missing(self) -> set[str]:
        """Return the verbs that were never allowed and the states that were never reached."""
        verbs = VERBS - NEVER_ALLOWED - set(self.allowed)
        return verbs | (NEVER_ALLOWED - set(self.refused)) | (STATES - set(self.reached))

    def __str__(self) -> str:
        verbs = [f"{self.allowed[v]:7} {self.refused[v]:7}  {v}" for v in sorted(VERBS)]
        states = [f"{self.reached[s]:7}          {s}" for s in sorted(STATES)]
        return "\n".join([f"{self.plays} plays", "allowed refused", *verbs, "reached", *states])
