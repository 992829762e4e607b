"""Admins in a browser: in by a link and a passkey, a list out only after it was asked again."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest
from playwright.sync_api import CDPSession, Page, Route, expect
from sqlalchemy import func, select

from escrow import custodyreport
from escrow.admin import people
from escrow.admin.models import Admin
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from tests.browser.conftest import Watched
from tests.browser.walks import AUTHENTICATOR
from tests.support.world import World


@pytest.fixture
def host() -> str:
    """With a name, so that there can be passkeys."""
    return "localhost"


@pytest.fixture
def line(watched: Watched) -> Iterator[CDPSession]:
    """The browser's own authenticator, empty."""
    found = watched.page.context.new_cdp_session(watched.page)
    found.send("WebAuthn.enable")
    found.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    yield found


def invited(site: World, role: str = "owner") -> str:
    token = secrets.token_urlsafe(32)
    with site.database.transaction() as db:
        people.invite(db, site.web_keys, "First admin", role, site.clock.now(), token)
    return f"{site.settings.public_url}/admin/invitation#{token}"


def accept(page: Page, link: str) -> None:
    page.goto("about:blank")
    page.goto(link)
    page.locator('[data-step="passkey"]').wait_for()
    page.fill("#name", "Olga")
    page.click("button[type=submit]")


def enter(site: World, page: Page) -> None:
    accept(page, invited(site))
    page.locator('[data-part="entering"]').wait_for()
    site.run()
    page.wait_for_url("**/admin")


@pytest.mark.usefixtures("line")
def test_a_list_is_saved_after_the_passkey_was_asked_again_and_the_ledger_says_so(
    site: World, watched: Watched, tmp_path: Path
) -> None:
    page = watched.page
    customer = site.customer()
    made = {site.enrol(customer, 0, 0)[0].deposit for _ in range(3)}
    enter(site, page)
    site.clock.move(6 * 60)
    page.goto(f"{site.settings.public_url}/admin/custody?state=at_risk")
    with page.expect_download() as download:
        page.click("[data-export]")
    lines = Path(download.value.path()).read_text("utf-8").splitlines()
    assert lines[0].startswith('"key","account"')
    assert {line.split(",")[0].strip('"') for line in lines[1:]} == made
    expect(page.locator('[data-slot="exported"]')).to_have_text("Saved. The log says that you did.")
    with site.database.reading() as db:
        query = select(func.count()).where(LedgerEvent.type == "admin exported")
        assert db.scalar(query) == 1


@pytest.mark.usefixtures("line")
def test_what_the_log_says_of_a_key_is_proven_by_the_admins_browser(
    site: World, watched: Watched
) -> None:
    page = watched.page
    made, _ = site.enrol(site.customer())
    enter(site, page)
    page.clock.set_system_time(site.clock.now())
    path = f"/admin/deposits/{made.deposit}"
    page.goto(f"{site.settings.public_url}{path}")
    page.locator("[data-history] > summary").click()
    page.locator("[data-slot=history]").get_by_text("stand in the log").wait_for()
    shown = page.locator("[data-history] ol li").all_inner_texts()
    assert any("All pieces are in place." in line for line in shown)
    assert "The key was cut into pieces" in shown[-1]
    assert any(
        re.search(r"The contact [0-9a-f]{8}: the piece is in place\.", line) for line in shown
    )
    proofs = [url for url in watched.requests if "/ledger/proof/" in url]
    assert len(proofs) == len(shown)

    def tell(route: Route) -> None:
        answer = route.fetch()
        document = answer.json()
        document["events"][-1]["index"] -= 1
        route.fulfill(response=answer, body=json.dumps(document))

    page.route(f"**{path}/events*", tell)
    page.reload()
    page.locator("[data-history] > summary").click()
    page.locator("[data-slot=history]").get_by_text("we stopped here").wait_for()
    assert page.locator("[data-history] ol li").count() == 0


@pytest.mark.usefixtures("line")
def test_reports_with_proofs_are_saved_byte_for_byte(site: World, watched: Watched) -> None:
    page = watched.page
    made, _ = site.enrol(site.customer())
    enter(site, page)
    vkey = site.keys.signer.verifier.vkey
    for path, button, named in (
        ("/admin/custody", "[data-report]", False),
        (f"/admin/deposits/{made.deposit}", "[data-report-of]", True),
    ):
        site.clock.move(6 * 60)
        page.goto(f"{site.settings.public_url}{path}")
        with page.expect_download() as download:
            page.click(button)
        data = Path(download.value.path()).read_bytes()
        [line] = custodyreport.check(data, vkey).lines
        assert (line.deposit, line.manifest is not None) == (made.deposit, named)
        page.locator("[role=status]:visible").filter(has_text=re.compile("[Ss]aved")).wait_for()
        with site.database.reading() as db:
            query = select(LedgerEvent.body).where(LedgerEvent.type == "admin exported")
            said = [Event.parse(body or b"").data["body_sha256"] for body in db.scalars(query)]
        assert sha256(data).digest() in said


def test_who_does_not_show_the_passkey_gets_no_list_and_does_not_come_in(
    site: World, watched: Watched, line: CDPSession
) -> None:
    page = watched.page
    site.enrol(site.customer(), 0, 0)
    enter(site, page)
    line.send("WebAuthn.disable")
    line.send("WebAuthn.enable")
    no = {**AUTHENTICATOR, "isUserVerified": False}
    line.send("WebAuthn.addVirtualAuthenticator", {"options": no})
    site.clock.move(6 * 60)
    page.goto(f"{site.settings.public_url}/admin/custody")
    page.click("[data-export]")
    page.locator("[role=alert]:visible").get_by_text("Nothing happened").wait_for()
    page.goto(f"{site.settings.public_url}/admin/sign-in?next=//evil.test/")
    page.click("button[type=submit]")
    page.locator("[role=alert]:visible").get_by_text("Nothing happened").wait_for()
    with site.database.reading() as db:
        query = select(func.count()).where(LedgerEvent.type == "admin exported")
        assert db.scalar(query) == 0


@pytest.mark.usefixtures("line")
def test_an_invitation_makes_one_admin_and_the_next_one_is_told_so(
    site: World, watched: Watched
) -> None:
    page, link = watched.page, invited(site)
    page.goto(link)
    page.locator('[data-step="passkey"]').wait_for()
    assert "#" not in page.url
    page.click("button[type=submit]")
    page.locator("[role=alert]:visible").get_by_text("Type your name").wait_for()
    accept(page, link)
    page.locator('[data-part="entering"]').wait_for()
    site.run()
    page.wait_for_url("**/admin")
    page.goto(link)
    page.get_by_text("was used before").locator("visible=true").wait_for()
    with site.database.reading() as db:
        assert db.scalars(select(Admin.state)).all() == ["active"]


@pytest.mark.usefixtures("line")
def test_who_comes_to_a_page_signed_out_goes_on_there_after_signing_in(
    site: World, watched: Watched
) -> None:
    page = watched.page
    enter(site, page)
    site.clock.move(31 * 60)
    page.goto(f"{site.settings.public_url}/admin/recoveries")
    assert page.url.endswith("/admin/sign-in?next=/admin/recoveries")
    page.click("button[type=submit]")
    # The page that one comes from ends alike: `?next=/admin/recoveries`.
    page.wait_for_url(f"{site.settings.public_url}/admin/recoveries")
    page.goto(f"{site.settings.public_url}/admin/sign-in?next=//evil.test/admin")
    page.click("button[type=submit]")
    page.wait_for_url(f"{site.settings.public_url}/admin")
