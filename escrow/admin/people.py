"""Admins: invited by a link that works once, then known by a passkey. There are no passwords."""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.admin.models import Admin
from escrow.admin.roles import ROLES
from escrow.errors import Conflict, Gone
from escrow.webkeys import WebKeys

NAME = ("admin", "name")
INVITATION_SECONDS = 7 * 86400


def invite(db: Session, keys: WebKeys, name: str, role: str, now: int, token: str) -> Admin:
    """Invite somebody; who opens the link with `token` within seven days becomes that admin."""
    if role not in ROLES:
        raise ValueError(role)
    identifier = secrets.token_hex(16)
    row = Admin(
        id=identifier,
        name=keys.encrypt(NAME, identifier, identifier, name),
        role=role,
        state="invited",
        invitation_hash=invitation_hash(keys, token),
        credential_id=None,
        public_key=None,
        sign_count=0,
        created_at=now,
        expires_at=now + INVITATION_SECONDS,
    )
    rows.add(db, keys, row)
    return row


def invitation_hash(keys: WebKeys, token: str) -> bytes:
    """Return the 32-byte keyed hash under which an invitation is found."""
    return keys.hash("admin invitation", token)


def invited(db: Session, keys: WebKeys, token: str, now: int) -> Admin:
    """Return whom a link invites; raises Gone for one that is used, too old or unknown."""
    query = select(Admin).where(Admin.invitation_hash == invitation_hash(keys, token))
    row = db.scalars(query).one_or_none()
    if row is None or row.state != "invited" or now >= (row.expires_at or 0):
        raise Gone("This link was used, or is too old. Ask for a new one.")
    keys.check_row(row)
    return row


def accept(
    db: Session, keys: WebKeys, row: Admin, name: str, credential_id: bytes, public_key: bytes
) -> None:
    """Let an invited admin be known by a passkey; raises Conflict where somebody was faster."""
    changes = {
        "name": keys.encrypt(NAME, row.id, row.id, name),
        "state": "active",
        "invitation_hash": None,
        "expires_at": None,
        "credential_id": credential_id,
        "public_key": public_key,
    }
    if not rows.swap(db, keys, row, **changes):
        raise Conflict


def of_credential(db: Session, keys: WebKeys, credential_id: bytes) -> Admin | None:
    """Return the active admin of a passkey."""
    query = select(Admin).where(Admin.credential_id == credential_id, Admin.state == "active")
    row = db.scalars(query).one_or_none()
    if row is not None:
        keys.check_row(row)
    return row


def name_of(keys: WebKeys, row: Admin) -> str:
    """Return an admin's name."""
    return keys.decrypt(NAME, row.id, row.id, row.name)
