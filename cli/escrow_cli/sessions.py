"""`escrow sessions`: which sign-ins there are, and ending them."""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import Usage


@verb(
    "sessions",
    N_("List your sign-ins, or end them."),
    click.option("--revoke", metavar="SESSION", help=N_("End this one; “all” ends every one.")),
    click.option("--address", help=N_("Your mail address.")),
)
def sessions(cli: Cli, revoke: str | None, address: str | None) -> None:
    from escrow_cli.signin import signed_in

    signed_in(cli, address)
    found = cli.client.get("sessions")["sessions"]
    ended = [line for line in found if revoke in {"all", line["session"]}]
    if revoke and not ended:
        raise Usage(
            N_("“{session}” is not a sign-in of yours."),
            N_("`escrow sessions` lists them; “all” ends every one."),
            reason="no_such_session",
            session=revoke,
        )
    # The one in use goes last: it is what ends the others.
    for line in sorted(ended, key=lambda line: bool(line["is_current"])):
        cli.client.delete(f"sessions/{line['session']}")
        if line["is_current"]:
            with cli.state.change() as state:
                state["bearer"] = None
    left = [line for line in found if line not in ended]
    for line in left:
        until = cli.t.gettext("until {when}", when=cli.t.datetime(line["expires_at"]))
        mark = "*" if line["is_current"] else " "
        cli.terminal.answer(f"{mark} {line['session']}  {until}")
    if any(line["is_current"] for line in left):
        cli.terminal.say(cli.t.gettext("* this one"))
    if ended:
        cli.terminal.say(
            cli.t.ngettext("{n} sign-in was ended.", "{n} sign-ins were ended.", len(ended))
        )
    cli.terminal.document({"sessions": left, "ended": [line["session"] for line in ended]})
