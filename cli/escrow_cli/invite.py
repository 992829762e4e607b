"""`escrow invite`: show a pending invitation again, let it go on, or withdraw it."""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, Usage


@verb(
    "invite",
    N_("Show a contact's link and digits again, or resume or withdraw an invitation."),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Only this one: number, or name.")),
    click.option("--resume", metavar="CUSTODY", help=N_("Let a paused invitation go on.")),
    click.option("--withdraw", metavar="CUSTODY", help=N_("Take an invitation back.")),
)
def invite(cli: Cli, deposit: str | None, resume: str | None, withdraw: str | None) -> None:
    if resume and withdraw:
        raise Usage(N_("Give one of --resume and --withdraw."))
    from escrow_cli import handing, status
    from escrow_cli.signin import signed_in

    account = signed_in(cli)
    if resume:
        cli.client.post(f"custodies/{resume}/resume", {}, repeat=True)
    if withdraw:
        cli.client.post(f"custodies/{withdraw}/withdraw", {}, repeat=True)
        cli.terminal.say(cli.t.gettext("The invitation was withdrawn."))
    shown = []
    for line in status.listed(cli, account, deposit):
        shown += handing.show_invitations(cli, cli.client.get(f"deposits/{line['deposit']}"))
    if not shown and not (resume or withdraw):
        raise NotNow(
            N_("No invitation is pending on this machine."),
            N_("A lost invitation is replaced by a new deposit: `escrow enrol --replaces`."),
            reason="no_invitation",
        )
    cli.terminal.document({"invitations": shown})
