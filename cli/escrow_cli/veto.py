"""`escrow veto`: stop a recovery that was not wanted. No piece is lost by it.

Who may: the customer, signed in or by the link in a mail; a contact, by card or by such a link.
"""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow_cli import maillink
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, NotYet, Usage

CONFIRM = "ESCROW_CONFIRM"


@verb(
    "veto",
    N_("Stop a recovery that you did not want. No piece is lost by it."),
    click.option(
        "--link",
        "by_link",
        is_flag=True,
        help=N_("With the link of the mail about it, which you are asked for: without the app."),
    ),
    click.option("--card", metavar="FILE", help=N_("As a contact: your card file.")),
    click.option("--address", help=N_("As the customer: your mail address.")),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Only of this deposit.")),
)
def veto(
    cli: Cli, by_link: bool, card: str | None, address: str | None, deposit: str | None
) -> None:
    token = None
    question = cli.t.gettext("Stop the recovery?")
    if by_link or cli.terminal.has_answer(maillink.LINK):
        if card or address or deposit:
            raise Usage(N_("--link goes without --card, --address and --deposit."))
        found = maillink.ask(cli, "veto")
        token, recoveries = found.token, [found.recovery]
        question = cli.t.gettext("Stop bringing back “{label}”?", label=found.label)
    elif card:
        recoveries = _of_card(cli, card)
    else:
        recoveries = _of_customer(cli, address, deposit)
    if not recoveries:
        raise NotNow(N_("No recovery is running."), reason="no_recovery")
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    body = {} if token is None else {"token": token}
    stopped = [
        cli.client.post(f"recoveries/{recovery}/veto", body, repeat=True) for recovery in recoveries
    ]
    cli.terminal.say(cli.t.gettext("Stopped. Everyone concerned is told."))
    cli.terminal.document(
        {"stopped": [{"recovery": one["recovery"], "state": one["state"]} for one in stopped]}
    )


def _of_card(cli: Cli, card: str) -> list[str | None]:
    from escrow_cli.piece import fetch_custody, of_options

    piece = of_options(cli, card, role="contact")
    document, _, _ = fetch_custody(cli, piece.payload.custody)
    cli.client.signer = piece.signer()
    return [document["recovery"]["recovery"]] if document["recovery"] else []


def _of_customer(cli: Cli, address: str | None, deposit: str | None) -> list[str | None]:
    from escrow_cli import status
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    lines = status.listed(cli, account, deposit)
    found = [status.details(cli, line["deposit"])["recovery"] for line in lines]
    return [recovery for recovery in found if recovery]
