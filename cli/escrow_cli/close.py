"""`escrow close` and `escrow reopen`: give a deposit up after 30 days, or think better of it."""

from __future__ import annotations

from typing import Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, Usage

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
        "Close “{label}”? After 30 days nobody can bring this key back", label=line["label"]
    )
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotNow(N_("Nothing was changed."), reason="not_confirmed")
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


@verb("reopen", N_("Undo a close."), *_OPTIONS)
def reopen(cli: Cli, deposit: str, address: str | None) -> None:
    line = _find(cli, deposit, address)
    cli.client.post(f"deposits/{line['deposit']}/reopen", {}, repeat=True)
    cli.terminal.say(cli.t.gettext("“{label}” stays.", label=line["label"]))
    cli.terminal.document({"deposit": line["deposit"], "state": "reopened"})


def _find(cli: Cli, deposit: str, address: str | None) -> dict[str, Any]:
    from escrow_cli import status
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    found = [line for line in status.listed(cli, account) if status.fits(line, deposit)]
    if len(found) != 1:
        raise Usage(N_("“{deposit}” is not one deposit of yours."), deposit=deposit)
    return found[0]
