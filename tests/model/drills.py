"""Drills: a dummy through the same code without a wait, and fresh proofs of the real deposit."""

from __future__ import annotations

import hypothesis.strategies as st

from tests.model.base import WHICH, Base, chosen
from tests.model.customers import DepositRules
from tests.model.expected import DAY, Refused
from tests.model.people import Pair, Someone
from tests.model.recovering import CollectingRules
from tests.model.verbs import verb


class DrillRules(DepositRules, CollectingRules):
    """A drill is never a real deposit, and takes nothing from one."""

    def drills_of(self, owner: Someone) -> list[Pair]:
        return [p for p in self.town.pairs if p.owner is owner and p.expected.kind == "drill"]

    @verb("ends", 1, Base.people, who=WHICH, steps=st.integers(2, 4))
    def drill(self, who: int, steps: int) -> None:
        """Deposit a dummy, bring it back, report it: the first `steps` of these."""
        owner = chosen(who, self.people())
        self.town.sign_in(owner)
        pair = self.town.describe(owner, (0, 0), 0, kind="drill")
        refused = self._may_drill(owner)
        if not self.put("begin a drill", pair, refused):
            return
        self.attest_kit(pair)
        if steps > 2 and self.open_one(pair, "totp"):
            self.begin_one(pair)
            self.complete_one(pair)
        if steps > 3:
            self.report(pair, next(p for p in self.town.pairs if p.owner is owner))

    def _may_drill(self, owner: Someone) -> Refused:
        """Count it; a new drill closes those that were left open.

        Not beside a recovery in earnest: its mails and the drill's would contradict each other.
        """
        now, account = self.town.now, owner.account
        mine = [pair.expected for pair in self.town.pairs if pair.owner is owner]
        if any(d.kind == "real" and d.state != "closed" and d.is_busy for d in mine):
            return "wrong_state"
        left = [p.expected for p in self.drills_of(owner)]
        left = [d for d in left if d.state in {"pending", "active", "complete"}]
        if account.drills_too_often(now) or any(d.counts.is_full("close", now) for d in left):
            return "rate_limited"
        account.drills.append(now)
        for deposit in left:
            deposit.close(now)
        return None

    @verb("ends", 1, Base.pairs, which=WHICH, other=WHICH)
    def report_a_drill(self, which: int, other: int) -> None:
        real = self.pair(which)
        mine = [pair for pair in self.pairs() if pair.owner is real.owner]
        drills = self.drills_of(real.owner)
        self.report(chosen(other, drills if drills and other < 10 else mine), real)

    def report(self, drill: Pair, real: Pair) -> None:
        """Ask for fresh proofs of a real deposit; ours has then been made after the drill."""
        self.town.sign_in(real.owner)
        refused = self._may_report(drill, real)
        http, path = real.owner.customer.http, f"/deposits/{real.made.deposit}/drill"
        body = {"drill": drill.made.deposit}
        if self.said("report a drill", refused, lambda: http.post(path, body)):
            told = self.town.chronicle
            assert told.proven[real.provider] > told.completed[drill.made.deposit]

    def _may_report(self, drill: Pair, real: Pair) -> Refused:
        now, counts = self.town.now, real.expected.counts
        usable = real.expected.state in {"active", "complete", "closing"}
        if real.expected.kind != "real" or not usable:
            return "wrong_state"
        if drill.expected.kind != "drill":
            return "malformed"
        done_at = drill.expected.completed_at
        if not done_at or done_at <= now - DAY:
            return "wrong_state"
        if counts.is_full("drill", now):
            return "rate_limited"
        counts.add("drill", now)
        return None
