"""`escrow phrase`: the phrase that stands in every mail to a contact, so that a forgery shows."""

from __future__ import annotations

import unicodedata

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb

PHRASE = "ESCROW_PHRASE"


@verb(
    "phrase",
    N_("Choose the phrase that stands in every mail to you. A mail without it is not ours."),
    click.option("--card", metavar="FILE", help=N_("Your card file; otherwise you are asked.")),
)
def phrase(cli: Cli, card: str | None) -> None:
    from escrow_cli.piece import of_options

    piece = of_options(cli, card, role="contact")
    text = cli.terminal.ask(cli.t.gettext("Your phrase, for example “blue bicycle”"), PHRASE)
    body = {"phrase": unicodedata.normalize("NFC", text)}
    cli.client.signer = piece.signer()
    answer = cli.client.post(f"custodies/{piece.payload.custody}/phrase", body, repeat=True)
    cli.terminal.say(cli.t.gettext("Done. It stands in the next mail to you."))
    cli.terminal.document({"custody": piece.payload.custody, "state": answer["state"]})
