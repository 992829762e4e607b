"""Hypothesis plays customers, contacts and time against the service and the model at once."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from escrow.db import Database
from tests.model.expected import DAY, HOUR, Custody, Recovery
from tests.model.people import Pair, Town
from tests.support.mailbox import Mailbox
from tests.support.people import Answer, Contact
from tests.support.world import World

POLICIES = st.sampled_from([(0, 0), (1, 1), (2, 2), (2, 3)])
TIMES = st.sampled_from([60, HOUR, 6 * HOUR, DAY, 8 * DAY])
DAYS = st.sampled_from([1, 3, 14])
WHICH = st.integers(0, 11)
MOST_DEPOSITS = 4
T = TypeVar("T")


def agree(answer: Answer, expected: str | None) -> None:
    """The service says yes or no as the model does, and for the same reason."""
    if expected is None:
        assert answer.status < 300, answer.json
    else:
        assert (answer.status >= 400, answer.json.get("code")) == (True, expected), answer.json


def chosen(which: int, among: list[T]) -> T:
    return among[which % len(among)]


def running(pair: Pair) -> Recovery:
    assert pair.expected.recovery is not None
    return pair.expected.recovery


class Play(RuleBasedStateMachine):
    """One example: a fresh service, two customers. `urls` and `mailbox` are set by the test."""

    urls: Callable[[ExitStack], str]
    mailbox: Mailbox

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        where = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        directory = self.stack.enter_context(tempfile.TemporaryDirectory(dir=where))
        database = Database(type(self).urls(self.stack))
        self.stack.callback(database.close)
        self.town = Town(World.make(database, Path(directory), self.mailbox))
        self.people = [self.town.arrive(), self.town.arrive()]

    def teardown(self) -> None:
        try:
            for pair in self.town.pairs:
                self.town.see(pair)
            self.town.check_ledger()
        finally:
            self.stack.close()

    @initialize(policy=POLICIES, days=DAYS)
    def somebody_has_a_deposit(self, policy: tuple[int, int], days: int) -> None:
        self.enrol_whole(0, policy, days)

    # --- choosing: a rule is played only where it can do or be refused something ---

    def recovering(self) -> list[Pair]:
        return [pair for pair in self.town.pairs if pair.expected.recovery is not None]

    def begun(self) -> list[Pair]:
        return [pair for pair in self.recovering() if pair.session is not None]

    def contacts(self, pairs: list[Pair], *, holding: bool = False) -> list[tuple[Pair, Contact]]:
        return [
            (pair, contact)
            for pair in pairs
            for contact in pair.contacts
            if not holding or contact.payload is not None
        ]

    def piece_of(self, found: tuple[Pair, Contact]) -> Custody:
        return found[0].expected.custodies[found[1].custody]

    # --- what customers do ---

    @rule(who=WHICH, policy=POLICIES, days=DAYS)
    @precondition(lambda self: len(self.town.pairs) < MOST_DEPOSITS)
    def enrol(self, who: int, policy: tuple[int, int], days: int) -> None:
        self.town.enrol(self.people[who % 2], *policy, days)

    @rule(who=WHICH, policy=POLICIES, days=DAYS)
    @precondition(lambda self: len(self.town.pairs) < MOST_DEPOSITS)
    def enrol_whole(self, who: int, policy: tuple[int, int], days: int) -> None:
        """Enrol, prove the kit, let all contacts accept."""
        pair = self.town.enrol(self.people[who % 2], *policy, days)
        self._prove(pair)
        for contact in pair.contacts:
            self._accept(pair, contact)

    @rule(which=WHICH)
    @precondition(lambda self: self.town.pairs)
    def prove_the_kit(self, which: int) -> None:
        self._prove(chosen(which, self.town.pairs))

    def _prove(self, pair: Pair) -> None:
        custody = pair.expected.custodies["kit"]
        closed = pair.expected.state == "closed"
        expected = "wrong_state" if closed or custody.state not in {"invited", "held"} else None
        agree(self.town.attest_kit(pair), expected)
        if expected is None:
            custody.state, custody.has_held = "held", True
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.town.pairs)
    def open(self, which: int) -> None:
        pair = chosen(which, self.town.pairs)
        owner, earlier = pair.owner, (pair.expected.recovery, pair.recovery)
        self.town.sign_in(owner)
        now = self.town.now
        wait = pair.expected.waiting_seconds
        if owner.totp_changed_at and now - owner.totp_changed_at < 7 * DAY:
            wait += 7 * DAY
        expected = pair.expected.open(now, wait, owner.opened_today(now))
        agree(self.town.open(pair), expected)
        if expected is None:
            owner.opened.append(now)
        else:
            pair.expected.recovery, pair.recovery = earlier
        self.town.settle()

    @rule(which=WHICH)
    @precondition(recovering)
    def begin(self, which: int) -> None:
        pair = chosen(which, self.recovering())
        self.town.sign_in(pair.owner)
        session = pair.session
        expected = running(pair).begin(self.town.now)
        agree(self.town.begin(pair, pair.recovery), expected)
        if expected is not None:
            pair.session = session
        self.town.settle()

    @rule(which=WHICH, steps=st.integers(2, 5))
    @precondition(lambda self: self.town.pairs)
    def go_through_a_recovery(self, which: int, steps: int) -> None:
        """Open, wait, begin, let a contact release, complete: the first `steps` of these."""
        pair = chosen(which, self.town.pairs)
        self.open(which)
        if pair.expected.recovery is None:
            return
        again = self.recovering().index(pair)
        if running(pair).state == "waiting":
            recovery = running(pair)
            self.town.advance(recovery.opened_at + recovery.wait - self.town.now)
        if steps > 2:
            self.begin(again)
        if steps > 3 and pair.session is not None and self.contacts([pair], holding=True):
            self._release(self.contacts([pair], holding=True)[0])
        if steps > 4 and pair.session is not None:
            self.complete(self.begun().index(pair))

    @rule(which=WHICH)
    @precondition(begun)
    def complete(self, which: int) -> None:
        pair = chosen(which, self.begun())
        recovery, session = running(pair), pair.session
        assert session is not None
        self.town.sign_in(pair.owner)
        live = recovery.state == "collecting" and self.town.now < recovery.begun_at + HOUR
        if live:
            assert self.town.recover(pair) == pair.made.recovery_key
        session.recovery = pair.recovery
        agree(session.complete(pair.made.recovery_key), recovery.complete())
        self.town.settle()

    @rule(which=WHICH)
    @precondition(recovering)
    def stop(self, which: int) -> None:
        pair = chosen(which, self.recovering())
        self.town.sign_in(pair.owner)
        answer = pair.owner.customer.http.post(f"/recoveries/{pair.recovery}/veto")
        agree(answer, running(pair).veto())
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.town.pairs)
    def close(self, which: int) -> None:
        pair = chosen(which, self.town.pairs)
        self.town.sign_in(pair.owner)
        path = f"/deposits/{pair.made.deposit}/close"
        answer = pair.owner.customer.http.post(path, {"reason": "no longer needed"})
        agree(answer, pair.expected.close(self.town.now))
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.town.pairs)
    def reopen(self, which: int) -> None:
        pair = chosen(which, self.town.pairs)
        self.town.sign_in(pair.owner)
        answer = pair.owner.customer.http.post(f"/deposits/{pair.made.deposit}/reopen")
        agree(answer, pair.expected.reopen())
        self.town.settle()

    @rule(who=WHICH)
    def change_the_authenticator(self, who: int) -> None:
        someone = self.people[who % 2]
        self.town.sign_in(someone)
        self.town.change_totp(someone)
        self.town.settle()

    @rule(which=WHICH, what=st.sampled_from(["lost", "withdraw", "resume"]))
    @precondition(lambda self: self.contacts(self.town.pairs))
    def say_of_a_piece(self, which: int, what: str) -> None:
        found = chosen(which, self.contacts(self.town.pairs))
        custody = self.piece_of(found)
        self.town.sign_in(found[0].owner)
        answer = found[0].owner.customer.http.post(f"/custodies/{found[1].custody}/{what}")
        if what == "resume":
            agree(answer, custody.resume(self.town.now))
        elif what == "withdraw":
            agree(answer, custody.leave("withdrawn", "invited"))
        else:
            agree(answer, custody.leave("lost", "invited", "held"))
        self.town.settle()

    # --- what contacts do ---

    @rule(which=WHICH)
    @precondition(lambda self: self.contacts(self.town.pairs))
    def accept(self, which: int) -> None:
        self._accept(*chosen(which, self.contacts(self.town.pairs)))

    def _accept(self, pair: Pair, contact: Contact) -> None:
        custody = self.piece_of((pair, contact))
        if pair.expected.state == "closed":
            return
        expected = custody.accept()
        if expected is None:
            self.town.accept(pair, contact)
        else:
            agree(self.town.try_to_fetch(contact), expected)
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.contacts(self.town.pairs, holding=True))
    def decline(self, which: int) -> None:
        found = chosen(which, self.contacts(self.town.pairs, holding=True))
        answer = found[1].http.post(f"/custodies/{found[1].custody}/decline")
        agree(answer, self.piece_of(found).leave("declined", "invited", "held"))
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.contacts(self.recovering(), holding=True))
    def contact_stops(self, which: int) -> None:
        found = chosen(which, self.contacts(self.recovering(), holding=True))
        recovery = running(found[0])
        answer = found[1].http.post(f"/recoveries/{found[0].recovery}/veto")
        may = self.piece_of(found).may_stop or recovery.state == "cancelled"
        agree(answer, recovery.veto() if may else "wrong_state")
        self.town.settle()

    @rule(which=WHICH)
    @precondition(lambda self: self.contacts(self.begun(), holding=True))
    def release(self, which: int) -> None:
        self._release(chosen(which, self.contacts(self.begun(), holding=True)))

    def _release(self, found: tuple[Pair, Contact]) -> None:
        pair, contact = found
        session = pair.session
        assert session is not None
        if session.recovery != pair.recovery:  # of an earlier recovery: refused, whatever it says
            old = contact.release(session.recovery, session.session, session.key.public_key())
            assert old.status == 409
            return
        self.town.sign_in(pair.owner)
        expected = running(pair).release(contact.custody, self.piece_of(found), self.town.now)
        if expected is None:
            session.call(contact)
        answer = contact.release(pair.recovery, session.session, session.key.public_key())
        agree(answer, expected)
        self.town.settle()

    # --- what nobody does ---

    @rule(seconds=TIMES)
    def time_passes(self, seconds: int) -> None:
        self.town.advance(seconds)

    @rule(which=WHICH, offset=st.sampled_from([-1, 0, 1]))
    @precondition(lambda self: self.town.deadlines())
    def the_hour_comes(self, which: int, offset: int) -> None:
        """Go to the second before, at or after the moment at which something happens."""
        self.town.advance(chosen(which, self.town.deadlines()) + offset - self.town.now)

    @rule()
    def the_custodian_is_killed(self) -> None:
        self.town.world.restart_custodian()
        self.town.settle()
