"""A contact's card as PDF, on request in large print."""

from __future__ import annotations

from escrow.i18n import Translator, translator
from escrow.protocol.kit import Card
from escrow_cli.paper.facts import bare_host, draw_checkpoint, unbroken
from escrow_cli.paper.front import Front, draw_front
from escrow_cli.paper.sheet import LARGE, MARGIN, NORMAL, Imprint, Sheet


def card_pdf(
    card: Card,
    *,
    name: str,
    locale: str | None,
    provider_name: str,
    provider_phone: str,
    customer: str = "",
    large: bool = False,
) -> bytes:
    """Make the card: the piece, and what to do when the telephone rings.

    `name` is the contact's own; `customer` the owner's address as the service says it, or empty;
    `locale` None is the environment's.
    Raises ProtocolError("malformed_note").
    """
    t, manifest = translator(locale), card.manifest
    imprint = Imprint(
        provider_name, bare_host(card.host), manifest.label, manifest.created_at, manifest.deposit
    )
    sheet = Sheet(t, LARGE if large else NORMAL, imprint, t.gettext("Your card"))
    draw_front(sheet, _front(t, card, name, provider_name), card.payload, manifest)
    sheet.add_page()
    _meaning(sheet, customer)
    _telephone(sheet, unbroken(provider_phone))
    _keep(sheet)
    _without_provider(sheet)
    draw_checkpoint(sheet, card.checkpoint)
    return bytes(sheet.output())


def _front(t: Translator, card: Card, name: str, provider: str) -> Front:
    manifest = card.manifest
    subtitle = t.gettext("A piece of the key to “{label}”", label=manifest.label)
    if manifest.kind == "drill":
        subtitle = t.gettext("For a drill: “{label}”", label=manifest.label)
    return Front(
        t.gettext("Your card"),
        subtitle,
        (
            t.gettext("The owner of the key"),
            t.gettext("You, {name}: this paper", name=name),
            provider,
        ),
        1,
        _truth(t, manifest.contacts_needed, manifest.contacts_count),
    )


def _truth(t: Translator, needed: int, count: int) -> str:
    if count == 1:
        return t.gettext("Any two of these three open it. One alone opens nothing.")
    return t.gettext(
        "Any two of these three open it. One alone opens nothing. You are one of {count} "
        "contacts. For the contacts’ piece, {needed} are needed.",
        needed=needed,
        count=count,
    )


def _meaning(sheet: Sheet, customer: str) -> None:
    t = sheet.t
    sheet.heading(t.gettext("What you have here"))
    sheet.paragraph(
        t.gettext(
            "Someone trusts you with a piece of a key. With your piece alone you can see nothing. "
            "One day they may ask you to help. You can stop at any time, on {host}.",
            host=sheet.imprint.host,
        )
    )
    if customer:
        said = t.gettext("Asked for by, as {provider} says:", provider=sheet.imprint.provider)
        sheet.paragraph(f"{said} {customer}")
    line = sheet.look.body * 0.75
    for text in (t.gettext("Whose key is it?"), t.gettext("Their phone number:")):
        sheet.ln(line * 0.45)
        sheet.font(sheet.look.body)
        sheet.cell(sheet.get_string_width(text) + 3, line, text)
        sheet.line(
            sheet.get_x(), sheet.get_y() + line * 0.85, 210 - MARGIN, sheet.get_y() + line * 0.85
        )
        sheet.ln(line)


def _telephone(sheet: Sheet, phone: str) -> None:
    t = sheet.t
    doubt = t.gettext("In doubt? Do nothing, or stop it with the button in our mail.")
    if phone:
        doubt += " " + t.gettext("Or call {phone}.", phone=phone)
    sheet.heading(t.gettext("When the phone rings"), keep=50)
    sheet.steps(
        [
            t.gettext(
                "Someone asks for your piece? Hang up. Call back on the number you already have."
            ),
            t.gettext(
                "Never give your piece to someone who contacts you first. Not to us either: we "
                "never ask for it."
            ),
            t.gettext(
                "Is it really the owner? Open the link in the mail from {provider}. The owner "
                "reads 12 digits to you, and you type them. Never read your words aloud.",
                provider=sheet.imprint.provider,
            ),
            doubt,
        ]
    )


def _keep(sheet: Sheet) -> None:
    t = sheet.t
    sheet.heading(t.gettext("Keep it well"))
    sheet.steps(
        [
            t.gettext("Put this paper where you keep your passport, not on or near a computer."),
            t.gettext("Do not keep it in the same house as the owner’s kit."),
            t.gettext(
                "Never type the words into a page that someone sent you. Type the address "
                "yourself: {host}",
                host=sheet.imprint.host,
            ),
            t.gettext("Lost, or seen by someone? Tell us on {host}.", host=sheet.imprint.host),
        ],
        numbered=False,
    )


def _without_provider(sheet: Sheet) -> None:
    t = sheet.t
    sheet.heading(t.gettext("If {provider} no longer exists", provider=sheet.imprint.provider))
    sheet.paragraph(
        t.gettext(
            "Then take this card to the owner, in person. The kit and the cards together give the "
            "key back. The last pages of the kit say how."
        )
    )
