"""A contact's passkey on the pages: made when the piece is accepted, one tap ever after."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from escrow.deposit.models import CustodyRow
from escrow.protocol.kit import Card
from tests.browser.conftest import Watched
from tests.browser.test_contact_page import Helper
from tests.browser.test_invitation_page import Invited
from tests.browser.test_passkeys import Authenticators
from tests.browser.walks import enrol_asked
from tests.support.people import Customer
from tests.support.world import World

DAY = 86400


@pytest.fixture
def host() -> str:
    """WebAuthn wants a name."""
    return "localhost"


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


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def invited(site: World, watched: Watched, customer: Customer) -> Invited:
    made, contact = enrol_asked(site, customer, "Laptop backup")
    site.record_fetch(contact)
    site.run()
    return Invited(site, watched.page, made, contact)


@pytest.fixture
def authenticators(context: BrowserContext, watched: Watched) -> Iterator[Authenticators]:
    line = context.new_cdp_session(watched.page)
    line.send("WebAuthn.enable")
    found = Authenticators(line)
    yield found
    found.take_away()


def press(page: Page, act: str) -> None:
    page.locator(f'[data-act="{act}"]:visible').click()


def with_passkey(invited: Invited) -> Helper:
    """Accept with a passkey and no card; the same phone later opens the contact's page."""
    invited.to_card()
    press(invited.page, "passkey")
    expect(invited.page.locator("[data-slot=passkey]")).to_contain_text("It is kept here")
    invited.send()
    invited.at("phrase")
    assert invited.state() == "held"
    return Helper(invited.site, invited.page, invited.made, invited.contact)


def test_a_passkey_keeps_the_piece_without_a_card_and_opens_it_in_one_tap(
    site: World, invited: Invited, authenticators: Authenticators, customer: Customer
) -> None:
    authenticators.add()
    helper = with_passkey(invited)
    recovery = site.open_recovery(customer, invited.made)
    helper.open()
    press(helper.page, "passkey")
    helper.at("menu")
    assert "My laptop crashed." in helper.page.locator('[data-step="menu"]').inner_text()
    helper.press("act", "veto")
    helper.sure()
    helper.said("Stopped")
    site.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "cancelled"


def test_one_tap_shows_that_the_piece_is_there(
    site: World, invited: Invited, authenticators: Authenticators, watched: Watched
) -> None:
    authenticators.add()
    helper = with_passkey(invited)
    site.wait(DAY)
    helper.open()
    helper.press("go", "check")
    helper.at("check")
    watched.requests.clear()
    press(helper.page, "passkey-check")
    helper.said("sees that your piece is there")
    site.run()
    seen = customer_sees(site, helper)
    assert seen == site.clock.now()


def customer_sees(site: World, helper: Helper) -> int | None:
    with site.database.reading() as db:
        return db.get_one(CustodyRow, helper.contact.custody).last_check_at


def test_a_device_that_cannot_do_it_leads_to_the_card(
    invited: Invited, authenticators: Authenticators, tmp_path: Path
) -> None:
    authenticators.add(prf=False)
    invited.to_card()
    press(invited.page, "passkey")
    invited.alert("cannot keep pieces. Use the card")
    invited.send()
    invited.alert("Print the card or save it first")
    invited.save(tmp_path)
    invited.keep()
    invited.at("phrase")
    assert invited.state() == "held"


def test_who_breaks_it_off_goes_on_with_the_next_press(
    invited: Invited, authenticators: Authenticators
) -> None:
    authenticators.add()
    invited.to_card()
    page = invited.page
    page.evaluate(
        """() => {
          const real = CredentialsContainer.prototype.get;
          CredentialsContainer.prototype.get = function (...given) {
            CredentialsContainer.prototype.get = real;
            return Promise.reject(new DOMException("no press of its own", "NotAllowedError"));
          };
        }"""
    )
    press(page, "passkey")
    invited.alert("broken off. Press once more")
    press(page, "passkey")
    expect(page.locator("[data-slot=passkey]")).to_contain_text("It is kept here")
    assert invited.state() == "invited", "nothing is final before the last press"
    [added] = authenticators.added
    kept = authenticators.line.send("WebAuthn.getCredentials", {"authenticatorId": added})
    assert len(kept["credentials"]) == 1


def test_another_phone_without_the_passkey_still_has_the_card(
    invited: Invited, authenticators: Authenticators, watched: Watched
) -> None:
    authenticators.add()
    helper = with_passkey(invited)
    authenticators.take_away()
    authenticators.add()  # another one, which knows nothing
    helper.open()
    press(helper.page, "passkey")
    helper.said("Use the card|use the card")
    file = {"name": "card.json", "mimeType": "application/json", "buffer": card_of(invited)}
    helper.page.set_input_files("#card-file", file)  # type: ignore[arg-type]
    helper.send()
    helper.at("menu")


def card_of(invited: Invited) -> bytes:
    """Make the card that she had printed too, from what the sender knows."""
    made = invited.made
    payload = next(p for p in made.payloads if p.custody == invited.contact.custody)
    host = re.sub("^https?://", "", invited.site.settings.public_url)
    return Card(payload, made.manifest, made.signature, host, "").data


def test_without_a_passkey_none_is_offered(
    site: World, watched: Watched, customer: Customer
) -> None:
    made, [contact] = site.enrol(customer)
    helper = Helper(site, watched.page, made, contact)
    helper.open()
    helper.page.wait_for_load_state("networkidle")
    assert helper.page.locator("[data-act=passkey]").is_hidden()
