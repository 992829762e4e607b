"""The way back to a key, clicked through in a real browser, with the contact at the other end."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, expect

from escrow.protocol import call as calls
from escrow.protocol.encoding import b64url, b64url_decode, grouped
from escrow.protocol.release import number
from tests.browser import keyboard
from tests.browser.conftest import Watched
from tests.recovery import proving
from tests.support.people import Contact, Customer, Deposited, Http
from tests.support.world import World

DAY = 86400


@dataclass
class Loser:
    """Somebody who lost her key, in front of the page."""

    site: World
    page: Page
    customer: Customer

    def open(self, language: str = "en") -> None:
        """Come to the page on a device that knows nothing of her."""
        self.now()
        self.page.context.clear_cookies()
        self.page.goto(f"{self.site.settings.public_url}/recover?language={language}")
        self.at("address")

    def now(self) -> None:
        """Give the page the time that it is."""
        self.page.clock.set_system_time(self.site.clock.now())

    def at(self, step: str) -> None:
        self.page.locator(f'[data-step="{step}"]').wait_for()

    def send(self) -> None:
        self.page.locator("form:visible button[type=submit]:visible").click()

    def prove_mail(self) -> None:
        self.page.fill("#address", self.customer.address)
        self.send()
        self.at("code")
        self.page.fill("#code", self.site.mailbox.code(self.customer.address, "login_code"))
        self.send()

    def choose(self, proof: str) -> None:
        self.at("proof")
        self.page.check(f'[name="proof"][value="{proof}"]')
        self.send()

    def give_app_code(self) -> None:
        self.at("app")
        self.page.fill("#app-code", self.customer.totp())
        self.send()

    def ask(self, reason: str = "My laptop crashed.") -> None:
        self.at("reason")
        self.page.fill("#reason", reason)
        self.send()
        self.at("running")
        self.site.run()

    def sign_in(self) -> None:
        """From the address to where the service stands, with the app."""
        self.open()
        self.prove_mail()
        self.choose("totp")
        self.give_app_code()

    def begin(self) -> None:
        self.press("begin")
        self.confirm()

    def confirm(self) -> None:
        """Give a fresh code of the app, if the page asks for one; let the provider release."""
        either = self.page.locator('[data-step="pieces"], [data-step="app"]')
        either.locator("visible=true").wait_for()
        if self.page.locator('[data-step="app"]').is_visible():
            self.give_app_code()
        self.at("pieces")
        self.site.run()

    def press(self, act: str) -> None:
        self.page.locator(f'[data-act="{act}"]:visible').click()

    def give_kit(self, made: Deposited, where: str = "#kit-file") -> None:
        file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": made.kit.data}
        self.page.set_input_files(where, file)
        self.send()

    def secret(self) -> str:
        self.at("secret")
        shown = self.page.locator("pre[data-secret]")
        expect(shown).to_be_hidden()
        assert self.page.locator("pre[data-secret]").text_content() == ""
        self.press("show")
        return shown.inner_text()

    def alert(self, pattern: str) -> None:
        self.page.locator("[role=alert]:visible").filter(has_text=re.compile(pattern)).wait_for()


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def enrolled(site: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return site.enrol(customer)


@pytest.fixture
def loser(site: World, watched: Watched, customer: Customer) -> Loser:
    return Loser(site, watched.page, customer)


def session_of(http: Http, recovery: str) -> dict[str, Any]:
    """Return the session in which the page collects, as a contact sees it."""
    session = http.get(f"/recoveries/{recovery}").ok()["session"]
    path = f"/recoveries/{recovery}/sessions/{session}"
    return {"path": path, "session": session, **http.get(path).ok()}


def recovery_of(customer: Customer, made: Deposited) -> str:
    customer.sign_in()
    found = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["recovery"]
    return str(found["recovery"])


def wait_until_ready(loser: Loser, made: Deposited) -> None:
    loser.site.wait(made.manifest.waiting_seconds)
    loser.customer.http.token = None


def answer_call(loser: Loser, contact: Contact, made: Deposited, recovery: str) -> None:
    """Take the call as the contact's client does: nonce, check of the reveal, digits, release."""
    page, http = loser.page, contact.http
    loser.at("call")
    found = session_of(http, recovery)
    [call] = [line for line in found["calls"] if line["nonce"] is None]
    path = f"{found['path']}/calls/{call['call']}"
    committed, nonce = b64url_decode(call["commitment"]), secrets.token_bytes(32)
    signed = calls.sign_nonce(
        contact.release_key(), call["call"], contact.custody, committed, nonce
    )
    said = {"commitment": call["commitment"], "nonce": b64url(nonce), "signature": b64url(signed)}
    http.post(f"{path}/nonce", said).ok()
    digits = page.locator("[data-digits]")
    expect(digits).to_have_text(re.compile(r"^\d{4} \d{4} \d{4}$"), timeout=15_000)
    revealed = http.get(path).ok()
    key, random = b64url_decode(revealed["public_key"]), b64url_decode(revealed["random"])
    named = calls.Call(made.deposit, recovery, found["session"], call["call"], contact.custody)
    calls.check_reveal(named, committed, key, random)
    assert digits.inner_text() == grouped(calls.code(committed, nonce, key, random))
    contact.release(recovery, found["session"], key).ok()
    loser.site.run()


def test_from_the_mail_code_to_the_key_with_the_kit(
    site: World,
    loser: Loser,
    enrolled: tuple[Deposited, list[Contact]],
    customer: Customer,
    watched: Watched,
    tmp_path: Path,
) -> None:
    made, _ = enrolled
    loser.sign_in()
    loser.ask()
    loser.press("look")
    loser.page.get_by_text("From ", exact=False).first.wait_for()
    wait_until_ready(loser, made)
    loser.sign_in()
    loser.at("running")
    loser.begin()
    loser.give_kit(made)
    assert loser.secret().encode() == made.secret
    with loser.page.expect_download() as download:
        loser.press("save")
    path = tmp_path / "back"
    download.value.save_as(path)
    assert path.read_bytes() == made.secret
    loser.send()
    loser.at("done")
    assert "completed" in json.dumps(states(site, customer, made))
    assert made.secret.decode() not in loser.page.content()
    assert all(url.startswith((site.settings.public_url, "blob:")) for url in watched.requests)
    kept = loser.page.evaluate("[localStorage.length, sessionStorage.length, location.href]")
    assert kept[:2] == [0, 0] and kept[2].endswith("/recover?language=en")


def test_a_key_that_was_shown_is_gone_when_the_browser_brings_the_page_back(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    loser.sign_in()
    loser.begin()
    loser.give_kit(made)
    assert loser.secret().encode() == made.secret
    page = loser.page
    with page.expect_event("domcontentloaded", timeout=5_000):
        page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    page.locator('[data-step="proof"]').wait_for()
    assert made.secret.decode() not in page.content()


def test_a_recovery_is_asked_for_by_keyboard_alone(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    loser.open()
    keyboard.type_in(loser.page, "#address", customer.address)
    loser.at("code")
    keyboard.type_in(loser.page, "#code", site.mailbox.code(customer.address, "login_code"))
    loser.at("proof")
    keyboard.press(loser.page, '[name="proof"][value="totp"]', "Space")
    keyboard.press(loser.page, '[data-step="proof"] button[type=submit]')
    loser.at("app")
    keyboard.type_in(loser.page, "#app-code", customer.totp())
    loser.at("reason")
    keyboard.reach(loser.page, "#reason")
    loser.page.keyboard.type("My laptop crashed.")
    keyboard.press(loser.page, '[data-step="reason"] button[type=submit]')
    loser.at("running")
    assert states(site, customer, made) == ["opened"]


def states(site: World, customer: Customer, made: Deposited) -> list[str]:
    from sqlalchemy import select

    from escrow.recovery.models import Recovery

    with site.database.reading() as db:
        query = select(Recovery.state).where(Recovery.deposit == made.deposit)
        return list(db.scalars(query))


def test_with_a_contact_on_the_telephone_and_no_kit(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, [contact] = enrolled
    recovery = site.ready_recovery(customer, made)
    loser.sign_in()
    loser.begin()
    loser.page.locator("[data-helpers] button").click()
    answer_call(loser, contact, made, recovery)
    assert loser.secret().encode() == made.secret


def test_after_a_reload_in_the_middle_it_is_taken_up_again(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, [contact] = enrolled
    recovery = site.ready_recovery(customer, made)
    loser.sign_in()
    loser.begin()
    loser.page.locator("[data-helpers] button").click()
    loser.at("call")
    loser.now()
    loser.page.reload()
    loser.page.locator('[data-step="proof"]').wait_for()
    loser.choose("totp")
    loser.give_app_code()
    loser.at("running")
    loser.press("begin")
    loser.page.locator("dialog[open] button[value=yes]").click()
    loser.confirm()
    loser.page.locator("[data-helpers] button").click()
    answer_call(loser, contact, made, recovery)
    assert loser.secret().encode() == made.secret


def test_the_phone_is_lost_too_and_the_kit_proves_who_asks(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    loser.open()
    loser.prove_mail()
    loser.choose("kit")
    loser.at("kit")
    loser.give_kit(made, "#proof-kit-file")
    loser.ask("The bag with all of it is gone.")
    site.wait(max(3 * made.manifest.waiting_seconds, 7 * DAY))
    loser.open()
    loser.prove_mail()
    loser.choose("kit")
    loser.at("kit")
    loser.give_kit(made, "#proof-kit-file")
    loser.at("running")
    loser.begin()
    assert loser.secret().encode() == made.secret


def test_words_of_the_paper_do_too_and_a_wrong_one_is_named(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    kit = made.payloads[0]
    words = kit.words.split()
    loser.sign_in()
    loser.begin()
    page = loser.page
    page.locator('[data-step="pieces"] summary').click()
    wrong = [*words[:6], "academix", *words[7:]]
    page.fill("#kit-word-1", " ".join(wrong))
    page.fill("#kit-custody", grouped(kit.custody))
    page.fill("#kit-code", grouped(made.manifest.code()))
    loser.send()
    loser.alert(r"Word 7: is it .*academic")
    page.fill("#kit-word-1", "\n".join(f"{i}. {w}" for i, w in enumerate(words, 1)))
    loser.send()
    assert loser.secret().encode() == made.secret


def test_contacts_vouch_for_who_has_neither_app_nor_kit(
    site: World, loser: Loser, customer: Customer
) -> None:
    made, contacts = site.enrol(customer, 2, 3)
    loser.open()
    loser.prove_mail()
    loser.choose("contacts")
    loser.at("reason")
    loser.page.fill("#reason", "Everything burnt.")
    loser.send()
    loser.at("running")
    customer.mail_login()
    drafts = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["drafts"]
    recovery = drafts[0]["recovery"]
    assert loser.page.locator('[data-slot="number"]').inner_text() == grouped(number(recovery))
    for contact in contacts[:2]:
        proving.vouch(contact, recovery).ok()
    site.run()
    loser.press("look")
    loser.page.locator("ol.calendar li").first.wait_for()
    site.wait(30 * DAY)
    loser.open()
    loser.prove_mail()
    loser.choose("contacts")
    loser.at("running")
    loser.begin()
    for contact in contacts[:2]:
        loser.at("pieces")
        loser.page.locator(f'[data-custody="{contact.custody}"] button').click()
        answer_call(loser, contact, made, recovery)
    assert loser.secret().encode() == made.secret


@pytest.mark.parametrize("kind", ["totp+kit", "totp+contacts"])
def test_after_a_contacts_veto_two_proofs_at_once_bring_the_key_back(
    site: World, loser: Loser, customer: Customer, kind: str
) -> None:
    made, [hostile, *friends] = site.enrol(customer, 2, 3)
    loser.open()
    loser.prove_mail()
    loser.page.locator('[data-step="proof"] summary').click()
    loser.choose(kind)
    give_proofs(loser, made, kind)
    loser.at("reason")
    loser.send()
    loser.alert("one proof is enough")
    proving.stopped_by_contact(site, customer, made, hostile)
    site.wait(7200)  # five codes by mail an hour
    loser.open()
    loser.prove_mail()
    loser.page.locator('[data-step="proof"] summary').click()
    loser.choose(kind)
    give_proofs(loser, made, kind)
    loser.ask("It was me.")
    if kind == "totp+contacts":
        customer.sign_in()
        listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()
        [draft] = [line["recovery"] for line in listed["drafts"]]
        for contact in friends:
            proving.vouch(contact, draft).ok()
        site.run()
    recovery = recovery_of(customer, made)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["proof"] == kind
    site.wait(max(2 * made.manifest.waiting_seconds, 14 * DAY))
    loser.open()
    loser.prove_mail()
    loser.page.locator('[data-step="proof"] summary').click()
    loser.choose(kind)
    give_proofs(loser, made, kind)
    loser.at("running")
    loser.begin()
    for contact in friends if kind == "totp+contacts" else []:
        loser.at("pieces")
        loser.page.locator(f'[data-custody="{contact.custody}"] button').click()
        answer_call(loser, contact, made, recovery)
    assert loser.secret().encode() == made.secret


def give_proofs(loser: Loser, made: Deposited, kind: str) -> None:
    """Give the app's code and, where it is asked for, the kit."""
    loser.give_app_code()
    if kind.endswith("kit"):
        loser.at("kit")
        loser.give_kit(made, "#proof-kit-file")


def test_who_has_brought_the_key_back_without_the_phone_sets_a_new_app_at_once(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    proving.open_with(site, customer, made, [], "kit")
    site.wait(max(3 * made.manifest.waiting_seconds, 7 * DAY))
    loser.open()
    loser.prove_mail()
    loser.choose("kit")
    loser.at("kit")
    loser.give_kit(made, "#proof-kit-file")
    loser.at("running")
    loser.begin()
    loser.secret()
    loser.send()
    loser.at("done")
    page = loser.page
    page.locator("[data-begin-app] button").click()
    page.locator("[data-totp] summary").click()
    key = page.locator("#totp-key")
    expect(key).not_to_be_empty()
    before = customer.totp_secret
    customer.totp_secret = key.inner_text().replace(" ", "")
    assert customer.totp_secret != before
    page.fill("#new-app-code", "000000")
    page.locator("[data-confirm-app] button[type=submit]").click()
    loser.alert("This code is not right")
    page.fill("#new-app-code", customer.totp())
    page.locator("[data-confirm-app] button[type=submit]").click()
    page.get_by_text("From now on the new app counts").wait_for()
    assert customer.totp_secret not in page.content()
    page.goto(f"{site.settings.public_url}/deposits")
    page.locator('[data-part="ready"]').wait_for()
    customer.sign_in()


def test_the_key_is_shown_as_a_code_that_another_device_reads(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    loser.sign_in()
    loser.begin()
    loser.give_kit(made)
    loser.at("secret")
    code = loser.page.locator("canvas[data-secret]")
    expect(code).to_be_hidden()
    loser.press("code")
    expect(code).to_be_visible()
    drawn = Image.open(BytesIO(code.screenshot()))
    assert [found.text for found in zxingcpp.read_barcodes(drawn)] == [made.secret.decode()]
    loser.press("code")
    expect(code).to_be_hidden()
    assert code.evaluate("canvas => canvas.width") == 0


def test_the_key_of_an_account_that_is_being_closed_comes_back_too(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    """The court case: the helpdesk has closed her account and opened another."""
    made, _ = enrolled
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "Contract ended."}).ok()
    other = Customer(site.http(), site.mailbox, customer.address)
    other.sign_up()
    site.enrol(other, 0, 0, label="Another key")
    site.run()
    loser.open()
    loser.prove_mail()
    loser.at("key")
    choice = loser.page.locator("label").filter(has=loser.page.locator(f'[value="{made.deposit}"]'))
    assert "can still be brought back" in choice.inner_text()
    choice.click()
    loser.send()
    loser.choose("totp")
    loser.give_app_code()
    loser.ask()
    wait_until_ready(loser, made)
    loser.open()
    loser.prove_mail()
    loser.at("key")
    loser.page.check(f'[value="{made.deposit}"]')
    loser.send()
    loser.choose("totp")
    loser.give_app_code()
    loser.at("running")
    loser.begin()
    loser.give_kit(made)
    assert loser.secret().encode() == made.secret


def test_a_contacts_card_and_the_kit_of_another_key_are_told_apart(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    other, _ = site.enrol(site.customer())
    site.ready_recovery(customer, made)
    loser.sign_in()
    loser.begin()
    loser.give_kit(other)
    loser.alert("belongs to another key")
    file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": b"{}"}
    loser.page.set_input_files("#kit-file", file)
    loser.send()
    loser.alert("no kit and no card")
    loser.give_kit(made)
    assert loser.secret().encode() == made.secret


def test_what_was_stopped_says_so_and_her_own_stop_is_asked_once(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, [contact] = enrolled
    recovery = site.open_recovery(customer, made)
    loser.sign_in()
    loser.at("running")
    contact.http.post(f"/recoveries/{recovery}/veto").ok()
    site.run()
    loser.press("look")
    loser.page.get_by_text("It was stopped").wait_for()
    running = loser.page.locator('[data-step="running"]')
    assert "Something has changed" not in running.inner_text()
    assert "you can" not in running.inner_text()  # no date from which it could be had
    loser.sign_in()
    loser.ask()
    loser.press("stop")
    loser.page.locator("dialog[open] button[value=no]").click()
    assert states(site, customer, made)[-1] in {"opened", "waiting"}
    loser.press("stop")
    loser.page.locator("dialog[open] button[value=yes]").click()
    loser.page.get_by_text("It was stopped").wait_for()


def test_an_address_without_a_key_is_told_what_to_do(site: World, loser: Loser) -> None:
    loser.open()
    loser.prove_mail()
    loser.at("none")
    assert "Begin anew" in loser.page.locator('[data-step="none"]').inner_text()


def test_a_swapped_description_is_refused_before_anything_is_begun(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    other, _ = site.enrol(site.customer())
    site.ready_recovery(customer, made)
    foreign = {
        "manifest": b64url(other.manifest.data),
        "manifest_signature": b64url(other.signature),
    }

    def lie(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json=answer.json() | foreign)

    loser.page.route("**/api/v1/recoveries/*/deposit", lie)
    loser.sign_in()
    loser.at("running")
    loser.press("begin")
    loser.alert("so we stopped here.*wrong_manifest")
    assert states(site, customer, made) == ["ready"]


def test_contacts_vouch_is_offered_where_they_may_and_the_wait_is_said(
    site: World, loser: Loser, customer: Customer
) -> None:
    site.enrol(customer, waiting_seconds=3 * DAY)
    loser.open()
    loser.prove_mail()
    loser.at("proof")
    page = loser.page
    expect(page.get_by_text("At least 3 days, as you chose")).to_be_visible()
    expect(page.locator('[name="proof"][value="contacts"]')).to_be_hidden()
    customer.sign_in()
    site.enrol(customer, contacts_replace_totp=True, label="Another")
    loser.open()
    loser.prove_mail()
    loser.at("key")
    page.get_by_text("Another", exact=True).click()
    loser.send()
    loser.at("proof")
    expect(page.locator('[name="proof"][value="contacts"]')).to_be_visible()


def test_of_two_keys_the_one_that_ends_comes_last_and_is_marked(
    site: World, loser: Loser, customer: Customer
) -> None:
    old, _ = site.enrol(customer, 0, 0, label="Laptop backup")
    site.wait(3600)
    customer.sign_in()
    site.enrol(customer, 0, 0, label="Laptop backup")
    customer.http.post(f"/deposits/{old.deposit}/close", {"reason": "old"}).ok()
    site.run()
    loser.open()
    loser.prove_mail()
    loser.at("key")
    shown = loser.page.locator("[data-keys] label").all_inner_texts()
    assert len(shown) == 2
    assert shown[0] != shown[1]
    assert loser.page.locator("[data-keys] input").nth(1).input_value() == old.deposit


def test_a_wrong_number_on_the_kit_is_called_that_and_is_not_said_again_elsewhere(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    loser.open()
    loser.prove_mail()
    loser.choose("kit")
    loser.at("kit")
    payload = made.payloads[0]
    loser.page.locator('[data-step="kit"] summary').click()
    loser.page.fill("#proof-kit-word-1", payload.words)
    wrong = ("1" if payload.custody[0] != "1" else "2") + payload.custody[1:]
    loser.page.fill("#proof-kit-custody", wrong)
    loser.page.fill("#proof-kit-code", made.manifest.code())
    loser.send()
    loser.alert("Compare the number of the piece with the paper")
    loser.page.locator("ol.answers button:visible").last.click()
    loser.choose("kit")
    loser.at("kit")
    expect(loser.page.locator('[data-step="kit"] [role=alert]')).to_be_hidden()
