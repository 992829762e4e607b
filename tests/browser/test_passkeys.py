"""A contact's passkey in Chromium, by its virtual authenticator, on the real service."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Browser, CDPSession, Page, Route

from escrow.protocol.encoding import b64url, b64url_decode
from tests.browser.desk import BrowserDesk, browser_desk
from tests.cli.service import Service, running
from tests.support.node import node

# WebAuthn wants a name; the service listens on a number.
ORIGIN = "https://escrow.test"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; trusted-types 'none'"
SHARE, CHECK = "escrow/v1/share", "escrow/v1/check"


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: the browser does."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture(scope="module")
def mira(service: Service) -> Iterator[BrowserDesk]:
    with browser_desk(service) as found:
        found.sign_in(service.account("mira@example.org"))
        yield found


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("bundle")
    done = node("tests/browser/bundle.mjs", str(folder), "it=tests/browser/client/passkey_page.js")
    assert done.returncode == 0, done.stdout
    return folder, json.loads(done.stdout)["it"]["file"]


@dataclass
class Contact:
    """Anna at her page, invited. `lie` may change what the service answers."""

    page: Page
    service: Service
    custody: str = ""
    sent: list[tuple[str, str, str]] = field(default_factory=list)
    lie: Callable[[str, dict[str, Any]], None] | None = None

    def serve(self, folder: Path, entry: str) -> None:
        def answer(route: Route) -> None:
            path = route.request.url.removeprefix(ORIGIN)
            if path.startswith("/api/"):
                self._forward(route, path)
            elif path == "/":
                text = f'<!doctype html><script type="module" src="/{entry}"></script>'
                headers = {"Content-Security-Policy": POLICY}
                route.fulfill(body=text, content_type="text/html", headers=headers)
            else:
                text = (folder / path.removeprefix("/")).read_text("utf-8")
                route.fulfill(body=text, content_type="text/javascript")

        self.page.context.route(f"{ORIGIN}/**", answer)
        self.page.goto(f"{ORIGIN}/")
        self.page.wait_for_function("() => 'openInvitation' in globalThis")

    def _forward(self, route: Route, path: str) -> None:
        asked = route.request
        self.sent.append((asked.method, path, (asked.post_data or "") + json.dumps(asked.headers)))
        kept = {n: v for n, v in asked.headers.items() if n.startswith("escrow-") or n == "accept"}
        if asked.post_data:
            kept["content-type"] = "application/json"
        with httpx.Client(base_url=self.service.url) as line:
            found = line.request(asked.method, path, content=asked.post_data, headers=kept)
        document = found.json()
        if self.lie is not None:
            self.lie(path, document)
        kind = found.headers["Content-Type"]
        route.fulfill(status=found.status_code, body=json.dumps(document), content_type=kind)

    def does(self, act: str, *given: str) -> Any:
        found = self.page.evaluate(f"given => {act}(...given)", list(given))
        return found if "error" in found else found.get("done")

    def changes(self) -> list[str]:
        start = f"/api/v1/custodies/{self.custody}/"
        lines = [(m, p) for m, p, _ in self.sent if m != "GET"]
        return [f"{method} {path.removeprefix(start)}" for method, path in lines]


@dataclass
class Authenticators:
    """Those of one test; afterwards they are taken away."""

    line: CDPSession
    added: list[str] = field(default_factory=list)

    def add(self, *, prf: bool = True, user_verified: bool = True) -> None:
        options = {
            "protocol": "ctap2",
            "ctap2Version": "ctap2_1",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "hasPrf": prf,
            "isUserVerified": user_verified,
            "automaticPresenceSimulation": True,
        }
        made = self.line.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.added.append(made["authenticatorId"])

    def verify_no_more(self) -> None:
        for added in self.added:
            who = {"authenticatorId": added, "isUserVerified": False}
            self.line.send("WebAuthn.setUserVerified", who)

    def take_away(self) -> None:
        while self.added:
            who = {"authenticatorId": self.added.pop()}
            self.line.send("WebAuthn.removeVirtualAuthenticator", who)


@pytest.fixture(scope="module")
def at_her_page(
    browser: Browser, service: Service, mira: BrowserDesk, bundled: tuple[Path, str]
) -> Iterator[Contact]:
    """Anna with her invitation open, for the whole file: whoever accepts it comes last."""
    mira.enrol(("Anna", "anna@example.org"))
    [invitation] = mira.finish(mira.send())
    context = browser.new_context()
    context.set_default_timeout(30_000)
    found = Contact(context.new_page(), service, invitation["custody"])
    found.serve(*bundled)
    link = invitation["link"].replace(service.url, ORIGIN)
    assert found.does("openInvitation", link, invitation["digits"]) is None
    yield found
    context.close()


@pytest.fixture
def anna(at_her_page: Contact) -> Contact:
    at_her_page.sent.clear()
    at_her_page.lie = None
    return at_her_page


@pytest.fixture(scope="module")
def line(at_her_page: Contact) -> CDPSession:
    found = at_her_page.page.context.new_cdp_session(at_her_page.page)
    found.send("WebAuthn.enable")
    return found


@pytest.fixture
def authenticators(line: CDPSession) -> Iterator[Authenticators]:
    found = Authenticators(line)
    yield found
    found.take_away()


def test_an_authenticator_without_prf_leads_to_the_card(
    anna: Contact, authenticators: Authenticators
) -> None:
    authenticators.add(prf=False)
    made = anna.does("makePasskey")
    if made is None:  # it is noticed by what it gives, at the latest
        made = anna.does("keepCopies")
    assert made == {"error": "no_prf"}
    assert anna.does("attest") == {"error": "nothing_kept"}
    assert anna.changes() == []


def test_a_browser_without_passkeys_leads_to_the_card(anna: Contact) -> None:
    assert anna.does("withoutPasskeys") == {"error": "no_passkeys"}


def test_a_passkey_is_used_only_with_its_owner_verified(
    anna: Contact, authenticators: Authenticators
) -> None:
    authenticators.add(user_verified=False)
    assert anna.does("makePasskey") == {"error": "passkey_cancelled"}
    authenticators.take_away()
    authenticators.add()
    assert anna.does("makePasskey") is None
    authenticators.verify_no_more()
    assert anna.does("keepCopies") == {"error": "passkey_cancelled"}
    assert anna.does("attest") == {"error": "nothing_kept"}
    assert anna.changes() == []


def test_copies_that_the_service_does_not_keep_as_they_were_sent_are_noticed(
    anna: Contact, authenticators: Authenticators
) -> None:
    authenticators.add()
    assert anna.does("makePasskey") is None

    def swap(path: str, document: dict[str, Any]) -> None:
        for line in document.get("wraps", []):
            data = bytearray(b64url_decode(line["data"]))
            data[-1] ^= 1
            line["data"] = b64url(bytes(data))

    anna.lie = swap
    assert anna.does("keepCopies") == {"error": "copy_not_kept"}
    assert anna.does("attest") == {"error": "nothing_kept"}
    assert anna.does("words", anna.custody) == {"error": "not_opened"}
    assert anna.does("check", anna.custody) == {"error": "not_opened"}


def test_a_piece_accepted_with_a_passkey_is_opened_by_it_later(
    anna: Contact, authenticators: Authenticators
) -> None:
    authenticators.add()
    before = len(anna.page.evaluate("asked()"))
    assert anna.does("attest") == {"error": "nothing_kept"}
    assert anna.does("makePasskey") is None
    assert anna.changes() == []
    assert anna.does("keepCopies") is None
    assert anna.does("attest") == "held"
    kept = ["PUT wraps/share", "PUT wraps/check", "POST attestations"]
    assert anna.changes() == kept
    words = anna.does("words", anna.custody)
    assert len(words.split()) == 33
    assert anna.does("check", anna.custody) == "held"

    calls = anna.page.evaluate("asked()")[before:]
    assert calls[0][0] == "create"
    assert {call[0] for call in calls[1:]} == {"get"}
    assert {call[1] for call in calls} == {"required"}
    *making, opening, checking = calls
    assert {tuple(call[2:]) for call in making} == {(SHARE, CHECK)}
    assert opening[2:] == [SHARE]
    assert checking[2:] == [CHECK]  # a routine check never gets near the piece
    secrets = [*anna.page.evaluate("given()"), words]
    assert len(secrets) >= 5
    for _, path, text in anna.sent:
        for secret in secrets:
            assert not carries(path + text, secret), path
    assert anna.page.evaluate("areOverwritten()")


def carries(text: str, secret: str) -> bool:
    raw = b64url_decode(secret) if " " not in secret else secret.encode()
    written = (raw.hex(), b64url(raw), base64.b64encode(raw).decode(), secret)
    return any(form.rstrip("=") in text for form in written)
