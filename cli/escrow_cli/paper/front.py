"""The first page of kit and card: whose piece, its words and codes, and the check behind a fold.

In large print the parts take a page each, the check code on the first: it needs no fold then.
"""

from __future__ import annotations

from dataclasses import dataclass

from escrow.protocol import keys, note, qr
from escrow.protocol.encoding import grouped
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import Payload
from escrow.triptych import HEIGHT, WIDTH, Panel
from escrow_cli.paper.drawing import Code, draw_marker, draw_triptych
from escrow_cli.paper.sheet import CONTENT_WIDTH, MARGIN, POINT, Sheet, grouped_id

SHARE_QR_SIDE = 52.0
LARGE_SHARE_QR_SIDE = 100.0
CHECK_QR_SIDE = 30.0
LARGE_CHECK_QR_SIDE = 60.0
FOLD_Y = 222.0  # lower when a long label pushes the words down
_LONG_SUBTITLE = 60
_COLUMN_GAP = 5.0
_CHECK_GROUPS_A_LINE = 5


@dataclass(frozen=True)
class Front:
    """What the first page says about one piece. `mine` is its panel of the picture."""

    title: str
    subtitle: str
    panels: tuple[str, str, str]
    mine: int
    truth: str


def draw_front(sheet: Sheet, front: Front, payload: Payload, manifest: Manifest) -> None:
    """Draw the title, the words, the share's code and the check code."""
    sheet.add_page()
    _title(sheet, front, has_contacts=manifest.contacts_count > 0)
    if sheet.look.large:
        sheet.ln(8)
        _check_code(sheet, payload)
        sheet.add_page()
        _words(sheet, payload)
        sheet.add_page()
        _share_code(sheet, payload, manifest)
    else:
        _words(sheet, payload)
        _share_code(sheet, payload, manifest)
        _fold(sheet)
        _check_code(sheet, payload)


def _title(sheet: Sheet, front: Front, *, has_contacts: bool) -> None:
    look = sheet.look
    sheet.font(look.title, bold=True)
    sheet.paragraph(front.title, after=0)
    sheet.font(look.heading if len(front.subtitle) <= _LONG_SUBTITLE else look.body)
    sheet.paragraph(front.subtitle, after=2.5)
    top, width = sheet.get_y(), 24.0 if look.large else 30.0
    states = [Panel.DUE, Panel.DUE if has_contacts else Panel.NOBODY, Panel.DUE]
    states[front.mine] = Panel.PROVEN
    draw_triptych(sheet, (states[0], states[1], states[2]), front.truth, MARGIN, top, width)
    _legend(sheet, front, MARGIN + width + 8, top)
    sheet.set_y(max(sheet.get_y(), top + width * HEIGHT / WIDTH) + 2)


def _legend(sheet: Sheet, front: Front, x: float, y: float) -> None:
    line = sheet.look.body * POINT * 1.55
    for number, text in enumerate(front.panels):
        draw_marker(sheet, number, x, y + line * 0.22, line * 0.55)
        sheet.set_xy(x + line * 1.1, y)
        sheet.font(sheet.look.body, bold=number == front.mine)
        sheet.line_of(text, 210 - MARGIN - x - line * 1.1)
        y += line
    sheet.set_y(y + 1.2)
    sheet.font(sheet.look.body)
    sheet.paragraph(front.truth, x, 210 - MARGIN - x, after=0)


def _words(sheet: Sheet, payload: Payload) -> None:
    """Draw the grid; it reads across, so that a scanner's text has the right order too."""
    t, look = sheet.t, sheet.look
    sheet.heading(t.gettext("The 33 words of your piece. Keep them secret."), keep=0)
    words = payload.words.split()
    width = (CONTENT_WIDTH + _COLUMN_GAP) / look.word_columns - _COLUMN_GAP
    top = sheet.get_y() + 0.5
    for index, word in enumerate(words):
        row, column = divmod(index, look.word_columns)
        x, y = MARGIN + column * (width + _COLUMN_GAP), top + row * look.word_height
        sheet.line(x, y + look.word_height, x + width, y + look.word_height)
        sheet.set_xy(x, y)
        sheet.font(look.small)
        sheet.cell(look.word * 0.62, look.word_height, f"{index + 1}", align="R")
        sheet.font(look.word, bold=True)
        sheet.cell(width - look.word * 0.62, look.word_height, f"  {word}")
    rows = -(-len(words) // look.word_columns)
    sheet.set_y(top + rows * look.word_height + 5)


def _share_code(sheet: Sheet, payload: Payload, manifest: Manifest) -> None:
    """Draw the share's code and what must be typed by who has no scanner."""
    t = sheet.t
    if sheet.look.large:
        sheet.heading(t.gettext("The same 33 words as a code"), keep=0)
        sheet.ln(3)
    top = sheet.get_y()
    side = LARGE_SHARE_QR_SIDE if sheet.look.large else SHARE_QR_SIDE
    Code(qr.share_text(payload)).draw(sheet, MARGIN, top, side)
    if sheet.look.large:
        sheet.set_y(top + side + 6)
        x = MARGIN
    else:
        x = MARGIN + side + 8
        sheet.set_y(top - 1)
    width = 210 - MARGIN - x
    sheet.font(sheet.look.body if sheet.look.large else sheet.look.small)
    sheet.paragraph(
        t.gettext(
            "This code holds the 33 words. Only you scan it, and only for a recovery. Do you type "
            "instead? Then you need the words, the number of the piece and the code of the deposit."
        ),
        x,
        width,
    )
    vkey = note.Verifier.parse(manifest.ledger_vkey)
    for name, value, mono in (
        (t.gettext("Number of the piece"), grouped_id(payload.custody), True),
        (t.gettext("Code of the deposit, 24 digits"), grouped(manifest.code()), False),
        (t.gettext("Number of the deposit"), grouped_id(payload.deposit), True),
        (t.gettext("Key of the ledger, 8 digits"), grouped(vkey.key_digits()), False),
    ):
        fact(sheet, name, value, x, width, mono=mono)
    sheet.set_y(max(sheet.get_y(), top + side))


def fact(sheet: Sheet, name: str, value: str, x: float, width: float, *, mono: bool) -> None:
    """Write a small name and its value below it."""
    look = sheet.look
    sheet.font(look.small)
    sheet.paragraph(name, x, width, after=-0.6)
    sheet.font(look.number * (0.78 if mono else 1), bold=not mono, mono=mono)
    sheet.paragraph(value, x, width, after=0.6)


def _fold(sheet: Sheet) -> None:
    y = max(FOLD_Y, sheet.get_y() + 3)
    sheet.rule(y, dashed=True)
    sheet.font(sheet.look.small)
    sheet.set_xy(MARGIN, y + 0.5)
    sheet.line_of(sheet.t.gettext("Fold here, with the words inside."), align="C")
    sheet.set_y(y + 5)


def _check_code(sheet: Sheet, payload: Payload) -> None:
    """Draw the check code: 30 mm and ten groups, or large on its own page."""
    t, look = sheet.t, sheet.look
    seed = keys.check_seed(payload.share().value, payload.deposit, payload.custody)
    check = qr.Check(payload.deposit, payload.custody, seed)
    top = sheet.get_y()
    side = LARGE_CHECK_QR_SIDE if look.large else CHECK_QR_SIDE
    Code(check.text).draw(sheet, MARGIN, top + 3, side)
    x = MARGIN if look.large else MARGIN + side + 8
    sheet.set_y(top + (side + 8 if look.large else 0))
    sheet.font(look.heading, bold=True)
    sheet.paragraph(t.gettext("Check code"), x, after=0.5)
    sheet.font(look.body)
    sheet.paragraph(
        t.gettext(
            "Now and then we ask if you still have this paper. Then scan this code, or type the "
            "40 digits. They prove that the paper is there. They open nothing."
        ),
        x,
        210 - MARGIN - x,
    )
    groups = grouped(keys.check_code(seed)).split()
    sheet.font(look.number * 1.15, bold=True)
    for start in range(0, len(groups), _CHECK_GROUPS_A_LINE):
        sheet.paragraph("   ".join(groups[start : start + _CHECK_GROUPS_A_LINE]), x, after=0)
