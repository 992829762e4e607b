"""Enrolling and recovering with no mouse, over a slow line, in two tabs, with a restless hand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import CDPSession, expect
from sqlalchemy import select

from escrow.deposit.models import Deposit
from escrow.protocol.encoding import grouped
from tests.browser import keyboard
from tests.browser.conftest import Watched
from tests.browser.test_enrol_page import ANNA, SECRET, Keeper, deposits
from tests.browser.test_recover_page import Loser, states
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

# A telephone at the edge of its net: half a second there and back, 30 kB in a second.
SLOW = {"offline": False, "latency": 500, "downloadThroughput": 30_000, "uploadThroughput": 30_000}
PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: the pages do."""


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def enrolled(site: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return site.enrol(customer)


@pytest.fixture
def keeper(site: World, watched: Watched, customer: Customer) -> Keeper:
    return Keeper(site, watched.page, customer)


@pytest.fixture
def loser(site: World, watched: Watched, customer: Customer) -> Loser:
    return Loser(site, watched.page, customer)


def test_a_key_is_kept_by_keyboard_alone(site: World, keeper: Keeper, tmp_path: Path) -> None:
    page = keeper.page
    keeper.open()
    keyboard.press(page, 'a[href="/sign-in?next=/enrol"]')
    keeper.at("address")
    keyboard.type_in(page, "#address", keeper.customer.address)
    keeper.at("code")
    code = site.mailbox.code(keeper.customer.address, "login_code")
    keyboard.type_in(page, "#code", code)
    keeper.at("app")
    keyboard.type_in(page, "#app-code", keeper.customer.totp())
    page.wait_for_url("**/enrol")
    keeper.at("label")
    keyboard.type_in(page, "#label", "Laptop backup")
    keeper.at("secret")
    keyboard.reach(page, "#secret")
    page.keyboard.type(SECRET)
    keyboard.press(page, '[data-step="secret"] button[type=submit]')
    keeper.at("contacts")
    keyboard.reach(page, '[data-step="contacts"] [name="count"]')
    choose_one(page)
    keyboard.reach(page, "#name-0")
    page.keyboard.type(ANNA[0])
    keyboard.type_in(page, "#address-0", ANNA[1])
    keeper.at("wait")
    keyboard.press(page, '[data-step="wait"] button[type=submit]')
    keeper.at("make")
    with page.expect_response(re.compile(r"/deposits/[0-9a-f]{32}$")):
        keyboard.press(page, '[data-step="make"] button[type=submit]')
    site.run()
    keeper.at("kit")
    with page.expect_download() as download:
        keyboard.press(page, '[data-step="kit"] [data-act="save"]')
    download.value.save_as(tmp_path / "kit.json")
    [(number, _)] = deposits(site)
    with site.database.reading() as db:
        found = db.get_one(Deposit, number)
    digits = manifest_code(found)[-4:]
    keyboard.type_in(page, "#kit-digits", digits)
    keeper.at("invite")
    keyboard.press(page, '[data-step="invite"] button[type=submit]')
    keeper.at("done")
    site.run()
    assert [state for _, state in deposits(site)] == ["active"]


def choose_one(page: Any) -> None:
    """Go through the choices with the arrow keys until one contact is chosen."""
    for _ in range(4):
        if page.locator('[name="count"][value="1"]').is_checked():
            return
        page.keyboard.press("ArrowDown")
    raise AssertionError("the arrow keys do not choose")


def manifest_code(row: Deposit) -> str:
    from escrow.protocol.manifest import Manifest

    return Manifest.parse(row.manifest).code()


def test_a_key_is_brought_back_by_keyboard_alone_with_the_words_of_the_kit(
    site: World, loser: Loser, enrolled: tuple[Deposited, list[Contact]], customer: Customer
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    kit, page = made.payloads[0], loser.page
    loser.sign_in()
    loser.at("running")
    keyboard.press(page, '[data-act="begin"]')
    loser.confirm()
    keyboard.press(page, '[data-step="pieces"] summary')
    keyboard.reach(page, "#kit-word-1")
    for word in kit.words.split():
        page.keyboard.type(word[:4])
        page.keyboard.press("Space")
    keyboard.reach(page, "#kit-custody")
    page.keyboard.type(grouped(kit.custody))
    keyboard.reach(page, "#kit-code")
    page.keyboard.type(grouped(made.manifest.code()))
    page.keyboard.press("Enter")
    loser.at("secret")
    keyboard.press(page, '[data-act="show"]')
    expect(page.locator("pre[data-secret]")).to_have_text(made.secret.decode())
    keyboard.press(page, '[data-step="secret"] button[type=submit]')
    loser.at("done")
    assert states(site, customer, made) == ["completed"]


def slow(watched: Watched) -> CDPSession:
    line = watched.page.context.new_cdp_session(watched.page)
    line.send("Network.enable")
    line.send("Network.emulateNetworkConditions", SLOW)
    return line


def test_over_a_slow_line_a_second_press_does_nothing_twice(
    site: World, keeper: Keeper, watched: Watched, tmp_path: Path
) -> None:
    keeper.begin()
    slow(watched)
    keeper.page.set_default_timeout(PATIENCE_MILLISECONDS)
    keeper.decide(ANNA)
    button = keeper.page.locator('[data-step="make"] button[type=submit]')
    with site.working():
        button.click()
        button.click(force=True)
        expect(button).to_have_attribute("aria-disabled", "true")
        assert keeper.page.locator('[data-step="make"] [data-slot="busy"]').inner_text()
        keeper.at("kit")
    kit = keeper.save_kit(tmp_path)
    assert [number for number, _ in deposits(site)] == [kit.manifest.deposit]


def test_two_tabs_collect_one_after_the_other_and_the_first_says_that_it_is_over(
    site: World,
    loser: Loser,
    enrolled: tuple[Deposited, list[Contact]],
    customer: Customer,
    watched: Watched,
) -> None:
    made, _ = enrolled
    site.ready_recovery(customer, made)
    loser.sign_in()
    loser.press("begin")
    loser.at("pieces")  # our piece has not come yet
    second = Loser(site, watched.page.context.new_page(), customer)
    second.now()
    second.page.goto(f"{site.settings.public_url}/recover")
    second.choose("totp")
    second.give_app_code()
    second.at("running")
    second.press("begin")
    second.page.locator("dialog[open] button[value=yes]").click()
    second.confirm()
    loser.alert("gone on with on another page|Load this page")
    second.give_kit(made)
    assert second.secret().encode() == made.secret
    second.page.close()


@pytest.mark.parametrize("step", ["secret", "contacts", "wait", "make"])
def test_back_goes_one_question_back_and_every_answer_is_still_there(
    site: World, keeper: Keeper, step: str
) -> None:
    before = {"secret": "label", "contacts": "secret", "wait": "contacts", "make": "wait"}[step]
    keeper.begin()
    keeper.decide(ANNA)
    order = ["make", "wait", "contacts", "secret"]
    for _ in range(order.index(step) + 1):
        keeper.page.go_back()
    keeper.at(before)
    assert keeper.page.input_value("#label") == "Laptop backup"
    assert keeper.page.input_value("#secret") == SECRET
    assert keeper.page.input_value("#address-0") == ANNA[1]
    assert "Laptop" not in keeper.page.url
    for left in ["label", "secret", "contacts", "wait"][
        ["label", "secret", "contacts", "wait"].index(before) :
    ]:
        keeper.at(left)
        keeper.send()
    keeper.at("make")
    with site.database.reading() as db:
        assert db.scalars(select(Deposit.id)).all() == []


def test_a_page_left_while_it_is_cut_leaves_at_most_what_is_finished_with_the_kit(
    site: World, keeper: Keeper, tmp_path: Path
) -> None:
    keeper.begin()
    keeper.decide(ANNA)
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    page = keeper.page
    page.on("dialog", lambda dialog: dialog.accept())
    page.goto(f"{site.settings.public_url}/deposits/{kit.manifest.deposit}")
    page.locator('[data-part="ready"]').wait_for()
    page.locator("#kit-word-1").wait_for(state="attached")
    file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": kit.data}
    page.set_input_files("#kit-file", file)
    page.fill("#kit-digits", kit.manifest.code()[-4:])
    page.locator("[data-whole] button[type=submit]:visible").last.click()
    page.get_by_role("status").filter(has_text="Your kit works").wait_for()
    site.run()
    assert [state for _, state in deposits(site)] == ["active"]
