"""The pictures of README.md, of real pages with a few hundred customers.

python -m tests.browser.pictures docs/pictures
"""

from __future__ import annotations

import secrets
import socket
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page
from sqlalchemy import update
from werkzeug.serving import make_server

from bench import admins
from escrow.admin import people
from escrow.db import Database
from escrow.deposit.models import Deposit
from escrow.migrations.run import upgrade
from escrow.recovery.models import Recovery
from tests.browser.conftest import _Quiet
from tests.browser.walks import AUTHENTICATOR
from tests.support import chromium, mailbox
from tests.support.node import ROOT, build_browser
from tests.support.people import Customer
from tests.support.world import World

KEYS = 640
DAY = 86400


def main(folder: Path) -> None:
    """Make all pictures anew."""
    build_browser(ROOT)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, mailbox.running() as mails:
        url = f"sqlite:///{directory}/escrow.db"
        upgrade(url)
        listener = socket.create_server(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        site = World.make(
            *(Database(url), Path(directory), mails),
            public_url=f"http://localhost:{port}",
            demo=True,
        )
        admins.A_CUSTOMER, admins.SHARES = 1, ((97, "not_recoverable"), (11, "at_risk"))
        admins.fill(site.database, site.web_keys, KEYS, site.clock.now())
        with site.database.transaction() as db:  # their pieces are drawn, and would all be safe
            db.execute(update(Deposit).values(recoverability_until=None))
        server = make_server(
            *("127.0.0.1", port, site.app),
            threaded=True,
            request_handler=_Quiet,
            fd=listener.fileno(),
        )
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        with chromium.started() as browser:
            _customers(site, browser, folder)
            _admins(site, browser, folder)
        server.shutdown()


def _page(site: World, browser: Browser, **options: Any) -> Page:
    context = browser.new_context(locale="en-GB", reduced_motion="reduce", **options)
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.clock.set_system_time(site.clock.now())
    return page


def _take(page: Page, path: Path) -> None:
    page.evaluate("document.querySelector('.demo-banner')?.remove()")
    page.screenshot(path=path)


def _sign_in(site: World, page: Page, customer: Customer, path: str) -> None:
    def send() -> None:
        page.locator("form:visible button[type=submit]:visible").click()

    page.goto(f"{site.settings.public_url}{path}")
    page.fill("#address", customer.address)
    send()
    page.locator('[data-step="code"]').wait_for()
    page.fill("#code", site.mailbox.code(customer.address, "login_code"))
    send()


def _customers(site: World, browser: Browser, folder: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 844}, "device_scale_factor": 2}
    customer = site.customer("mira@example.org")
    page = _page(site, browser, **phone)
    _sign_in(site, page, customer, "/sign-in?next=/enrol")
    page.locator('[data-step="app"]').wait_for()
    page.fill("#app-code", customer.totp())
    page.locator("form:visible button[type=submit]:visible").click()
    page.wait_for_url("**/enrol")
    page.locator('[data-step="label"]').wait_for()
    page.fill("#label", "Laptop backup")
    page.locator("form:visible button[type=submit]:visible").click()
    page.locator('[data-step="secret"]').wait_for()
    page.fill("#secret", "correct horse battery staple")
    page.locator("form:visible button[type=submit]:visible").click()
    page.locator('[data-step="contacts"]').wait_for()
    page.locator('[data-step="contacts"] [name="count"]').first.wait_for()
    page.locator('[data-step="contacts"]').scroll_into_view_if_needed()
    _take(page, folder / "enrol.png")
    made, _ = site.enrol(customer)
    site.open_recovery(customer, made)
    page.context.clear_cookies()
    site.wait(2 * 3600)
    page.clock.set_system_time(site.clock.now())
    _sign_in(site, page, customer, "/recover")
    page.locator('[data-step="proof"]').wait_for()
    page.check('[name="proof"][value="totp"]')
    page.locator("form:visible button[type=submit]:visible").click()
    page.locator('[data-step="app"]').wait_for()
    page.fill("#app-code", customer.totp())
    page.locator("form:visible button[type=submit]:visible").click()
    page.locator('[data-step="running"]').wait_for()
    page.locator('[data-step="running"]').scroll_into_view_if_needed()
    _take(page, folder / "recover.png")
    page.context.close()


def _admins(site: World, browser: Browser, folder: Path) -> None:
    held = _recoveries(site)
    page = _page(site, browser, viewport={"width": 1180, "height": 860})
    line = page.context.new_cdp_session(page)
    line.send("WebAuthn.enable")
    line.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
    token = secrets.token_urlsafe(32)
    with site.database.transaction() as db:
        people.invite(db, site.web_keys, "First admin", "owner", site.clock.now(), token)
    url = site.settings.public_url
    page.goto(f"{url}/admin/invitation#{token}")
    page.locator('[data-step="passkey"]').wait_for()
    page.fill("#name", "Olga de Wit")
    page.click("button[type=submit]")
    page.locator('[data-part="entering"]').wait_for()
    site.run()
    page.wait_for_url("**/admin")
    _take(page, folder / "admin-overview.png")
    page.goto(f"{url}/admin/deposits/{held}")
    page.locator("[data-history] > summary").click()
    page.locator("[data-history] li").first.wait_for()
    page.evaluate("scrollTo(0, 0)")
    _take(page, folder / "admin-key.png")
    page.context.close()


def _recoveries(site: World) -> str:
    """Let three customers ask for their key, one of whom was put on hold; returns that one's."""
    made = []
    for name in ("jan", "fatima", "piet"):
        customer = site.customer(f"{name}@example.org")
        deposit, _ = site.enrol(customer, 2, 3)
        made.append((deposit.deposit, site.open_recovery(customer, deposit)))
        site.wait(5 * 3600)
    with site.database.transaction() as db:
        frozen = update(Recovery).where(Recovery.id == made[1][1])
        db.execute(frozen.values(state="frozen", frozen_at=site.clock.now()))
    return made[1][0]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
