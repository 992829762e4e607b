"""Part 6: what a person waits for in Chromium, and how much each page loads."""

from __future__ import annotations

import json
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page

from bench.measure import Line, Part, milliseconds
from bench.service import Bench, _directory
from escrow.headers import PAGE_POLICY
from tests.support import chromium
from tests.support.node import node

ORIGIN = "https://escrow.test"
ROUNDS, VISITS = 15, 5
POLICIES = ((1, 1), (2, 3))
ENROL_AIM_SECONDS, RECOVER_AIM_SECONDS = 0.150, 0.100
# A telephone of the middle range at the edge of its net, as Lighthouse imagines one ("slow 4G", a
# processor four times as slow); a first paint within 1.8 s is called good (Web Vitals, FCP).
SLOW_4G = {
    "offline": False,
    "latency": 150,
    "downloadThroughput": 1_638_400 // 8,
    "uploadThroughput": 750_000 // 8,
}
SLOWER = 4
PAINT_AIM_SECONDS = 1.8
ID = "ab" * 16
PAGES = (
    *("/", "/sign-in", "/new-account", "/enrol", "/recover", "/deposits"),
    *(f"/deposits/{ID}", f"/deposits/{ID}/drill", "/account", f"/invite/{ID}", f"/contact/{ID}"),
    *(f"/veto/{ID}", "/help/how"),
)


def run(rounds: int = ROUNDS, visits: int = VISITS) -> Part:
    part = Part(
        "In the browser",
        f"Debian's Chromium without a screen, medians of {rounds} rounds. An enrolment: split, "
        "every way back tried, described, signed, sealed, until the first invitation is stretched "
        "(scrypt, one a contact). A recovery: the provider's piece and the kit's file opened, "
        "combined, proven, the envelope opened. The floor of both is the PBKDF2 of SLIP-39 in "
        "WebCrypto, once a split or combine. Pages: in a profile that has never been there, "
        f"medians of {visits} visits: bytes over the wire, and the first paint on a slow telephone "
        f"(150 ms, 1.6 Mbit/s, processor {SLOWER} times as slow; under "
        f"{PAINT_AIM_SECONDS} s is called good).",
    )
    with chromium.started() as browser, _directory() as directory:
        for needed, count in POLICIES:
            _cryptography(part, browser, directory, needed, count, rounds)
        bench = Bench.prepare(directory, "")
        try:
            bench.start("web")
            for path in PAGES:
                _page(part, browser, bench.settings.public_url + path, path, visits)
        finally:
            bench.stop()
    return part


def _cryptography(
    part: Part, browser: Browser, directory: Path, needed: int, count: int, rounds: int
) -> None:
    context = browser.new_context()
    page = _page_with(context, directory, "bench/browser.js")
    found = page.evaluate(
        "([rounds, needed, count]) => measure(rounds, needed, count)", [rounds, needed, count]
    )
    context.close()
    policy = "one contact" if count == 1 else f"{needed} of {count} contacts"
    # One split, and one combine for each way that is proven; see `prove` in client/making.js.
    stretched = 2 + 2 * (count - needed + 1)
    enrolled, recovered = _median(found, "apart"), _median(found, "recover")
    floor = _median(found, "floor")
    part.add(
        _within(f"split, prove, seal; {policy}", enrolled, ENROL_AIM_SECONDS, "apart from scrypt")
    )
    part.add(
        Line(
            f"split, prove, seal; {policy}",
            milliseconds(enrolled),
            f"{stretched} × PBKDF2: {milliseconds(stretched * floor)}",
            enrolled / (stretched * floor),
        )
    )
    part.add(
        Line(
            f"a whole enrolment; {policy}",
            milliseconds(_median(found, "whole")),
            f"first in a fresh page, apart from scrypt: {milliseconds(found['first'] / 1e3)}",
        )
    )
    part.add(_within(f"open and combine; {policy}", recovered, RECOVER_AIM_SECONDS, "in all"))
    part.add(
        Line(
            f"open and combine; {policy}",
            milliseconds(recovered),
            f"PBKDF2: {milliseconds(floor)}",
            recovered / floor,
        )
    )


def _median(found: Mapping[str, Any], name: str) -> float:
    return float(statistics.median(found[name])) / 1e3


def _within(what: str, seconds: float, aim: float, how: str) -> Line:
    return Line(what, milliseconds(seconds), f"{milliseconds(aim)} {how}", seconds / aim, 1.0)


def _page_with(context: BrowserContext, directory: Path, entry: str) -> Page:
    """Open a page that has only this script, bundled and guarded as our pages are."""
    done = node("tests/browser/bundle.mjs", str(directory), f"entry={entry}")
    assert done.returncode == 0, done.stdout
    file = json.loads(done.stdout)["entry"]["file"]

    def answer(route: Any) -> None:
        name = route.request.url.removeprefix(f"{ORIGIN}/")
        if name:
            body = (directory / name).read_text("utf-8")
            route.fulfill(body=body, content_type="text/javascript")
            return
        route.fulfill(
            body=f'<!doctype html><script type="module" src="/{file}"></script>',
            content_type="text/html",
            headers={"Content-Security-Policy": PAGE_POLICY},
        )

    context.route(f"{ORIGIN}/**", answer)
    page = context.new_page()
    page.goto(f"{ORIGIN}/")
    page.wait_for_function("() => 'measure' in globalThis")
    return page


@dataclass(frozen=True)
class Visit:
    """One first visit: what came over the wire, and when something was first seen."""

    sent_bytes: int
    painted_seconds: float


def _page(part: Part, browser: Browser, url: str, path: str, visits: int) -> None:
    quick = [_visit(browser, url) for _ in range(visits)]
    slow = [_visit(browser, url, slow=True) for _ in range(visits)]
    painted = statistics.median(visit.painted_seconds for visit in slow)
    at_once = statistics.median(visit.painted_seconds for visit in quick)
    size = statistics.median(visit.sent_bytes for visit in quick)
    part.add(
        Line(
            path.replace(ID, "…"),
            f"{size / 1000:.1f} kB, first paint {milliseconds(painted)}",
            f"{milliseconds(PAINT_AIM_SECONDS)}; with a good line {milliseconds(at_once)}",
            painted / PAINT_AIM_SECONDS,
            1.0,
        )
    )


def _visit(browser: Browser, url: str, slow: bool = False) -> Visit:
    context = browser.new_context(viewport={"width": 390, "height": 844})
    try:
        page = context.new_page()
        line = context.new_cdp_session(page)
        line.send("Network.enable")
        received: list[float] = []
        line.on("Network.loadingFinished", lambda got: received.append(got["encodedDataLength"]))
        if slow:
            line.send("Network.emulateNetworkConditions", SLOW_4G)
            line.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        page.goto(url, wait_until="networkidle")
        (painted,) = page.evaluate(
            "performance.getEntriesByName('first-contentful-paint').map((e) => e.startTime)"
        )
        return Visit(round(sum(received)), painted / 1e3)
    finally:
        context.close()
