"""Sessions: made, listed, ended. The client holds a random token, the database its keyed hash."""

import secrets
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.account.models import Account, AuthSession
from escrow.context import Web
from escrow.protocol.encoding import b64url
from escrow.sql import Prepared
from escrow.webkeys import WebKeys

LIFETIME_SECONDS = {"new": 60 * 60, "mail": 15 * 60, "full": 12 * 60 * 60}
STEP_UP_SECONDS = 5 * 60
TOKEN_LENGTH_BYTES = 32
_BY_TOKEN = Prepared(
    select(*AuthSession.__table__.columns, Account.state.label("account_state"))
    .outerjoin_from(AuthSession, Account, Account.id == AuthSession.account)
    .where(AuthSession.token_hash == bindparam("token_hash"))
)


def create(
    db: Session,
    web: Web,
    level: str,
    lookup: bytes,
    *,
    login: str | None = None,
    account: str | None = None,
) -> tuple[AuthSession, str]:
    """Make a session; returns it and its token (43 characters), which is not stored."""
    now = web.clock.now()
    token = b64url(secrets.token_bytes(TOKEN_LENGTH_BYTES))
    row = AuthSession(
        id=secrets.token_hex(16),
        token_hash=token_hash(web.keys, token),
        level=level,
        login=login,
        lookup=lookup,
        account=account,
        created_at=now,
        expires_at=now + LIFETIME_SECONDS[level],
        step_up_until=now + STEP_UP_SECONDS if level == "full" else 0,
        revoked_at=None,
    )
    rows.add(db, web.keys, row)
    return row, token


def token_hash(keys: WebKeys, token: str) -> bytes:
    """Return the 32-byte keyed hash under which a session is found."""
    return keys.hash("session", token)


def find(db: Session, web: Web, token: str) -> Row[Any] | None:
    """Return the live session of a token, with `account_state` (None without an account).

    Raises ForgedRow for one made outside the service.
    """
    row = _BY_TOKEN(db, token_hash=token_hash(web.keys, token)).first()
    if row is None:
        return None
    web.keys.check_row(row, AuthSession)
    return row if is_live(row, web.clock.now()) else None


def is_live(row: AuthSession | Row[Any], now: int) -> bool:
    """Whether a session is neither over nor ended."""
    return row.revoked_at is None and now < int(row.expires_at)


def step_up(db: Session, web: Web, session: str) -> AuthSession | None:
    """Note a fresh authenticator code on a session; None if it ended meanwhile."""
    row = db.get(AuthSession, session, with_for_update=True)
    if row is None:
        return None
    until = web.clock.now() + STEP_UP_SECONDS
    if not is_live(row, web.clock.now()) or not rows.swap(db, web.keys, row, step_up_until=until):
        return None
    return row


def of_account(db: Session, web: Web, account: str) -> list[AuthSession]:
    """Return the live sessions of an account, newest first."""
    now = web.clock.now()
    query = (
        select(AuthSession)
        .where(
            AuthSession.account == account,
            AuthSession.revoked_at.is_(None),
            AuthSession.expires_at > now,
        )
        .order_by(AuthSession.created_at.desc(), AuthSession.id)
        .limit(100)
    )
    found = list(db.scalars(query))
    for row in found:
        web.keys.check_row(row)
    return found


def end(db: Session, web: Web, session: str) -> None:
    """End a session; ending it twice is harmless."""
    row = db.get(AuthSession, session, with_for_update=True)
    if row is not None and row.revoked_at is None:
        rows.swap(db, web.keys, row, revoked_at=web.clock.now())


def end_others(db: Session, web: Web, account: str, keep: str | None) -> None:
    """End all sessions of an account but one."""
    for row in of_account(db, web, account):
        if row.id != keep:
            end(db, web, row.id)
