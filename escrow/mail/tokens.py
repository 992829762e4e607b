"""Tokens in mail links: what the button behind the link may do, once.

The token stands in the link's fragment, which no server and no mail scanner's request carries; only
its keyed hash is stored. Purposes: veto, reopen, lost, decline.
"""

import secrets

from sqlalchemy import delete
from sqlalchemy.orm import Session

from escrow.errors import Gone
from escrow.mail.models import MailToken
from escrow.protocol.encoding import b64url
from escrow.webkeys import WebKeys

PURPOSES = ("veto", "reopen", "lost", "decline")
TOKEN_LENGTH_BYTES = 32
_GONE = "This link is used or too old. Call the provider if you did not use it."


def issue(
    db: Session,
    keys: WebKeys,
    now: int,
    purpose: str,
    *,
    account: str | None = None,
    deposit: str | None = None,
    custody: str | None = None,
    recovery: str | None = None,
    lifetime: int,
) -> str:
    """Make a token (43 characters) that lives `lifetime` seconds; it is not stored."""
    if purpose not in PURPOSES:
        raise ValueError(purpose)
    token = b64url(secrets.token_bytes(TOKEN_LENGTH_BYTES))
    db.add(
        MailToken(
            hash=_hash(keys, purpose, token),
            purpose=purpose,
            account=account,
            deposit=deposit,
            custody=custody,
            recovery=recovery,
            expires_at=now + lifetime,
        )
    )
    db.flush()
    return token


def peek(db: Session, keys: WebKeys, now: int, purpose: str, token: str) -> MailToken:
    """Return what a token may do, without using it up; raises Gone."""
    return _find(db, keys, now, purpose, token)


def spend(db: Session, keys: WebKeys, now: int, purpose: str, token: str) -> MailToken:
    """Return what a token may do and use it up: of two at once one wins; raises Gone."""
    row = _find(db, keys, now, purpose, token, lock=True)
    db.delete(row)
    db.flush()
    db.expunge(row)
    return row


def revoke(db: Session, custody: str, *purposes: str) -> None:
    """Delete a custody's tokens of some purposes: their links do nothing any more."""
    db.execute(
        delete(MailToken).where(MailToken.custody == custody, MailToken.purpose.in_(purposes))
    )


def sweep(db: Session, now: int) -> None:
    """Delete tokens whose time is over."""
    db.execute(delete(MailToken).where(MailToken.expires_at <= now))


def _find(
    db: Session, keys: WebKeys, now: int, purpose: str, token: str, *, lock: bool = False
) -> MailToken:
    row = db.get(MailToken, _hash(keys, purpose, token), with_for_update=lock)
    if row is None or row.purpose != purpose or now >= row.expires_at:
        raise Gone(_GONE)
    return row


def _hash(keys: WebKeys, purpose: str, token: str) -> bytes:
    return keys.hash("mail-token", purpose, token)
