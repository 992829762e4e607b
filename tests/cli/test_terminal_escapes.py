"""What other people wrote cannot steer the terminal, neither as text nor in a JSON document."""

import json

import pytest

from escrow.i18n import translator
from escrow_cli.terminal import Terminal

HOSTILE = "Laptop\x1b]0;owned\x07\x9b31m\x7f\u202egnp.exe\u2028\U000e0001 é ✓"


def _is_harmless(text: str) -> bool:
    return all(c.isprintable() or c == "\n" for c in text)


def test_hostile_text_is_told_without_its_control_characters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    terminal = Terminal(translator("en"))
    terminal.say(HOSTILE)
    terminal.answer(HOSTILE)
    found = capsys.readouterr()
    assert _is_harmless(found.out + found.err)
    assert "é ✓" in found.err


def test_a_json_document_escapes_them_and_says_the_same(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Terminal(translator("en"), json_output=True).document({"label": HOSTILE, "n": [1, "é"]})
    found = capsys.readouterr().out
    assert _is_harmless(found)
    assert json.loads(found) == {"label": HOSTILE, "n": [1, "é"]}
    assert "é ✓" in found
