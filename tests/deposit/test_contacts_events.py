"""Who has which events of the ledger."""

import pytest
from sqlalchemy import select

from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.ledger import Event
from tests.support.people import Contact, Customer, Deposited, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


def events(answer_of: Customer | Contact, path: str) -> list[Event]:
    found = answer_of.http.get(path).ok()["events"]
    return [Event.parse(b64url_decode(line["event"])) for line in found]


def test_the_customer_has_exactly_the_events_of_her_deposit(
    world: World, customer: Customer
) -> None:
    made, stranger, recovery = _busy(world, customer)
    shown = events(customer, f"/deposits/{made.deposit}/events")
    with world.database.reading() as db:
        query = select(LedgerEvent.id).where(LedgerEvent.deposit == made.deposit)
        assert {event.id for event in shown} == set(db.scalars(query))
    kinds = {event.type for event in shown}
    assert {"custody fetched", "custody moved", "release made", "recovery begun"} <= kinds
    assert {event.deposit for event in shown} == {made.deposit}
    assert recovery in {event.recovery for event in shown}
    stranger.sign_in()
    assert stranger.http.get(f"/deposits/{made.deposit}/events").status == 404


def test_a_contact_has_exactly_the_events_of_her_custody_and_of_the_deposits_recoveries(
    world: World, customer: Customer
) -> None:
    _, _, recovery = _busy(world, customer)
    [anna, bert] = world.contacts
    path = f"/custodies/{anna.custody}/events"
    shown = events(anna, path)
    with world.database.reading() as db:
        mine = (LedgerEvent.custody == anna.custody) | (LedgerEvent.recovery == recovery)
        assert {event.id for event in shown} == set(db.scalars(select(LedgerEvent.id).where(mine)))
    kinds = {event.type for event in shown}
    assert {"recovery opened", "recovery noticed", "release intended", "release made"} <= kinds
    others = [event for event in shown if event.custody not in {None, anna.custody}]
    assert {event.type.split()[0] for event in others} == {"release"}  # of the recovery
    assert not [event for event in shown if event.type.startswith(("deposit", "account"))]
    assert bert.http.get(path).status == 401
    assert customer.http.get(path).status == 401
    assert world.http().get(path).status == 401


def _busy(world: World, customer: Customer) -> tuple[Deposited, Customer, str]:
    """Two customers with deposits, a move, a recovery with releases of provider and contact."""
    from tests.deposit.test_contacts_moving import move

    made, world.contacts = world.enrol(customer, needed=2, count=2)
    stranger = world.customer()
    world.enrol(stranger)
    customer.sign_in()
    world.enrol(customer)  # another deposit of her own
    move(world, world.contacts[1], f"{new_id()}@moved.test").ok()
    world.run()
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    world.contacts[0].release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    return made, stranger, recovery
