"""`escrow veto`: stop a recovery that was not wanted. No piece is lost by it.

Who may: the customer, signed in or by the link in a mail; a contact, by card or by such a link.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli import maillink
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, NotYet, Usage

if TYPE_CHECKING:
    from escrow_cli.piece import Piece
    from escrow_cli.stopped import Stop

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
    if by_link or cli.terminal.has_answer(maillink.LINK):
        if card or address or deposit:
            raise Usage(N_("--link goes without --card, --address and --deposit."))
        found = maillink.ask(cli, "veto")
        question = cli.t.gettext("Stop bringing back “{label}”?", label=found.label)
        _say(cli, _stop(cli, question, [str(found.recovery)], token=found.token))
        return
    piece, stops = _of_card(cli, card) if card else _of_customer(cli, address, deposit)
    if not stops:
        raise NotNow(N_("No recovery is running."), reason="no_recovery")
    question = cli.t.gettext("Stop the recovery?")
    answers = _stop(cli, question, [stop.recovery for stop in stops])
    _see(cli, piece, stops)
    _say(cli, answers)


def _stop(cli: Cli, question: str, recoveries: list[str], **body: str) -> list[dict[str, Any]]:
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    return [
        cli.client.post(f"recoveries/{recovery}/veto", body, repeat=True) for recovery in recoveries
    ]


def _see(cli: Cli, piece: Piece | None, stops: list[Stop]) -> None:
    """See in the ledger that they are stopped. After the stop: a ledger in trouble delays none.

    Who has only a mail's link is not shown the entries.
    """
    from escrow_cli import stopped
    from escrow_cli.ledgerkeys import open_ledger

    with cli.terminal.progress(cli.t.gettext("Looking for it in the ledger …")):
        vkey, note = (piece.manifest.ledger_vkey, piece.checkpoint) if piece else (None, "")
        ledger, _ = open_ledger(cli, vkey, note=note)
        for stop in stops:
            stopped.see(cli, ledger, stop)


def _say(cli: Cli, answers: list[dict[str, Any]]) -> None:
    cli.terminal.say(cli.t.gettext("Stopped. Everyone concerned is told."))
    cli.terminal.document(
        {"stopped": [{"recovery": one["recovery"], "state": one["state"]} for one in answers]}
    )


def _of_card(cli: Cli, card: str) -> tuple[Piece, list[Stop]]:
    from escrow_cli.piece import fetch_custody, of_options
    from escrow_cli.stopped import Stop

    piece = of_options(cli, card, role="contact")
    custody = piece.payload.custody
    document, _, _ = fetch_custody(cli, custody)
    cli.client.signer = piece.signer()
    running = document["recovery"]
    entries = f"custodies/{custody}/events"
    return piece, [Stop(running["recovery"], entries)] if running else []


def _of_customer(cli: Cli, address: str | None, deposit: str | None) -> tuple[None, list[Stop]]:
    from escrow_cli import status
    from escrow_cli.signin import signed_in
    from escrow_cli.stopped import Stop

    account = signed_in(cli, address)
    found = []
    for line in status.listed(cli, account, deposit):
        recovery = status.details(cli, line["deposit"])["recovery"]
        if recovery:
            found.append(Stop(recovery, f"deposits/{line['deposit']}/events"))
    return None, found
