"""`escrow recover`: from "I lost my key" to the key. Open, wait, collect two pieces, combine.

The exit status is 0 only when the key is in the person's hands; 4 says that the wait is not over.
With --print the recovery stays open, so that a program which fails with the key can have it again
(each time is a new `begin`, with its proof and its entry in the ledger); without, it ends.
"""

from __future__ import annotations

from typing import Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import Usage

_OPTIONS = (
    click.option("--address", help=N_("Your mail address.")),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Which one: number, or name.")),
    click.option("--kit", metavar="FILE", help=N_("Your kit file.")),
    click.option(
        "--contact",
        "contacts",
        multiple=True,
        metavar="NAME",
        help=N_("A contact who is on the telephone. May be repeated."),
    ),
    click.option(
        "--proof",
        type=click.Choice(["totp", "kit", "contacts", "totp+kit", "totp+contacts"]),
        help=N_("How you prove that it is you; without the app the wait is longer."),
    ),
    click.option("--reason", help=N_("What happened, for your contacts.")),
    click.option(
        "--print",
        "to_stdout",
        is_flag=True,
        help=N_("The key and one newline, on stdout. The recovery stays open; it can be repeated."),
    ),
    click.option(
        "--finish", is_flag=True, help=N_("With --print: this was the last time, end the recovery.")
    ),
    click.option("--no-newline", is_flag=True, help=N_("With --print: without the newline.")),
    click.option("--output", metavar="FILE", help=N_("Write the key to FILE.")),
    click.option(
        "--replace-with",
        metavar="FILE",
        help=N_("Then make a new deposit in its place, of the new key in FILE."),
    ),
)


@verb("recover", N_("Get your key back, with your kit or a contact."), *_OPTIONS)
def recover(
    cli: Cli,
    address: str | None,
    deposit: str | None,
    kit: str | None,
    contacts: tuple[str, ...],
    proof: str | None,
    reason: str | None,
    to_stdout: bool,
    finish: bool,
    no_newline: bool,
    output: str | None,
    replace_with: str | None,
) -> None:
    from escrow_cli import (
        collecting,
        delivering,
        entering,
        opening,
        piece,
        received,
        replace,
        vouching,
    )

    delivering.check(cli, to_stdout=to_stdout, output=output)
    stays_open = to_stdout and not finish
    if replace_with and stays_open:
        raise Usage(N_("--replace-with goes with --print only if --finish is there too."))
    own = piece.of_options(cli, kit, role="customer") if kit else None
    wanted = deposit or (own.manifest.deposit if own else None)
    entered = entering.enter(cli, address, wanted, proof)
    asked = opening.Asked(entered.proof, reason, wanted=proof)
    chosen, under_way, proof = entered.deposit, entered.under_way, entered.proof
    if under_way["recovery"] is not None:  # before anything else is asked
        opening.take_up(cli, under_way["recovery"], asked)
    elif own is not None:
        vouching.refuse_slower(cli, own, proof)
    account = str(chosen["account"])
    if own is None and proof in vouching.WITH_KIT:
        own = piece.ask(cli)
    target = None
    if proof not in vouching.BY_MAIL:
        document = cli.client.get(f"deposits/{chosen['deposit']}")
        target = received.check_document(cli, document, own)
        collecting.check_named(target, contacts)
    running = opening.running(cli, chosen["deposit"], under_way, asked, own)
    opening.refuse_too_early(cli, running)
    if target is None:
        document = cli.client.get(f"recoveries/{running['recovery']}/deposit")
        target = received.check_document(cli, document, own)
    secret, key = collecting.collect(cli, target, running, own, contacts)
    delivering.deliver(cli, secret, to_stdout=to_stdout, newline=not no_newline, output=output)
    if stays_open:
        _say_open(cli, target.manifest.deposit, running["recovery"])
        return
    is_complete = _complete(cli, target, running["recovery"], key)
    may_replace = True
    if is_complete and proof in vouching.BY_MAIL:
        may_replace = _offer_authenticator(cli, account)
    is_asked = not (to_stdout or output or cli.terminal.json_output)
    is_asked = is_asked and not cli.terminal.has_answer(delivering.OUTPUT)
    recovery, number = running["recovery"], target.manifest.deposit
    if may_replace and replace.after_recovery(
        cli, target, key, replace_with, recovery=recovery, is_asked=is_asked
    ):
        return
    cli.terminal.say(
        cli.t.gettext(
            "Now make a new deposit in its place (`escrow replace --deposit {deposit}`) and change "
            "the backup's password.",
            deposit=number,
        )
    )
    cli.terminal.document(
        {
            "deposit": number,
            "recovery": recovery,
            "output": output,
            "replace": f"escrow replace --deposit {number}",
        }
    )


def _say_open(cli: Cli, deposit: str, recovery: str) -> None:
    """Say that the key can be had again, and what ends that."""
    until = cli.client.get(f"recoveries/{recovery}")["expires_at"]
    cli.terminal.say(
        cli.t.gettext(
            "The recovery stays open: until {when} the same command gives the key again. When your "
            "files are back, end it: `escrow recover --deposit {deposit}`, without --print.",
            when=cli.t.datetime(until),
            deposit=deposit,
        )
    )


def _offer_authenticator(cli: Cli, account: str) -> bool:
    """Offer a new authenticator app: this sign-in may set one, as it has brought the key back.

    Tells whether the sign-in is a full one now.
    """
    from escrow_cli.errors import ClientError
    from escrow_cli.register import connect

    question = cli.t.gettext("Connect a new authenticator app to your account now?")
    try:
        if not cli.terminal.confirm(question, "ESCROW_NEW_APP"):
            return False
        found = cli.client.post(f"accounts/{account}/totp", {})
        connect(cli, account, found, "ESCROW_NEW_APP_CODE")
    except ClientError as error:  # the key is in the person's hands: that is what counts
        cli.terminal.warn(error.sentences(cli.t)[0])
        return False
    cli.terminal.say(cli.t.gettext("The new app is connected; the old one does not work any more."))
    return True


def _complete(cli: Cli, target: Any, recovery: str, key: Any) -> bool:
    """Tell the service that it worked; the key is delivered even if that fails."""
    from escrow.protocol import release as releases
    from escrow.protocol.encoding import b64url
    from escrow_cli.errors import ClientError

    manifest, now = target.manifest, cli.now()
    signature = releases.sign_complete(key, manifest.deposit, recovery, manifest.hash, now)
    body = {"time": now, "signature": b64url(signature)}
    try:
        cli.client.post(f"recoveries/{recovery}/complete", body, repeat=True)
    except ClientError as error:
        cli.terminal.warn(error.sentences(cli.t)[0])
        return False
    return True
