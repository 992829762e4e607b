"""The provider's colour can be read wherever a page uses it."""

import re
from importlib import resources

import pytest

from escrow import palette

COLOURS = ("#1f5fa8", "#ffee00", "#000000", "#ffffff", "#7f7f7f", "#00a300", "#e2007a", "#00b3ee")


@pytest.mark.parametrize("grounds", [palette.LIGHT_GROUNDS, palette.DARK_GROUNDS])
@pytest.mark.parametrize("colour", COLOURS)
def test_any_colour_of_a_provider_can_be_read_on_every_ground(
    colour: str, grounds: tuple[str, ...]
) -> None:
    found = palette.accent(colour, grounds)
    for ground in grounds:
        assert palette.contrast(found.colour, ground) >= 4.5
    assert palette.contrast(found.on_colour, found.colour) >= 4.5


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert palette.accent("#1F5FA8", palette.LIGHT_GROUNDS).colour == "#1f5fa8"
    assert palette.accent("#ffee00", palette.DARK_GROUNDS).colour == "#ffee00"


def test_an_adjusted_colour_keeps_its_hue() -> None:
    adjusted = palette.accent("#e2007a", palette.DARK_GROUNDS).colour
    red, green, blue = (int(adjusted[start : start + 2], 16) for start in (1, 3, 5))
    assert red > blue > green


@pytest.mark.parametrize(
    ("one", "other", "expected"), [("#000000", "#ffffff", 21.0), ("#777777", "#ffffff", 4.48)]
)
def test_contrast_is_as_wcag_computes_it(one: str, other: str, expected: float) -> None:
    assert palette.contrast(one, other) == pytest.approx(expected, abs=0.01)
    assert palette.contrast(other, one) == pytest.approx(expected, abs=0.01)


def test_the_grounds_are_those_of_the_style_sheet() -> None:
    sheet = resources.files("escrow").joinpath("browser", "style", "page.css").read_text("utf-8")
    light, dark = sheet.split("prefers-color-scheme: dark", 1)
    for part, grounds in ((light, palette.LIGHT_GROUNDS), (dark, palette.DARK_GROUNDS)):
        for name, ground in zip(("paper", "card", "tint"), grounds, strict=True):
            found = re.search(rf"--{name}: (#\w+);", part)
            assert found is not None and found[1] == ground


def test_the_theme_sets_both_grounds() -> None:
    sheet = palette.theme("#1f5fa8")
    assert sheet.startswith(":root{--accent:#1f5fa8;--on-accent:#ffffff}")
    assert sheet.count("--accent:") == 2
