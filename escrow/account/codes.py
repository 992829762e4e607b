"""Codes by mail: six digits, 15 minutes, five tries.

An address gets five codes an hour from one network, and fifteen from all: who types another's
address uses up his own five, and does not shut the owner out. Fifteen codes with five tries each
leave 75 guesses an hour of a million, before the authenticator is asked for.

A try is debited and committed before the code is looked at: `debit` in one transaction, `spend` in
the next. An address that nobody knows costs the same rows and the same work, and its code exists
nowhere.
"""

import hmac
import secrets

from sqlalchemy import Select, select, text
from sqlalchemy.orm import Session

from escrow.account import limits, rows
from escrow.account.models import MailCode
from escrow.context import Web
from escrow.errors import RateLimited, WrongCode
from escrow.mail import outbox
from escrow.webkeys import WebKeys

LIFETIME_SECONDS = 15 * 60
MAX_TRIES = 5
CODES_AN_HOUR = 5
CODES_OF_ALL_AN_HOUR = 15
_HOUR_SECONDS = 3600
_SPENT = "This code is used up or too old. Ask for a new one."


def issue(
    db: Session,
    web: Web,
    purpose: str,
    address: str,
    locale: str,
    *,
    subject: str | None = None,
    known: bool = True,
) -> MailCode:
    """Make a code and queue its mail; raises RateLimited for one too many within an hour.

    Purposes: login (subject None), account (subject = account), address (subject = address row),
    contact (subject = custody).
    """
    now = web.clock.now()
    lookup = web.keys.lookup(address)
    network = web.keys.hash("code network", limits.network_of(limits.asking()))
    _check_limit(db, web, lookup, network, now)
    if subject is not None:
        _retire(db, web, purpose, lookup, subject)
    code = f"{secrets.randbelow(10**6):06}"
    identifier = secrets.token_hex(16)
    hashed = _hash(web.keys, identifier, code)
    row = MailCode(
        id=identifier,
        purpose=purpose,
        lookup=lookup,
        network=network,
        subject=subject,
        code_hash=hashed if known else secrets.token_bytes(len(hashed)),
        tries=0,
        created_at=now,
        expires_at=now + LIFETIME_SECONDS,
        used_at=None,
    )
    rows.add(db, web.keys, row)
    outbox.queue(
        db,
        web.keys,
        now,
        key=f"code/{identifier}",
        message=f"{purpose}_code",
        address=address,
        locale=locale,
        contents={"code": f"{code[:3]} {code[3:]}"},
        account=subject if purpose == "account" else None,
        void=not known,
    )
    return row


def _check_limit(db: Session, web: Web, lookup: bytes, network: bytes, now: int) -> None:
    if not web.database.is_sqlite:  # SQLite has one writer; here two could both see four codes
        number = int.from_bytes(lookup[:8], "big", signed=True)
        db.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": number})
    query = select(MailCode.created_at, MailCode.network).where(
        MailCode.lookup == lookup, MailCode.created_at > now - _HOUR_SECONDS
    )
    lately = db.execute(query.order_by(MailCode.created_at)).all()
    here = [made.created_at for made in lately if made.network == network]
    if len(here) >= CODES_AN_HOUR or len(lately) >= CODES_OF_ALL_AN_HOUR:
        oldest = here[0] if len(here) >= CODES_AN_HOUR else lately[0].created_at
        raise RateLimited(
            max(1, oldest + _HOUR_SECONDS - now),
            "Too many codes were asked for within an hour. Wait a while, and look in the spam "
            "folder.",
        )


def _retire(db: Session, web: Web, purpose: str, lookup: bytes, subject: str) -> None:
    """End the earlier codes for a subject: only the newest works."""
    query = _codes_for(purpose, lookup, subject).where(MailCode.used_at.is_(None))
    for row in db.scalars(query.with_for_update()).all():
        rows.swap(db, web.keys, row, used_at=web.clock.now())


def _codes_for(purpose: str, lookup: bytes, subject: str) -> Select[MailCode]:
    return select(MailCode).where(
        MailCode.lookup == lookup, MailCode.purpose == purpose, MailCode.subject == subject
    )


def newest(db: Session, purpose: str, lookup: bytes, subject: str) -> str | None:
    """Return the identifier of the newest code for a subject."""
    query = _codes_for(purpose, lookup, subject).order_by(
        MailCode.created_at.desc(), MailCode.used_at.is_(None).desc(), MailCode.id
    )
    row = db.scalars(query.limit(1)).first()
    return row.id if row else None


def debit(db: Session, web: Web, identifier: str | None, purpose: str) -> int:
    """Count a try; returns how many are left. The caller commits before it calls `spend`.

    Raises WrongCode for a code that is unknown, used, too old or out of tries: one answer.
    """
    row = _find(db, web, identifier, purpose)
    if row is None or not rows.swap(db, web.keys, row, tries=row.tries + 1):
        raise WrongCode(_SPENT)
    return MAX_TRIES - row.tries


def spend(
    db: Session, web: Web, identifier: str | None, purpose: str, code: str, tries_left: int
) -> MailCode:
    """Check a code and use it up, in one conditional statement; raises WrongCode."""
    row = None if identifier is None else db.get(MailCode, identifier, with_for_update=True)
    if row is None or row.purpose != purpose or row.used_at is not None:
        raise WrongCode(_SPENT)
    if not hmac.compare_digest(_hash(web.keys, row.id, code), row.code_hash):
        raise WrongCode("This code is not right." if tries_left else _SPENT, tries_left=tries_left)
    if not rows.swap(db, web.keys, row, used_at=web.clock.now()):
        raise WrongCode(_SPENT)
    return row


def _find(db: Session, web: Web, identifier: str | None, purpose: str) -> MailCode | None:
    row = None if identifier is None else db.get(MailCode, identifier, with_for_update=True)
    if row is None:
        return None
    web.keys.check_row(row)
    usable = (
        row.purpose == purpose
        and row.used_at is None
        and web.clock.now() < row.expires_at
        and row.tries < MAX_TRIES
    )
    return row if usable else None


def _hash(keys: WebKeys, identifier: str, code: str) -> bytes:
    return keys.hash("mail-code", identifier, code)
