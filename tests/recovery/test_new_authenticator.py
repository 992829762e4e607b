"""After a recovery who completed it sets a new authenticator, and nobody else does."""

import pytest
from sqlalchemy import select

from escrow.account import totp
from escrow.account.models import Totp
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from escrow.recovery import flow
from tests.recovery import proving
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer, 0, 0)


def complete(world: World, customer: Customer, made: Deposited, kind: str = "kit") -> None:
    """Bring the key back; the customer stays signed in as she was when it was complete."""
    if kind == "kit":
        recovery = proving.open_with(world, customer, made, [], kind)
        world.wait(9 * DAY)
        session = proving.begin_with(customer, made, recovery, kind)
    else:
        recovery = world.ready_recovery(customer, made)
        session = world.begin(customer, made, recovery)
    session.complete(made.recovery_key).ok()
    world.run()


def reset(customer: Customer) -> None:
    path = f"/accounts/{customer.account}/totp"
    customer.totp_secret = customer.http.post(path).ok()["totp_secret"]
    confirmed = customer.http.post(f"{path}/confirm", {"code": customer.totp()}).ok()
    customer.http.token = confirmed["token"] or customer.http.token


def test_the_sign_in_that_completed_sets_a_new_authenticator_after_a_slower_proof(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    stranger = Customer(world.http(), world.mailbox, customer.address, customer.account)
    stranger.totp_secret = customer.totp_secret
    complete(world, customer, made)
    stranger.sign_in()
    reset(customer)
    world.run()
    assert customer.http.get(f"/accounts/{customer.account}").ok()["totp_changed_at"]
    assert stranger.http.get(f"/accounts/{customer.account}").code == "unauthenticated"
    assert any("new authenticator" in m["Subject"] for m in world.mailbox.to(customer.address))
    customer.sign_in()


def test_the_ledger_says_that_an_authenticator_was_set_after_a_recovery(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    complete(world, customer, enrolled[0])
    reset(customer)
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(LedgerEvent.type == "totp changed")
        query = query.order_by(LedgerEvent.position)
        said = [Event.parse(body).data["reason"] for body in db.scalars(query) if body]
    assert said[-1] == "recovered"


def test_a_stopped_authenticator_is_replaced_after_a_slower_proof(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    complete(world, customer, made)
    with world.database.transaction() as db:
        row = db.get_one(Totp, customer.account)
        row.wrong_in_a_row = totp.HARD_STOP
        world.web_keys.seal_row(row)
    reset(customer)
    customer.sign_in()


@pytest.mark.parametrize("who", ["another mail code", "another account", "a day later"])
def test_nobody_else_sets_an_authenticator_without_a_code_of_the_old_one(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], who: str
) -> None:
    made, _ = enrolled
    complete(world, customer, made, "totp" if who == "a day later" else "kit")
    path = f"/accounts/{customer.account}/totp"
    if who == "another mail code":
        customer.mail_login()
        assert customer.http.post(path).code == "unauthenticated"
    elif who == "another account":
        thief = world.customer()
        assert thief.http.post(path).code == "not_found"
        assert customer.http.post(f"/accounts/{thief.account}/totp").code == "unauthenticated"
    else:
        world.clock.move(flow.RESET_SECONDS)
        customer.sign_in()
        world.clock.move(301)
        assert customer.http.post(path).code == "step_up_required"


def test_a_mail_code_does_not_confirm_what_it_may_not_set(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    customer.sign_in()
    path = f"/accounts/{customer.account}/totp"
    customer.totp_secret = customer.http.post(path).ok()["totp_secret"]
    customer.mail_login()
    refused = customer.http.post(f"{path}/confirm", {"code": customer.totp()})
    assert refused.code == "unauthenticated"


def test_a_drill_gives_nobody_a_new_authenticator(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    recovery = proving.open_with(world, customer, made, [], "kit")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] in {"waiting", "ready"}
    world.run()
    session = proving.begin_with(customer, made, recovery, "kit")
    session.complete(made.recovery_key).ok()
    refused = customer.http.post(f"/accounts/{customer.account}/totp")
    assert refused.code == "unauthenticated"


def test_completing_with_the_authenticator_needs_no_second_code_for_a_new_one(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    complete(world, customer, made, "totp")
    world.clock.move(301)
    reset(customer)
    customer.sign_in()
