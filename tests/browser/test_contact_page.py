"""A contact with the card in hand: helping on the telephone, and everything else, on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from escrow.deposit.models import CustodyRow
from escrow.protocol import keys
from escrow.protocol.encoding import grouped
from escrow.protocol.kit import Card
from escrow.protocol.release import number
from tests.browser.conftest import Watched
from tests.browser.test_recover_page import Loser
from tests.recovery import proving
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone."""
    made = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@dataclass
class Helper:
    """A contact in front of the page."""

    site: World
    page: Page
    made: Deposited
    contact: Contact

    def open(self) -> None:
        self.page.clock.set_system_time(self.site.clock.now())
        self.page.goto(f"{self.site.settings.public_url}/contact/{self.contact.custody}")
        self.at("piece")

    def show_card(self) -> None:
        self.open()
        file: Any = {"name": "card.json", "mimeType": "application/json", "buffer": self.card()}
        self.page.set_input_files("#card-file", file)
        self.send()
        self.at("menu")

    def card(self) -> bytes:
        payload = self.contact.payload
        assert payload is not None
        host = self.site.settings.public_url.removeprefix("http://")
        seen = self.contact.http.get("/ledger/checkpoint").ok()["checkpoint"]
        return Card(payload, self.made.manifest, self.made.signature, host, seen).data

    def at(self, step: str) -> None:
        self.page.locator(f'[data-step="{step}"]').wait_for()

    def send(self) -> None:
        self.page.locator("form:visible button[type=submit]:visible").click()

    def sure(self) -> None:
        self.page.locator("dialog[open] button[value=yes]").click()

    def press(self, kind: str, name: str) -> None:
        self.page.locator(f'[data-{kind}="{name}"]:visible').click()

    def said(self, pattern: str) -> None:
        where = self.page.locator("[role=status]:visible, [role=alert]:visible")
        where.filter(has_text=re.compile(pattern)).first.wait_for()

    def state(self) -> str:
        self.site.run()
        with self.site.database.reading() as db:
            return db.get_one(CustodyRow, self.contact.custody).state


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def helper(site: World, watched: Watched, customer: Customer) -> Helper:
    made, [contact] = site.enrol(customer, label="Laptop backup")
    return Helper(site, watched.page, made, contact)


def test_customer_and_contact_bring_the_key_back_on_the_telephone(
    site: World, helper: Helper, customer: Customer, browser: Browser, watched: Watched
) -> None:
    """Both pages at once: her laptop, and the phone of the contact."""
    site.ready_recovery(customer, helper.made)
    laptop = browser.new_context(viewport={"width": 1280, "height": 900})
    laptop.set_default_timeout(15_000)
    loser = Loser(site, laptop.new_page(), customer)
    loser.sign_in()
    loser.begin()
    helper.show_card()
    assert "My laptop crashed." in helper.page.locator('[data-step="menu"]').inner_text()
    helper.press("go", "call")
    loser.page.locator("[data-helpers] button").click()
    shown = loser.page.locator("[data-digits]")
    shown.filter(has_text=re.compile(r"\d{4} \d{4} \d{4}")).wait_for()
    digits = shown.inner_text()
    helper.page.locator("#call-digits").wait_for()
    wrong = digits[:-1] + str((int(digits[-1]) + 1) % 10)
    helper.page.fill("#call-digits", wrong)
    helper.send()
    helper.said("not the digits of this call")
    helper.page.fill("#call-digits", digits)
    helper.send()
    helper.said("Your piece is on its way")
    site.run()
    assert loser.secret().encode() == helper.made.secret
    laptop.close()
    plain = digits.replace(" ", "")
    assert all(plain not in url for url in watched.requests)
    assert helper.page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_a_check_shows_that_the_piece_is_there(site: World, helper: Helper) -> None:
    before = proofs(site, helper)
    site.wait(3600)
    helper.show_card()
    helper.press("act", "check")
    helper.said("sees that your piece is there")
    site.run()
    assert proofs(site, helper) == before + 1


def proofs(site: World, helper: Helper) -> int:
    events = helper.contact.http.get(f"/custodies/{helper.contact.custody}/events").ok()["events"]
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.ledger import Event

    kinds = [Event.parse(b64url_decode(line["event"])).type for line in events]
    return kinds.count("custody attested")


def test_a_recovery_that_is_not_right_is_stopped(
    site: World, helper: Helper, customer: Customer
) -> None:
    recovery = site.open_recovery(customer, helper.made)
    helper.show_card()
    helper.page.get_by_text("You can help from").wait_for()
    helper.page.get_by_text("need do nothing more today").wait_for()
    helper.press("act", "veto")
    helper.sure()
    helper.said("Stopped")
    site.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "cancelled"


def test_lost_and_found_and_no_contact_any_more(site: World, helper: Helper) -> None:
    helper.show_card()
    helper.press("act", "lost")
    helper.sure()
    helper.said("is told what to do")
    assert helper.state() == "lost"
    helper.press("act", "check")
    helper.said("sees that your piece is there")
    assert helper.state() == "held"
    helper.press("act", "decline")
    helper.page.locator("dialog[open] button[value=no]").click()
    assert helper.state() == "held"
    helper.press("act", "decline")
    helper.sure()
    helper.said("Keep your card for 30 days")
    assert helper.state() == "declined"


def test_who_vouches_types_the_number_that_is_read_out(
    site: World, watched: Watched, customer: Customer
) -> None:
    made, contacts = site.enrol(customer, 2, 3)
    customer.mail_login()
    recovery = str(proving.ask(customer, made, "contacts").ok()["recovery"])
    helper = Helper(site, watched.page, made, contacts[0])
    helper.show_card()
    helper.press("go", "vouch")
    right = number(recovery)
    helper.page.fill("#vouch-number", str((int(right) + 1) % 10**8).zfill(8))
    helper.send()
    helper.said("No request has this number")
    helper.page.fill("#vouch-number", grouped(right))
    helper.send()
    helper.said("You have vouched")
    customer.mail_login()
    draft = customer.http.get(f"/recoveries/{recovery}").ok()
    assert draft["proven"] == [contacts[0].custody]


def test_a_new_address_counts_once_its_code_came_back(site: World, helper: Helper) -> None:
    helper.show_card()
    helper.press("go", "move")
    helper.page.fill("#move-name", "Anna de Vries")
    helper.page.fill("#move-address", "anna@new.test")
    helper.send()
    helper.at("moved")
    helper.page.fill("#moved-code", "000000")
    helper.send()
    helper.said("not right")
    site.run()
    helper.page.fill("#moved-code", site.mailbox.code("anna@new.test", "contact_address_code"))
    helper.send()
    helper.said("new address")
    site.run()


def test_the_check_code_alone_shows_that_the_card_is_there(site: World, helper: Helper) -> None:
    payload = helper.contact.payload
    assert payload is not None
    seed = keys.check_seed(payload.share().value, payload.deposit, payload.custody)
    site.wait(86400)
    helper.open()
    helper.press("go", "check")
    helper.at("check")
    helper.page.fill("#card-check-check", "1" * 40)
    helper.send()
    helper.said("not the check code of this paper")
    helper.page.fill("#card-check-check", grouped(keys.check_code(seed)))
    helper.send()
    helper.said("The person who asked you sees that your piece is there")
    site.run()
    with site.database.reading() as db:
        row = db.get_one(CustodyRow, helper.contact.custody)
        assert (row.last_check_at, row.state) == (site.clock.now(), "held")
    helper.press("go", "piece")
    helper.at("piece")


def test_a_kit_or_a_card_of_another_key_is_not_taken(site: World, helper: Helper) -> None:
    other, [contact] = site.enrol(site.customer())
    helper.open()
    kit: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": other.kit.data}
    helper.page.set_input_files("#card-file", kit)
    helper.send()
    helper.said("not your card")
    foreign = Helper(site, helper.page, other, contact).card()
    card: Any = {"name": "card.json", "mimeType": "application/json", "buffer": foreign}
    helper.page.set_input_files("#card-file", card)
    helper.send()
    helper.said("belongs to another key")
