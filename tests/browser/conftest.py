"""Debian's Chromium on the real web tier; one browser a worker, a fresh profile a test."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page
from werkzeug.serving import WSGIRequestHandler, make_server

from escrow.db import Database
from tests.support.mailbox import Mailbox
from tests.support.node import ROOT, build_browser
from tests.support.world import World


@pytest.fixture(scope="session", autouse=True)
def built_pages() -> None:
    """Bundle what the pages load, if it is not what stands in the checkout (or in a copy of it)."""
    build_browser(ROOT)


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def host() -> str:
    """How the browser calls this machine."""
    return "127.0.0.1"


@pytest.fixture
def site(
    sqlite_database: Database, tmp_path: Path, mail_server: Mailbox, host: str
) -> Iterator[World]:
    """A service that a browser can reach, with its people."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    url = f"http://{host}:{port}"
    made = World.make(sqlite_database, tmp_path, mail_server, public_url=url, demo=True)
    server = make_server(
        "127.0.0.1",
        port,
        made.app,
        threaded=True,
        request_handler=_Quiet,
        fd=listener.fileno(),
    )
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    yield made
    server.shutdown()
    serving.join(15)
    listener.close()


class Watched:
    """A page, and everything in it that must not happen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("console", self._note)
        page.on("request", lambda request: self.requests.append(request.url))

    def _note(self, message: object) -> None:
        kind, text = getattr(message, "type", ""), getattr(message, "text", "")
        # The browser reports every answer of 4xx; ours are told on the page.
        if kind in {"error", "warning"} and "Failed to load resource" not in text:
            self.errors.append(text)


@pytest.fixture
def context(browser: Browser, request: pytest.FixtureRequest) -> Iterator[BrowserContext]:
    options = getattr(request, "param", {})
    made = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    made.set_default_timeout(15_000)
    yield made
    made.close()


@pytest.fixture
def watched(context: BrowserContext) -> Iterator[Watched]:
    found = Watched(context.new_page())
    yield found
    assert found.errors == []
