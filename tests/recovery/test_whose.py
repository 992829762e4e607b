"""What is asked about a key is answered to its customer alone, at every level of signing in."""

from __future__ import annotations

from typing import Any

import pytest

from tests.recovery import proving
from tests.support.people import Customer, Deposited, new_id
from tests.support.world import World


@pytest.fixture(params=["signed in", "mail code alone"])
def stranger(request: pytest.FixtureRequest, world: World) -> Customer:
    """Another customer, with a key of her own."""
    made = world.customer()
    world.enrol(made)
    if request.param == "signed in":
        made.sign_in()
    else:
        made.mail_login()
    return made


@pytest.fixture
def drafted(world: World) -> tuple[Customer, Deposited, str]:
    """A customer whose contacts have yet to vouch for her, and the draft's identifier."""
    customer = world.customer()
    made, _ = world.enrol(customer, 2, 3)
    proving.sign_in(customer, "contacts")
    draft = new_id()
    proving.ask(customer, made, "contacts", draft).ok()
    return customer, made, draft


def test_what_is_under_way_for_anothers_key_is_not_shown(
    stranger: Customer, drafted: tuple[Customer, Deposited, str]
) -> None:
    _, made, draft = drafted
    for path in (f"/deposits/{made.deposit}/recoveries", f"/recoveries/{draft}"):
        answer = stranger.http.get(path)
        assert (answer.status, answer.code) == (404, "not_found"), path


def test_anothers_draft_is_not_withdrawn(
    stranger: Customer, drafted: tuple[Customer, Deposited, str]
) -> None:
    customer, _, draft = drafted
    assert stranger.http.call("DELETE", f"/recoveries/{draft}").status == 404
    assert customer.http.get(f"/recoveries/{draft}").ok()["state"] == "draft"
    assert customer.http.call("DELETE", f"/recoveries/{draft}").status == 204


@pytest.mark.parametrize("kind", ["contacts", "kit"])
def test_a_stolen_kit_opens_nothing_from_anothers_account(
    stranger: Customer, drafted: tuple[Customer, Deposited, str], kind: str
) -> None:
    _, made, _ = drafted
    recovery = new_id()
    assert proving.ask(stranger, made, kind, recovery).status == 404
    assert stranger.http.get(f"/recoveries/{recovery}").status in {401, 404}


def test_asking_twice_in_the_same_words_opens_one_and_says_which_was_first(
    world: World,
) -> None:
    customer = world.customer()
    made, _ = world.enrol(customer, 2, 3)
    proving.sign_in(customer, "contacts")
    draft = new_id()
    first, second = (proving.ask(customer, made, "contacts", draft) for _ in range(2))
    assert (first.status, second.status) == (201, 200)
    assert first.ok() == second.ok()


def test_of_several_keys_each_tells_its_own_recovery_and_none_that_is_over(world: World) -> None:
    customer = world.customer()
    quiet, _ = world.enrol(customer)
    asked, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, asked)

    def under_way(made: Deposited) -> tuple[Any, Any]:
        listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()
        assert listed["drafts"] == []
        shown = customer.http.get(f"/deposits/{made.deposit}").ok()["recovery"]
        return listed["recovery"], shown

    assert under_way(quiet) == (None, None)
    listed, shown = under_way(asked)
    assert listed == customer.http.get(f"/recoveries/{recovery}").ok()
    assert shown == recovery
    customer.http.post(f"/recoveries/{recovery}/veto", {}).ok()
    assert under_way(asked) == (None, None)
