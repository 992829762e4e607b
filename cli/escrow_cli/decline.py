"""`escrow decline`: stop being a contact. The customer is told."""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotYet

CONFIRM = "ESCROW_CONFIRM"


@verb(
    "decline",
    N_("Stop being a contact. The person who asked you is told."),
    click.option("--card", metavar="FILE", help=N_("Your card file; otherwise you are asked.")),
)
def decline(cli: Cli, card: str | None) -> None:
    from escrow_cli.piece import of_options

    piece = of_options(cli, card, role="contact")
    question = cli.t.gettext("Stop being a contact for “{label}”?", label=piece.manifest.label)
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    cli.client.signer = piece.signer()
    cli.client.post(f"custodies/{piece.payload.custody}/decline", {}, repeat=True)
    cli.terminal.say(
        cli.t.gettext(
            "Done. Keep your card for 30 days: `escrow check --share` undoes this. Then destroy it."
        )
    )
    cli.terminal.document({"custody": piece.payload.custody, "state": "declined"})
