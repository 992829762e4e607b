"""What operators do with their keys: hold a recovery, let it go on, schedule a closing."""

from __future__ import annotations

import hypothesis.strategies as st

from tests.model.base import WHICH, Base, recovery_of
from tests.model.expected import Refused
from tests.model.verbs import verb

SIGNERS = st.sampled_from([2, 2, 2, 1])


class OfficeRules(Base):
    """One operator freezes; for all else two different ones are needed."""

    def _decide(
        self, verb: str, operation: str, target: str, refused: Refused, signers: int
    ) -> None:
        """Send as many approvals; the outcome stands in the rows, once the custodian decided."""
        office = self.town.office
        proposal = office.propose(operation, target)
        signed = (office.anna, office.piet)[:signers]
        sent = [str(office.post(proposal, key).ok()["approval"]) for key in signed]
        needed = proposal.rule.needed
        self.tally.verb(verb, refused or ("too few" if signers < needed else None))
        self.town.settle()
        rows = [office.row(identifier) for identifier in sent]
        is_done = signers >= needed and refused is None
        assert {row.executed_at is not None for row in rows} == {is_done}, verb
        is_refused = signers >= needed and refused is not None
        assert {row.refused is not None for row in rows} == {is_refused}, verb

    @verb("recovery", 2, Base.recovering, which=WHICH)
    def freeze(self, which: int) -> None:
        pair = self.first_of(which, self.recovering(), lambda one: one.expected.is_busy)
        refused = recovery_of(pair).freeze(self.town.now)
        self._decide("freeze", "freeze", pair.recovery, refused, 1)

    @verb("recovery", 5, Base.frozen, which=WHICH, signers=SIGNERS)
    def unfreeze(self, which: int, signers: int) -> None:
        pair = self.first_of(
            which, self.recovering(), lambda one: recovery_of(one).state == "frozen"
        )
        refused = None
        if signers > 1:
            waiting = pair.expected.waiting_seconds
            refused = recovery_of(pair).unfreeze(self.town.now, waiting)
        self._decide("unfreeze", "unfreeze", pair.recovery, refused, signers)

    @verb("ends", 1, Base.pairs, which=WHICH, signers=SIGNERS)
    def approve_a_closing(self, which: int, signers: int) -> None:
        pair = self.pair(which)
        refused = pair.expected.close(self.town.now, "operators") if signers > 1 else None
        self._decide("approve closing", "close-deposit", pair.made.deposit, refused, signers)
