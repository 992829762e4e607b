"""The offline page as a person has it: opened from a disk, the network cut, papers at hand."""

from __future__ import annotations

import re
from collections.abc import Iterable
from io import BytesIO
from pathlib import Path
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
from PIL import Image, ImageFilter
from playwright.sync_api import BrowserContext, Locator, Page

from tests.support.node import ROOT

PAGE = ROOT / "escrow" / "static" / "offline.html"
DPI = 150  # a poor scanner, or a photo
FILM_SIZE = (1280, 960)
FRAMES_OF_A_PAPER = 20
# Keeps every array of bytes that scripts make, to look into afterwards.
SPY = """
window.violations = [];
addEventListener("securitypolicyviolation", (event) => violations.push(event.violatedDirective));
window.made = [];
window.Uint8Array = new Proxy(Uint8Array, {
  construct(target, given) {
    const bytes = Reflect.construct(target, given);
    made.push(bytes);
    return bytes;
  },
});
"""
HOLDING = """
(secrets) => {
  const holds = (bytes, secret) =>
    bytes.some((_, at) => secret.every((byte, i) => bytes[at + i] === byte));
  return secrets.map((secret) => made.filter((bytes) => holds(bytes, secret)).length);
}
"""


class Offline:
    """The page in one tab, and everything in it that must not happen."""

    def __init__(self, context: BrowserContext) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        context.set_offline(True)
        context.route(re.compile(r"^(?!file:|blob:|data:)"), self._refuse)
        context.add_init_script(SPY)
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(PAGE.as_uri())

    def _refuse(self, route: Any) -> None:
        self.errors.append(f"a request left: {route.request.url}")
        route.abort()

    def check(self) -> None:
        """Nothing was asked for, refused by the policy, complained about, or kept."""
        assert self.errors == []
        outside = [url for url in self.requests if not url.startswith(("blob:", PAGE.as_uri()))]
        assert outside == []
        assert self.page.evaluate("violations") == []
        kept = "[localStorage.length, sessionStorage.length, document.cookie, location.hash]"
        assert self.page.evaluate(kept) == [0, 0, "", ""]
        assert self.page.evaluate("indexedDB.databases()") == []

    def arrays_with(self, *secrets: bytes) -> list[int]:
        """Count for each secret the arrays of the page that hold it now."""
        found: list[int] = self.page.evaluate(HOLDING, [list(secret) for secret in secrets])
        return found

    def button(self, name: str) -> Locator:
        return self.page.get_by_role("button", name=name, exact=True)

    def give(self, *files: Path) -> None:
        """Choose files, and wait until the page has said something of them."""
        says = "[data-status], [data-problem]:not([hidden]), [data-heading=result]"
        self.page.evaluate("document.querySelector('[data-status]').textContent = ''")
        self.page.set_input_files("[data-file]", files)
        self.page.locator(says).filter(has_text=re.compile(".")).filter(
            visible=True
        ).first.wait_for()

    def heading(self, text: str) -> None:
        self.page.get_by_role("heading", name=text, exact=True).wait_for()

    @property
    def problem(self) -> str:
        box = self.page.locator("[data-problem]")
        box.wait_for()
        return " ".join(box.inner_text().split())

    @property
    def status(self) -> str:
        return self.page.locator("[data-status]").inner_text()

    def pieces(self) -> int:
        return self.page.locator("[data-list] li").count()

    def is_too_wide(self) -> bool:
        root = "document.documentElement"
        return bool(self.page.evaluate(f"{root}.scrollWidth > {root}.clientWidth"))


def picture(pdf: bytes, page: int = 0, *, dpi: int = DPI) -> Image.Image:
    """Draw a page of a paper as a scanner sees it."""
    image: Image.Image = pypdfium2.PdfDocument(pdf)[page].render(scale=dpi / 72).to_pil()
    return image.convert("RGB")


def photograph(paper: Image.Image) -> bytes:
    """Photograph a whole page as a telephone does that sends it on: askew, 3 megapixels, JPEG."""
    desk = (120, 110, 95)
    width, height = round(paper.width * 1.15), round(paper.height * 1.15)
    whole = Image.new("RGB", (width, height), desk)
    whole.paste(paper, ((width - paper.width) // 2, (height - paper.height) // 2))
    corners = (-0.02, -0.01, 0.03, 1.01, 0.98, 0.99, 1.03, 0)
    sides = (width, height) * 4
    quad = tuple(part * side for part, side in zip(corners, sides, strict=True))
    seen = whole.transform(whole.size, Image.Transform.QUAD, quad, Image.Resampling.BICUBIC)
    seen = seen.rotate(3, Image.Resampling.BICUBIC, expand=True, fillcolor=desk)
    seen.thumbnail((1500, 2000))
    data = BytesIO()
    seen.filter(ImageFilter.GaussianBlur(1.0)).save(data, "JPEG", quality=80)
    return data.getvalue()


def film(papers: Iterable[Image.Image], path: Path) -> None:
    """Hold one paper after another before a camera; each picture has the width of the view."""
    with path.open("wb") as stream:
        for paper in papers:
            view = Image.new("RGB", FILM_SIZE, (90, 84, 70))
            view.paste(
                paper.resize((FILM_SIZE[0], round(paper.height * FILM_SIZE[0] / paper.width)))
            )
            frame = BytesIO()
            view.save(frame, "JPEG", quality=85)
            stream.write(frame.getvalue() * FRAMES_OF_A_PAPER)
