"""Signing in, one's keys and one's account, in a real browser: what they promise."""

from __future__ import annotations

import re

import pytest

from tests.browser.conftest import Watched
from tests.browser.keyboard import reach, type_in
from tests.browser.seeing import Eye
from tests.browser.walks import Visitor, enrol_asked, pause
from tests.support.people import Customer, Deposited
from tests.support.world import World

COOKIE = "escrow"
WITHOUT_JAVASCRIPT = (
    ("/sign-in", "escrow status"),
    ("/account", "escrow sessions"),
    ("/enrol", "escrow enrol"),
    ("/recover", "escrow recover"),
    (f"/contact/{'0' * 32}", "escrow release"),
    (f"/invite/{'0' * 32}", "escrow accept"),
)


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def visitor(site: World, watched: Watched, customer: Customer) -> Visitor:
    return Visitor(site, watched.page, Eye(watched.page, "en"), customer)


@pytest.fixture
def made(site: World, customer: Customer) -> Deposited:
    return site.enrol(customer)[0]


def said(visitor: Visitor, pattern: str) -> None:
    """Wait until a page says it."""
    where = visitor.page.locator("[role=status]:visible, [role=alert]:visible")
    where.filter(has_text=re.compile(pattern)).first.wait_for()


def test_signing_in_and_stopping_a_recovery_by_keyboard_alone(
    site: World, visitor: Visitor, customer: Customer, made: Deposited, watched: Watched
) -> None:
    recovery = site.open_recovery(customer, made)
    visitor.open("/")
    reach(visitor.page, 'a[href="/sign-in"]')
    visitor.page.keyboard.press("Enter")
    visitor.at_step("address")
    type_in(visitor.page, "#address", customer.address)
    visitor.at_step("code")
    focused = visitor.page.evaluate("document.activeElement.textContent")
    assert focused == visitor.heading()
    type_in(visitor.page, "#code", site.mailbox.code(customer.address, "login_code"))
    visitor.at_step("app")
    type_in(visitor.page, "#app-code", customer.totp())
    visitor.page.wait_for_url("**/deposits")
    visitor.ready()
    reach(visitor.page, f'a[href="/deposits/{made.deposit}"]')
    visitor.page.keyboard.press("Enter")
    visitor.page.wait_for_url(f"**/deposits/{made.deposit}")
    visitor.ready()
    reach(visitor.page, '[data-act="veto"]')
    visitor.page.keyboard.press("Enter")
    said(visitor, "^Stopped")
    site.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "cancelled"
    assert all(url.startswith(site.settings.public_url) for url in watched.requests)


def test_the_session_is_a_cookie_that_no_script_sees_and_nothing_is_stored(
    visitor: Visitor, watched: Watched
) -> None:
    visitor.sign_in()
    visitor.ready()
    [cookie] = [c for c in visitor.page.context.cookies() if c["name"] == COOKIE]
    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Strict"
    kept = visitor.page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]")
    assert COOKIE not in kept[0]
    assert kept[1:] == [0, 0]
    assert all(cookie["value"] not in url for url in watched.requests)
    assert cookie["value"] not in visitor.page.content()


def test_a_code_may_have_spaces_and_dashes_and_a_wrong_one_says_how_many_tries_are_left(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    visitor.open("/sign-in")
    visitor.page.fill("#address", f"  {customer.address} ")
    visitor.send()
    visitor.at_step("code")
    visitor.page.fill("#code", "12 34")
    visitor.send()
    said(visitor, "6 digits")
    visitor.page.fill("#code", "000-000")
    visitor.send()
    said(visitor, "4 more times")
    assert visitor.page.input_value("#code") == "000-000"
    code = site.mailbox.code(customer.address, "login_code").replace(" ", "")
    visitor.page.fill("#code", f" {code[:3]} - {code[3:]} ")
    visitor.send()
    visitor.at_step("app")


def test_a_wrong_code_of_the_first_mail_is_said_and_the_right_one_goes_on(
    site: World, visitor: Visitor
) -> None:
    address = "newcomer@customer.test"
    visitor.open("/new-account")
    visitor.at_step("address")
    visitor.page.fill("#address", address)
    visitor.send()
    visitor.at_step("code")
    right = site.mailbox.code(address, "account_code")
    visitor.page.fill("#code", "111 111" if right != "111111" else "222 222")
    visitor.send()
    said(visitor, "more times?")
    visitor.page.fill("#code", right)
    visitor.send()
    visitor.at_step("app")


def test_back_is_the_step_before_and_the_answer_is_still_there(
    visitor: Visitor, customer: Customer
) -> None:
    visitor.open("/sign-in")
    visitor.page.fill("#address", customer.address)
    visitor.send()
    visitor.at_step("code")
    assert customer.address in visitor.page.locator("ol.answers").inner_text()
    visitor.page.go_back()
    visitor.at_step("address")
    assert visitor.page.input_value("#address") == customer.address
    visitor.page.go_forward()
    visitor.at_step("code")
    visitor.page.get_by_role("button", name="Change").click()
    visitor.at_step("address")
    assert "@" not in visitor.page.url


def test_a_reload_in_the_middle_begins_anew(visitor: Visitor, customer: Customer) -> None:
    visitor.open("/sign-in")
    visitor.page.fill("#address", customer.address)
    visitor.send()
    visitor.at_step("code")
    visitor.page.reload()
    visitor.at_step("address")


def test_without_a_connection_what_was_typed_stays(visitor: Visitor, customer: Customer) -> None:
    visitor.open("/sign-in")
    visitor.at_step("address")
    visitor.page.fill("#address", customer.address)
    visitor.page.context.set_offline(True)
    visitor.send()
    said(visitor, "no connection")
    assert visitor.page.input_value("#address") == customer.address
    visitor.page.context.set_offline(False)
    visitor.send()
    visitor.at_step("code")


def test_too_many_codes_says_how_long_to_wait(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    for _ in range(4):  # the fifth was for the account
        customer.http.post("/logins", {"address": customer.address, "locale": "en"}).ok()
    visitor.open("/sign-in")
    visitor.page.fill("#address", customer.address)
    visitor.send()
    said(visitor, r"Wait 60 minutes|Wait \d+ (minutes|hours?)")


@pytest.mark.parametrize("address", ["//evil.test/", "https://evil.test/", "/api/docs"])
def test_after_the_sign_in_one_goes_to_our_own_pages_only(visitor: Visitor, address: str) -> None:
    visitor.sign_in(f"/sign-in?next={address}")
    assert visitor.page.url == f"{visitor.site.settings.public_url}/deposits"


def test_who_is_not_signed_in_goes_there_first_and_comes_back(
    visitor: Visitor, made: Deposited
) -> None:
    path = f"/deposits/{made.deposit}"
    visitor.sign_in(path, then=f"**{path}")
    visitor.ready()
    assert visitor.page.get_by_role("heading", level=1).inner_text() == "Laptop backup"


def test_a_paused_invitation_goes_on_and_a_key_is_ended_and_kept(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, contact = enrol_asked(site, customer, "Photos")
    pause(site, contact)
    visitor.sign_in()
    visitor.open(f"/deposits/{made.deposit}")
    visitor.ready()
    visitor.page.get_by_role("button", name="Resume the invitation").click()
    said(visitor, "goes on")
    site.clock.move(400)
    visitor.page.get_by_text("End it", exact=True).click()
    visitor.page.fill("#why", "no longer needed")
    visitor.send("[data-close]")
    visitor.page.locator("dialog[open]").wait_for()
    visitor.confirm_with_app()
    said(visitor, "It ends on")
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["state"] == "closing"
    visitor.page.get_by_role("button", name="Keep it").click()
    said(visitor, "^Kept")
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["state"] == "active"


def test_a_new_app_counts_once_it_is_confirmed_and_other_devices_are_signed_out(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    visitor.sign_in()
    visitor.open("/account")
    visitor.ready()
    assert visitor.page.locator("[data-sessions] > li").count() == 2
    visitor.page.get_by_text("A new phone or another app").click()
    visitor.send("[data-begin-app]")
    visitor.page.get_by_text("Type it instead").click()
    key = visitor.page.locator("#totp-key").inner_text().replace(" ", "")
    assert key in str(visitor.page.get_attribute("[data-otpauth]", "href"))
    customer.totp_secret = key
    visitor.page.fill("[data-confirm-app] input", customer.totp())
    visitor.send("[data-confirm-app]")
    said(visitor, "only the new app counts")
    assert visitor.page.locator("[data-sessions] > li").count() == 1
    assert key not in visitor.page.content()
    assert customer.http.get(f"/accounts/{customer.account}").status == 401


def test_an_address_is_added_and_the_last_one_stays(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    visitor.sign_in()
    visitor.open("/account")
    visitor.ready()
    visitor.page.get_by_role("button", name="Remove").click()
    visitor.page.get_by_role("button", name="Remove it").click()
    said(visitor, "only address")
    visitor.page.get_by_text("Add an address").click()
    visitor.page.fill("#new-address", f"other-{customer.address}")
    visitor.send("[data-add]")
    visitor.page.locator("#address-code").wait_for()
    code = site.mailbox.code(f"other-{customer.address}", "address_code")
    visitor.page.fill("#address-code", code)
    visitor.send("[data-confirm-address]")
    said(visitor, "confirmed")
    assert visitor.page.locator("[data-addresses] > li").count() == 2


@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_the_pages_say_what_to_do(visitor: Visitor) -> None:
    for path, command in WITHOUT_JAVASCRIPT:
        visitor.open(path)
        text = visitor.page.get_by_role("main").inner_text()
        assert "Switch it on" in text
        assert command in text


def test_a_page_that_was_kept_in_memory_is_loaded_anew(visitor: Visitor, made: Deposited) -> None:
    visitor.sign_in()
    visitor.open(f"/deposits/{made.deposit}")
    visitor.ready()
    visitor.page.evaluate("window.old = true")
    visitor.page.evaluate("dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))")
    visitor.page.wait_for_function("window.old === undefined")
