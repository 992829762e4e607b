"""Who is asking: the session behind a request, its level and its step-up.

actor = require(db, account=account)                  # full session of that account
actor = require(db, level="mail")                     # after the mail code, or full
actor = require(db, account=account, step_up=True)    # authenticator code in the last 5 min
"""

import re
from dataclasses import dataclass

from flask import request
from sqlalchemy.orm import Session

from escrow.account import sessions
from escrow.context import web
from escrow.errors import NotFound, StepUpRequired, Unauthenticated
from escrow.headers import cookie_name

_BEARER = re.compile(r"Bearer ([A-Za-z0-9_-]{43})\Z", re.IGNORECASE)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")
_ALLOWED = {
    "new": frozenset({"new"}),
    "mail": frozenset({"mail", "full"}),
    "full": frozenset({"full"}),
    "any": frozenset({"new", "mail", "full"}),
}


@dataclass(frozen=True)
class Actor:
    """A live session: `lookup` is the keyed hash of the address that signed in."""

    session: str
    level: str
    login: str | None
    lookup: bytes
    account: str | None
    step_up_until: int


def require(
    db: Session, *, level: str = "full", account: str | None = None, step_up: bool = False
) -> Actor:
    """Return who is asking; `level` is new, mail (or full), full or any.

    Raises Unauthenticated; NotFound for an account that is not the session's; StepUpRequired when
    `step_up` and the last authenticator code is over five minutes old. A session of level mail has
    no account: `account` then is not compared, see `flow.accounts_of`.
    """
    token = _token()
    row = None if token is None else sessions.find(db, web(), token)
    if row is None or row.level not in _ALLOWED[level]:
        raise Unauthenticated
    if row.account is not None:
        if row.account_state in {None, "closed"}:
            raise Unauthenticated
        if account is not None and account != row.account:
            raise NotFound
    if step_up and web().clock.now() >= row.step_up_until:
        raise StepUpRequired
    return Actor(row.id, row.level, row.login, row.lookup, row.account, row.step_up_until)


def _token() -> str | None:
    header = request.headers.get("Authorization")
    if header is not None:
        match = _BEARER.match(header)
        return match[1] if match else None
    cookie = request.cookies.get(cookie_name(web().settings), "")
    return cookie if _TOKEN.match(cookie) else None
