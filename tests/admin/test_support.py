"""Who answers the telephone: one customer at a time, masked, and what to say in plain words."""

from __future__ import annotations

import pytest

from escrow.admin import support
from tests.admin.crew import Crew, hired
from tests.deposit.contact_life import DAY
from tests.support.people import Customer, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def sam(world: World) -> Crew:
    return hired(world, "support", "Sam")


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer("mira@example.org")


def text_of(sam: Crew, customer: Customer, language: str = "en") -> str:
    return sam.page(f"/admin/support/{customer.account}", language).text


def told(sam: Crew, customer: Customer) -> list[str]:
    """Return what is to be said of each key, the newest first."""
    parts = text_of(sam, customer).split("<strong>What to say:</strong>")[1:]
    return [part.partition("</p>")[0].strip() for part in parts]


def test_a_customer_is_found_by_the_whole_address_and_nothing_else(
    world: World, sam: Crew, customer: Customer
) -> None:
    def found(address: str) -> list[str]:
        answer: list[str] = sam.post("/admin/support", {"address": address}).ok()["accounts"]
        return answer

    assert found("Mira@Example.org") == [customer.account]
    assert found("mira@example.com") == []
    world.clock.move(60)
    second = world.customer("mira@example.org")
    assert found("mira@example.org") == [second.account, customer.account]
    refused = sam.post("/admin/support", {"address": "%"})
    assert (refused.status, refused.json["field"]) == (400, "address")
    assert sam.page(f"/admin/support/{'ab' * 16}").status_code == 404


def test_each_state_has_words_for_the_telephone(
    world: World, sam: Crew, customer: Customer
) -> None:
    assert "There is no key" in text_of(sam, customer)
    made, [contact] = world.enrol(customer)
    assert told(sam, customer) == [
        "All is well. Is the key lost? “I lost my key” on our start page brings it back."
    ]
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert told(sam, customer)[0].startswith("One way is left")
    lose_kit(world, customer, made)
    assert told(sam, customer)[0].startswith("Nothing brings it back today")
    world.clock.move(60)
    other, _ = world.enrol(customer)
    world.open_recovery(customer, other)
    assert told(sam, customer)[0].startswith("A recovery runs. It can be finished from ")
    world.wait(4 * DAY)
    sam.sign_in().ok()
    assert told(sam, customer)[0].startswith("It can be finished now, until ")
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "test"}).ok()
    world.run()
    assert told(sam, customer)[1].startswith("It ends on ")
    assert "Wat u zegt:" in text_of(sam, customer, "nl")


def lose_kit(world: World, customer: Customer, made: Deposited) -> None:
    kit = made.manifest.of_role("customer")[0].custody
    customer.http.post(f"/custodies/{kit}/lost").ok()
    world.run()


def test_addresses_names_and_what_is_kept_are_not_shown(
    world: World, sam: Crew, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer, label="The secret diary")
    text = text_of(sam, customer)
    for hidden in ("mira@", "secret diary", contact.name, contact.address, made.deposit):
        assert hidden not in text
    assert "m…@example.org" in text
    assert "taken by the mail server" in text


def test_nobody_looks_up_all_customers(
    world: World, sam: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "LOOKED_UP_AN_HOUR", 3)
    codes = [
        sam.post("/admin/support", {"address": f"mira{number}@example.org"}).status
        for number in range(5)
    ]
    assert codes == [200, 200, 200, 429, 429]
    other = hired(world, "support", "Eva")
    other.post("/admin/support", {"address": customer.address}).ok()
    world.clock.move(3600)
    sam.sign_in().ok()
    sam.post("/admin/support", {"address": customer.address}).ok()
