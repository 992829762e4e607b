"""Logins and sessions over JSON. Every try is committed before a code is looked at."""

from typing import Any

from flask import after_this_request, request
from sqlalchemy.orm import Session

from escrow.account import flow, limits, sessions, totp
from escrow.account.auth import Actor, require
from escrow.account.bodies import (
    CodeIn,
    FullSession,
    LoginIn,
    LoginOut,
    MailSession,
    SessionLine,
    SessionList,
    TotpIn,
)
from escrow.account.handover import debit_code, forget_cookie, full_session
from escrow.account.models import AuthSession
from escrow.api import SESSION, Empty, Result, api_blueprint
from escrow.context import Web, web
from escrow.errors import NotFound, Unauthenticated, WrongCode

blueprint = api_blueprint("login")


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
    tries_left = debit_code(login, "login")
    with web().database.transaction() as db:
        session, token, accounts = flow.finish_mail_code(
            db, web(), login, json_data.code, tries_left
        )
        lines = [
            {
                "account": row.id,
                "state": row.state,
                "created_at": row.created_at,
                "last_used_at": totp.last_used_at(db, row.id),
            }
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
    return full_session(session, token, cookie=json_data.cookie)


def _enter(web: Web, db: Session, actor: Actor, account: str) -> tuple[AuthSession, str | None]:
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
        after_this_request(forget_cookie)
    return {}


def _sessions_of(db: Session, actor: Actor) -> list[AuthSession]:
    if actor.level == "full" and actor.account is not None:
        return sessions.of_account(db, web(), actor.account)
    return [db.get_one(AuthSession, actor.session)]


def _own_session(db: Session, actor: Actor, session: str) -> AuthSession:
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
