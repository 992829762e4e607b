"""Tables of admins: who they are, what they approved."""

from sqlalchemy import Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class Admin(Base):
    """A person at the provider with a passkey. States: invited, waiting, active, removed.

    Roles: support, auditor, operator, owner; see `escrow.admin.roles`. `mac` covers all other
    columns: whoever can write to the database alone makes nobody an owner.
    """

    __tablename__ = "admin"

    id: Mapped[str] = identifier(primary=True)
    name: Mapped[bytes] = binary()
    role: Mapped[str] = mapped_column(String(16))
    state: Mapped[str] = mapped_column(String(16))
    invitation_hash: Mapped[bytes | None] = binary(32)
    credential_id: Mapped[bytes | None] = binary(unique=True)
    public_key: Mapped[bytes | None] = binary()
    sign_count: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[int] = seconds()
    expires_at: Mapped[int | None] = seconds()
    mac: Mapped[bytes] = binary(32)


class AdminSession(Base):
    """An admin's session; only the keyed hash of its token is stored. `mac` covers the rest."""

    __tablename__ = "admin_session"
    __table_args__ = (Index("ix_admin_session_admin", "admin"),)

    id: Mapped[str] = identifier(primary=True)
    token_hash: Mapped[bytes] = binary(32, unique=True)
    admin: Mapped[str] = identifier()
    created_at: Mapped[int] = seconds()
    used_at: Mapped[int] = seconds()
    step_up_until: Mapped[int] = seconds()
    revoked_at: Mapped[int | None] = seconds()
    mac: Mapped[bytes] = binary(32)


class AdminChallenge(Base):
    """A challenge that a passkey is to sign: used once, or too old.

    `subject` is the invited admin, the session that steps up, or null for signing in.
    """

    __tablename__ = "admin_challenge"
    __table_args__ = (Index("ix_admin_challenge_expires_at", "expires_at"),)

    challenge_hash: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    subject: Mapped[str | None] = identifier()
    expires_at: Mapped[int] = seconds()


class AdminView(Base):
    """A filter of the list of keys that an admin has given a name; both encrypted.

    `mac` covers all other columns: nobody else puts a view among an admin's.
    """

    __tablename__ = "admin_view"
    __table_args__ = (Index("ix_admin_view_admin", "admin"),)

    id: Mapped[str] = identifier(primary=True)
    admin: Mapped[str] = identifier()
    name: Mapped[bytes] = binary()
    filter: Mapped[bytes] = binary()
    created_at: Mapped[int] = seconds()
    mac: Mapped[bytes] = binary(32)


class Approval(Base):
    """One signature over one exact operation; verified by the custodian, trusted nowhere else.

    `body` is encrypted: it may carry an address. `proposal` is the nonce in it. `executed_at` and
    `refused` are a cache for people: whether it was executed stands in the ledger.
    """

    __tablename__ = "approval"
    __table_args__ = (
        Index("ix_approval_body_sha256", "body_sha256"),
        Index("ix_approval_proposal", "proposal"),
        Index(
            "ix_approval_pending",
            "id",
            sqlite_where=text("executed_at IS NULL AND refused IS NULL"),
            postgresql_where=text("executed_at IS NULL AND refused IS NULL"),
        ),
    )

    id: Mapped[str] = identifier(primary=True)
    proposal: Mapped[str] = identifier()
    operation: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(128))
    body: Mapped[bytes] = binary()
    body_sha256: Mapped[bytes] = binary(32)
    credential: Mapped[str] = mapped_column(String(128))
    signature: Mapped[bytes] = binary()
    expires: Mapped[int] = seconds()
    created_at: Mapped[int] = seconds()
    executed_at: Mapped[int | None] = seconds()
    refused: Mapped[str | None] = mapped_column(String(40))
