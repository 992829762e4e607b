"""One key's own page: the kit is shown, an enrolment finished, the history proven, on a phone."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Route, expect

from escrow.deposit.models import CustodyRow
from escrow.protocol import keys, qr
from escrow.protocol.encoding import b64url, b64url_decode, grouped
from escrow.protocol.share import Payload
from tests.browser.conftest import Watched
from tests.browser.seeing import Eye
from tests.browser.test_account_pages import said
from tests.browser.test_giving_a_piece import photo, save
from tests.browser.walks import Visitor
from tests.support.people import Customer, Deposited, make_deposit
from tests.support.world import World


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone."""
    made = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def visitor(site: World, watched: Watched, customer: Customer) -> Visitor:
    return Visitor(site, watched.page, Eye(watched.page, "en"), customer)


def now(visitor: Visitor) -> None:
    """Give the page the time that it is."""
    visitor.page.clock.set_system_time(visitor.site.clock.now())


def show(visitor: Visitor, made: Deposited) -> None:
    visitor.sign_in()
    now(visitor)
    visitor.open(f"/deposits/{made.deposit}")
    visitor.ready()


def open_kit(visitor: Visitor) -> None:
    visitor.page.locator("[data-kit] > summary").click()
    visitor.page.locator("#kit-word-1").wait_for(state="attached")


def seed_of(payload: Payload) -> bytes:
    return keys.check_seed(payload.share().value, payload.deposit, payload.custody)


def custody(site: World, made: Deposited) -> CustodyRow:
    site.run()
    with site.database.reading() as db:
        return db.get_one(CustodyRow, made.payloads[0].custody)


def kit_file(made: Deposited) -> Any:
    return {"name": "kit.json", "mimeType": "application/json", "buffer": made.kit.data}


def test_the_kits_check_code_is_noted_and_a_wrong_one_is_not(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, _ = site.enrol(customer)
    site.wait(86400)
    show(visitor, made)
    open_kit(visitor)
    digits = keys.check_code(seed_of(made.payloads[0]))
    wrong = ("1" if digits[0] != "1" else "0") + digits[1:]
    visitor.send("[data-check]")
    said(visitor, "type its 40 digits")
    visitor.page.fill("#kit-check-check", grouped(wrong))
    visitor.send("[data-check]")
    said(visitor, "not the check code of this paper")
    assert custody(site, made).last_check_at is None
    visitor.page.fill("#kit-check-check", grouped(digits))
    visitor.send("[data-check]")
    said(visitor, "noted that your kit is there")
    row = custody(site, made)
    assert row.last_check_at == site.clock.now()
    assert visitor.page.input_value("#kit-check-check") == ""
    dates = visitor.page.locator("[data-slot=proven]").first.inner_text()
    found = re.fullmatch(r"Shown on (.+ 2026), checked on (.+ 2026)", dates)
    assert found is not None, dates
    assert found[1] != found[2]  # a day apart


def test_a_photo_of_the_check_code_does_too_and_that_of_a_card_does_not(
    site: World, visitor: Visitor, customer: Customer, tmp_path: Path
) -> None:
    made, _ = site.enrol(customer)
    show(visitor, made)
    open_kit(visitor)

    def give(payload: Payload) -> None:
        check = qr.Check(payload.deposit, payload.custody, seed_of(payload))
        path = save(photo(qr.share_text(payload), check.text), tmp_path / "paper.png")
        visitor.page.set_input_files("#kit-check-file", path)
        visitor.send("[data-check]")

    give(made.payloads[1])
    said(visitor, "belongs to another key")
    give(made.payloads[0])
    said(visitor, "noted that your kit is there")
    assert custody(site, made).last_check_at == site.clock.now()


def test_a_kit_that_was_reported_lost_counts_again_once_it_is_shown(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, _ = site.enrol(customer)
    customer.http.post(f"/custodies/{made.payloads[0].custody}/lost").ok()
    assert custody(site, made).state == "lost"
    show(visitor, made)
    open_kit(visitor)
    visitor.page.set_input_files("#kit-file", kit_file(made))
    visitor.send("[data-whole]")
    said(visitor, "noted that your kit is there")
    assert custody(site, made).state == "held"


def test_an_enrolment_whose_page_was_closed_is_finished_with_the_kit(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    site.run()
    show(visitor, made)
    visitor.page.get_by_text("Finish with my kit", exact=True).wait_for()
    assert visitor.page.locator("[data-check]").is_hidden()
    code = made.manifest.code()[-4:]
    wrong = ("1" if code[0] != "1" else "0") + code[1:]
    for digits in ("", wrong):
        visitor.page.set_input_files("#kit-file", kit_file(made))
        visitor.page.fill("#kit-digits", digits)
        visitor.send("[data-whole]")
        said(visitor, "not the digits at the foot")
    assert custody(site, made).state == "invited"
    visitor.page.fill("#kit-digits", code)
    with site.working():
        visitor.send("[data-whole]")
        said(visitor, "Your kit works")
    expect(visitor.page.get_by_text("Not finished")).to_have_count(0)
    assert custody(site, made).state == "held"
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["state"] == "complete"
    expect(visitor.page.get_by_text("Check my kit", exact=True)).to_be_visible()


REASONS = {
    "lost": "The piece of Contact 0 is lost.",
    "declined": "Contact 0 no longer holds a piece.",
    "silent": "Contact 0 has not shown the piece since",
    "kit": "Your kit is lost.",
}


@pytest.mark.parametrize("what", REASONS)
def test_a_new_key_is_proposed_when_a_piece_is_lost_given_up_or_long_unseen(
    site: World, visitor: Visitor, customer: Customer, what: str
) -> None:
    made, [contact] = site.enrol(customer)
    site.wait(60)
    show(visitor, made)
    proposed = visitor.page.locator('[data-if="proposed"]')
    assert proposed.is_hidden()
    if what == "silent":
        site.wait(181 * 86400)
        customer.sign_in()
    elif what == "declined":
        contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    else:
        custody = made.payloads[0].custody if what == "kit" else contact.custody
        customer.http.post(f"/custodies/{custody}/lost").ok()
    site.run()
    if what == "silent":
        show(visitor, made)
    else:
        visitor.page.reload()
        visitor.ready()
    assert REASONS[what] in proposed.inner_text()
    link = proposed.locator("a").get_attribute("href")
    assert link == f"/enrol?replaces={made.deposit}"


def test_who_has_neither_kit_nor_link_is_told_that_only_a_new_key_helps(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made = make_deposit(customer.http, site.new_contacts(1), 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    site.run()
    show(visitor, made)
    proposed = visitor.page.locator('[data-if="proposed"]').inner_text()
    assert "Was it never printed or saved?" in proposed
    assert "We never had them, so we cannot show them again." in proposed
    assert "Make a new one in its place" in visitor.page.locator("[data-slot=next]").inner_text()


def test_a_card_or_the_kit_of_another_key_is_told_apart(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, _ = site.enrol(customer)
    other, _ = site.enrol(customer)
    before = custody(site, made).last_share_at
    site.clock.move(60)
    show(visitor, made)
    open_kit(visitor)
    visitor.page.set_input_files("#kit-file", kit_file(other))
    visitor.send("[data-whole]")
    said(visitor, "another key of yours")
    words = made.payloads[1]
    visitor.page.set_input_files("#kit-file", [])
    visitor.page.locator("[data-whole] summary").click()
    visitor.page.fill("#kit-word-1", words.words)
    visitor.page.fill("#kit-custody", words.custody)
    visitor.page.fill("#kit-code", made.manifest.code())
    visitor.send("[data-whole]")
    said(visitor, "a contact's card")
    assert custody(site, made).last_share_at == before


# The history


def history(visitor: Visitor) -> list[str]:
    visitor.page.locator("[data-history] > summary").click()
    visitor.page.locator("[data-slot=history]").filter(has_text=re.compile(r"\.$")).wait_for()
    return visitor.page.locator("ol.history li").all_inner_texts()


def test_every_entry_of_the_history_is_proven_before_it_is_shown(
    site: World, visitor: Visitor, customer: Customer, watched: Watched
) -> None:
    made, _ = site.enrol(customer)
    recovery = site.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    site.run()
    entries = customer.http.get(f"/deposits/{made.deposit}/events").ok()["events"]
    show(visitor, made)
    shown = history(visitor)
    assert len(shown) == len(entries)
    assert "It was stopped." in shown[0]
    assert "The key was cut into pieces" in shown[-1]
    said(visitor, f"all {len(entries)} entries stand in the log")
    asked = {url.rsplit("/", 1)[-1] for url in watched.requests if "/ledger/proof/" in url}
    assert asked == {str(entry["index"]) for entry in entries}


def altered(entry: dict[str, Any]) -> dict[str, Any]:
    """Tell of an entry that a contact stopped a recovery, where the customer did."""
    event = b64url_decode(entry["event"])
    return entry | {"event": b64url(event.replace(b'"customer"', b'"contact"'))}


@pytest.mark.parametrize("lie", ["altered", "moved", "of another key"])
def test_a_history_that_the_service_has_changed_is_not_shown(
    site: World, visitor: Visitor, customer: Customer, lie: str
) -> None:
    made, _ = site.enrol(customer)
    other, _ = site.enrol(customer)
    recovery = site.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    site.run()
    strange = customer.http.get(f"/deposits/{other.deposit}/events").ok()["events"][0]

    def tell(route: Route) -> None:
        answer = route.fetch()
        document = answer.json()
        *_, last = document["events"]
        changed = {
            "altered": altered(last),
            "moved": last | {"index": last["index"] - 1},
            "of another key": strange,
        }[lie]
        assert changed != last
        document["events"][-1] = changed
        route.fulfill(response=answer, body=json.dumps(document))

    visitor.page.route(f"**/deposits/{made.deposit}/events*", tell)
    show(visitor, made)
    assert history(visitor) == []
    assert "we stopped here" in visitor.page.locator("[data-slot=history]").inner_text()
