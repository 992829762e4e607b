"""The kit's last part: how to get the key back without the service and without this program."""

from __future__ import annotations

from escrow.other_programs import OPEN_ENVELOPE, SCRIPT, WORDS_TO_HEX
from escrow.protocol import qr
from escrow.protocol.kit import Kit
from escrow_cli.paper.drawing import Code
from escrow_cli.paper.sheet import MARGIN, Sheet

_MODULE = 0.55

_LINE_LENGTH = 98  # characters that fit beside a listing's rule
WITH_WORDS = "escrow combine --words --envelope {envelope} --output key.txt"


def draw_without_us(sheet: Sheet, kit: Kit) -> None:
    """Write the ways to open the envelope without the provider."""
    t, provider = sheet.t, sheet.imprint.provider
    keep = 60 if kit.manifest.contacts_count else 30
    sheet.heading(t.gettext("If {provider} no longer exists", provider=provider), keep=keep)
    if not kit.manifest.contacts_count:
        sheet.paragraph(
            t.gettext(
                "You have no contact. So the key only comes back with the help of {provider}, or "
                "of whoever takes over its work. Make a new deposit with a contact: then it also "
                "works without.",
                provider=provider,
            )
        )
        return
    sheet.paragraph(_pieces_needed(sheet, kit))
    fits = qr.envelope_text(kit.envelope) is not None
    _with_this_program(sheet, kit.manifest.contacts_needed, fits=fits)
    _with_other_programs(sheet, fits=fits)


def _pieces_needed(sheet: Sheet, kit: Kit) -> str:
    needed = kit.manifest.contacts_needed
    return sheet.t.ngettext(
        "You can get the key back yourself, with this kit and the card of your contact.",
        "You can get the key back yourself, with this kit and the cards of {n} contacts.",
        needed,
    )


def draw_envelope(sheet: Sheet, kit: Kit) -> None:
    """Draw the envelope's code, or say that the file must be kept."""
    t = sheet.t
    text = qr.envelope_text(kit.envelope)
    code = Code(text) if text else None
    side = code.side(_MODULE) if code else 0
    sheet.heading(t.gettext("Your key, encrypted"), keep=side + 12)
    if code is None:
        sheet.font(sheet.look.body, bold=True)
        sheet.paragraph(
            t.gettext(
                "What you keep safe is too long for a code on paper. Keep the kit file "
                "(….escrow.json) with this paper, for example on a USB stick. Without that file "
                "the words open nothing when {provider} is gone.",
                provider=sheet.imprint.provider,
            )
        )
        return
    top = sheet.get_y() + 1
    code.draw(sheet, MARGIN, top, side)
    x = MARGIN + side + 8
    sheet.paragraph(_what_opens(sheet, kit), x, 210 - MARGIN - x)
    sheet.set_y(top + side + 2)


def _what_opens(sheet: Sheet, kit: Kit) -> str:
    if kit.manifest.contacts_needed < 2:
        return sheet.t.gettext(
            "This code holds what you keep safe, encrypted. Only two pieces together open it."
        )
    return sheet.t.gettext(
        "This code holds what you keep safe, encrypted. Your words alone do not open it: it takes "
        "{provider} too, or the cards of {needed} contacts.",
        provider=sheet.imprint.provider,
        needed=kit.manifest.contacts_needed,
    )


def with_files(needed: int) -> list[str]:
    """Write the command for files: the kit and the cards that it takes; a shell joins its lines."""
    names = [f"card{number if needed > 1 else ''}" for number in range(1, needed + 1)]
    pieces = ["--piece kit.escrow.json", *(f"--piece {name}.escrow.json" for name in names)]
    lines = ["escrow combine"]
    for part in [*pieces, "--output key.txt"]:
        if len(lines[-1]) + len(part) > _LINE_LENGTH - 3:
            lines[-1] += " \\"
            lines.append("   ")
        lines[-1] += f" {part}"
    return lines


def _with_this_program(sheet: Sheet, needed: int, *, fits: bool) -> None:
    t = sheet.t
    lines = t.gettext(
        "The first line takes the files of the kit and the card. The second takes paper: it asks "
        "for the words and numbers of each piece."
    )
    if needed > 1:
        lines = t.gettext(
            "The first line takes the files of the kit and of {needed} cards. The second takes "
            "paper: it asks for the words and numbers of each piece.",
            needed=needed,
        )
    if fits:
        lines += " " + t.gettext(
            "First save the text of the code “Your key, encrypted” as envelope.txt."
        )
    lines += " " + t.gettext(
        "A page does all this without internet. Save it now, with the kit file: {address}",
        address=f"{sheet.imprint.host}/offline.html",
    )
    sheet.heading(t.gettext("With the program “escrow”"))
    sheet.paragraph(lines)
    envelope = "envelope.txt" if fits else "kit.escrow.json"
    sheet.listing([*with_files(needed), WITH_WORDS.format(envelope=envelope)])


def _with_other_programs(sheet: Sheet, *, fits: bool) -> None:
    """Write the steps that need no program of ours."""
    t = sheet.t
    sheet.heading(t.gettext("With other people’s programs"), keep=60)
    sheet.paragraph(
        t.gettext(
            "You need a computer with Python (3.8 or newer) and the program age. Work in an empty "
            "folder. Afterwards, delete everything but your key."
        )
    )
    first = (
        t.gettext("Scan the code “Your key, encrypted”. Save its text as envelope.txt.")
        if fits
        else t.gettext("Put the kit file into the folder. Name it kit.escrow.json.")
    )
    sheet.steps([first])
    sheet.steps(
        [t.gettext("Enter these lines. Type the words of each piece. You see the key in hex.")],
        start=2,
    )
    sheet.listing(WORDS_TO_HEX)
    sheet.steps(
        [
            t.gettext(
                "Save these lines as key.py. Enter “python3 key.py”, then the key in hex. This "
                "makes identity.txt and envelope.age."
            )
        ],
        start=3,
        keep=65,
    )
    sheet.listing(SCRIPT.splitlines())
    sheet.steps([t.gettext("Enter this line. What you kept safe is in key.txt.")], start=4)
    sheet.listing(OPEN_ENVELOPE)
