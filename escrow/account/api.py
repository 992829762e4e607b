"""Logins, sessions and accounts over JSON. Every try is committed before a code is looked at."""

from typing import Any

from flask import Response, after_this_request, request

from escrow.account import addresses, codes, flow, limits, sessions, totp
from escrow.account.auth import Actor, require
from escrow.account.bodies import (
    AccountIn,
    AccountOut,
    AddressId,
    AddressIn,
    CloseIn,
    CodeIn,
    ConfirmIn,
    FullSession,
    LoginIn,
    LoginOut,
    MailSession,
    NewAccount,
    SessionLine,
    SessionList,
    TotpIn,
    TotpSecret,
    Until,
)
from escrow.account.models import Account, AuthSession
from escrow.api import SESSION, Empty, Result, api_blueprint
from escrow.context import Web, web
from escrow.errors import NotFound, Unauthenticated, WrongCode
from escrow.headers import cookie_name

blueprint = api_blueprint("account")


@blueprint.post("/logins")
@blueprint.input(LoginIn)
@blueprint.output(LoginOut, 201)
def create_login(json_data: LoginIn) -> Result:
    """Ask for a code by mail; the answer is the same for an address that nobody knows."""
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        row = flow.start_login(db, web(), json_data.address, json_data.locale)
        return {"login": row.id, "expires_at": row.expires_at}


@blueprint.post("/logins/<id:login>/code")
@blueprint.input(CodeIn)
@blueprint.output(MailSession)
@blueprint.doc(responses=[401])
def enter_login_code(login: str, json_data: CodeIn) -> Result:
    """Enter the code of the mail: a token that lists the deposits of all accounts."""
    tries_left = _debit_code(login, "login")
    with web().database.transaction() as db:
        session, token, accounts = flow.finish_mail_code(
            db, web(), login, json_data.code, tries_left
        )
        lines = [
            {"account": row.id, "state": row.state, "created_at": row.created_at}
            for row in accounts
        ]
        return {
            "session": session.id,
            "token": token,
            "expires_at": session.expires_at,
            "accounts": lines,
        }


@blueprint.post("/logins/<id:login>/totp")
@blueprint.input(TotpIn)
@blueprint.output(FullSession)
@blueprint.doc(security=SESSION)
def enter_totp(login: str, json_data: TotpIn) -> Result:
    """Enter the authenticator's code: a full session, or a step-up of the present one."""
    account = json_data.account
    with web().database.reading() as db:
        actor = require(db, level="mail", account=account)
        if actor.login != login:
            raise NotFound
        if actor.level == "mail":
            flow.check_owner(db, actor.lookup, account)
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        tries_left = totp.debit(db, web(), account)
    with web().database.transaction() as db:
        if not totp.spend(db, web(), account, json_data.code):
            raise WrongCode(tries_left=tries_left)
        session, token = _enter(web(), db, actor, account)
    return _full(session, token, cookie=json_data.cookie)


def _enter(web: Web, db: Any, actor: Actor, account: str) -> tuple[AuthSession, str | None]:
    if actor.level == "full":
        session = sessions.step_up(db, web, actor.session)
        if session is None:
            raise Unauthenticated
        return session, None
    return sessions.create(db, web, "full", actor.lookup, login=actor.login, account=account)


@blueprint.get("/sessions")
@blueprint.output(SessionList)
@blueprint.doc(security=SESSION)
def list_sessions() -> Result:
    """List the live sessions of the account."""
    with web().database.reading() as db:
        actor = require(db, level="any")
        return {"sessions": [_session_line(row, actor) for row in _sessions_of(db, actor)]}


@blueprint.get("/sessions/<id:session>")
@blueprint.output(SessionLine)
@blueprint.doc(security=SESSION)
def get_session(session: str) -> Result:
    """Read one session."""
    with web().database.reading() as db:
        actor = require(db, level="any")
        return _session_line(_own_session(db, actor, session), actor)


@blueprint.delete("/sessions/<id:session>")
@blueprint.output(Empty, 204)
@blueprint.doc(security=SESSION)
def delete_session(session: str) -> Result:
    """End a session, the present one or another of the account."""
    with web().database.transaction() as db:
        actor = require(db, level="any")
        sessions.end(db, web(), _own_session(db, actor, session).id)
    if session == actor.session:
        after_this_request(_forget_cookie)
    return {}


@blueprint.post("/accounts")
@blueprint.input(AccountIn)
@blueprint.output(NewAccount, 201)
def create_account(json_data: AccountIn) -> Result:
    """Make an account and mail its code; an address may belong to several accounts."""
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        account, session, token = flow.create_account(
            db, web(), json_data.address, json_data.locale
        )
        return {"account": account.id, "token": token, "expires_at": session.expires_at}


@blueprint.post("/accounts/<id:account>/code")
@blueprint.input(CodeIn)
@blueprint.output(TotpSecret)
@blueprint.doc(security=SESSION)
def enter_account_code(account: str, json_data: CodeIn) -> Result:
    """Confirm the first address: the secret for the authenticator app."""
    with web().database.reading() as db:
        require(db, level="new", account=account)
        code_id = flow.pending_code(db, account)
    tries_left = _debit_code(code_id, "account")
    with web().database.transaction() as db:
        require(db, level="new", account=account)
        secret, uri = flow.confirm_first_address(
            db, web(), account, code_id, json_data.code, tries_left
        )
        return {"totp_secret": secret, "otpauth_uri": uri}


@blueprint.post("/accounts/<id:account>/code/resend")
@blueprint.input(Empty)
@blueprint.output(Empty, 202)
@blueprint.doc(security=SESSION)
def resend_account_code(account: str, json_data: Empty) -> Result:
    """Mail a new code for an account that is being made."""
    with web().database.transaction() as db:
        require(db, level="new", account=account)
        flow.resend_account_code(db, web(), account)
    return {}


@blueprint.post("/accounts/<id:account>/totp")
@blueprint.input(Empty)
@blueprint.output(TotpSecret)
@blueprint.doc(security=SESSION)
def change_totp(account: str, json_data: Empty) -> Result:
    """Make a new authenticator secret; the old one counts until the new one is confirmed."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        secret, uri = flow.prepare_totp(db, web(), account)
        return {"totp_secret": secret, "otpauth_uri": uri}


@blueprint.post("/accounts/<id:account>/totp/confirm")
@blueprint.input(ConfirmIn)
@blueprint.output(FullSession)
@blueprint.doc(security=SESSION)
def confirm_totp(account: str, json_data: ConfirmIn) -> Result:
    """Confirm the new authenticator with one of its codes."""
    with web().database.transaction() as db:
        require(db, level="confirm", account=account)
        tries_left = totp.debit(db, web(), account)
    with web().database.transaction() as db:
        actor = require(db, level="confirm", account=account)
        present = db.get_one(AuthSession, actor.session)
        session, token = flow.confirm_totp(db, web(), present, json_data.code, tries_left)
    return _full(session, token, cookie=json_data.cookie)


@blueprint.get("/accounts/<id:account>")
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def get_account(account: str) -> Result:
    """Read one's account."""
    with web().database.reading() as db:
        require(db, account=account)
        return _account(db, flow.find(db, account))


@blueprint.post("/accounts/<id:account>/addresses")
@blueprint.input(AddressIn)
@blueprint.output(AddressId, 201)
@blueprint.doc(security=SESSION)
def create_address(account: str, json_data: AddressIn) -> Result:
    """Name one more address and mail it a code; naming one twice is harmless."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        row = flow.name_address(db, web(), account, json_data.address)
        return {"id": row.id}


@blueprint.post("/accounts/<id:account>/addresses/<id:address>/code")
@blueprint.input(CodeIn)
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def enter_address_code(account: str, address: str, json_data: CodeIn) -> Result:
    """Confirm an address with the code mailed to it; all addresses are told."""
    with web().database.reading() as db:
        require(db, account=account)
        row = addresses.find(db, account, address)
        if row.verified_at is not None:
            return _account(db, flow.find(db, account))
        code_id = flow.newest_code(db, "address", row, row.id)
    tries_left = _debit_code(code_id, "address")
    with web().database.transaction() as db:
        require(db, account=account)
        codes.spend(db, web(), code_id, "address", json_data.code, tries_left)
        owner = flow.find(db, account, lock=True)
        addresses.confirm(db, web(), owner, addresses.find(db, account, address))
        return _account(db, owner)


@blueprint.delete("/accounts/<id:account>/addresses/<id:address>")
@blueprint.output(Empty, 204)
@blueprint.doc(security=SESSION)
def delete_address(account: str, address: str) -> Result:
    """Remove an address, never the last confirmed one; it is told too."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        owner = flow.find(db, account, lock=True)
        addresses.remove(db, web(), owner, addresses.find(db, account, address))
    return {}


@blueprint.post("/accounts/<id:account>/close")
@blueprint.input(CloseIn)
@blueprint.output(Until, 202)
@blueprint.doc(security=SESSION)
def close_account(account: str, json_data: CloseIn) -> Result:
    """Schedule the closing of the account and all its deposits in 30 days."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        return {"until": flow.close(db, web(), account, json_data.reason)}


@blueprint.post("/accounts/<id:account>/reopen")
@blueprint.input(Empty)
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def reopen_account(account: str, json_data: Empty) -> Result:
    """Undo the closing of the account and of all its deposits."""
    with web().database.transaction() as db:
        require(db, account=account)
        return _account(db, flow.reopen(db, web(), account))


def _debit_code(identifier: str | None, purpose: str) -> int:
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        return codes.debit(db, web(), identifier, purpose)


def _account(db: Any, row: Account) -> dict[str, Any]:
    lines = [
        {
            "id": address.id,
            "address": addresses.text_of(web().keys, address),
            "verified_at": address.verified_at,
        }
        for address in addresses.rows_of(db, row.id)
    ]
    return {
        "account": row.id,
        "state": row.state,
        "created_at": row.created_at,
        "locale": row.locale,
        "addresses": lines,
        "totp_changed_at": row.totp_changed_at,
        "address_changed_at": row.address_changed_at,
        "closing_at": row.closing_at,
    }


def _full(session: AuthSession, token: str | None, *, cookie: bool) -> dict[str, Any]:
    if cookie and token is not None:
        _set_cookie(token)
        token = None
    return {
        "session": session.id,
        "login": session.login,
        "token": token,
        "account": session.account,
        "expires_at": session.expires_at,
        "step_up_until": session.step_up_until,
    }


def _set_cookie(token: str) -> None:
    name = cookie_name(web().settings)

    @after_this_request
    def set_it(response: Response) -> Response:
        if response.status_code < 300:
            response.set_cookie(
                name,
                token,
                max_age=sessions.LIFETIME_SECONDS["full"],
                path="/",
                secure=name.startswith("__Host-"),
                httponly=True,
                samesite="Strict",
            )
        return response


def _forget_cookie(response: Response) -> Response:
    name = cookie_name(web().settings)
    if name in request.cookies:
        response.delete_cookie(
            name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="Strict"
        )
    return response


def _sessions_of(db: Any, actor: Actor) -> list[AuthSession]:
    if actor.level == "full" and actor.account is not None:
        return sessions.of_account(db, web(), actor.account)
    return [db.get_one(AuthSession, actor.session)]


def _own_session(db: Any, actor: Actor, session: str) -> AuthSession:
    for row in _sessions_of(db, actor):
        if row.id == session:
            return row
    raise NotFound


def _session_line(row: AuthSession, actor: Actor) -> dict[str, Any]:
    return {
        "session": row.id,
        "login": row.login,
        "level": row.level,
        "account": row.account,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "step_up_until": row.step_up_until,
        "is_current": row.id == actor.session,
    }
