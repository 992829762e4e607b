"""Coming in for a recovery: which deposit it is about, and how the person proves who she is.

The sign-in that this computer keeps is used where there is one: then no code comes by mail. Without
it, and where the authenticator app is lost, a mailed code lists the deposits of every account of
the address (PROTOCOL.md section 10).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from escrow.i18n import N_
from escrow_cli import signin, vouching
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow


@dataclass(frozen=True)
class Entered:
    """The deposit's line, what is under way for it, and the kind of proof."""

    deposit: dict[str, Any]
    under_way: dict[str, Any]
    proof: str


def enter(cli: Cli, address: str | None, wanted: str | None, proof: str | None) -> Entered:
    """Sign in as far as the proof needs and find the deposit; raises NotNow, Usage."""
    try:
        if (found := _kept(cli, address, wanted, proof)) is not None:
            return found
    except signin.AuthenticatorLost:
        proof = _without_app(cli)
    address = signin.ask_address(cli, address)
    mail = signin.mail_session(cli, address)
    cli.client.token = mail.token
    chosen = _choose(cli, wanted)
    under_way = cli.client.get(f"deposits/{chosen['deposit']}/recoveries")
    proof = _prove(cli, mail, str(chosen["account"]), proof, under_way["recovery"])
    if proof in vouching.BY_MAIL:
        cli.client.renew = lambda: _renew(cli, address)
    return Entered(chosen, under_way, proof)


def _kept(cli: Cli, address: str | None, wanted: str | None, proof: str | None) -> Entered | None:
    """Go in with the sign-in that is kept; None where it is not good for this.

    Raises AuthenticatorLost when the person says so.
    """
    kept = None if proof in vouching.BY_MAIL else signin.kept(cli)
    if kept is None or not signin.is_of(cli, kept, address):
        return None
    usable = _usable(cli, wanted)
    if not usable:
        return None
    chosen = _one_of(cli, usable)
    under_way = cli.client.get(f"deposits/{chosen['deposit']}/recoveries")
    running = under_way["recovery"]
    if running is not None and running["proof"] in vouching.BY_MAIL:
        return None
    cli.terminal.say(
        cli.t.gettext("You are signed in. It is about “{label}”.", label=chosen["label"])
    )
    if running is None:
        signin.step_up(cli, kept, may_be_lost=proof is None)
    return Entered(chosen, under_way, str(running["proof"]) if running else proof or "totp")


def _prove(
    cli: Cli,
    mail: signin.MailSession,
    account: str,
    proof: str | None,
    running: dict[str, Any] | None,
) -> str:
    """Sign in as far as the proof needs; what runs already goes on with what opened it."""
    if running is not None:
        proof = str(running["proof"])
    if proof in vouching.BY_MAIL:
        return str(proof)
    try:
        may_be_lost = proof is None or running is not None
        signin.full_session(cli, mail, account, may_be_lost=may_be_lost)
    except signin.AuthenticatorLost:
        if running is not None:
            raise _needs_app(running) from None
        return _without_app(cli)
    return proof or "totp"


def _needs_app(running: dict[str, Any]) -> NotNow:
    return NotNow(
        N_("The recovery that is under way was opened with the app, and only that finishes it."),
        N_(
            "Stop it with the link in the mail about it (`escrow veto --link`). Then start again "
            "with `escrow recover --proof kit`."
        ),
        reason="needs_app",
        recovery=running["recovery"],
        deposit=running["deposit"],
    )


def _without_app(cli: Cli) -> str:
    lines = [
        cli.t.gettext("I have my kit"),
        cli.t.gettext("I lost that too: my contacts vouch for me"),
    ]
    question = cli.t.gettext("Without the app it takes longer. What do you have?")
    return ("kit", "contacts")[cli.terminal.choose(question, lines, "ESCROW_PROOF")]


def _renew(cli: Cli, address: str) -> None:
    """Sign in once more: a session by mail code is short, and a call with contacts may be long."""
    cli.terminal.say(cli.t.gettext("Your sign-in has ended; go on with a new code."))
    cli.client.token = signin.mail_session(cli, address).token


def _choose(cli: Cli, wanted: str | None) -> dict[str, Any]:
    """List the deposits of all accounts of the address and choose one."""
    usable = _usable(cli, wanted)
    if not usable:
        raise NotNow(
            N_("There is no such deposit for this address."),
            N_("Look at the address and the number on your kit."),
            reason="no_deposit",
        )
    return _one_of(cli, usable)


def _usable(cli: Cli, wanted: str | None) -> list[dict[str, Any]]:
    """Return the deposits that this sign-in may see and that may be brought back."""
    from escrow_cli.status import every, fits

    gone = {"closed", "rejected"}
    return [line for line in every(cli) if line["state"] not in gone and fits(line, wanted)]


def _one_of(cli: Cli, usable: list[dict[str, Any]]) -> dict[str, Any]:
    from escrow_cli.status import state_name

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
