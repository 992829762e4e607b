"""Hypothesis plays customers, contacts, operators and time against service and model at once."""

from __future__ import annotations

import hypothesis.strategies as st
from hypothesis.stateful import initialize, rule

from tests.model.accounts import AccountRules
from tests.model.base import WHICH, Base, chosen
from tests.model.customers import DAYS, POLICIES
from tests.model.drills import DrillRules
from tests.model.expected import DAY, HOUR
from tests.model.office import OfficeRules
from tests.model.verbs import THEMES, verb, verbs_of

TIMES = st.sampled_from([60, HOUR, 6 * HOUR, DAY, 8 * DAY])


class Play(AccountRules, DrillRules, OfficeRules):
    """One play: every rule of everybody, and what nobody does."""

    theme = "any"

    @initialize(policy=POLICIES, days=DAYS, theme=st.sampled_from(THEMES))
    def somebody_has_a_deposit(self, policy: tuple[int, int], days: int, theme: str) -> None:
        self.theme = theme
        self.enrol(0, policy, days, True)

    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        """Play one verb of those that are possible now."""
        possible = {verb.name: verb for verb in _VERBS if verb.possible(self)}
        names = [n for n, verb in possible.items() for _ in range(verb.weight_in(self.theme))]
        found = possible[data.draw(st.sampled_from(names), "verb")]
        given = {name: data.draw(how, name) for name, how in found.arguments.items()}
        getattr(self, found.name)(**given)

    @verb("any", 3, Base.always, seconds=TIMES, killed=st.booleans())
    def time_passes(self, seconds: int, killed: bool) -> None:
        """Let time pass; the custodian may be killed meanwhile, and another started."""
        if killed:
            self.town.restart_custodian()
        self.town.advance(seconds)

    @verb(
        "any",
        4,
        lambda self: self.town.deadlines(),
        which=WHICH,
        offset=st.sampled_from([-1, 0, 1]),
    )
    def the_hour_comes(self, which: int, offset: int) -> None:
        """Go to the second before, at or after the moment at which something happens."""
        self.town.advance(chosen(which, self.town.deadlines()) + offset - self.town.now)

    def compare_all(self) -> None:
        """Compare also what customers are shown, and the whole ledger."""
        for pair in self.pairs():
            self.town.sign_in(pair.owner)
            self.town.checks.see(pair)
        self.town.checks.ledger_is_whole()

    def teardown(self) -> None:
        try:
            self.compare_all()
        finally:
            self.stack.close()


_VERBS = verbs_of(Play)
