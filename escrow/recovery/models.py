"""Tables of recoveries: the recovery, its sessions, calls and releases."""

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class Recovery(Base):
    """From "I lost my key" to the secret in the customer's hands; `state` is that of the machine.

    At most one without `ended_at` a deposit. Times and state are a cache of the ledger: the
    custodian decides from sequenced entries. `completed_by` is the sign-in that completed it.
    """

    __tablename__ = "recovery"
    __table_args__ = (
        Index(
            "uq_recovery_open_deposit",
            "deposit",
            unique=True,
            sqlite_where=text("ended_at IS NULL"),
            postgresql_where=text("ended_at IS NULL"),
        ),
        Index("ix_recovery_state_id", "state", "id"),
        Index("ix_recovery_account", "account"),
    )

    id: Mapped[str] = identifier(primary=True)
    deposit: Mapped[str] = mapped_column(String(32), ForeignKey("deposit.id"))
    account: Mapped[str] = identifier()
    state: Mapped[str] = mapped_column(String(16))
    proof: Mapped[str] = mapped_column(String(16))
    reason: Mapped[bytes | None] = binary()
    body_sha256: Mapped[bytes] = binary(32)
    wait_seconds: Mapped[int] = seconds()
    opened_at: Mapped[int] = seconds()
    notices_written_at: Mapped[int | None] = seconds()
    noticed_at: Mapped[int | None] = seconds()
    ready_at: Mapped[int | None] = seconds()
    frozen_at: Mapped[int | None] = seconds()
    unfrozen_at: Mapped[int | None] = seconds()
    ended_at: Mapped[int | None] = seconds()
    session: Mapped[str | None] = identifier()
    completed_by: Mapped[str | None] = identifier()


class RecoverySession(Base):
    """One `begin`: a public key that shares are sealed to, for one hour."""

    __tablename__ = "recovery_session"
    __table_args__ = (Index("ix_recovery_session_recovery", "recovery"),)

    id: Mapped[str] = identifier(primary=True)
    recovery: Mapped[str] = mapped_column(String(32), ForeignKey("recovery.id"))
    deposit: Mapped[str] = identifier()
    public_key: Mapped[bytes] = binary()
    begun_at: Mapped[int] = seconds()
    expires_at: Mapped[int] = seconds(index=True)
    voided_at: Mapped[int | None] = seconds()


class CallRow(Base):
    """One call between the customer's and a contact's client; each column is set once."""

    __tablename__ = "call"
    __table_args__ = (Index("ix_call_session", "session"),)

    id: Mapped[str] = identifier(primary=True)
    session: Mapped[str] = mapped_column(String(32), ForeignKey("recovery_session.id"))
    custody: Mapped[str] = identifier()
    commitment: Mapped[bytes] = binary(32)
    nonce: Mapped[bytes | None] = binary(32)
    nonce_signature: Mapped[bytes | None] = binary(64)
    public_key: Mapped[bytes | None] = binary()
    random: Mapped[bytes | None] = binary(32)
    created_at: Mapped[int] = seconds()


class ReleaseRow(Base):
    """One custody's release to one session; served once its event is in a signed checkpoint.

    States: intended (the provider's, before the second transaction), made, refused (the provider's
    checks failed; `reason` says which).
    """

    __tablename__ = "release"

    session: Mapped[str] = mapped_column(
        String(32), ForeignKey("recovery_session.id"), primary_key=True
    )
    custody: Mapped[str] = identifier(primary=True)
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str | None] = mapped_column(String(64))
    sealed: Mapped[bytes | None] = binary()
    signature: Mapped[bytes | None] = binary(64)
    time: Mapped[int | None] = seconds()
    event: Mapped[str] = identifier()
