"""The same vectors once in Chromium, bundled as pages are; and in one that lacks what is new."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.support.node import ROOT, node

ORIGIN = "https://escrow.test"
VECTORS = ROOT / "tests" / "vectors"
POLICY = "default-src 'none'; script-src 'self'; connect-src 'self'; trusted-types 'none'"
# A second each of scrypt, which is the same JavaScript in Node.
STRETCHED = {"invitation_key", "open_invitation"}
HAS_SHA3 = "crypto.subtle.digest('SHA3-256', new Uint8Array(1)).then(() => true, () => false)"
NEW = ["Ed25519", "X25519", "ML-KEM-768", "SHA3-256", "cSHAKE256"]


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    folder = tmp_path_factory.mktemp("bundle")
    entry = "walk=tests/browser/protocol/in_page.js"
    done = node("tests/browser/bundle.mjs", str(folder), entry)
    assert done.returncode == 0, done.stdout
    return folder, json.loads(done.stdout)["walk"]["file"]


@pytest.fixture
def page(browser: Browser, bundled: tuple[Path, str]) -> Iterator[Page]:
    folder, entry = bundled
    context = browser.new_context()
    found = context.new_page()

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name:
            body = (folder / name).read_text("utf-8")
            route.fulfill(body=body, content_type="text/javascript")
            return
        route.fulfill(
            body=f'<!doctype html><script type="module" src="/{entry}"></script>',
            content_type="text/html",
            headers={"Content-Security-Policy": POLICY},
        )

    context.route(f"{ORIGIN}/**", answer)
    found.goto(f"{ORIGIN}/")
    found.wait_for_function("() => 'walk' in globalThis")
    yield found
    context.close()


def files(*names: str) -> dict[str, Any]:
    found = {}
    for path in sorted(VECTORS.glob("*.json")):
        if not names or path.stem in names:
            cases = json.loads(path.read_bytes())["cases"]
            found[path.stem] = {"cases": [c for c in cases if c["operation"] not in STRETCHED]}
    return found


def test_every_vector_in_chromium(page: Page) -> None:
    # Chromium 156 has ML-KEM and lacks the SHA-3 that X-Wing joins its secrets with.
    has_all = page.evaluate(HAS_SHA3)
    assert page.evaluate("isNative()") == has_all
    result = page.evaluate("files => walk(files)", files())
    assert result["failures"] == []
    assert result["count"] > 1000


def test_vectors_in_a_browser_without_new_algorithms(page: Page) -> None:
    page.evaluate("names => takeAway(names)", NEW)
    some = files("envelope", "keys", "seal", "release", "note")
    result = page.evaluate("files => walk(files)", some)
    assert result["failures"] == []
    assert not page.evaluate("isNative()")
