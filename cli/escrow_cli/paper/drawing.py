"""QR codes, the picture and boxes, drawn as vectors."""

from __future__ import annotations

import io
from itertools import groupby

import segno

from escrow import triptych
from escrow.triptych import Panel
from escrow_cli.paper.sheet import Sheet

QUIET_ZONE_MODULES = 4
# Neighbouring bars overlap a little, so that no viewer shows hairlines between them.
_OVERLAP = 1.02


def qr_side(text: str, module: float) -> float:
    """Return the side of a code without its quiet zone, for modules of `module` millimetres."""
    return _matrix_size(text) * module


def _matrix_size(text: str) -> int:
    return len(_code(text).matrix)


def _code(text: str) -> segno.QRCode:
    return segno.make_qr(text, error="m", boost_error=False)


def draw_qr(sheet: Sheet, text: str, x: float, y: float, side: float) -> None:
    """Draw a code into a square of `side` millimetres, quiet zone outside of it."""
    rows = _code(text).matrix
    module = side / len(rows)
    for row, modules in enumerate(rows):
        column = 0
        for dark, run in groupby(modules):
            length = len(list(run))
            if dark:
                sheet.rect(
                    x + column * module,
                    y + row * module,
                    length * module,
                    module * _OVERLAP,
                    style="F",
                )
            column += length


def draw_triptych(
    sheet: Sheet, panels: tuple[Panel, Panel, Panel], words: str, x: float, y: float, width: float
) -> None:
    """Draw the picture, `words` being its alternative for who cannot see it."""
    picture = io.BytesIO(triptych.svg(*panels, "", ink="#000").encode())
    sheet.image(picture, x, y, width, alt_text=words)


def draw_marker(sheet: Sheet, which: int, x: float, y: float, height: float) -> None:
    """Draw three small panels with one of them solid: which line of the legend means which."""
    width = height / 3
    for number in range(3):
        style = "DF" if number == which else "D"
        sheet.rect(x + number * width * 1.3, y, width, height, style=style)
