"""The registry of pages and states: each walk goes through some pages and says what state it is in.

A page without a walk, or a state that a walk does not reach, fails `test_every_state`.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cbor2
import pytest
from playwright.sync_api import Page

from escrow.admin import custody, people
from escrow.admin.overview import OUTCOMES
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityCount
from escrow.ledger.models import DailyCount
from escrow.mail.models import Outbox
from escrow.protocol.kit import Card
from tests.browser.seeing import Eye
from tests.support import stretching
from tests.support.mailbox import text_of
from tests.support.passkey import Passkey
from tests.support.people import Contact, Customer, Deposited, attest, make_deposit, new_id
from tests.support.world import World

# An authenticator in the browser that always says yes, with a person who is there.
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
ID = "ab" * 16
TOKEN = "x" * 43


@dataclass
class Visitor:
    """Somebody in front of a browser, and the service that is looked at."""

    site: World
    page: Page
    eye: Eye
    customer: Customer

    def open(self, path: str) -> None:
        self.page.goto(self.site.settings.public_url + path)

    def send(self, form: str = "form:visible") -> None:
        self.page.locator(f"{form} button[type=submit]:visible").click()

    def heading(self) -> str:
        """Wait until a step is shown; returns its question."""
        return self.page.locator("[data-step]:visible h2").inner_text()

    def at_step(self, name: str) -> None:
        self.page.locator(f'[data-step="{name}"]').wait_for()

    def ready(self) -> None:
        self.page.locator('[data-part="ready"]').wait_for()

    def sign_in(self, path: str = "/sign-in", then: str = "**/deposits") -> None:
        """Sign in through the page, as a person does; `path` may be one that leads there."""
        self.open(path)
        self.at_step("address")
        self.page.fill("#address", self.customer.address)
        self.send()
        self.at_step("code")
        self.page.fill("#code", self.site.mailbox.code(self.customer.address, "login_code"))
        self.send()
        self.at_step("app")
        self.page.fill("#app-code", self.customer.totp())
        self.send()
        self.page.wait_for_url(then)

    def confirm_with_app(self) -> None:
        """Answer the dialog that asks for a fresh code."""
        self.page.fill("#fresh-code-field", self.customer.totp())
        self.send("dialog[open]")


@dataclass(frozen=True)
class Walk:
    """Routes, the states that must be seen there, and the way through them."""

    rules: tuple[str, ...]
    states: tuple[str, ...]
    run: Callable[[Visitor], None]


def enrol_alone(site: World, customer: Customer, label: str) -> Deposited:
    made = make_deposit(customer.http, [], 0, label=label)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    site.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    site.run()
    return made


def enrol_asked(site: World, customer: Customer, label: str) -> tuple[Deposited, Contact]:
    """Keep a key whose contact has not accepted yet."""
    contact = Contact(site.http(), "Anna de Vries", f"{new_id()}@contact.test")
    made = make_deposit(customer.http, [contact], 1, label=label)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    site.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    site.run()
    return made, contact


def pause(site: World, contact: Contact) -> None:
    with site.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).paused = True


def plain(*paths: str) -> Callable[[Visitor], None]:
    def run(visitor: Visitor) -> None:
        for path in paths:
            visitor.open(path)
            visitor.page.locator("h1").wait_for()
            visitor.eye.see(path.partition("#")[0])

    return run


def help_pages() -> tuple[str, ...]:
    from escrow.pages import HELP

    return tuple(f"/help/{name}" for name in HELP)


def link_of(site: World, address: str, page: str) -> str:
    """Return the newest link to a page from the mails to an address, without the site's name."""
    texts = "\n".join(text_of(mail) for mail in site.mailbox.to(address))
    found = re.findall(rf"{site.settings.public_url}({page}#\S+)", texts)
    return str(found[-1])


def mail_links(visitor: Visitor) -> None:
    site, customer = visitor.site, visitor.customer
    made, [contact] = site.enrol(customer)
    recovery = site.open_recovery(customer, made)
    ending, _ = site.enrol(customer, 0, 0)
    customer.sign_in()
    customer.http.post(f"/deposits/{ending.deposit}/close", {"reason": "old"}).ok()
    site.run()
    mine, theirs = customer.address, contact.address
    custody = f"/contact/{contact.custody}"
    links = {
        "veto": link_of(site, mine, f"/veto/{recovery}"),
        "reopen": link_of(site, mine, f"/reopen/{ending.deposit}"),
        "stop": link_of(site, theirs, f"{custody}/stop"),
        "lost": link_of(site, theirs, f"{custody}/lost"),
    }
    for page, link in links.items():
        visitor.open(link)
        visitor.page.get_by_role("button").wait_for()
        visitor.eye.see(page)
    visitor.open(f"/veto/{ID}#short")
    visitor.page.get_by_role("status").wait_for()
    visitor.eye.see("veto: link not complete")
    visitor.open(f"/veto/{ID}?#{TOKEN}")
    visitor.page.locator("[role=status][data-kind=gone]").wait_for()
    visitor.eye.see("veto: link used before")


def new_account(visitor: Visitor) -> None:
    page, eye, address = visitor.page, visitor.eye, f"{new_id()}@customer.test"
    visitor.open("/new-account")
    visitor.at_step("address")
    eye.see("new account: address")
    page.fill("#address", address)
    visitor.send()
    visitor.at_step("code")
    eye.see("new account: code")
    page.fill("#code", visitor.site.mailbox.code(address, "account_code"))
    visitor.send()
    visitor.at_step("app")
    page.get_by_role("img").wait_for()
    page.locator("summary").click()
    eye.see("new account: app")
    made = Customer(visitor.site.http(), visitor.site.mailbox, address)
    made.totp_secret = page.locator("#totp-key").inner_text().replace(" ", "")
    page.fill("#app-code", made.totp())
    visitor.send()
    visitor.at_step("second")
    eye.see("new account: second address")
    page.fill("#second-address", f"second-{address}")
    visitor.send()
    visitor.at_step("second-code")
    eye.see("new account: second code")
    page.fill("#second-code", visitor.site.mailbox.code(f"second-{address}", "address_code"))
    visitor.send()
    visitor.at_step("done")
    eye.see("new account: done")
    visitor.open("/deposits")
    visitor.ready()
    eye.see("keys: none yet")
    visitor.open("/sign-in")
    visitor.page.locator("[data-sign-out] button").wait_for()
    eye.see("sign in: signed in already")
    visitor.send()
    visitor.at_step("address")


def sign_in(visitor: Visitor) -> None:
    page, eye, customer = visitor.page, visitor.eye, visitor.customer
    other = Customer(visitor.site.http(), visitor.site.mailbox, customer.address)
    other.sign_up()
    visitor.open("/sign-in")
    visitor.at_step("address")
    eye.see("sign in: address")
    page.fill("#address", "mira")
    visitor.send()
    page.get_by_role("alert").filter(has_text="@").wait_for()
    eye.see("sign in: not an address")
    page.fill("#address", customer.address)
    visitor.send()
    visitor.at_step("code")
    page.locator("summary").click()
    eye.see("sign in: code")
    page.fill("#code", "000 000")
    visitor.send()
    page.locator("[role=alert]:visible > p").filter(has_text="4").wait_for()
    eye.see("sign in: wrong code")
    page.fill("#code", visitor.site.mailbox.code(customer.address, "login_code"))
    visitor.send()
    visitor.at_step("account")
    eye.see("sign in: which account")
    page.locator(f'input[value="{customer.account}"]').check()
    visitor.send()
    visitor.at_step("app")
    eye.see("sign in: app")
    page.fill("#app-code", customer.totp())
    visitor.send()
    page.wait_for_url("**/deposits")


def keys(visitor: Visitor) -> None:
    """Every state that a key can be in, each on its own page and all in the list."""
    site, page, eye, customer = visitor.site, visitor.page, visitor.eye, visitor.customer
    safe, _ = site.enrol(customer, label="Laptop backup")
    asked, _ = enrol_asked(site, customer, "Photos of the children")
    paused, contact = enrol_asked(site, customer, "Bookkeeping")
    pause(site, contact)
    alone = enrol_alone(site, customer, "Password manager")
    wanted, _ = site.enrol(customer, label="Server in the cellar")
    site.open_recovery(customer, wanted)
    ending, _ = site.enrol(customer, label="Old phone")
    customer.http.post(f"/deposits/{ending.deposit}/close", {"reason": ""}).ok()
    site.run()
    visitor.sign_in()
    visitor.ready()
    eye.see("keys: some")
    for name, made in {
        "safe": safe,
        "asked": asked,
        "paused": paused,
        "alone": alone,
        "recovery": wanted,
        "ending": ending,
    }.items():
        visitor.open(f"/deposits/{made.deposit}")
        visitor.ready()
        eye.see(f"key: {name}")
    visitor.open(f"/deposits/{safe.deposit}")
    visitor.ready()
    page.locator("[data-history] > summary").click()
    page.locator("ol.history li").first.wait_for()
    eye.see("key: history")
    page.locator("[data-kit] > summary").click()
    page.locator("#kit-word-1").wait_for(state="attached")
    page.locator("[data-whole] summary").click()
    page.fill("#kit-word-2", "academix")
    page.keyboard.press("Tab")
    visitor.send("[data-check]")
    page.locator("[data-check] [role=alert]:visible > *").filter(has_text=".").wait_for()
    eye.see("key: kit")
    page.locator('[data-do="lost"]').first.click()
    eye.see("key: is the piece lost?")
    page.keyboard.press("Escape")
    page.locator("details[data-if=endable] > summary").click()
    site.clock.move(400)
    visitor.send("[data-close]")
    page.locator("dialog[open]").wait_for()
    eye.see("key: fresh code")
    visitor.confirm_with_app()
    page.get_by_role("status").filter(has_text=".").first.wait_for()
    eye.see("key: end asked for")
    visitor.open(f"/deposits/{wanted.deposit}/drill")
    visitor.ready()
    visitor.at_step("kit")
    eye.see("drill: not now")
    visitor.open(f"/deposits/{wanted.deposit}")
    visitor.ready()
    page.locator('[data-act="veto"]').click()
    page.get_by_role("status").filter(has_text=".").first.wait_for()
    site.run()
    eye.see("key: stopped")
    visitor.open(f"/deposits/{safe.deposit}/drill")
    visitor.ready()
    page.clock.set_system_time(site.clock.now())
    visitor.at_step("kit")
    eye.see("drill: kit")
    page.locator("#kit-word-1").wait_for(state="attached")
    file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": safe.kit.data}
    page.set_input_files("#kit-file", file)
    with site.working():
        visitor.send()
        page.locator('[data-step="report"]').wait_for(timeout=60_000)
    eye.see("drill: report")
    unfinished = make_deposit(customer.http, [], 0, label="Tax papers")
    customer.http.put(f"/deposits/{unfinished.deposit}", unfinished.body).ok()
    site.run()
    visitor.open(f"/deposits/{unfinished.deposit}")
    visitor.ready()
    page.locator("#kit-digits").wait_for()
    eye.see("key: unfinished")
    visitor.open(f"/deposits/{ID}")
    page.locator("[data-again]").wait_for()
    eye.see("key: not mine")


def account(visitor: Visitor) -> None:
    page, eye, customer = visitor.page, visitor.eye, visitor.customer
    visitor.sign_in()
    visitor.open("/account")
    visitor.ready()
    eye.see("account")
    page.locator("summary").nth(1).click()
    visitor.send("[data-begin-app]")
    page.get_by_role("img", name="app").wait_for()
    eye.see("account: new app")
    page.locator("summary").nth(0).click()
    page.fill("#new-address", f"other-{customer.address}")
    visitor.send("[data-add]")
    page.locator("#address-code").wait_for()
    eye.see("account: new address")
    page.locator("summary").last.click()
    visitor.send("[data-close]")
    page.get_by_role("status").filter(has_text=".").first.wait_for()
    eye.see("account: closing")
    visitor.open("/deposits")
    visitor.ready()
    eye.see("keys: account is closing")
    visitor.open("/account")
    visitor.ready()
    page.locator('[data-act="reopen"]').click()
    page.get_by_role("status").filter(has_text=".").first.wait_for()
    eye.see("account: kept")


def invite(visitor: Visitor) -> None:
    """From the link to the card; and links that are torn, paused or used."""
    site, page, eye, customer = visitor.site, visitor.page, visitor.eye, visitor.customer
    page.clock.set_system_time(site.clock.now())
    with stretching.really():
        _, contact = enrol_asked(site, customer, "Laptop backup")
    site.record_fetch(contact)
    site.run()
    assert contact.link is not None
    path = f"/invite/{contact.custody}"
    visitor.open(path)
    page.locator('[data-part="no-link"]:visible').wait_for()
    eye.see("invite: link not complete")
    page.goto("about:blank")
    visitor.open(f"{path}#{contact.link.fragment}")
    visitor.at_step("about")
    eye.see("invite: who asks")
    visitor.send()
    visitor.at_step("digits")
    page.fill("#digits", "1234")
    visitor.send()
    page.locator("[role=alert]:visible > *").filter(has_text=".").wait_for()
    eye.see("invite: digits")
    page.fill("#digits", contact.link.digits)
    visitor.send()
    visitor.at_step("card")
    site.run()
    eye.see("invite: card")
    with page.expect_download():
        page.locator('[data-act="save"]').click()
    page.check('[name="kept"]')
    visitor.send()
    visitor.at_step("phrase")
    eye.see("invite: phrase")
    visitor.send()
    visitor.at_step("done")
    eye.see("invite: done")
    page.goto("about:blank")
    visitor.open(f"{path}#{contact.link.fragment}")
    page.locator("[data-again]:visible").wait_for()
    eye.see("invite: used already")


def contact(visitor: Visitor) -> None:
    """With the card in hand: what is asked, the call, and what else there is to do."""
    site, page, eye, customer = visitor.site, visitor.page, visitor.eye, visitor.customer
    made, [anna] = site.enrol(customer, label="Laptop backup")
    recovery = site.ready_recovery(customer, made)
    site.begin(customer, made, recovery)
    page.clock.set_system_time(site.clock.now())
    visitor.open(f"/contact/{anna.custody}")
    visitor.at_step("piece")
    page.locator("summary").first.click()
    visitor.send()
    page.locator("[role=alert]:visible > *").filter(has_text=".").wait_for()
    eye.see("contact: card")
    page.locator('[data-go="check"]').click()
    visitor.at_step("check")
    eye.see("contact: check code")
    page.locator('[data-go="piece"]:visible').click()
    visitor.at_step("piece")
    assert anna.payload is not None
    host = site.settings.public_url.removeprefix("http://")
    seen = anna.http.get("/ledger/checkpoint").ok()["checkpoint"]
    card = Card(anna.payload, made.manifest, made.signature, host, seen).data
    file: Any = {"name": "card.json", "mimeType": "application/json", "buffer": card}
    page.set_input_files("#card-file", file)
    visitor.send()
    visitor.at_step("menu")
    eye.see("contact: asked to help")
    page.locator('[data-go="call"]').click()
    visitor.at_step("call")
    eye.see("contact: waiting for the call")
    for name in ("vouch", "move", "phrase"):
        page.locator("[data-back]:visible").click()
        visitor.at_step("menu")
        page.locator(f'[data-go="{name}"]').click()
        visitor.at_step(name)
        eye.see(f"contact: {name}")
    page.locator("[data-back]:visible").click()
    visitor.at_step("menu")
    page.locator('[data-act="lost"]').click()
    page.locator("dialog[open]").wait_for()
    eye.see("contact: is it lost?")
    page.locator("dialog[open] button[value=yes]").click()
    page.get_by_role("status").filter(has_text=".").first.wait_for()
    eye.see("contact: lost")


def enrol(visitor: Visitor) -> None:
    """From the question to the invitation; the service holds its piece as soon as it is asked."""
    site, page, eye, customer = visitor.site, visitor.page, visitor.eye, visitor.customer
    page.clock.set_system_time(site.clock.now())
    visitor.open("/enrol")
    page.locator('[data-part="visitor"]:visible').wait_for()
    eye.see("enrol: visitor")
    visitor.sign_in("/sign-in?next=/enrol", "**/enrol")
    visitor.at_step("label")
    eye.see("enrol: name")
    page.fill("#label", "Laptop backup")
    visitor.send()
    visitor.at_step("secret")
    page.locator('[data-act="password"]').click()
    eye.see("enrol: key")
    visitor.send()
    visitor.at_step("contacts")
    page.check('[name="count"][value="0"]')
    eye.see("enrol: nobody yet")
    page.check('[name="count"][value="3"]')
    for i, name in enumerate(("Anna", "Bert", "Carla")):
        page.fill(f"#name-{i}", name)
        page.fill(f"#address-{i}", customer.address if i == 1 else f"{name}@contact.test")
    visitor.send()
    page.locator("[role=alert]:visible > *").filter(has_text=".").wait_for()
    eye.see("enrol: own address")
    page.fill("#address-1", "bert@contact.test")
    visitor.send()
    visitor.at_step("wait")
    eye.see("enrol: waiting time")
    visitor.send()
    visitor.at_step("make")
    eye.see("enrol: cut it?")
    with page.expect_response("**/api/v1/deposits/*"):
        visitor.send()
    site.run()
    visitor.at_step("kit")
    page.locator('[data-step="kit"] summary').click()
    eye.see("enrol: kit")
    page.fill("#kit-digits", page.locator('[data-print="confirmation"]').text_content() or "")
    visitor.send()
    visitor.at_step("invite")
    eye.see("enrol: invitation")
    for _ in range(3):
        visitor.send()
    visitor.at_step("done")
    eye.see("enrol: done")


def recover(visitor: Visitor) -> None:
    """From the lost key to the key, and what can stand in the way."""
    site, page, eye, customer = visitor.site, visitor.page, visitor.eye, visitor.customer
    made, _ = site.enrol(customer, label="Laptop backup")
    ending, _ = site.enrol(customer, label="Old phone")
    customer.http.post(f"/deposits/{ending.deposit}/close", {"reason": ""}).ok()
    firm, _ = site.enrol(customer, 2, 3, label="Bookkeeping")
    site.run()

    def come_back(proof: str = "totp", wanted: Deposited = made) -> None:
        page.clock.set_system_time(site.clock.now())
        page.context.clear_cookies()
        visitor.open("/recover")
        visitor.at_step("address")
        page.fill("#address", customer.address)
        visitor.send()
        visitor.at_step("code")
        page.fill("#code", site.mailbox.code(customer.address, "login_code"))
        visitor.send()
        visitor.at_step("key")
        page.check(f'[value="{wanted.deposit}"]')
        visitor.send()
        visitor.at_step("proof")
        page.check(f'[name="proof"][value="{proof}"]')
        visitor.send()

    def give_app_code() -> None:
        visitor.at_step("app")
        page.fill("#app-code", customer.totp())
        visitor.send()

    visitor.open("/recover")
    visitor.at_step("address")
    eye.see("recover: address")
    page.fill("#address", customer.address)
    visitor.send()
    visitor.at_step("code")
    page.locator("summary").first.click()
    eye.see("recover: code")
    page.fill("#code", site.mailbox.code(customer.address, "login_code"))
    visitor.send()
    visitor.at_step("key")
    eye.see("recover: which key")
    page.check(f'[value="{made.deposit}"]')
    visitor.send()
    visitor.at_step("proof")
    eye.see("recover: which proof")
    page.check('[name="proof"][value="kit"]')
    visitor.send()
    visitor.at_step("kit")
    page.locator('[data-step="kit"] summary').click()
    visitor.send()
    page.locator("[role=alert]:visible").wait_for()
    eye.see("recover: kit")
    come_back()
    visitor.at_step("app")
    eye.see("recover: app")
    give_app_code()
    visitor.at_step("reason")
    eye.see("recover: what happened")
    page.fill("#reason", "My laptop crashed.")
    visitor.send()
    visitor.at_step("running")
    eye.see("recover: being told")
    site.run()
    page.locator('[data-act="look"]').click()
    page.locator('[data-if="wait"]:visible').wait_for()
    eye.see("recover: waiting")
    site.wait(made.manifest.waiting_seconds)
    come_back()
    give_app_code()
    page.locator('[data-act="begin"]:visible').click()
    page.locator('[data-step="pieces"], [data-step="app"]').locator("visible=true").wait_for()
    if page.locator('[data-step="app"]').is_visible():
        give_app_code()
    visitor.at_step("pieces")
    site.run()
    page.locator('[data-step="pieces"] summary').click()
    eye.see("recover: pieces")
    page.locator("[data-helpers] button").click()
    visitor.at_step("call")
    eye.see("recover: calling")
    page.locator('[data-act="end-call"]').click()
    visitor.at_step("pieces")
    file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": made.kit.data}
    page.set_input_files("#kit-file", file)
    visitor.send()
    visitor.at_step("secret")
    eye.see("recover: key hidden")
    page.locator('[data-act="show"]').click()
    page.locator('[data-step="secret"] summary').click()
    eye.see("recover: key shown")
    page.locator('[data-act="code"]').click()
    page.locator("canvas[data-secret]").wait_for()
    eye.see("recover: key as a code")
    visitor.send()
    visitor.at_step("done")
    eye.see("recover: done")
    page.locator("[data-begin-app] button").click()
    page.locator("[data-confirm-app]").wait_for()
    eye.see("recover: new app")
    site.run()
    come_back("contacts", firm)
    visitor.at_step("reason")
    visitor.send()
    page.locator('[data-if="vouch"]:visible').wait_for()
    eye.see("recover: contacts vouch")
    come_back("contacts", firm)
    visitor.at_step("drafts")
    eye.see("recover: which request")
    other = site.customer()
    page.context.clear_cookies()
    visitor.open("/recover")
    visitor.at_step("address")
    page.fill("#address", other.address)
    visitor.send()
    visitor.at_step("code")
    page.fill("#code", site.mailbox.code(other.address, "login_code"))
    visitor.send()
    visitor.at_step("none")
    eye.see("recover: no key here")


def not_there(visitor: Visitor) -> None:
    visitor.open("/not-there")
    visitor.eye.see("nothing here")


def admin(visitor: Visitor) -> None:
    """An owner is invited, looks round, and signs out and in."""
    site, page, eye = visitor.site, visitor.page, visitor.eye
    line = page.context.new_cdp_session(page)
    line.send("WebAuthn.enable")
    line.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    made = some_keys(visitor)
    page.clock.set_system_time(site.clock.now())
    visitor.open("/admin/invitation")
    page.locator('[data-part="no-link"]').wait_for()
    eye.see("admin: link not complete")
    token = secrets.token_urlsafe(32)
    with site.database.transaction() as db:
        people.invite(db, site.web_keys, "First admin", "owner", site.clock.now(), token)
    visitor.open(f"/admin/invitation#{token}")
    visitor.at_step("passkey")
    assert "#" not in page.url
    eye.see("admin: invitation")
    page.fill("#name", "Olga de Wit")
    visitor.send()
    page.locator('[data-part="entering"]').wait_for()
    eye.see("admin: the first is let in")
    site.run()
    page.wait_for_url("**/admin")
    for summary in page.locator("summary").all():
        summary.click()
    eye.see("admin: overview")
    visitor.open("/admin/custody")
    eye.see("admin: keys")
    page.fill("#find", "nobody@example.org")
    page.locator("[data-find] button").click()
    page.locator("[data-find] [role=alert]:visible").wait_for()
    eye.see("admin: nobody here has this address")
    page.fill("#find", visitor.customer.address)
    page.locator("[data-find] button").click()
    page.wait_for_url("**/admin/custody?account=*")
    assert "@" not in page.url
    visitor.open("/admin/custody")
    page.select_option("#piece", "proven")
    page.fill("#domain", "Contact.test")
    page.locator("[data-find] button").click()
    page.wait_for_url("**/admin/custody?*domain=*")
    assert "contact.test" not in page.url.partition("?")[2]
    page.fill("#view-name", "Friends at contact.test")
    page.locator("[data-save-view] button").click()
    page.locator("[data-delete-view]").wait_for()
    eye.see("admin: a view of pieces")
    page.locator("[data-delete-view]").click()
    page.wait_for_url("**/admin/custody")
    assert page.locator(".views").count() == 0
    visitor.open("/admin/custody?state=not_recoverable&days=3650")
    eye.see("admin: no such key")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(custody, "LOOKED_AT", 1)
        patched.setattr(custody, "FEW", -1)
        visitor.open("/admin/custody?state=not_recoverable&role=contact")
    eye.see("admin: a list that goes on")
    visitor.open(f"/admin/deposits/{made.deposit}")
    eye.see("admin: a key")
    page.locator("[data-history] > summary").click()
    page.locator("[data-history] li").first.wait_for()
    eye.see("admin: what the log says")
    visitor.open("/admin/recoveries")
    eye.see("admin: recoveries")
    visitor.open("/admin/ledger")
    eye.see("admin: log")
    visitor.open("/admin/losses")
    eye.see("admin: losses")
    visitor.open("/admin/unusual")
    eye.see("admin: unusual numbers")
    visitor.open("/admin/drills")
    eye.see("admin: never practised")
    visitor.open("/admin/drills?show=done")
    eye.see("admin: practised")
    visitor.open("/admin/mail")
    eye.see("admin: mail")
    visitor.open("/admin/support")
    page.fill("#address", "nobody@example.org")
    visitor.send()
    page.locator("[role=alert]:visible").wait_for()
    eye.see("admin: nobody has this address")
    page.fill("#address", visitor.customer.address)
    visitor.send()
    page.wait_for_url("**/admin/support/*")
    eye.see("admin: a customer calls")
    page.locator("[data-again-to]").click()
    page.get_by_role("status").filter(has_text=".").wait_for()
    eye.see("admin: instructions sent again")
    two_owners(visitor, made)
    visitor.open("/admin/you")
    eye.see("admin: you")
    page.locator("[data-current]").click()
    page.wait_for_url("**/admin/sign-in")
    eye.see("admin: sign in")
    visitor.send()
    page.wait_for_url("**/admin")
    with site.database.transaction() as db:
        token = secrets.token_urlsafe(32)
        people.invite(db, site.web_keys, "Carla Vos", "auditor", site.clock.now(), token)
    visitor.open(f"/admin/invitation#{token}")
    visitor.at_step("passkey")
    assert page.locator("#name").input_value() == "Carla Vos"
    page.fill("#name", "olga DE wit")
    visitor.send()
    page.locator("[role=alert]:visible").wait_for()
    eye.see("admin: an admin has this name")
    page.fill("#name", "Carla Vos")
    visitor.send()
    page.locator('[data-part="waiting"]').wait_for()
    eye.see("admin: waits to be let in")


def two_owners(visitor: Visitor, made: Deposited) -> None:
    """A second owner is added, and what takes both is proposed."""
    site, page, eye = visitor.site, visitor.page, visitor.eye
    visitor.open("/admin/people")
    page.fill("#name", "Piet Jansen")
    visitor.send()
    page.locator("[data-made]:visible").wait_for()
    eye.see("admin: a link for somebody")
    with site.database.transaction() as db:
        now, token = site.clock.now(), secrets.token_urlsafe(32)
        row = people.invite(db, site.web_keys, "Piet", "owner", now, token)
        key = Passkey("localhost", site.settings.public_url)
        made_key = (key.credential_id, cbor2.dumps({1: 2, 3: -7}))
        people.accept(db, site.web_keys, row, "Piet Jansen", *made_key)
        piet = row.id
    visitor.open("/admin/people")
    eye.see("admin: admins")
    visitor.open(f"/admin/propose/add-admin/{piet}")
    visitor.send()
    page.locator("[role=alert]:visible").wait_for()
    eye.see("admin: propose an admin, without a reason")
    page.fill("#reason", "Second owner, as the board decided.")
    visitor.send()
    page.wait_for_url("**/admin/approvals/*")
    site.run()
    page.reload()
    page.locator('[data-slot="name"]:visible').wait_for()
    eye.see("admin: done")
    visitor.open(f"/admin/propose/close-deposit/{made.deposit}")
    page.fill("#reason", "The contract has ended.")
    visitor.send()
    page.wait_for_url("**/admin/approvals/*")
    page.get_by_text("The contract has ended.").wait_for()
    eye.see("admin: what was proposed")
    page.locator("[data-reject]").click()
    page.get_by_text("Olga de Wit").first.wait_for()
    page.locator("main .say.warn").wait_for()
    eye.see("admin: withdrawn")
    site.run()
    visitor.open(f"/admin/propose/close-deposit/{made.deposit}")
    page.fill("#reason", "The contract has ended.")
    visitor.send()
    page.wait_for_url("**/admin/approvals/*")
    visitor.open("/admin/approvals")
    eye.see("admin: approvals")
    visitor.open("/admin/service")
    eye.see("admin: keys and wait of the service")
    visitor.open("/admin/backup")
    visitor.send()
    page.locator("[role=alert]:visible").wait_for()
    eye.see("admin: restored backup, no file")
    visitor.open("/admin/propose/change-wait/service")
    eye.see("admin: propose another wait")


def some_keys(visitor: Visitor) -> Deposited:
    """A safe key, one at risk, one that nothing brings back, a recovery under way, and a year."""
    site, customer = visitor.site, visitor.customer
    made, _ = site.enrol(customer)
    site.enrol(customer, 0, 0, label="Photos")
    lost, _ = site.enrol(customer, 0, 0, label="Diary")
    kit = lost.manifest.of_role("customer")[0].custody
    customer.http.post(f"/custodies/{kit}/lost").ok()
    site.run()
    site.open_recovery(customer, made)
    bounced(site, customer.account)
    with site.database.transaction() as db:
        db.get_one(Deposit, made.deposit).drilled_at = site.clock.now()
    today = site.clock.now() // 86400
    with site.database.transaction() as db:
        for ago in range(300, 1, -1):
            for state, count in (("safe", 30 - ago // 10), ("at_risk", 3 + ago % 3)):
                db.add(RecoverabilityCount(state=state, day=today - ago, count=count))
        for ago in range(360, 0, -1):
            for kind, count in (
                ("custody attested customer", ago % 4),
                ("custody attested contact", (ago * 7) % 5),
                ("custody attested provider", 3 + ago % 2),
                *((f"recovery {word}", int(ago % 9 == i)) for i, word in enumerate(OUTCOMES)),
                ("recovery opened", 4 * (ago < 5)),
            ):
                db.add(DailyCount(kind=kind, day=today - ago, count=count))
    return made


def bounced(site: World, account: str) -> None:
    """A mail came back."""
    now = site.clock.now()
    with site.database.transaction() as db:
        db.add(
            Outbox(
                id=new_id(),
                key="bounced",
                message="deposit_complete",
                state="refused",
                account=account,
                address_hash=bytes(32),
                created_at=now,
                next_at=now,
                settled_at=now,
                answer="550",
            )
        )


STATIC = ("/",)
WALKS = {
    "admin": Walk(
        ("/admin/invitation", "/admin/sign-in", "/admin", "/admin/custody", "/admin/recoveries",
         "/admin/approvals", "/admin/mail", "/admin/losses", "/admin/unusual",
         "/admin/drills", "/admin/ledger",
         "/admin/people", "/admin/service",
         "/admin/backup",
         "/admin/approvals/<id:proposal>", "/admin/propose/<operation>/<target>",
         "/admin/support", "/admin/support/<id:account>",
         "/admin/deposits/<id:deposit>", "/admin/you"),
        ("admin: link not complete", "admin: invitation", "admin: the first is let in",
         "admin: overview", "admin: keys",
         "admin: nobody here has this address", "admin: a view of pieces",
         "admin: no such key", "admin: a list that goes on", "admin: a key",
         "admin: what the log says", "admin: recoveries",
         "admin: log", "admin: losses", "admin: unusual numbers",
         "admin: never practised", "admin: practised", "admin: mail",
         "admin: nobody has this address", "admin: a customer calls",
         "admin: instructions sent again",
         "admin: a link for somebody", "admin: admins",
         "admin: propose an admin, without a reason", "admin: done", "admin: what was proposed",
         "admin: withdrawn", "admin: approvals",
         "admin: keys and wait of the service", "admin: restored backup, no file",
         "admin: propose another wait", "admin: you",
         "admin: sign in", "admin: an admin has this name", "admin: waits to be let in"),
        admin,
    ),
    "static": Walk(
        ("/",),
        tuple(path.partition("#")[0] for path in STATIC),
        plain(*STATIC),
    ),
    "help": Walk(("/help/<any(…):name>",), help_pages(), plain(*help_pages())),
    "mail-links": Walk(
        ("/veto/<id:recovery>", "/reopen/<id:deposit>", "/contact/<id:custody>/stop",
         "/contact/<id:custody>/lost"),
        ("veto", "reopen", "stop", "lost", "veto: link not complete", "veto: link used before"),
        mail_links,
    ),
    "new-account": Walk(
        ("/new-account", "/deposits", "/sign-in"),
        ("new account: address", "new account: code", "new account: app",
         "new account: second address", "new account: second code", "new account: done",
         "keys: none yet", "sign in: signed in already"),
        new_account,
    ),
    "sign-in": Walk(
        ("/sign-in",),
        ("sign in: address", "sign in: not an address", "sign in: code", "sign in: wrong code",
         "sign in: which account", "sign in: app"),
        sign_in,
    ),
    "keys": Walk(
        ("/deposits", "/deposits/<id:deposit>", "/deposits/<id:deposit>/drill"),
        ("keys: some", "key: safe", "key: asked", "key: paused", "key: alone", "key: recovery",
         "key: ending", "key: history", "key: kit", "key: is the piece lost?", "key: fresh code",
         "key: end asked for", "drill: not now", "key: stopped", "drill: kit", "drill: report",
         "key: unfinished", "key: not mine"),
        keys,
    ),
    "account": Walk(
        ("/account",),
        ("account", "account: new app", "account: new address", "account: closing",
         "keys: account is closing", "account: kept"),
        account,
    ),
    "invite": Walk(
        ("/invite/<id:custody>",),
        ("invite: link not complete", "invite: who asks", "invite: digits", "invite: card",
         "invite: phrase", "invite: done", "invite: used already"),
        invite,
    ),
    "contact": Walk(
        ("/contact/<id:custody>",),
        ("contact: card", "contact: check code", "contact: asked to help",
         "contact: waiting for the call", "contact: vouch", "contact: move", "contact: phrase",
         "contact: is it lost?", "contact: lost"),
        contact,
    ),
    "enrol": Walk(
        ("/enrol", "/sign-in"),
        ("enrol: visitor", "enrol: name", "enrol: key", "enrol: nobody yet", "enrol: own address",
         "enrol: waiting time", "enrol: cut it?", "enrol: kit", "enrol: invitation",
         "enrol: done"),
        enrol,
    ),
    "recover": Walk(
        ("/recover",),
        ("recover: address", "recover: code", "recover: which key", "recover: which proof",
         "recover: kit", "recover: app", "recover: what happened", "recover: being told",
         "recover: waiting", "recover: pieces", "recover: calling", "recover: key hidden",
         "recover: key shown", "recover: key as a code", "recover: done", "recover: new app",
         "recover: contacts vouch", "recover: which request", "recover: no key here"),
        recover,
    ),
    "not-there": Walk((), ("nothing here",), not_there),
}  # fmt: skip
