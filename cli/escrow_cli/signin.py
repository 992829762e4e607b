"""Signing in: a code by mail, then a code of the authenticator app. Never a password."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from escrow.i18n import N_
from escrow_cli import status
from escrow_cli.context import Cli
from escrow_cli.errors import Locked, NotNow, NotSignedIn, StepUpRequired, Usage, WrongCode

MAIL_CODE = "ESCROW_MAIL_CODE"
TOTP = "ESCROW_TOTP"
ADDRESS = "ESCROW_ADDRESS"
ACCOUNT = "ESCROW_ACCOUNT"
SHOWN_LABELS = 3  # of an account's deposits, where one of several accounts is chosen
SPARE_SECONDS = 60  # of the five minutes that a code is good for: what follows takes some of them


@dataclass(frozen=True)
class MailSession:
    """A session after the mail code: it lists deposits of every account of the address."""

    login: str
    token: str
    accounts: list[dict[str, Any]]


def canonical(address: str) -> str:
    return unicodedata.normalize("NFC", address.strip()).lower()


def ask_address(cli: Cli, given: str | None = None) -> str:
    address = canonical(given or cli.terminal.ask(cli.t.gettext("Your mail address"), ADDRESS))
    if "@" not in address[1:-1] or " " in address:
        raise Usage(N_("This is not a mail address."), N_("Give it as name@example.org."))
    return address


@dataclass(frozen=True)
class Kept:
    """The full session that the state file keeps, as the service knows it."""

    account: str
    login: str
    step_up_until: int


class AuthenticatorLost(Exception):
    """The person has said that she does not have the authenticator app any more."""


def ask_code(
    cli: Cli,
    question: str,
    variable: str,
    send: Callable[[str], dict[str, Any]],
    *,
    may_be_lost: bool = False,
) -> dict[str, Any]:
    """Ask for a code until it is right; an answer from the environment gets one try.

    Raises AuthenticatorLost for an empty answer where `may_be_lost`.
    """
    while True:
        code = cli.terminal.ask(question, variable)
        code = "".join(code.split()).replace("-", "")
        if not code and may_be_lost:
            raise AuthenticatorLost
        try:
            if not (code.isascii() and code.isdigit()):
                raise WrongCode(N_("A code has digits only."), reason="wrong_code")
            return send(code)
        except (Locked, NotSignedIn, StepUpRequired):
            raise
        except WrongCode as error:
            if cli.terminal.has_answer(variable) or error.params.get("tries_left") == 0:
                raise
            cli.terminal.fail_softly(error)


def mail_session(cli: Cli, address: str) -> MailSession:
    """Sign in up to the mail code."""
    cli.client.token = None
    login = _mail_code(cli, address)
    cli.terminal.say(
        cli.t.gettext("We sent a code to {address}, if it is known here.", address=address)
    )
    answer = ask_code(
        cli,
        cli.t.gettext("Code from the mail"),
        MAIL_CODE,
        lambda code: cli.client.post(f"logins/{login}/code", {"code": code}),
    )
    return MailSession(login, answer["token"], answer["accounts"])


def _mail_code(cli: Cli, address: str) -> str:
    """Have a code mailed; returns the login."""
    try:
        return str(cli.client.post("logins", {"address": address, "locale": cli.t.locale})["login"])
    except NotNow as error:
        if error.reason != "rate_limited":
            raise
        raise NotNow(
            N_("No more codes are mailed to this address now: there were several within an hour."),
            N_("Try again in {minutes} minutes. Who stays signed in needs no code by mail."),
            reason=error.reason,
            minutes=error.params["minutes"],
        ) from None


def full_session(cli: Cli, mail: MailSession, account: str, *, may_be_lost: bool = False) -> None:
    """Finish signing in to one account; the session is kept for the next commands.

    Raises AuthenticatorLost when the person says so, if she may.
    """
    cli.client.token = mail.token
    answer = _totp(cli, mail.login, account, may_be_lost=may_be_lost)
    keep_bearer(cli, answer, mail.login)


def keep_bearer(
    cli: Cli,
    answer: dict[str, Any],
    login: str | None,
    level: str = "full",
    address: str | None = None,
) -> None:
    """Use a session from now on and keep it in the state file.

    `address` is kept of an account that is being made, so that its making can be taken up again.
    """
    cli.client.token = answer["token"]
    bearer = {
        "token": answer["token"],
        "account": answer["account"],
        "login": login,
        "level": level,
        "expires_at": answer["expires_at"],
    }
    with cli.state.change() as found:
        found["bearer"] = bearer if address is None else bearer | {"address": address}


def _totp(cli: Cli, login: str, account: str, *, may_be_lost: bool = False) -> dict[str, Any]:
    question = cli.t.gettext("Code from your authenticator app")
    if may_be_lost:
        question = cli.t.gettext("Code from your authenticator app (Enter alone: I lost it)")
    return ask_code(
        cli,
        question,
        TOTP,
        lambda code: cli.client.post(f"logins/{login}/totp", {"account": account, "code": code}),
        may_be_lost=may_be_lost,
    )


def pick_account(cli: Cli, mail: MailSession) -> str:
    """Choose one of the address's accounts; most addresses have one."""
    found = [line for line in mail.accounts if line["state"] != "closed"]
    if not found:
        raise NotNow(
            N_("There is no account for this address here."),
            N_("Check the address and --host; `escrow enrol --new-account` makes an account."),
            reason="no_account",
        )
    if wanted := os.environ.get(ACCOUNT):
        if wanted not in {line["account"] for line in found}:
            raise Usage(N_("This address has no account {account}."), account=wanted)
        return wanted
    if len(found) == 1:
        return str(found[0]["account"])
    cli.terminal.say(cli.t.gettext("This address has more than one account."))
    cli.client.token = mail.token
    deposits = status.every(cli)
    lines = [_described(cli, line, deposits) for line in found]
    return str(found[cli.terminal.choose(cli.t.gettext("Which one?"), lines)]["account"])


def _described(cli: Cli, account: dict[str, Any], deposits: list[dict[str, Any]]) -> str:
    """Say of an account what it holds, when it was made and when it was used last."""
    t = cli.t
    labels = [f"“{line['label']}”" for line in deposits if line["account"] == account["account"]]
    more = len(labels) - SHOWN_LABELS
    if more > 0:
        labels[SHOWN_LABELS:] = [t.ngettext("{n} more", "{n} more", more)]
    parts = [
        ", ".join(labels) or t.gettext("empty: no deposits"),
        t.gettext("made on {date}", date=t.date(account["created_at"])),
    ]
    if account["last_used_at"] is not None:
        parts.append(t.gettext("last used on {when}", when=t.datetime(account["last_used_at"])))
    if account["state"] == "closing":
        parts.append(t.gettext("is being closed"))
    return "; ".join(parts)


def sign_in(cli: Cli, address: str | None = None) -> str:
    """Sign in anew, mail code and authenticator; returns the account."""
    mail = mail_session(cli, ask_address(cli, address))
    account = pick_account(cli, mail)
    full_session(cli, mail, account)
    return account


def kept(cli: Cli) -> Kept | None:
    """Use the full session that is kept from now on, if it still is one."""
    bearer = cli.state.bearer(cli.now())
    if bearer is None or bearer["level"] != "full":
        return None
    cli.client.token = bearer["token"]
    try:
        lines = cli.client.get("sessions")["sessions"]
    except NotSignedIn:
        return None
    line = next(line for line in lines if line["is_current"])
    return Kept(str(bearer["account"]), str(line["login"]), int(line["step_up_until"]))


def step_up(cli: Cli, session: Kept, *, may_be_lost: bool = False) -> None:
    """Have a fresh code of the authenticator app, where the last one is too old by now.

    Raises AuthenticatorLost when the person says so, if she may.
    """
    if session.step_up_until <= cli.now() + SPARE_SECONDS:
        _totp(cli, session.login, session.account, may_be_lost=may_be_lost)


def signed_in(cli: Cli, address: str | None = None) -> str:
    """Use the session that is kept, or sign in; returns the account."""
    session = kept(cli)
    if session is None or not is_of(cli, session, address):
        return sign_in(cli, address)
    return session.account


def is_of(cli: Cli, session: Kept, address: str | None) -> bool:
    """Tell whether the kept session is of the account that an address, if given, means."""
    if address is None:
        return True
    if os.environ.get(ACCOUNT, session.account) != session.account:
        return False
    lines = cli.client.get(f"accounts/{session.account}")["addresses"]
    confirmed = {canonical(line["address"]) for line in lines if line["verified_at"] is not None}
    return canonical(address) in confirmed


def with_step_up(cli: Cli, send: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do what needs a fresh code of the authenticator app, asking for it only when needed."""
    try:
        return send()
    except StepUpRequired:
        session = kept(cli)
        if session is None:
            sign_in(cli)
        else:
            _totp(cli, session.login, session.account)
        return send()
