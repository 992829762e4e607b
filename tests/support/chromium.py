"""Debian's Chromium, which asks nobody but this machine for anything."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


def program() -> str:
    """Return the path of the program."""
    found = shutil.which("chromium")
    assert found, "Debian's package chromium is missing"
    return found


@contextmanager
def started() -> Iterator[Browser]:
    """Start one and close it; a process can have one at a time."""
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=program(), args=list(FLAGS))
        yield found
        found.close()


@contextmanager
def with_camera(browser: Browser, film: Path) -> Iterator[Browser]:
    """Start another whose camera sees a film: what it sees has to be said when it starts."""
    camera = (
        *("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"),
        f"--use-file-for-fake-video-capture={film}",
    )
    found = browser.browser_type.launch(executable_path=program(), args=[*FLAGS, *camera])
    yield found
    found.close()
