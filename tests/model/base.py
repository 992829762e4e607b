"""What every rule of the play uses: choosing whom it is about, acting, and comparing the answer."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from escrow.db import Database
from tests.model.expected import Custody, Refused
from tests.model.people import Pair, Someone, Town
from tests.model.postbox import Postbox
from tests.model.recovery import Recovery
from tests.model.tally import Tally
from tests.support.people import Answer, Contact
from tests.support.world import World

WHICH = st.integers(0, 11)
MOST_DEPOSITS = 5
PEOPLE = 2
Held = tuple[Pair, Contact]
T = TypeVar("T")


def chosen(which: int, among: Sequence[T]) -> T:
    return among[which % len(among)]


class Base(RuleBasedStateMachine):
    """One example: a fresh service and a customer. The test sets the attributes of the class."""

    urls: Callable[[ExitStack], str]
    tally: Tally

    def __init__(self) -> None:
        super().__init__()
        with ExitStack() as stack:
            where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
            directory = stack.enter_context(tempfile.TemporaryDirectory(dir=where))
            database = Database(type(self).urls(stack))
            stack.callback(database.close)
            box = Postbox(Path(directory))
            world = World.make(database, Path(directory), box, requests_an_hour=100_000)
            box.serve(world)
            self.town = Town(world, self.tally)
            self.town.arrive()
            self.stack = stack.pop_all()
        self.tally.plays += 1

    def said(
        self, verb: str, expected: Refused, act: Callable[[], Answer], *, is_last: bool = True
    ) -> bool:
        """Act, and compare with what the model has said; tells whether it was allowed.

        What is refused has no effect at all: nothing is written to the ledger. What is allowed has
        all of its effects before the next act, unless that comes at the same moment.
        """
        before = self.town.written()
        answer = act()
        self.tally.verb(verb, expected)
        if expected is None:
            assert answer.status < 300, (verb, answer.json)
            if is_last:
                self.town.settle()
            return True
        got = (answer.status >= 400, (answer.json or {}).get("code"))
        assert got == (True, expected), (verb, expected, answer.json)
        assert self.town.written() == before, verb
        self.town.check()
        return False

    # --- choosing ---

    def always(self) -> bool:
        return True

    def people(self) -> list[Someone]:
        """Return those who can sign in: not whose account is closed."""
        return [one for one in self.town.people if one.account.state != "closed"]

    def pairs(self) -> list[Pair]:
        """Return the deposits of people who can sign in; those that are closed come last."""
        mine = [pair for pair in self.town.pairs if pair.owner.account.state != "closed"]
        return sorted(mine, key=lambda pair: pair.expected.state == "closed")

    def open_pairs(self) -> list[Pair]:
        return [pair for pair in self.pairs() if pair.expected.state != "closed"]

    def has_room(self) -> bool:
        return bool(self.people()) and len(self.open_pairs()) < MOST_DEPOSITS

    def pair(self, which: int) -> Pair:
        """Choose a deposit, seldom one that is closed."""
        found = self.open_pairs()
        return chosen(which, found if found and which < 10 else self.pairs())

    def recovering(self) -> list[Pair]:
        """Return the deposits with a recovery, those under way first."""
        found = [pair for pair in self.pairs() if pair.expected.recovery is not None]
        return sorted(found, key=lambda pair: not pair.expected.is_busy)

    def busy(self) -> list[Pair]:
        return [pair for pair in self.recovering() if pair.expected.is_busy]

    def frozen(self) -> list[Pair]:
        return [pair for pair in self.recovering() if recovery_of(pair).state == "frozen"]

    def live(self) -> list[Pair]:
        """Return the deposits whose pieces can be collected now."""
        return [pair for pair in self.begun() if recovery_of(pair).is_live(self.town.now)]

    def begun(self) -> list[Pair]:
        found = [pair for pair in self.recovering() if pair.session is not None]
        return sorted(found, key=lambda pair: recovery_of(pair).state != "collecting")

    def invited(self) -> list[Held]:
        """Return all contacts with their deposit, who is still invited first."""
        found = [(pair, contact) for pair in self.pairs() for contact in pair.contacts]
        return sorted(found, key=lambda one: piece_of(one).state != "invited")

    def first_of(self, which: int, found: Sequence[T], better: Callable[[T], bool]) -> T:
        """Choose one, of the better ones nine times in twelve if there are any."""
        few = [one for one in found if better(one)]
        return chosen(which, few if few and which < 9 else found)

    def holding(self, pairs: list[Pair]) -> list[Held]:
        """Return the contacts who have had their piece."""
        return [(p, c) for p in pairs for c in p.contacts if c.payload is not None]


def recovery_of(pair: Pair) -> Recovery:
    assert pair.expected.recovery is not None
    return pair.expected.recovery


def piece_of(found: Held) -> Custody:
    return found[0].expected.custodies[found[1].custody]
