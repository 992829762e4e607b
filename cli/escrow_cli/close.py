"""`escrow close` and `escrow reopen`: give a deposit up after 30 days, or think better of it."""

from __future__ import annotations

from typing import Any

import click

from escrow.i18n import N_
from escrow_cli import maillink
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, NotYet, Usage

CONFIRM = "ESCROW_CONFIRM"
_OPTIONS = (
    click.option("--deposit", metavar="DEPOSIT", required=True, help=N_("Number, or name.")),
    click.option("--address", help=N_("Your mail address.")),
)


@verb(
    "close",
    N_("Give up a deposit. It can be undone for 30 days."),
    *_OPTIONS,
    click.option("--reason", default="", help=N_("Why, for the record.")),
)
def close(cli: Cli, deposit: str, address: str | None, reason: str) -> None:
    from escrow_cli.signin import with_step_up

    line = _find(cli, deposit, address)
    question = cli.t.gettext(
        "Close “{label}”? After 30 days your provider cannot help to bring this key back",
        label=line["label"],
    )
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    body = {"reason": reason}
    answer = with_step_up(
        cli, lambda: cli.client.post(f"deposits/{line['deposit']}/close", body, repeat=True)
    )
    cli.terminal.say(
        cli.t.gettext(
            "It ends on {date}. Until then `escrow reopen` undoes it.",
            date=cli.t.date(answer["until"]),
        )
    )
    cli.terminal.document({"deposit": line["deposit"], "until": answer["until"]})


@verb(
    "reopen",
    N_("Undo a close, as the customer (your account's too) or, once, as a contact."),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Number, or name.")),
    click.option("--address", help=N_("Your mail address.")),
    click.option("--card", metavar="FILE", help=N_("As a contact: your card file.")),
    click.option(
        "--link",
        "by_link",
        is_flag=True,
        help=N_("With the link of the mail about it, which you are asked for: without the app."),
    ),
)
def reopen(
    cli: Cli, deposit: str | None, address: str | None, card: str | None, by_link: bool
) -> None:
    body = {}
    if by_link or cli.terminal.has_answer(maillink.LINK):
        if card or address or deposit:
            raise Usage(N_("--link goes without --card, --address and --deposit."))
        found = maillink.ask(cli, "reopen")
        number, label, body = found.deposit, found.label, {"token": found.token}
    elif card is not None:
        number, label = _of_card(cli, card)
    elif _keep_account(cli, address) and deposit is None:
        return
    elif deposit is not None:
        line = _find(cli, deposit, None)
        number, label = str(line["deposit"]), str(line["label"])
    else:
        raise Usage(N_("Give --deposit, --link, or as a contact --card."))
    try:
        cli.client.post(f"deposits/{number}/reopen", body, repeat=True)
    except NotNow as error:
        if error.params.get("state") != "undone_before":
            raise
        raise NotNow(
            N_("A contact has undone this once already. Now only the customer can."),
            N_("Call the customer on a number that you already have."),
            reason="undone_before",
        ) from None
    cli.terminal.say(cli.t.gettext("“{label}” stays.", label=label))
    cli.terminal.document({"deposit": number, "state": "reopened"})


def _keep_account(cli: Cli, address: str | None) -> bool:
    """Undo the closing of the customer's account, if there is one: it would end every deposit."""
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    where = f"accounts/{account}"
    if cli.client.get(where)["closing_at"] is None:
        return False
    cli.client.post(f"{where}/reopen", {}, repeat=True)
    cli.terminal.say(cli.t.gettext("Your account stays, with all its deposits."))
    return True


def _of_card(cli: Cli, card: str) -> tuple[str, str]:
    """Sign as the contact of a card; returns the deposit's number and name."""
    from escrow_cli.piece import altered, fetch_custody, of_options

    piece = of_options(cli, card, role="contact")
    _, manifest, _ = fetch_custody(cli, piece.payload.custody)
    if manifest.hash != piece.manifest.hash:
        raise altered()
    cli.client.signer = piece.signer()
    return manifest.deposit, manifest.label


def _find(cli: Cli, deposit: str, address: str | None) -> dict[str, Any]:
    from escrow_cli import status
    from escrow_cli.signin import signed_in

    return status.one(cli, signed_in(cli, address), deposit)
