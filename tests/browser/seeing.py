"""What every page must satisfy in every state: axe-core, both grounds, both widths, no shift.

With `ESCROW_SCREENSHOTS=folder` each state is photographed at three widths and on both grounds.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = resources.files("axe_playwright_python").joinpath("axe.min.js").read_text("utf-8")
NARROW, WIDE = 320, 1280
HEIGHT = 900
SHOTS = ((390, "light"), (NARROW, "dark"), (WIDE, "light"))
# Content that moves by itself while a page loads, as the browser counts it; 0.1 is called good.
MOST_SHIFT = 0.1
WATCH_SHIFT = """
window.shifted = 0;
new PerformanceObserver((list) => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifted += entry.value;
}).observe({ type: "layout-shift", buffered: true });
"""


def prepare(page: Page) -> None:
    """Put axe-core and the count of shifts into every document that the page will load."""
    page.add_init_script(AXE)
    page.add_init_script(WATCH_SHIFT)


def violations(page: Page) -> list[str]:
    """Return what axe-core finds wrong with the page as it is now: rule, element, reason."""
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{line['id']}: {json.dumps(node['target'])}: {node['failureSummary']}"
        for line in found["violations"]
        for node in line["nodes"]
    ]


def too_wide(page: Page) -> list[str]:
    """Return the elements that make the page scroll sideways."""
    found: list[str] = page.evaluate(
        """() => {
          const { scrollWidth, clientWidth } = document.documentElement;
          if (scrollWidth <= clientWidth) return [];
          const wide = [...document.querySelectorAll("main *, header *, footer *")].filter(
            (e) => e.getBoundingClientRect().right > clientWidth + 0.5);
          return [`${scrollWidth} > ${clientWidth}`, ...wide.map((e) => e.outerHTML.slice(0, 80))];
        }"""
    )
    return found


# Each language sees each width and each ground, and both together see all four combinations:
# no colour and no element depends on the language.
COMBINATIONS = {
    "en": ((WIDE, "light"), (NARROW, "dark")),
    "nl": ((WIDE, "dark"), (NARROW, "light")),
}


@dataclass
class Eye:
    """Looks at a page in one state after another, and keeps what is wrong."""

    page: Page
    language: str
    seen: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def see(self, state: str) -> None:
        """Check a state; leave the page wide and light."""
        self.seen.append(state)
        found = []
        for width, scheme in COMBINATIONS[self.language]:
            self._look(width, scheme)
            faults = violations(self.page) + too_wide(self.page)
            found += [f"{width}, {scheme}: {line}" for line in faults]
        shifted = self.page.evaluate("window.shifted")
        if shifted > MOST_SHIFT:
            found.append(f"the layout shifts by {shifted:.2f} while it loads")
        if self.page.get_attribute("html", "lang") != self.language:
            found.append(f"not in {self.language}")
        self.wrong += [f"{state}: {line}" for line in found]
        self._photograph(state)
        self._look(WIDE, "light")
        self.page.evaluate("window.shifted = -Infinity")  # what comes now follows a press

    def _look(self, width: int, scheme: Any) -> None:
        self.page.emulate_media(color_scheme=scheme)
        self.page.set_viewport_size({"width": width, "height": HEIGHT})

    def _photograph(self, state: str) -> None:
        folder = os.environ.get("ESCROW_SCREENSHOTS")
        if not folder:
            return
        name = re.sub(r"\W+", "-", state).strip("-")
        for width, scheme in SHOTS:
            self._look(width, scheme)
            path = Path(folder) / f"{self.language}-{name}-{width}-{scheme}.png"
            self.page.screenshot(path=path, full_page=True)
