"""What a list of entries says of each: words, and the same on the terminal as on the pages."""

import re
from pathlib import Path

import pytest

import escrow
from escrow.i18n import translator
from escrow.protocol.ledger import DATA
from escrow_cli.events import WORDS, in_words

ABOUT_KEYS = ("deposit", "custody", "recovery", "release")
_ON_PAGES = re.compile(r'data-word="history\.(\w+ \w+)">\{\{ _\("([^"]+)"\) \}\}')


@pytest.mark.parametrize("kind", [kind for kind in DATA if kind.split()[0] in ABOUT_KEYS])
def test_each_entry_about_a_key_is_said_in_words(kind: str) -> None:
    for locale in ("en", "nl"):
        said = in_words(translator(locale), kind, "anna")
        assert kind not in said
        assert said[0].isupper()
        assert said.endswith(".")
        assert "{" not in said


def test_the_terminal_says_what_the_pages_say() -> None:
    parts = Path(escrow.__file__).parent / "templates" / "parts.html"
    pages = dict(_ON_PAGES.findall(parts.read_text("utf-8")))
    assert pages == WORDS


def test_an_unknown_entry_keeps_its_name() -> None:
    assert in_words(translator("nl"), "moon landed", "") == "Moon landed"
