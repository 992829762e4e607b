"""A4 pages with the fonts, sizes and few elements that kit and card are made of.

Black only, so that it survives a copier. The PDF's only date is the deposit's, its only metadata
title and language, and the same content gives the same bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos

from escrow.i18n import Translator

FONTS = Path(__file__).parent / "fonts"
SANS, MONO = "NotoSans", "NotoSansMono"
MARGIN = 18.0
CONTENT_WIDTH = 210 - 2 * MARGIN
POINT = 25.4 / 72
LINE = 0.25
_DAY_SECONDS = 86400
UNPRINTABLE = "\ufffd"


@dataclass(frozen=True)
class Look:
    """Sizes in points, heights in millimetres."""

    body: float = 10.5
    small: float = 8.5
    title: float = 24
    heading: float = 13
    word: float = 14
    word_columns: int = 3
    word_height: float = 7.3
    number: float = 12
    large: bool = False


NORMAL = Look()
LARGE = Look(
    body=17, small=12, title=30, heading=21, word=22, word_columns=2, word_height=12.6, number=19,
    large=True,
)  # fmt: skip


@dataclass(frozen=True)
class Imprint:
    """What stands at the head and foot of every page."""

    provider: str
    host: str
    label: str
    created_at: int
    deposit: str


class Sheet(FPDF):
    """The document. Positions and sizes in millimetres, font sizes in points."""

    def __init__(self, t: Translator, look: Look, imprint: Imprint, title: str) -> None:
        super().__init__(format="A4")
        self.t, self.look, self.imprint = t, look, imprint
        self._top_y = 0.0
        self.add_font(SANS, "", FONTS / f"{SANS}-Regular.ttf")
        self.add_font(SANS, "B", FONTS / f"{SANS}-Bold.ttf")
        self.add_font(MONO, "", FONTS / f"{MONO}-Regular.ttf")
        self.set_margins(MARGIN, 16, MARGIN)
        self.set_auto_page_break(True, 22)
        self.c_margin = 0
        self.set_title(title)
        self.set_lang(t.locale)
        self.set_producer("")
        day = imprint.created_at - imprint.created_at % _DAY_SECONDS
        self.set_creation_date(datetime.fromtimestamp(day, UTC))
        self.set_line_width(LINE)

    def normalize_text(self, text: str) -> str:
        return super().normalize_text(self.printable(text))

    def printable(self, text: str) -> str:
        """Replace what the font lacks by U+FFFD; drop marks that join or direct what is not there.

        The font of the text must be set.
        """
        known = getattr(self.current_font, "cmap", {})
        kept = (c for c in unicodedata.normalize("NFC", text) if not _is_invisible(c))
        return "".join(c if c == "\n" or ord(c) in known else UNPRINTABLE for c in kept)

    def header(self) -> None:
        self.set_y(11)
        self.font(self.look.small, bold=True)
        service = self.t.gettext("Key recovery")
        self.line_of(f"{self.imprint.provider} · {service}", CONTENT_WIDTH * 0.62)
        self.font(self.look.small)
        self.line_of(self.imprint.host, CONTENT_WIDTH * 0.38, align="R")
        self.rule(self.look.small * POINT * 1.6 + 11)
        self._top_y = self.look.small * POINT * 1.6 + 16
        self.set_y(self._top_y)

    def footer(self) -> None:
        self.set_y(-17)
        self.rule(self.get_y() - 1)
        self.font(min(self.look.small, 9))
        date = self.t.date(self.imprint.created_at)
        self.line_of(f"{self.imprint.label} · {date}", CONTENT_WIDTH * 0.86)
        # The number of pages is filled in at the end, so its width is estimated.
        self.set_x(210 - MARGIN - self.get_string_width(f"{self.page_no()} / 0"))
        self.line_of(f"{self.page_no()} / {{nb}}")
        self.ln(4.4)
        self.font(min(self.look.small, 8), mono=True)
        self.line_of(self.t.gettext("Deposit {id}", id=grouped_id(self.imprint.deposit)))

    def font(self, size: float, *, bold: bool = False, mono: bool = False) -> None:
        self.set_font(MONO if mono else SANS, "B" if bold and not mono else "", size)

    def line_of(self, text: str, width: float = CONTENT_WIDTH, align: str = "L") -> None:
        """Write one line, cut with an ellipsis when it is too long; the position moves right."""
        text = self.printable(text)
        if self.get_string_width(text) > width:
            while text and self.get_string_width(text + "…") > width:
                text = text[:-1]
            text += "…"
        self.cell(width, self.font_size_pt * POINT * 1.4, text, align=align)

    def rule(self, y: float, *, dashed: bool = False) -> None:
        if dashed:
            self.set_dash_pattern(dash=2, gap=2)
        self.line(MARGIN, y, 210 - MARGIN, y)
        self.set_dash_pattern()

    def paragraph(
        self, text: str, x: float = MARGIN, width: float = CONTENT_WIDTH, after: float = 1.5
    ) -> None:
        """Write running text in the current font, then go to the line below."""
        self.set_x(x)
        height = self.font_size_pt * POINT * 1.42
        self.multi_cell(
            width, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT, padding=0
        )
        self.ln(after)

    def heading(self, text: str, *, keep: float = 30) -> None:
        """Write a heading with at least `keep` millimetres of room left below it."""
        if self.will_page_break(keep + self.look.heading * POINT * 1.4):
            self.add_page()
        elif self.get_y() > self._top_y:
            self.ln(2.5)
        self.font(self.look.heading, bold=True)
        self.paragraph(text, after=0.8)
        self.font(self.look.body)

    def steps(
        self, texts: Iterable[str], *, numbered: bool = True, start: int = 1, keep: float = 0
    ) -> None:
        """Write numbered steps, or points with a dash; none is torn apart by a page's end."""
        indent = self.look.body * POINT * 1.9
        height = self.look.body * POINT * 1.42
        for number, text in enumerate(texts, start):
            self.font(self.look.body)
            needed = self.multi_cell(
                CONTENT_WIDTH - indent, height, text, dry_run=True, output=MethodReturnValue.HEIGHT
            )
            if self.will_page_break(float(str(needed)) + keep):
                self.add_page()
            self.font(self.look.body, bold=True)
            self.cell(indent, height, f"{number}." if numbered else "–")
            self.font(self.look.body)
            self.paragraph(text, MARGIN + indent, CONTENT_WIDTH - indent, after=1)

    def columns(self, texts: Sequence[str], count: int, size: float) -> None:
        """Write short lines in columns, filled downwards."""
        self.font(size)
        rows, height = -(-len(texts) // count), size * POINT * 1.5
        if self.will_page_break(rows * height):
            self.add_page()
        top, width = self.get_y(), CONTENT_WIDTH / count
        for index, text in enumerate(texts):
            column, row = divmod(index, rows)
            self.set_xy(MARGIN + column * width, top + row * height)
            self.line_of(text, width - 4)
        self.set_xy(MARGIN, top + rows * height + 1.5)
        self.font(self.look.body)

    def listing(self, lines: Iterable[str], size: float = 8.2) -> None:
        """Write lines to copy exactly: one line of text each, never wrapped."""
        self.font(size, mono=True)
        height = size * POINT * 1.35
        self.ln(0.5)
        for line in lines:
            top = self.get_y()
            self.set_x(MARGIN + 3)
            self.cell(CONTENT_WIDTH - 3, height, line, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.line(MARGIN + 0.5, top, MARGIN + 0.5, top + height)
        self.ln(2)
        self.font(self.look.body)


def _is_invisible(character: str) -> bool:
    return unicodedata.category(character) == "Cf" or 0xFE00 <= ord(character) <= 0xFE0F


def grouped_id(identifier: str) -> str:
    """Write an identifier in groups of four characters."""
    return " ".join(identifier[i : i + 4] for i in range(0, len(identifier), 4))
