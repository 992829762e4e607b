"""Signing in as an admin: a challenge, a passkey's answer, a session that does not last.

A session ends after half an hour without use and after eight hours in any case; what changes
something wants an answer of the passkey from the last five minutes.

    actor = require(db, SEE_ALL)                   # a live session of one of these roles
    actor = require(db, DELAY, step_up=True)       # and a fresh answer
"""

import re
import secrets
from collections.abc import Collection
from dataclasses import dataclass

from flask import request
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.admin import people
from escrow.admin.models import Admin, AdminChallenge, AdminSession
from escrow.admin.passkeys import Answer, Site, verify
from escrow.context import Web, web
from escrow.errors import NotFound, StepUpRequired, Unauthenticated, WrongState
from escrow.headers import admin_cookie_name
from escrow.protocol.encoding import b64url
from escrow.protocol.request import sign_in_challenge

CHALLENGE_SECONDS = 5 * 60
CHALLENGE_LENGTH_BYTES = 32
IDLE_SECONDS = 30 * 60
LIFETIME_SECONDS = 8 * 3600
STEP_UP_SECONDS = 5 * 60
_NOTE_USE_SECONDS = 60
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}\Z")


@dataclass(frozen=True)
class Actor:
    """Who is asking, with what role, until when without a new answer of the passkey."""

    admin: str
    name: str
    role: str
    session: str
    step_up_until: int
    used_at: int


def challenge(db: Session, context: Web, purpose: str, subject: str | None = None) -> bytes:
    """Make a challenge of 32 bytes, which counts once and for five minutes."""
    made = secrets.token_bytes(CHALLENGE_LENGTH_BYTES)
    db.add(
        AdminChallenge(
            challenge_hash=_challenge_hash(context, made),
            purpose=purpose,
            subject=subject,
            expires_at=context.clock.now() + CHALLENGE_SECONDS,
        )
    )
    return made


def spend(
    db: Session, context: Web, given: bytes, purpose: str, subject: str | None = None
) -> None:
    """Use a challenge up; raises Unauthenticated for one that was not made for this, or is old."""
    row = AdminChallenge
    spent = delete(row).where(
        row.challenge_hash == _challenge_hash(context, given),
        row.purpose == purpose,
        row.subject.is_(None) if subject is None else row.subject == subject,
        row.expires_at > context.clock.now(),
    )
    if db.execute(spent.returning(row.purpose)).first() is None:
        raise Unauthenticated("This took too long, or was done before. Try once more.")


def _challenge_hash(context: Web, given: bytes) -> bytes:
    return context.keys.hash("admin challenge", given)


def answered(db: Session, context: Web, given: bytes, answer: Answer) -> Admin:
    """Return the admin whose passkey has signed a challenge.

    Raises Unauthenticated, and WrongState("waiting") for who was not let in yet.
    """
    row = people.of_passkey(db, context.keys, answer.credential_id)
    if row is None or row.public_key is None or row.state not in {"active", "waiting"}:
        raise Unauthenticated("This passkey is not one of an admin of this service.")
    site = Site.of(context.settings)
    count = verify(site, sign_in_challenge(given), answer, row.public_key, row.sign_count)
    if count != row.sign_count and not rows.swap(db, context.keys, row, sign_count=count):
        raise Unauthenticated
    if row.state == "waiting":  # said only to who holds the passkey
        raise WrongState("waiting", "Owners have not approved this passkey yet.")
    return row


def create(db: Session, context: Web, admin: str) -> tuple[AdminSession, str]:
    """Make a session; returns it and its token (43 characters), which is not stored."""
    now = context.clock.now()
    token = b64url(secrets.token_bytes(32))
    row = AdminSession(
        id=secrets.token_hex(16),
        token_hash=_token_hash(context, token),
        admin=admin,
        created_at=now,
        used_at=now,
        step_up_until=now + STEP_UP_SECONDS,
        revoked_at=None,
    )
    rows.add(db, context.keys, row)
    return row, token


def _token_hash(context: Web, token: str) -> bytes:
    return context.keys.hash("admin session", token)


def step_up(db: Session, context: Web, session: str) -> int:
    """Note a fresh answer on a session; returns until when it counts. Raises Unauthenticated."""
    row = db.get(AdminSession, session, with_for_update=True)
    now = context.clock.now()
    until = now + STEP_UP_SECONDS
    if row is None or not rows.swap(db, context.keys, row, step_up_until=until, used_at=now):
        raise Unauthenticated
    return until


def require(db: Session, allowed: Collection[str], *, step_up: bool = False) -> Actor:
    """Return who is asking.

    Raises Unauthenticated (no session, or one that is over), NotFound (another role), and
    StepUpRequired when `step_up` and the last answer of the passkey is over five minutes old.
    """
    context, token = web(), request.cookies.get(admin_cookie_name(web().settings), "")
    if not _TOKEN.match(token):
        raise Unauthenticated
    query = select(AdminSession).where(AdminSession.token_hash == _token_hash(context, token))
    row = db.scalars(query).one_or_none()
    admin = None if row is None else _live(db, context, row)
    if row is None or admin is None:
        raise Unauthenticated
    if admin.role not in allowed:
        raise NotFound
    if step_up and context.clock.now() >= row.step_up_until:
        raise StepUpRequired("Confirm with your passkey first.")
    name = people.name_of(context.keys, admin)
    return Actor(admin.id, name, admin.role, row.id, row.step_up_until, row.used_at)


def _live(db: Session, context: Web, row: AdminSession) -> Admin | None:
    """Return the admin of a session that is not over; raises ForgedRow."""
    context.keys.check_row(row)
    if not is_live(row, context.clock.now()):
        return None
    admin = db.get(Admin, row.admin)
    if admin is None or admin.state != "active":
        return None
    context.keys.check_row(admin)
    return admin


def is_live(row: AdminSession, now: int) -> bool:
    """Whether a session is neither ended nor too old nor left alone for too long."""
    is_young = now < row.created_at + LIFETIME_SECONDS and now < row.used_at + IDLE_SECONDS
    return row.revoked_at is None and is_young


def note_use(context: Web, actor: Actor) -> None:
    """Keep a session from falling asleep; written once a minute at most."""
    now = context.clock.now()
    if now < actor.used_at + _NOTE_USE_SECONDS:
        return
    with context.database.transaction() as db:
        row = db.get(AdminSession, actor.session, with_for_update=True)
        if row is not None and is_live(row, now):
            rows.swap(db, context.keys, row, used_at=now)


def of_admin(db: Session, context: Web, admin: str) -> list[AdminSession]:
    """Return an admin's live sessions, newest first."""
    query = select(AdminSession).where(AdminSession.admin == admin)
    found = db.scalars(query.order_by(AdminSession.created_at.desc(), AdminSession.id))
    return [row for row in found if is_live(row, context.clock.now())]


def end(db: Session, context: Web, admin: str, session: str) -> None:
    """End one of an admin's sessions; raises NotFound. Twice is harmless."""
    row = db.get(AdminSession, session, with_for_update=True)
    if row is None or row.admin != admin:
        raise NotFound
    if row.revoked_at is None:
        rows.swap(db, context.keys, row, revoked_at=context.clock.now())
