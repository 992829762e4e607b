"""What logins and accounts share: debiting a try, and handing over a session.

Programs get the token in the answer; pages ask for a cookie, so that no script ever sees it.
"""

from typing import Any

from flask import Response, request

from escrow.account import codes, limits, sessions
from escrow.account.models import AuthSession
from escrow.context import web
from escrow.headers import cookie_name, hand_cookie


def debit_code(identifier: str | None, purpose: str) -> int:
    """Count a try of a mail code, in a transaction of its own; returns how many are left."""
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        return codes.debit(db, web(), identifier, purpose)


def full_session(session: AuthSession, token: str | None, *, cookie: bool) -> dict[str, Any]:
    """Make the document of a full session; with `cookie` the token goes there instead."""
    if cookie and token is not None:
        name = cookie_name(web().settings)
        hand_cookie(name, token, sessions.LIFETIME_SECONDS["full"])
        token = None
    return {
        "session": session.id,
        "login": session.login,
        "token": token,
        "account": session.account,
        "expires_at": session.expires_at,
        "step_up_until": session.step_up_until,
    }


def forget_cookie(response: Response) -> Response:
    """Delete the session's cookie, if the browser has one."""
    name = cookie_name(web().settings)
    if name in request.cookies:
        response.delete_cookie(
            name, path="/", secure=name.startswith("__Host-"), httponly=True, samesite="Strict"
        )
    return response
