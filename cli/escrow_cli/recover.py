"""`escrow recover`: from "I lost my key" to the key. Open, wait, collect two pieces, combine.

The exit status is 0 only when the key is in the person's hands; 4 says that the wait is not over.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from escrow.i18n import N_
from escrow_cli import signin
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotNow, Usage

OUTPUT = "ESCROW_OUTPUT"
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
        "--print", "to_stdout", is_flag=True, help=N_("The key and one newline, on stdout.")
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
    no_newline: bool,
    output: str | None,
    replace_with: str | None,
) -> None:
    if to_stdout and (cli.terminal.json_output or output):
        raise Usage(N_("--print goes with neither --json nor --output."))
    if output and Path(output).exists():
        raise Usage(N_("{path} exists already."), reason="file_exists", path=output)
    from escrow_cli import collecting, opening, piece, received, replace, vouching

    own = piece.of_options(cli, kit, role="customer") if kit else None
    address = signin.ask_address(cli, address)
    mail = signin.mail_session(cli, address)
    chosen = _choose(cli, mail, deposit or (own.manifest.deposit if own else None))
    account = str(chosen["account"])
    under_way = cli.client.get(f"deposits/{chosen['deposit']}/recoveries")
    proof = _enter(cli, mail, account, proof, under_way["recovery"])
    if proof in vouching.BY_MAIL:
        cli.client.renew = lambda: _renew(cli, address)
    if own is None and proof in vouching.WITH_KIT:
        own = piece.ask(cli)
    target = None
    if proof not in vouching.BY_MAIL:
        document = cli.client.get(f"deposits/{chosen['deposit']}")
        target = received.check_document(cli, document, own)
    asked = opening.Asked(proof, reason)
    running = opening.running(cli, chosen["deposit"], under_way, asked, own)
    opening.refuse_too_early(cli, running)
    if target is None:
        document = cli.client.get(f"recoveries/{running['recovery']}/deposit")
        target = received.check_document(cli, document, own)
    secret, key = collecting.collect(cli, target, running, own, contacts)
    _deliver(cli, secret, to_stdout=to_stdout, newline=not no_newline, output=output)
    is_complete = _complete(cli, target, running["recovery"], key)
    may_replace = True
    if is_complete and proof in vouching.BY_MAIL:
        may_replace = _offer_authenticator(cli, account)
    is_asked = not (to_stdout or output or cli.terminal.json_output)
    is_asked = is_asked and not cli.terminal.has_answer(OUTPUT)
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


def _enter(
    cli: Cli,
    mail: signin.MailSession,
    account: str,
    proof: str | None,
    running: dict[str, Any] | None,
) -> str:
    """Sign in as far as the proof needs; what runs already goes on with what opened it."""
    from escrow_cli import vouching

    if running is not None:
        proof = str(running["proof"])
    if proof in vouching.BY_MAIL:
        return str(proof)
    try:
        signin.full_session(cli, mail, account, may_be_lost=proof is None)
    except signin.AuthenticatorLost:
        lines = [
            cli.t.gettext("I have my kit"),
            cli.t.gettext("I lost that too: my contacts vouch for me"),
        ]
        question = cli.t.gettext("Without the app it takes longer. What do you have?")
        return ("kit", "contacts")[cli.terminal.choose(question, lines, "ESCROW_PROOF")]
    return proof or "totp"


def _renew(cli: Cli, address: str) -> None:
    """Sign in once more: a session by mail code is short, and a call with contacts may be long."""
    cli.terminal.say(cli.t.gettext("Your sign-in has ended; go on with a new code."))
    cli.client.token = signin.mail_session(cli, address).token


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


def _choose(cli: Cli, mail: signin.MailSession, wanted: str | None) -> dict[str, Any]:
    """List the deposits of all accounts of the address and choose one."""
    cli.client.token = mail.token
    found: list[dict[str, Any]] = []
    after: dict[str, str | int] = {}
    while True:
        answer = cli.client.get("deposits", **after)
        found += answer["deposits"]
        if answer["next"] is None:
            break
        after = {"after": answer["next"]}
    from escrow_cli.status import state_name

    usable = [line for line in found if line["state"] not in {"closed", "rejected"}]
    if wanted:
        usable = [
            line
            for line in usable
            if line["label"] == wanted or (len(wanted) >= 6 and line["deposit"].startswith(wanted))
        ]
    if not usable:
        raise NotNow(
            N_("There is no such deposit for this address."),
            N_("Look at the address and the number on your kit."),
            reason="no_deposit",
        )
    if len(usable) == 1:
        return usable[0]
    lines = [
        cli.t.gettext(
            "“{label}”, made on {date}, {state}",
            label=line["label"],
            date=cli.t.date(line["created_at"]),
            state=state_name(cli.t, line["state"]),
        )
        for line in usable
    ]
    return usable[cli.terminal.choose(cli.t.gettext("Which one?"), lines, "ESCROW_CHOICE")]


def _deliver(
    cli: Cli, secret: bytes, *, to_stdout: bool, newline: bool, output: str | None
) -> None:
    """Put the key where the person wants it, before anything else can go wrong."""
    from escrow_cli.sources import save

    if to_stdout:
        sys.stdout.buffer.write(secret + (b"\n" if newline else b""))
        sys.stdout.buffer.flush()
        return
    if output is None:
        output = cli.terminal.ask(
            cli.t.gettext("Your key is back. Write it to which file (empty: show it here)"),
            OUTPUT,
        )
    if output:
        save(Path(output), secret)
        cli.terminal.say(cli.t.gettext("Your key is in {path}.", path=output))
    else:
        cli.terminal.show_secret(secret.decode("utf-8", "replace"))


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
