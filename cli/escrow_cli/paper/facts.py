"""Small parts that kit and card share: the newest checkpoint, waiting times, the service's host."""

from __future__ import annotations

from base64 import b64encode

from escrow.i18n import Translator
from escrow.protocol import note, qr
from escrow_cli.paper.drawing import Code
from escrow_cli.paper.front import fact
from escrow_cli.paper.sheet import MARGIN, Sheet

_HOUR_SECONDS = 3600
_DAY_SECONDS = 86400
_MODULE = 0.5


def bare_host(host: str) -> str:
    """Return a host as people write it, without scheme and path."""
    return host.rsplit("://", maxsplit=1)[-1].rstrip("/")


def unbroken(phone: str) -> str:
    """Return a telephone number that no line's end tears apart."""
    return phone.replace(" ", "\u00a0")


def duration(t: Translator, seconds: int) -> str:
    """Write a waiting time in whole days, otherwise in hours, rounded up."""
    if seconds % _DAY_SECONDS == 0:
        return t.ngettext("{n} day", "{n} days", seconds // _DAY_SECONDS)
    return t.ngettext("{n} hour", "{n} hours", -(-seconds // _HOUR_SECONDS))


def checkpoint_height(signed: str) -> float:
    """Return how many millimetres `draw_checkpoint` takes at most."""
    return Code(qr.checkpoint_text(signed)).side(_MODULE) + 14 if signed else 20


def draw_checkpoint(sheet: Sheet, signed: str) -> None:
    """Write size and root of the newest checkpoint, and its note as a code.

    Raises ProtocolError("malformed_note").
    """
    t = sheet.t
    if not signed:
        sheet.heading(t.gettext("The ledger"), keep=15)
        sheet.paragraph(t.gettext("No state of the ledger was known when this was made."))
        return
    text, _ = note.split_note(signed)
    checkpoint = note.Checkpoint.parse(text)
    code = Code(qr.checkpoint_text(signed))
    side = code.side(_MODULE)
    sheet.heading(t.gettext("The ledger"), keep=side + 6)
    top = sheet.get_y() + 1
    code.draw(sheet, MARGIN, top, side)
    x = MARGIN + side + 8
    width = 210 - MARGIN - x
    sheet.font(sheet.look.small)
    sheet.paragraph(
        t.gettext(
            "All that happens to your piece goes into a ledger that nobody can change unnoticed. "
            "This was its state when this paper was made. Programs compare it with what they see "
            "later."
        ),
        x,
        width,
    )
    fact(sheet, t.gettext("Entries"), f"{checkpoint.size}", x, width, mono=False)
    root = b64encode(checkpoint.root).decode()
    fact(sheet, t.gettext("Root"), root, x, width, mono=True)
    sheet.set_y(max(sheet.get_y(), top + side + 3))
