"""`escrow prove`: a contact vouches for somebody who has lost the authenticator app.

It hands over nothing. The contact types the number that the other person reads out on the
telephone, and it is compared here: a stranger's request in the same name has another number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NOTHING_SENT, NotNow, NotYet, Refused

if TYPE_CHECKING:
    from escrow_cli.piece import Piece

NUMBER = "ESCROW_NUMBER"
CONFIRM = "ESCROW_CONFIRM"


@verb(
    "prove",
    N_("Vouch for somebody who has lost the authenticator app, as a contact."),
    click.option("--card", metavar="FILE", help=N_("Your card file; otherwise you are asked.")),
)
def prove(cli: Cli, card: str | None) -> None:
    from escrow.protocol.encoding import grouped
    from escrow.protocol.release import number
    from escrow_cli import vouching
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import open_ledger
    from escrow_cli.piece import altered, fetch_custody, of_options

    own = of_options(cli, card, role="contact")
    _, manifest, _ = fetch_custody(cli, own.payload.custody)
    if manifest.hash != own.manifest.hash:
        raise altered()
    ledger, _ = open_ledger(cli, manifest.ledger_vkey, note=own.checkpoint)
    say_look(cli, ledger)
    cli.client.signer = own.signer()
    chosen = _chosen(cli, own, number)
    cli.terminal.say(vouching.described(cli, chosen))
    question = cli.t.gettext("Did you call back on a number that you already had, and is it right?")
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(
            N_("Nothing was sent."), N_("Call back first, then start again."), reason="not_sure"
        )
    body = vouching.signed(own, ledger, chosen["recovery"])
    del body["custody"]
    done = cli.client.post(f"recoveries/{chosen['recovery']}/proofs", body, repeat=True)
    if done["state"] == "draft":
        missing = done["proofs_needed"] - len(done["proven"])
        cli.terminal.say(
            cli.t.ngettext(
                "Thank you. {n} contact more has to do the same.",
                "Thank you. {n} contacts more have to do the same.",
                missing,
            )
        )
    else:
        cli.terminal.say(
            cli.t.gettext(
                "Thank you. The waiting time begins now, and everyone concerned is told. Your "
                "piece is not handed over yet: you are called again on the day."
            )
        )
    cli.terminal.document(
        {
            "recovery": done["recovery"],
            "state": done["state"],
            "number": grouped(number(done["recovery"])),
        }
    )


def _chosen(cli: Cli, own: Piece, number: Any) -> dict[str, Any]:
    """Find the request whose number the other person reads out."""
    custody = own.payload.custody
    standing: list[dict[str, Any]] = cli.client.get(f"custodies/{custody}/drafts")["drafts"]
    if not standing:
        raise NotNow(
            N_("Nobody asks you to vouch for “{label}”."),
            N_("The other person asks with `escrow recover`; a request is good for seven days."),
            reason="no_draft",
            label=own.manifest.label,
        )
    cli.terminal.say(
        cli.t.gettext("Somebody asks for “{label}” without the app.", label=own.manifest.label)
    )
    cli.terminal.say(
        cli.t.gettext(
            "Never do this for somebody who called you. Call back on a number that you already "
            "have; a voice can be imitated. Then have the number of the request read out to you."
        )
    )
    typed = cli.terminal.ask(cli.t.gettext("The 8 digits that the other person reads out"), NUMBER)
    digits = "".join(typed.split()).replace("-", "")
    fitting = [line for line in standing if number(line["recovery"]) == digits]
    if len(fitting) == 1:  # two with one number: somebody has tried until they were alike
        return fitting[0]
    raise Refused(
        N_("No request has this number. Somebody else may have made one in this name."),
        NOTHING_SENT,
        reason="wrong_number",
    )
