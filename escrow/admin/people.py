"""Admins: invited by a link that works once, then known by a passkey. There are no passwords."""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.admin.models import Admin, AdminSession
from escrow.admin.roles import OWNER, ROLES
from escrow.config import Settings
from escrow.errors import Conflict, Gone, NotFound, WrongState
from escrow.protocol.encoding import digits, pae_hash
from escrow.webkeys import WebKeys

NAME = ("admin", "name")
INVITATION_SECONDS = 7 * 86400
CODE_DIGITS = 12


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


def invitation_link(settings: Settings, token: str) -> str:
    """Return the link of an invitation; the token stands in the fragment, which is sent nowhere."""
    return f"{settings.public_url.rstrip('/')}/admin/invitation#{token}"


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


def is_first(db: Session, row: Admin) -> bool:
    """Tell whether somebody becomes the first owner, whom the custodian lets in by itself."""
    known = select(Admin.id).where(Admin.state.in_(("active", "removed")), Admin.id != row.id)
    return row.role == OWNER and db.scalars(known.limit(1)).first() is None


def accept(
    db: Session, keys: WebKeys, row: Admin, name: str, credential_id: bytes, public_key: bytes
) -> None:
    """Let an invited person be known by a passkey; raises Conflict where somebody was faster.

    That alone lets nobody in: the custodian admits the first owner, and others once owners have
    approved exactly this passkey. Raises WrongState for the name of somebody who is an admin: two
    people must be told apart.
    """
    if any(
        person(name_of(keys, other)) == person(name)
        for other in everybody(db, keys)
        if other.state == "active"
    ):
        raise WrongState("name_taken")
    changes = {
        "name": keys.encrypt(NAME, row.id, row.id, name),
        "state": "waiting",
        "invitation_hash": None,
        "expires_at": None,
        "credential_id": credential_id,
        "public_key": public_key,
    }
    if not rows.swap(db, keys, row, **changes):
        raise Conflict


def admit(db: Session, keys: WebKeys, row: Admin, role: str, name: str = "") -> None:
    """Let somebody in who waits, as the ledger says; raises Conflict. For the custodian."""
    changes: dict[str, object] = {"state": "active", "role": role}
    if name:
        changes["name"] = keys.encrypt(NAME, row.id, row.id, name)
    if not rows.swap(db, keys, row, **changes):
        raise Conflict


def remove(db: Session, keys: WebKeys, admin: str, now: int) -> None:
    """Let somebody in no more, and end all sessions. Twice is harmless."""
    row = db.get(Admin, admin, with_for_update=True)
    if row is not None and row.state != "removed":
        gone = {"state": "removed", "invitation_hash": None, "expires_at": None}
        if not rows.swap(db, keys, row, **gone):
            raise Conflict
    end_sessions(db, keys, admin, now)


def end_sessions(db: Session, keys: WebKeys, admin: str, now: int) -> None:
    """End all sessions of an admin."""
    query = select(AdminSession).where(
        AdminSession.admin == admin, AdminSession.revoked_at.is_(None)
    )
    for session in list(db.scalars(query)):
        rows.swap(db, keys, session, revoked_at=now)


def key_code(row: Admin) -> str:
    """Return 12 digits that name a passkey, for two people to compare; raises ValueError."""
    if row.credential_id is None or row.public_key is None:
        raise ValueError("there is no passkey yet")
    named = pae_hash("escrow/v1/admin/passkey", row.credential_id, row.public_key)
    return digits(named, CODE_DIGITS)


def of_passkey(db: Session, keys: WebKeys, credential_id: bytes) -> Admin | None:
    """Return whose passkey this is, in whatever state."""
    row = db.scalars(select(Admin).where(Admin.credential_id == credential_id)).one_or_none()
    if row is not None:
        keys.check_row(row)
    return row


def everybody(db: Session, keys: WebKeys) -> list[Admin]:
    """Return all who were ever invited, the oldest first."""
    found = list(db.scalars(select(Admin).order_by(Admin.created_at, Admin.id)))
    for row in found:
        keys.check_row(row)
    return found


def owners(db: Session) -> list[str]:
    """Return who decides about admins and keys now."""
    query = select(Admin.id).where(Admin.state == "active", Admin.role == OWNER)
    return list(db.scalars(query))


def find(db: Session, keys: WebKeys, admin: str, *, lock: bool = False) -> Admin:
    """Return one of them; raises NotFound."""
    row = db.get(Admin, admin, with_for_update=lock)
    if row is None:
        raise NotFound
    keys.check_row(row)
    return row


def withdraw(db: Session, keys: WebKeys, admin: str, now: int) -> None:
    """Let somebody not become an admin; raises NotFound, WrongState for who is one."""
    row = find(db, keys, admin, lock=True)
    if row.state not in {"invited", "waiting"}:
        raise WrongState(row.state)
    remove(db, keys, admin, now)


def person(name: str) -> str:
    """Return a name as it tells people apart: “Anna” and “anna ” are one."""
    return " ".join(name.casefold().split())


def name_of(keys: WebKeys, row: Admin) -> str:
    """Return an admin's name."""
    return keys.decrypt(NAME, row.id, row.id, row.name)
