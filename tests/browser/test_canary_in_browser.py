"""What a browser sends and keeps holds no secret: requests, console, storage, history, address bar.

A whole life of a key is lived on the pages, and everything that leaves them is searched by the
scanner that searches what the service has (`tests/e2e/test_canary.py`). Then a leak is planted in
every sink, in several encodings, and must be found.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Request

from escrow.protocol import slip39
from escrow.protocol.kit import Card, Kit
from escrow.protocol.qr import InvitationLink
from tests.browser.conftest import Watched
from tests.browser.test_enrol_page import ANNA, SECRET, Keeper
from tests.browser.test_recover_page import Loser
from tests.support.canary import Place, Scanner
from tests.support.people import Customer
from tests.support.world import World

# By number: an item that is called as a method of the storage is no property of it.
_KEPT = """async () => {
const itemsOf = (s) => Array.from({ length: s.length }, (_, i) => [s.key(i), s.getItem(s.key(i))]);
return JSON.stringify({
  local: itemsOf(localStorage),
  session: itemsOf(sessionStorage),
  databases: await indexedDB.databases(),
  caches: await caches.keys(),
  cookie: document.cookie,
  history: history.state,
  name: window.name,
  address: location.href,
});
}"""


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: the pages do."""


@dataclass
class Ear:
    """Hears all that a browser sends and says, and sees what it keeps."""

    places: list[Place] = field(default_factory=list)

    def listen(self, context: BrowserContext) -> None:
        context.on("request", self._request)
        context.on("console", self._console)
        context.on("weberror", lambda error: self._keep("error", str(error.error).encode()))

    def _keep(self, name: str, data: bytes) -> None:
        forms = {data, unquote_to_bytes(data)}
        self.places += [(f"{name} {len(self.places)}", form) for form in forms]

    def _request(self, request: Request) -> None:
        self._keep("address", request.url.encode())
        self._keep("headers", json.dumps(request.headers).encode())
        if body := request.post_data_buffer:
            self._keep("body", body)

    def _console(self, message: ConsoleMessage) -> None:
        self._keep("console", message.text.encode())

    def look(self, context: BrowserContext) -> None:
        """Take what the browser keeps of every page that is open, and for later ones."""
        self._keep("state", json.dumps(context.storage_state(indexed_db=True)).encode())
        for page in context.pages:
            if page.url.startswith("http"):
                self._keep("kept", str(page.evaluate(_KEPT)).encode())

    def kinds(self) -> set[str]:
        return {name.partition(" ")[0] for name, _ in self.places}


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


def new_phone(browser: Browser) -> BrowserContext:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(15_000)
    return context


def accept(site: World, context: BrowserContext, link: str, digits: str, folder: Path) -> Card:
    """Accept on the contact's phone; the card is saved."""
    page = context.new_page()
    page.clock.set_system_time(site.clock.now())
    with site.working():
        page.goto(link)
        page.locator('[data-step="about"] button[type=submit]').click()
        page.fill("#digits", digits)
        page.locator('[data-step="digits"] button[type=submit]').click()
        with page.expect_download() as download:
            page.locator('[data-act="save"]').click(timeout=30_000)
        path = folder / "card.json"
        download.value.save_as(path)
        page.check('[name="kept"]')
        page.locator('[data-step="card"] button[type=submit]').click()
        page.fill("#phrase", "seven green bicycles")
        page.locator('[data-step="phrase"] button[type=submit]').click()
        page.locator('[data-step="done"]').wait_for()
    return Card.parse(path.read_bytes())


def test_a_key_is_kept_accepted_and_brought_back_and_nothing_secret_leaves_the_pages(
    site: World, watched: Watched, browser: Browser, customer: Customer, ear: Ear, tmp_path: Path
) -> None:
    laptop, phone, borrowed = watched.page.context, new_phone(browser), new_phone(browser)
    for each in (laptop, phone, borrowed):
        ear.listen(each)
    keeper = Keeper(site, watched.page, customer)
    keeper.begin()
    keeper.decide(ANNA)
    keeper.cut()
    kit = keeper.save_kit(tmp_path)
    ear.look(laptop)
    keeper.confirm(kit.manifest.code()[-4:])
    keeper.at("invite")
    link = keeper.page.locator("#invitation-link").inner_text()
    digits = keeper.page.locator("#invitation-digits").inner_text()
    ear.look(laptop)
    keeper.send()
    keeper.at("done")
    site.run()
    card = accept(site, phone, link, digits, tmp_path)
    site.run()
    ear.look(phone)
    secret = bring_back(site, borrowed, customer, kit, ear)
    assert secret == SECRET
    ear.look(borrowed)
    ear.look(laptop)
    assert ear.kinds() >= {"address", "headers", "body", "state", "kept"}
    found = scanner(kit, card, link, digits).scan(ear.places)
    # The browser asks for the page of an invitation without its fragment; the digits go nowhere.
    assert found == []
    phone.close()
    borrowed.close()


def bring_back(site: World, context: BrowserContext, customer: Customer, kit: Kit, ear: Ear) -> str:
    loser = Loser(site, context.new_page(), customer)
    site.wait(8 * 86400)  # address and app are not new any more
    loser.sign_in()
    loser.ask()
    site.wait(kit.manifest.waiting_seconds)
    loser.sign_in()
    loser.begin()
    file: Any = {"name": "kit.json", "mimeType": "application/json", "buffer": kit.data}
    loser.page.set_input_files("#kit-file", file)
    loser.send()
    found = loser.secret()
    loser.press("code")
    ear.look(context)
    loser.send()
    loser.at("done")
    return found


def scanner(kit: Kit, card: Card, link: str, digits: str) -> Scanner:
    key = slip39.combine([kit.payload.words, card.payload.words])
    fragment = InvitationLink.parse(link).fragment
    return Scanner(
        {
            "secret": SECRET.encode(),
            "recovery key": key,
            "kit's value": kit.payload.share().value,
            "card's value": card.payload.share().value,
            "digits of the invitation": digits.replace(" ", "").encode(),
            "fragment of the invitation": fragment.encode(),
        },
        {"kit": kit.payload.words.split(), "card": card.payload.words.split()},
    )


# --- the ear is tested ------------------------------------------------------------------

KEY = bytes(range(7, 39))
ENCODED = {
    "hex": KEY.hex(),
    "base64": base64.b64encode(b"x" + KEY).decode(),
    "numbers": json.dumps(list(KEY)),
}
LEAKS = {
    "address": "text => fetch(`/healthz?leak=${encodeURIComponent(text)}`)",
    "headers": "text => fetch('/healthz', { headers: { 'X-Leak': text } })",
    "body": "text => fetch('/healthz', { method: 'POST', body: text })",
    "console": "text => console.log(text)",
    "kept local": "text => localStorage.setItem('leak', text)",
    "kept session": "text => sessionStorage.setItem('key', text)",
    "kept history": "text => history.replaceState({ leak: text }, '')",
    "kept name": "text => { window.name = text; }",
    "kept cookie": "text => { document.cookie = `leak=${encodeURIComponent(text)}`; }",
    "state": """text => new Promise((done) => {
      const asked = indexedDB.open("leak");
      asked.onupgradeneeded = () => asked.result.createObjectStore("leak").put(text, "leak");
      asked.onsuccess = () => { asked.result.close(); done(); };
    })""",
}


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("sink", LEAKS)
def test_a_planted_leak_is_heard(
    site: World, context: BrowserContext, ear: Ear, sink: str, encoding: str
) -> None:
    page = context.new_page()
    page.goto(site.settings.public_url)
    ear.listen(context)
    page.evaluate(LEAKS[sink], ENCODED[encoding])
    ear.look(context)
    found = Scanner({"key": KEY}).scan(ear.places)
    assert any(one.place.startswith(sink.partition(" ")[0]) for one in found), ear.kinds()
