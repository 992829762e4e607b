"""Making an account: address, code by mail, authenticator app. Goes on where it stopped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from escrow_cli import signin, status
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, NotSignedIn

NEW_ACCOUNT = "ESCROW_NEW_ACCOUNT"


def account_for_enrolment(
    cli: Cli, address: str | None, refuse: Callable[[str], None], *, new: bool
) -> str:
    """Return the account to make a deposit in: the one signed in to, another, or a new one.

    `refuse` raises Usage for an address that will not do, before a code is mailed to it.
    """
    bearer = cli.state.bearer(cli.now())
    if bearer and bearer["level"] == "new" and _is_begun_for(bearer, address):
        return _finish(cli, bearer)
    if bearer and not new:
        return signin.signed_in(cli, address)
    if bearer and (unused := _unused(cli, address)) is not None:
        return unused
    question = cli.t.gettext("Do you have an account here already?")
    is_new = new or not cli.terminal.confirm(question, NEW_ACCOUNT)
    address = signin.ask_address(cli, address)
    refuse(address)
    return register(cli, address) if is_new else signin.sign_in(cli, address)


def _is_begun_for(bearer: dict[str, Any], address: str | None) -> bool:
    return not address or signin.canonical(address) == bearer.get("address")


def _unused(cli: Cli, address: str | None) -> str | None:
    """Return the account that was made here already and holds nothing: a second helps nobody."""
    session = signin.kept(cli)
    if session is None or not signin.is_of(cli, session, address):
        return None
    if status.listed(cli, session.account):
        return None
    cli.terminal.say(
        cli.t.gettext("Going on with the account that you have made: it has no deposits yet.")
    )
    return session.account


def register(cli: Cli, address: str) -> str:
    cli.client.token = None
    answer = cli.client.post("accounts", {"address": address, "locale": cli.t.locale})
    signin.keep_bearer(cli, answer, None, "new", address)
    cli.terminal.say(cli.t.gettext("We sent a code to {address}.", address=address))
    return _confirm(cli, answer["account"])


def _finish(cli: Cli, bearer: dict[str, Any]) -> str:
    """Go on with an account whose making was interrupted, wherever that was."""
    cli.client.token, account = bearer["token"], str(bearer["account"])
    try:
        cli.client.post(f"accounts/{account}/code/resend", {})
    except (NotSignedIn, NotNow) as error:
        if error.reason == "rate_limited":  # the account still waits: it is not given up
            raise
        # Too late, or the last step had come through: then it is an account like any other.
        with cli.state.change() as found:
            found["bearer"] = None
        return signin.sign_in(cli, bearer.get("address"))
    cli.terminal.say(cli.t.gettext("Going on with your new account. We sent you a fresh code."))
    return _confirm(cli, account)


def _confirm(cli: Cli, account: str) -> str:
    found = signin.ask_code(
        cli,
        cli.t.gettext("Code from the mail"),
        signin.MAIL_CODE,
        lambda code: cli.client.post(f"accounts/{account}/code", {"code": code}),
    )
    connect(cli, account, found)
    return account


def connect(cli: Cli, account: str, found: dict[str, Any], variable: str = "") -> None:
    """Bring a new secret into the authenticator app and confirm it with one of its codes."""
    _show(cli, found)
    answer = signin.ask_code(
        cli,
        cli.t.gettext("Code that the app shows now"),
        variable,
        lambda code: cli.client.post(f"accounts/{account}/totp/confirm", {"code": code}),
    )
    if answer["token"] is not None:
        signin.keep_bearer(cli, answer, None)


def _show(cli: Cli, found: dict[str, Any]) -> None:
    """Show the authenticator's secret: there is no other way to bring it into the app."""
    cli.terminal.say(cli.t.gettext("Add this account to your authenticator app:"))
    cli.terminal.qr(found["otpauth_uri"])
    secret = str(found["totp_secret"])
    groups = " ".join(secret[i : i + 4] for i in range(0, len(secret), 4))
    cli.terminal.say(cli.t.gettext("or type this key into it: {key}", key=groups))
