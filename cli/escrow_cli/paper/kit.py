"""The customer's kit as PDF."""

from __future__ import annotations

from escrow.i18n import Translator, translator
from escrow.protocol import qr
from escrow.protocol.kit import Kit
from escrow_cli.paper.facts import (
    bare_host,
    checkpoint_height,
    draw_checkpoint,
    duration,
    unbroken,
)
from escrow_cli.paper.front import Front, draw_front
from escrow_cli.paper.sheet import CONTENT_WIDTH, MARGIN, NORMAL, Imprint, Sheet
from escrow_cli.paper.without_us import draw_envelope, draw_without_us

_CONFIRMATION_DIGITS = 4
_CONFIRMATION_HEIGHT = 15


def kit_pdf(
    kit: Kit, checkpoint: str, *, locale: str | None, provider_name: str, provider_phone: str
) -> bytes:
    """Make the kit: the piece, what to do with it, the way without the provider.

    `checkpoint` is a signed note, or empty when none was seen; `locale` None is the environment's.
    Raises ProtocolError("malformed_note").
    """
    t, manifest = translator(locale), kit.manifest
    phone = unbroken(provider_phone)
    imprint = Imprint(
        provider_name, bare_host(kit.host), manifest.label, manifest.created_at, manifest.deposit
    )
    sheet = Sheet(t, NORMAL, imprint, t.gettext("Your kit"))
    draw_front(sheet, _front(t, kit, provider_name), kit.payload, manifest)
    sheet.add_page()
    _do_now(sheet, is_complete=qr.envelope_text(kit.envelope) is not None)
    _never(sheet)
    _recover(sheet, kit, phone)
    _others(sheet, kit, phone)
    draw_envelope(sheet, kit)
    # The last page is never one with the digits alone.
    height = checkpoint_height(checkpoint)
    is_early = not sheet.will_page_break(height)
    if is_early:
        draw_checkpoint(sheet, checkpoint)
    draw_without_us(sheet, kit)
    if not is_early:
        if sheet.will_page_break(height + _CONFIRMATION_HEIGHT + 2):
            sheet.add_page()
        draw_checkpoint(sheet, checkpoint)
    _confirmation(sheet, manifest.code()[-_CONFIRMATION_DIGITS:])
    return bytes(sheet.output())


def _front(t: Translator, kit: Kit, provider: str) -> Front:
    manifest = kit.manifest
    subtitle = t.gettext("Your piece of the key to “{label}”", label=manifest.label)
    if manifest.kind == "drill":
        subtitle = t.gettext("For a drill: “{label}”", label=manifest.label)
    return Front(
        t.gettext("Your kit"),
        subtitle,
        (t.gettext("You: this paper"), contacts_panel(t, kit), provider),
        0,
        truth(t, manifest.contacts_needed, manifest.contacts_count),
    )


def contacts_panel(t: Translator, kit: Kit) -> str:
    """Say who the contacts are, in one line."""
    names = ", ".join(contact.name for contact in kit.contacts)
    if not names:
        return t.gettext("Nobody yet")
    if len(kit.contacts) == 1:
        return names
    return t.gettext("Contacts: {names}", names=names)


def truth(t: Translator, needed: int, count: int) -> str:
    """Say what opens it, in one or two sentences."""
    if not count:
        return t.gettext("Both pieces are needed. You have one way back only.")
    if count == 1:
        return t.gettext("Any two of these three open it. One alone opens nothing.")
    return t.gettext(
        "Any two of these three open it. One alone opens nothing. For the contacts’ piece, "
        "{needed} of {count} contacts are needed.",
        needed=needed,
        count=count,
    )


def _do_now(sheet: Sheet, *, is_complete: bool) -> None:
    """Say what to do; `is_complete` when the paper alone is enough, without the kit file."""
    t = sheet.t
    steps = [
        t.gettext(
            "Check that you have all pages. Type the four digits at the foot of the last page "
            "when you are asked for them."
        ),
        t.gettext(
            "Put this paper where you keep your passport: in a folder, in a safe or with your "
            "notary."
        ),
        t.gettext(
            "Do not keep it on or near this computer, or near the phone with your "
            "authenticator app. One fire or one thief must not take both."
        ),
    ]
    if is_complete:
        steps.append(
            t.gettext(
                "The kit file (….escrow.json) can do what this paper can. Move it off this "
                "computer too, for example to a USB stick."
            )
        )
    sheet.heading(t.gettext("Do this now"))
    sheet.steps(steps)


def _never(sheet: Sheet) -> None:
    t, host = sheet.t, sheet.imprint.host
    sheet.heading(t.gettext("Never do this"))
    sheet.steps(
        [
            t.gettext(
                "Never type the words into a page that someone sent you. Type the address "
                "yourself: {host}",
                host=host,
            ),
            t.gettext("Never read the words aloud. Nobody needs to hear them, not even us."),
            t.gettext(
                "Never give this paper, or a photo of it, to someone who contacts you first."
            ),
        ],
        numbered=False,
    )


def _recover(sheet: Sheet, kit: Kit, phone: str) -> None:
    t, host, wait = sheet.t, sheet.imprint.host, kit.manifest.waiting_seconds
    start = t.gettext("Go to {host}. Type the address yourself. Choose “I lost my key”.", host=host)
    if phone:
        start += " " + t.gettext("Questions? Call {phone}.", phone=phone)
    waiting = (
        t.gettext(
            "Wait {duration}. We tell you and your contacts. If it is not you, everyone we told "
            "can stop it.",
            duration=duration(t, wait),
        )
        if wait
        else t.gettext("This is a drill: you do not have to wait.")
    )
    sheet.heading(t.gettext("Lost your key? How to get it back"))
    sheet.steps(
        [
            start,
            t.gettext(
                "You get a code by mail. Your authenticator app gives a second code. Lost the app "
                "too? Then this paper proves who you are, and you wait longer."
            ),
            waiting,
            t.gettext(
                "Scan the large code on page 1, or type the 33 words. You have your key back."
            ),
        ]
    )


def _others(sheet: Sheet, kit: Kit, phone: str) -> None:
    t = sheet.t
    sheet.heading(t.gettext("Who has the other pieces"))
    provider = sheet.imprint.provider + (f", {phone}" if phone else "")
    people = [provider, *(f"{contact.name}, {contact.address}" for contact in kit.contacts)]
    is_crowded = len(kit.contacts) > 4
    size = sheet.look.small if is_crowded else sheet.look.body
    columns = 2 if is_crowded or _fit_in_two_columns(sheet, people) else 1
    if not kit.contacts:
        people.append(
            t.gettext("No contact yet. Make a new deposit with one: it takes a few minutes.")
        )
    sheet.columns(people, columns, size)


def _fit_in_two_columns(sheet: Sheet, people: list[str]) -> bool:
    """Tell whether lines of normal size stand beside each other with nothing cut off."""
    sheet.font(sheet.look.body)
    widest = max(sheet.get_string_width(sheet.printable(line)) for line in people)
    return len(people) > 2 and widest <= CONTENT_WIDTH / 2 - 4


def _confirmation(sheet: Sheet, digits: str) -> None:
    """Draw the four digits at the foot of the last page: whoever types them has all pages."""
    top = sheet.h - sheet.b_margin - _CONFIRMATION_HEIGHT
    if sheet.get_y() > top - 2:
        sheet.add_page()
    sheet.rect(MARGIN, top, CONTENT_WIDTH, _CONFIRMATION_HEIGHT - 3)
    sheet.set_xy(MARGIN + 4, top + 3)
    sheet.font(sheet.look.body)
    sheet.line_of(sheet.t.gettext("Do you have all pages? Then type these four digits:"), 120)
    sheet.set_xy(MARGIN + 120, top + 1.2)
    sheet.font(22, bold=True)
    sheet.line_of("  ".join(digits), CONTENT_WIDTH - 124, align="R")
