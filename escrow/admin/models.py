"""Tables of admins: who they are, what they approved."""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class Admin(Base):
    """A person at the provider with a passkey. States: invited, active, removed."""

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


class Approval(Base):
    """One signature over one exact operation; verified by the custodian, trusted nowhere else."""

    __tablename__ = "approval"
    __table_args__ = (Index("ix_approval_body_sha256", "body_sha256"),)

    id: Mapped[str] = identifier(primary=True)
    operation: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(128))
    body: Mapped[bytes] = binary()
    body_sha256: Mapped[bytes] = binary(32)
    credential: Mapped[str] = mapped_column(String(128))
    signature: Mapped[bytes] = binary()
    expires: Mapped[int] = seconds()
    created_at: Mapped[int] = seconds()
    executed_at: Mapped[int | None] = seconds()
