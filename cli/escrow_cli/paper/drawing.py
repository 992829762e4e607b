"""QR codes and the picture, drawn as vectors."""

from __future__ import annotations

import io
from itertools import groupby

import segno

from escrow import triptych
from escrow.triptych import Panel
from escrow_cli.paper.sheet import Sheet

# Neighbouring bars overlap a little, so that no viewer shows hairlines between them.
_OVERLAP = 1.02


class Code:
    """A QR code with error correction M: about a seventh of it may be soiled or torn."""

    def __init__(self, text: str) -> None:
        self.rows = segno.make_qr(text, error="m", boost_error=False).matrix

    def side(self, module: float) -> float:
        """Return the side in millimetres, without quiet zone, for modules of `module`."""
        return len(self.rows) * module

    def draw(self, sheet: Sheet, x: float, y: float, side: float) -> None:
        """Draw into a square of `side` millimetres; the quiet zone is the caller's to keep."""
        module = side / len(self.rows)
        for row, modules in enumerate(self.rows):
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
