"""The court case without a terminal: customer on a laptop, contact on a phone, real processes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import built_pages
from tests.e2e.installation import Installation, until
from tests.e2e.people import Authenticator

__all__ = ["built_pages"]  # a fixture

SECRET = "the password of the backup, ünd more"
# Three days, and seven more because the address and the app are new.
WAIT_SECONDS = 10 * 86400
# Nobody's language decides what works: hers on one database, the contact's on both.
LANGUAGES = {"sqlite": "nl-NL", "postgresql": "en-GB"}


@dataclass
class Person:
    """Somebody in front of a page, who does what it asks for."""

    service: Installation
    page: Page
    address: str
    phone: Authenticator

    def open(self, path: str) -> None:
        self.page.clock.set_system_time(self.service.clock.now())
        self.page.goto(path if "://" in path else self.service.url + path)

    def at(self, step: str) -> None:
        self.page.locator(f'[data-step="{step}"]').wait_for()

    def send(self) -> None:
        self.page.locator("form:visible button[type=submit]:visible").click()

    def answer(self, step: str, **fields: str) -> None:
        """Wait for a step, fill in its fields, and go on."""
        self.at(step)
        for name, text in fields.items():
            self.page.fill(f"#{name.replace('_', '-')}", text)
        self.send()

    def choose(self, step: str, choice: str) -> None:
        self.at(step)
        self.page.check(choice)
        self.send()

    def mail_code(self) -> str:
        return self.service.office.code(self.address)

    def save(self, act: str, path: Path) -> None:
        with self.page.expect_download() as download:
            self.page.locator(f'[data-act="{act}"]:visible').click()
        download.value.save_as(path)

    def make_account(self) -> None:
        self.open("/new-account")
        self.answer("address", address=self.address)
        self.answer("code", code=self.mail_code())
        self.at("app")
        self.page.locator("summary").click()
        self.phone.secret = self.page.locator("#totp-key").inner_text().replace(" ", "")
        self.answer("app", app_code=self.phone.code())
        self.at("second")
        self.page.locator("[data-skip]:visible").click()
        self.at("done")

    def keep(self, contact: tuple[str, str], kit: Path) -> tuple[str, str]:
        """Keep the secret; returns link and digits for the contact."""
        self.open("/enrol")
        self.answer("label", label="Laptop")
        self.answer("secret", secret=SECRET)
        self.at("contacts")
        self.page.fill("#name-0", contact[0])
        self.page.fill("#address-0", contact[1])
        self.send()
        self.at("wait")
        self.send()
        self.at("make")
        self.send()
        self.page.locator('[data-step="kit"]').wait_for(timeout=60_000)
        self.save("save", kit)
        digits = self.page.locator('[data-print="confirmation"]').text_content() or ""
        self.answer("kit", kit_digits=digits)
        self.at("invite")
        link = self.page.locator("#invitation-link").inner_text()
        spoken = self.page.locator("#invitation-digits").inner_text()
        self.send()
        self.at("done")
        return link, spoken

    def accept(self, link: str, digits: str, card: Path) -> None:
        self.open(link)
        self.page.locator('[data-step="about"]').wait_for(timeout=60_000)
        self.send()
        self.answer("digits", digits=digits)
        self.page.locator('[data-step="card"]').wait_for(timeout=60_000)
        self.save("save", card)
        self.choose("card", '[name="kept"]')
        self.answer("phrase", phrase="three green apples")
        self.at("done")

    def prove(self, deposit_label: str) -> None:
        """From the address to where the service stands, with the app."""
        self.open("/recover")
        self.answer("address", address=self.address)
        self.answer("code", code=self.mail_code())
        either = self.page.locator('[data-step="key"], [data-step="proof"]')
        either.locator("visible=true").wait_for()
        if self.page.locator('[data-step="key"]').is_visible():
            self.page.locator("[data-keys] label").filter(has_text=deposit_label).click()
            self.send()
        self.choose("proof", '[name="proof"][value="totp"]')
        self.answer("app", app_code=self.phone.code())

    def begin(self) -> None:
        self.at("running")
        self.page.locator('[data-act="begin"]:visible').click()
        either = self.page.locator('[data-step="pieces"], [data-step="app"]')
        either.locator("visible=true").wait_for()
        if self.page.locator('[data-step="app"]').is_visible():
            self.answer("app", app_code=self.phone.code())
        self.at("pieces")


@contextmanager
def somebody(
    service: Installation, browser: Browser, address: str, **device: Any
) -> Iterator[Person]:
    """A fresh browser that knows nothing."""
    context = browser.new_context(**device)
    context.set_default_timeout(30_000)
    try:
        yield Person(service, context.new_page(), address, Authenticator(service.clock))
    finally:
        context.close()


def close_the_account(person: Person) -> None:
    """What the helpdesk talked her into: she presses the button herself."""
    person.open("/account")
    page = person.page
    page.locator('[data-part="ready"]').wait_for()
    page.locator("summary").last.click()
    page.locator("[data-close] button").click()
    dialog = page.locator("dialog[open]")
    told = page.get_by_role("status").filter(has_text=".").first
    dialog.or_(told).first.wait_for()
    if dialog.is_visible():
        page.fill("#fresh-code-field", person.phone.code())
        page.locator("dialog[open] button[type=submit]").click()
    told.wait_for()


def test_she_gets_every_byte_back_by_clicking_and_so_does_nobody_else(
    service: Installation, browser: Browser, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    locale = LANGUAGES[request.node.callspec.params["service"]]
    laptop = {"locale": locale, "viewport": {"width": 1280, "height": 900}}
    phone = {"locale": "en-GB", "viewport": {"width": 390, "height": 844}, "has_touch": True}
    mira, anna = f"mira-{locale[:2]}@clicks.test", f"anna-{locale[:2]}@clicks.test"
    with somebody(service, browser, mira, **laptop) as she:
        she.make_account()
        link, digits = she.keep(("Anna de Vries", anna), tmp_path / "kit")
        with somebody(service, browser, anna, **phone) as contact:
            contact.accept(link, digits, tmp_path / "card")
        close_the_account(she)
        app = she.phone  # the laptop is gone, with the kit; the phone is not
    with somebody(service, browser, mira, **laptop) as borrowed:
        borrowed.phone = app
        borrowed.prove("Laptop")
        borrowed.answer("reason", reason="My laptop crashed.")
        borrowed.at("running")
        until(lambda: told_of_the_wait(service, anna), "the contact is told")
        service.pass_time(WAIT_SECONDS + 60)
        until(lambda: told_ready(service, mira), "she is told that she can finish")
        borrowed.page.context.clear_cookies()
        borrowed.prove("Laptop")
        borrowed.begin()
        with somebody(service, browser, anna, **phone) as contact:
            contact.open(f"/contact/{link.partition('/invite/')[2].partition('#')[0]}")
            contact.at("piece")
            contact.page.set_input_files("#card-file", tmp_path / "card")
            contact.send()
            contact.at("menu")
            contact.page.locator('[data-go="call"]').click()
            borrowed.page.locator("[data-helpers] button").click()
            heard = borrowed.page.locator("[data-digits]")
            expect(heard).to_have_text(re.compile(r"^\d{4} \d{4} \d{4}$"), timeout=30_000)
            contact.page.locator("#call-digits").fill(heard.inner_text())
            contact.send()
            contact.page.get_by_text("Your piece is on its way").wait_for()
        borrowed.page.locator('[data-step="secret"]').wait_for(timeout=60_000)
        borrowed.save("save", tmp_path / "back")
        borrowed.send()
        borrowed.at("done")
    assert (tmp_path / "back").read_bytes() == SECRET.encode()


def told_of_the_wait(service: Installation, address: str) -> bool:
    return len(service.office.to(address)) >= 1


def told_ready(service: Installation, address: str) -> bool:
    subjects = [str(mail["Subject"]) for mail in service.office.to(address)]
    ready = ("You can finish now", "U kunt het nu afmaken")
    return any(subject.startswith(ready) for subject in subjects)
