"""One play by a script: every verb allowed at least once, every state reached, in a few seconds.

What Hypothesis finds by chance in two hundred plays stands here once, so that a verb that the
service or the model has come to refuse is noticed at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.model.expected import DAY
from tests.model.machine import Play
from tests.model.people import Pair
from tests.model.tally import Tally


@pytest.fixture
def play(urls: Callable[[ExitStack], str]) -> Iterator[Play]:
    attributes = {"urls": staticmethod(urls), "tally": Tally()}
    made: Play = type("Scripted", (Play,), attributes)()
    try:
        yield made
        made.compare_all()
    finally:
        made.stack.close()


def test_a_play_by_script_allows_every_verb_and_reaches_every_state(play: Play) -> None:
    play.enrol(0, (2, 3), 1, True)
    play.town.advance(8 * DAY)
    pair = play.pairs()[0]
    contacts_vouch_and_one_turns(play, pair)
    two_proofs_after_the_veto(play, pair)
    a_dead_mailbox(play, pair)
    contacts_leave_move_and_come_back(play, pair)
    play.drill(0, 4)
    invitations(play)
    replacing_and_reopening(play)
    play.change_the_authenticator(0)
    play.guess(0, 6)
    the_account_closes(play)
    assert not play.tally.missing()


def contacts_vouch_and_one_turns(play: Play, pair: Pair) -> None:
    play.open_one(pair, "totp+kit")
    play.open_one(pair, "contacts")
    play.withdraw_a_request(0)
    play.open_one(pair, "contacts")
    draft = pair.ever_asked[-1]
    turned, *friends = play.holding([pair])
    play.vouch_one(turned, draft)
    play.open_one(pair, "totp", "contact")
    play.contact_stops(0)
    play.vouch_one(friends[0], draft)
    assert draft in pair.expected.drafts, "who has stopped a recovery counts"
    play.vouch_one(friends[0], draft)
    play.vouch_one(friends[1], draft)
    play.freeze(0)
    play.unfreeze(0, 1)
    play.unfreeze(0, 2)
    play.time_passes(DAY, True)
    play.go_on(pair, 2)
    play.call(0, 6)
    play.go_on(pair, 4)
    play.set_a_new_authenticator(0)
    play.town.advance(8 * DAY)


def two_proofs_after_the_veto(play: Play, pair: Pair) -> None:
    play.open_past_a_veto(0, "totp+kit")
    play.contact_stops(0)
    play.go_on(pair, 2)
    play.freeze(0)
    play.unfreeze(0, 2)
    play.go_on(pair, 4)
    play.open_past_a_veto(0, "totp+contacts")
    for found in play.holding([pair]):
        play.vouch_one(found, pair.ever_asked[-1])
    play.stop(0)


def a_dead_mailbox(play: Play, pair: Pair) -> None:
    play.open_one(pair, "kit", "customer")
    play.freeze(0)
    play.unfreeze(0, 2)
    play.go_on(pair, 4)
    play.open_one(pair, "kit", "customer")
    play.town.advance(8 * DAY)


def contacts_leave_move_and_come_back(play: Play, pair: Pair) -> None:
    play.prove(0, "check")
    play.decline(0)
    play.move(0, True)
    play.prove(0, "check")
    play.prove(0, "share")
    play.lose(1)
    play.prove(0, "share")
    play.decline(2)
    play.town.advance(30 * DAY)
    play.prove(0, "share")
    play.lose_the_kit(0)
    play.open_one(pair, "kit")
    play.prove_the_kit(0, "share")
    play.move(0, False)


def invitations(play: Play) -> None:
    play.enrol(0, (1, 1), 3, False)
    play.prove_the_kit(2, "share")
    play.say_of_a_contacts_piece(0, "resume")
    play.town.advance(15 * DAY)
    play.accept(0)
    play.say_of_a_contacts_piece(0, "withdraw")


def replacing_and_reopening(play: Play) -> None:
    play.replace(0, (1, 1), 1, True, None)
    play.town.advance(DAY)
    play.close(0)
    for _ in range(2):  # the second time nobody but the owner may
        play.reopen_as_contact(0)
        play.close(0)
    play.reopen(0)
    play.replace(0, (0, 0), 1, True, True)


def the_account_closes(play: Play) -> None:
    play.close_the_account(0)
    play.approve_a_closing(0, 2)
    play.reopen_the_account(0)
    play.approve_a_closing(0, 1)
    play.approve_a_closing(0, 2)
    play.close_the_account(0)
    play.town.advance(31 * DAY)
