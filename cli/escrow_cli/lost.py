"""`escrow lost`: say that a piece is lost. The customer is told what to do."""

from __future__ import annotations

from typing import Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotYet, Usage

CONFIRM = "ESCROW_CONFIRM"


@verb(
    "lost",
    N_("Say that a piece is lost: your kit or a contact's, or, as a contact, your own."),
    click.option("--card", metavar="FILE", help=N_("As a contact: your card file.")),
    click.option("--address", help=N_("As the customer: your mail address.")),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Only this one: number, or name.")),
    click.option("--custody", metavar="CUSTODY", help=N_("A contact's piece; otherwise your kit.")),
)
def lost(
    cli: Cli, card: str | None, address: str | None, deposit: str | None, custody: str | None
) -> None:
    lost_one = _of_card(cli, card) if card else _of_customer(cli, address, deposit, custody)
    if not cli.terminal.confirm(cli.t.gettext("Is this piece lost?"), CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    answer = cli.client.post(f"custodies/{lost_one}/lost", {}, repeat=True)
    say, t = cli.terminal.say, cli.t
    if card is None:
        say(t.gettext("Make a new deposit in its place now: `escrow enrol --replaces`."))
    say(t.gettext("If it is found within 30 days: `escrow check --share` makes it count again."))
    cli.terminal.document({"custody": lost_one, "state": answer["state"]})


def _of_card(cli: Cli, card: str) -> str:
    from escrow_cli.piece import of_options

    piece = of_options(cli, card, role="contact")
    cli.client.signer = piece.signer()
    return piece.payload.custody


def _of_customer(cli: Cli, address: str | None, deposit: str | None, custody: str | None) -> str:
    """Find the piece among the customer's deposits."""
    from escrow_cli import status
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    found: list[dict[str, Any]] = []
    for line in status.listed(cli, account, deposit):
        pieces = cli.client.get(f"deposits/{line['deposit']}")["custodies"]
        found += [p for p in pieces if p["custody"] == custody or _is_kit(p, custody)]
    if len(found) != 1:
        raise Usage(
            N_("Which piece? {count} fit.") if found else N_("There is no such piece of yours."),
            N_("Look at `escrow status --json`, and give --deposit or --custody."),
            reason="which_piece",
            count=len(found),
        )
    return str(found[0]["custody"])


def _is_kit(piece: dict[str, Any], custody: str | None) -> bool:
    return custody is None and piece["role"] == "customer"
