"""The provider's colour on our two grounds: kept as it is where it can be read, else adjusted.

Text needs a contrast of 4.5 (WCAG 2.2, 1.4.3). The accent is the colour of links and buttons, so it
must reach that on every ground it stands on; only its lightness moves, so it stays the provider's
own colour to the eye.
"""

import colorsys
import re
from dataclasses import dataclass

MINIMUM_CONTRAST = 4.5
COLOUR = re.compile(r"#[0-9a-fA-F]{6}\Z")
# The grounds of page.css: paper, card and tint, light and dark.
LIGHT_GROUNDS = ("#faf8f4", "#ffffff", "#f1eee7")
DARK_GROUNDS = ("#171816", "#20211f", "#2a2b28")
_STEPS = 100


@dataclass(frozen=True)
class Accent:
    """One accent, and the colour of text on it."""

    colour: str
    on_colour: str


def luminance(colour: str) -> float:
    """Return the relative luminance (WCAG 2) of "#rrggbb", 0 … 1."""
    linear = []
    for start in (1, 3, 5):
        part = int(colour[start : start + 2], 16) / 255
        linear.append(part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4)
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2), 1 … 21."""
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(colour: str) -> str:
    """Return black or white, whichever has more contrast on a colour: over 4.5 always."""
    return max(("#ffffff", "#000000"), key=lambda ink: contrast(ink, colour))


def accent(colour: str, grounds: tuple[str, ...]) -> Accent:
    """Return the colour itself, or the nearest of its lightnesses that can be read on `grounds`."""
    target = 0.0 if luminance(grounds[0]) > 0.5 else 1.0
    for step in range(_STEPS + 1):
        moved = _lightened(colour, target, step / _STEPS) if step else colour.lower()
        if all(contrast(moved, ground) >= MINIMUM_CONTRAST for ground in grounds):
            return Accent(moved, readable_on(moved))
    raise ValueError(f"no contrast on {', '.join(grounds)}")


def _lightened(colour: str, target: float, part: float) -> str:
    """Move a colour's lightness towards `target`, 0 or 1, by a part of the way."""
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    hue, lightness, saturation = colorsys.rgb_to_hls(red, green, blue)
    moved = colorsys.hls_to_rgb(hue, lightness + (target - lightness) * part, saturation)
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in moved)


def theme(colour: str) -> str:
    """Write the style sheet that an installation's colour is; `page.css` says where it is used."""
    light, dark = accent(colour, LIGHT_GROUNDS), accent(colour, DARK_GROUNDS)
    return (
        f":root{{--accent:{light.colour};--on-accent:{light.on_colour}}}\n"
        "@media screen and (prefers-color-scheme:dark)"
        f"{{:root{{--accent:{dark.colour};--on-accent:{dark.on_colour}}}}}\n"
    )
