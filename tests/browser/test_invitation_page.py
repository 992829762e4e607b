"""Accepting a piece on a phone: link and digits, the card, the phrase, and what can go wrong."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pypdfium2  # type: ignore[import-untyped]
import pytest
import zxingcpp
from playwright.sync_api import Browser, BrowserContext, Page

from escrow.deposit.models import CustodyRow
from escrow.protocol import keys, qr
from escrow.protocol.encoding import grouped
from escrow.protocol.kit import Card
from escrow.protocol.qr import InvitationLink
from tests.browser.conftest import Watched
from tests.browser.walks import enrol_asked, pause
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: the page does, and the sender must agree with it."""


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A phone."""
    made = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True)
    made.set_default_timeout(15_000)
    yield made
    made.close()


@dataclass
class Invited:
    """A contact with the link, in front of the page."""

    site: World
    page: Page
    made: Deposited
    contact: Contact

    @property
    def digits(self) -> str:
        assert self.contact.link is not None
        return self.contact.link.digits

    def link(self, *, in_person: bool = False) -> str:
        password = self.contact.link
        assert password is not None
        digits = password.digits if in_person else None
        host = self.site.settings.public_url
        return InvitationLink(host, self.contact.custody, password.fragment, digits).text

    def open(self, link: str = "") -> None:
        self.page.clock.set_system_time(self.site.clock.now())
        self.page.goto("about:blank")
        self.page.goto(link or self.link())

    def at(self, step: str) -> None:
        self.page.locator(f'[data-step="{step}"]').wait_for()

    def send(self) -> None:
        self.page.locator("form:visible button[type=submit]:visible").click()

    def to_card(self) -> None:
        self.open()
        self.at("about")
        self.send()
        self.at("digits")
        self.page.fill("#digits", grouped(self.digits))
        self.send()
        self.at("card")
        self.site.run()

    def save(self, folder: Path) -> Card:
        with self.page.expect_download() as download:
            self.page.locator('[data-act="save"]').click()
        path = folder / "card.escrow.json"
        download.value.save_as(path)
        return Card.parse(path.read_bytes())

    def keep(self) -> None:
        self.page.check('[name="kept"]')
        self.send()

    def alert(self, pattern: str) -> None:
        self.page.locator("[role=alert]:visible").filter(has_text=re.compile(pattern)).wait_for()

    def state(self) -> str:
        self.site.run()
        with self.site.database.reading() as db:
            return db.get_one(CustodyRow, self.contact.custody).state


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def invited(site: World, watched: Watched, customer: Customer) -> Invited:
    made, contact = enrol_asked(site, customer, "Laptop backup")
    site.record_fetch(contact)
    site.run()  # the ledger takes it up before the service hands it out
    return Invited(site, watched.page, made, contact)


def test_a_contact_accepts_with_the_digits_she_hears_and_keeps_a_card(
    invited: Invited, customer: Customer, watched: Watched, tmp_path: Path
) -> None:
    page = invited.page
    invited.open()
    invited.at("about")
    assert customer.address in page.locator('[data-step="about"]').inner_text()
    assert "#" not in page.url
    invited.send()
    invited.at("digits")
    page.fill("#digits", "1234")
    invited.send()
    invited.alert("16 digits")
    wrong = invited.digits[:-1] + str((int(invited.digits[-1]) + 1) % 10)
    page.fill("#digits", wrong)
    invited.send()
    invited.alert("do not open it")
    page.fill("#digits", grouped(invited.digits))
    invited.send()
    invited.at("card")
    invited.site.run()
    assert "Laptop backup" in page.locator('[data-step="card"]').inner_text()
    card = invited.save(tmp_path)
    assert card.payload.custody == invited.contact.custody
    assert card.manifest.hash == invited.made.manifest.hash
    invited.keep()
    invited.at("phrase")
    page.fill("#phrase", "three green apples")
    invited.send()
    invited.at("done")
    assert invited.state() == "held"
    secret = invited.contact.link.fragment if invited.contact.link else ""
    assert all(secret not in url and invited.digits not in url for url in watched.requests)
    assert page.locator('[data-print-list="words"] li').count() == 0
    assert page.evaluate("[localStorage.length, sessionStorage.length]") == [0, 0]


def test_nothing_is_final_before_the_card_is_kept_and_a_reload_costs_nothing(
    invited: Invited, tmp_path: Path
) -> None:
    invited.to_card()
    invited.keep()
    invited.alert("Print the card or save it first")
    assert invited.state() == "invited"
    invited.page.reload()
    invited.page.get_by_text("Open it once more").wait_for()
    invited.to_card()
    invited.save(tmp_path)
    invited.keep()
    invited.at("phrase")
    invited.send()
    invited.at("done")
    assert invited.state() == "held"


def test_a_code_that_is_scanned_in_the_room_needs_no_digits(
    invited: Invited, tmp_path: Path
) -> None:
    invited.open(invited.link(in_person=True))
    invited.at("about")
    invited.send()
    invited.at("card")
    invited.site.run()
    invited.save(tmp_path)
    invited.keep()
    invited.at("phrase")
    assert invited.state() == "held"


def test_a_used_a_paused_and_a_torn_link_say_what_to_do(
    invited: Invited, site: World, customer: Customer
) -> None:
    invited.open(invited.link().partition("#")[0])
    invited.page.get_by_text("not complete any more").wait_for()
    invited.page.goto(invited.link())  # in the same window: only the fragment changes
    invited.at("about")
    for place in (-1, -9):  # at the end it is no base64url, in the middle another token
        letters = list(invited.link())
        letters[place] = "B" if letters[place] != "B" else "C"
        invited.open("".join(letters))
        invited.alert("a letter of it is missing or wrong")
    pause(site, invited.contact)
    invited.open()
    invited.alert("older than 14 days")
    other, contact = enrol_asked(site, customer, "Photos")
    site.accept(contact)
    used = Invited(site, invited.page, other, contact)
    used.open()
    used.alert("used already")


def test_two_pages_of_one_invitation_are_one_contact(
    invited: Invited, context: BrowserContext, tmp_path: Path
) -> None:
    other = Invited(invited.site, context.new_page(), invited.made, invited.contact)
    invited.to_card()
    other.to_card()
    for each in (invited, other):
        each.save(tmp_path)
        each.keep()
        each.page.locator('[data-step="phrase"], [role=alert]').locator(
            "visible=true"
        ).first.wait_for()
    assert invited.state() == "held"


@pytest.mark.parametrize("act", ["print", "print-large"])
def test_the_printed_card_has_its_words_and_codes_on_a4_and_letter(
    invited: Invited, act: str, tmp_path: Path
) -> None:
    page = invited.page
    page.add_init_script("window.print = () => {}")
    invited.to_card()
    card = invited.save(tmp_path)
    page.locator(f'[data-act="{act}"]').click()
    seed = keys.check_seed(card.payload.share().value, card.payload.deposit, card.payload.custody)
    check = qr.Check(card.payload.deposit, card.payload.custody, seed)
    for size in ("A4", "Letter"):
        document = pypdfium2.PdfDocument(page.pdf(format=size, prefer_css_page_size=False))
        pages = [document[i] for i in range(len(document))]
        text = "\n".join(each.get_textpage().get_text_range() for each in pages)
        assert set(card.payload.words.split()) <= set(re.findall("[a-z]+", text))
        squeezed = re.sub(r"\s+", "", text)
        for wanted in (
            *("Yourcard", "Theownerofthekey", "Whenthephonerings"),
            *(card.payload.custody, card.manifest.code(), keys.check_code(seed)),
        ):
            assert wanted in squeezed, wanted
        images = [each.render(scale=150 / 72).to_pil() for each in pages]
        found = {code.text for image in images for code in zxingcpp.read_barcodes(image)}
        assert {qr.share_text(card.payload), check.text} <= found
        assert len(pages) <= (5 if act == "print-large" else 3)
