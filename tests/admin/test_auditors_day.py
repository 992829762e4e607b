"""An auditor's day: who lost a way back this month, and one customer's history as proof."""

from __future__ import annotations

import re

import pytest

from tests.admin.crew import Crew, hired
from tests.deposit.contact_life import DAY, attest_share
from tests.support.people import Contact, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


def listed(crew: Crew, query: str = "") -> list[tuple[str, str, str, str]]:
    """Return what the page says: key, before, after, today."""
    text = crew.page(f"/admin/losses{query}").text.partition("<tbody>")[2]
    found = []
    for row in text.split("<tr>")[1:]:
        cells = [re.sub(r"<[^>]*>", "", cell).strip() for cell in re.split(r"</t[dh]>", row)]
        key = re.search(r"/admin/deposits/([0-9a-f]{32})", row)
        assert key is not None
        found.append((key[1], *cells[3:6]))
    return found


def lose_contact(world: World, made: Deposited, contact: Contact) -> None:
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()


def test_every_key_that_lost_a_way_back_this_month_is_found_and_no_other(world: World) -> None:
    customer, auditor = world.customer(), hired(world, "auditor")
    long_ago, [first] = world.enrol(customer)
    lose_contact(world, long_ago, first)
    world.wait(40 * DAY)
    customer.sign_in()
    lately, [second] = world.enrol(customer)
    mended, [third] = world.enrol(customer)
    world.enrol(customer)
    world.enrol(customer, 0, 0)
    for made, contact in ((lately, second), (mended, third)):
        lose_contact(world, made, contact)
    kit = lately.manifest.of_role("customer")[0].custody
    customer.http.post(f"/custodies/{kit}/lost").ok()
    world.run()
    world.wait(DAY)
    assert attest_share(third) == 200
    world.run()
    auditor.sign_in().ok()
    assert listed(auditor) == [
        (lately.deposit, "at risk", "not recoverable", "not recoverable"),
        (mended.deposit, "safe", "at risk", "safe"),
        (lately.deposit, "safe", "at risk", "not recoverable"),
    ]
    assert long_ago.deposit in {key for key, *_ in listed(auditor, "?days=90")}
    for wrong in ("?days=8", "?days=x", "?before=x", "?before=-1"):
        assert auditor.page(f"/admin/losses{wrong}").status_code == 404


def test_a_long_list_of_losses_comes_in_pages(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escrow.admin.losses.PAGE", 2)
    customer, auditor = world.customer(), hired(world, "auditor")
    made = []
    for _ in range(5):
        deposit, [contact] = world.enrol(customer)
        lose_contact(world, deposit, contact)
        made.append(deposit.deposit)
    seen: list[str] = []
    query = "?days=30"
    while query:
        seen += [key for key, *_ in listed(auditor, query)]
        more = re.search(r"days=30&amp;before=([0-9]+)", auditor.page(f"/admin/losses{query}").text)
        query = f"?days=30&before={more[1]}" if more else ""
    assert seen == made[::-1]
