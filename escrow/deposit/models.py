"""Tables of deposits: one immutable aggregate each, with custodies and what is kept for them."""

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds

# What `CustodyRow.due_at` is set to by state: a reminder of an invitation, of a check (so long
# before the last proof is too old), the end of the days in which a piece that was declined or
# reported lost comes back by a proof.
FIRST_REMINDER_SECONDS = 2 * 86400
ASK_BEFORE_SECONDS = 30 * 86400
LEFT_SECONDS = 30 * 86400
LEFT = ("declined", "lost")


class Deposit(Base):
    """One escrowed secret. States: pending, active, complete, closing, closed, rejected.

    What the client sent never changes; `state` and the times are a cache of the ledger.
    `replaced_signature` is the signature, by the owner key of the deposit that this one `replaces`,
    over this one's manifest hash; kept until the other is destroyed. `drill` is the drill for which
    the custodian has yet to prove the provider's piece, and `drilled_at` when it last did, 0 for
    never. `recoverability` is since
    `recoverability_at` what `escrow.deposit.recoverability` says; age alone may change it at
    `recoverability_until`.
    """

    __tablename__ = "deposit"
    __table_args__ = (
        Index("ix_deposit_account_created_at", "account", "created_at"),
        Index("ix_deposit_state_id", "state", "id"),
        Index("ix_deposit_replaces", "replaces"),
        Index("ix_deposit_recoverability", "recoverability", "id"),
        Index("ix_deposit_drilled_at", "drilled_at", "id"),
        Index("ix_deposit_policy", "contacts_needed", "contacts_count", "id"),
        Index(
            "ix_deposit_recoverability_policy",
            "recoverability",
            "contacts_needed",
            "contacts_count",
            "id",
        ),
        Index(
            "ix_deposit_recoverability_until",
            "recoverability_until",
            sqlite_where=text("recoverability_until IS NOT NULL"),
            postgresql_where=text("recoverability_until IS NOT NULL"),
        ),
        Index(
            "ix_deposit_replaced_signature",
            "id",
            sqlite_where=text("replaced_signature IS NOT NULL"),
            postgresql_where=text("replaced_signature IS NOT NULL"),
        ),
        Index(
            "ix_deposit_drill",
            "id",
            sqlite_where=text("drill IS NOT NULL"),
            postgresql_where=text("drill IS NOT NULL"),
        ),
    )

    id: Mapped[str] = identifier(primary=True)
    account: Mapped[str] = identifier()
    kind: Mapped[str] = mapped_column(String(8))
    state: Mapped[str] = mapped_column(String(16))
    state_before_closing: Mapped[str | None] = mapped_column(String(16))
    label: Mapped[bytes] = binary()
    replaces: Mapped[str | None] = identifier()
    created_at: Mapped[int] = seconds()
    closing_at: Mapped[int | None] = seconds(index=True)
    contacts_needed: Mapped[int] = mapped_column(Integer)
    contacts_count: Mapped[int] = mapped_column(Integer)
    manifest: Mapped[bytes] = binary()
    manifest_signature: Mapped[bytes] = binary(64)
    manifest_hash: Mapped[bytes] = binary(32)
    body_sha256: Mapped[bytes] = binary(32)
    replaced_signature: Mapped[bytes | None] = binary(64)
    drill: Mapped[str | None] = identifier()
    drilled_at: Mapped[int] = seconds(default=0)
    recoverability: Mapped[str | None] = mapped_column(String(16))
    recoverability_at: Mapped[int | None] = seconds()
    recoverability_until: Mapped[int | None] = seconds()


class RecoverabilityCount(Base):
    """How many deposits were in a state of recoverability at the end of a day of change.

    `day` counts from 1970. The newest row of a state is its present count.
    """

    __tablename__ = "recoverability_count"

    state: Mapped[str] = mapped_column(String(16), primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)


class RecoverabilityChange(Base):
    """A deposit went from one state of recoverability to another; null is “nobody counts on it”.

    `is_loss`: it lost a way back.
    """

    __tablename__ = "recoverability_change"
    __table_args__ = (
        Index(
            "ix_recoverability_change_loss",
            "at",
            "id",
            sqlite_where=text("is_loss = 1"),
            postgresql_where=text("is_loss"),
        ),
        Index("ix_recoverability_change_deposit", "deposit", "id"),
    )

    id: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    deposit: Mapped[str] = identifier()
    was: Mapped[str | None] = mapped_column(String(16))
    now: Mapped[str | None] = mapped_column(String(16))
    is_loss: Mapped[bool] = mapped_column()
    at: Mapped[int] = seconds()


class CustodyRow(Base):
    """One custodian's share of one deposit.

    States: invited, held, rejected, declined, lost, withdrawn, destroyed. `name`, `address`,
    `nonce` and `phrase` are encrypted; `fetch_sha256` guards the invitation. `due_at` is when the
    custodian has something to do that time alone asks for, and null when there is nothing.

    `proven_at` is what lists of pieces are read by: null while nobody counts on the deposit, 0
    while the piece is not held, else the newer of the two dates of proof. The custodian sets it
    together with `Deposit.recoverability`.

    `domain_hash` is the keyed hash of the domain of the contact's address, beside that of the
    whole address. It reveals, to who reads the database without the look-up key, which contacts
    are at one domain and how many: the largest groups are the large mail providers, whose size
    says which they are, and two contacts in a small group are likely colleagues. It reveals no
    domain's name that its size does not, and no address.
    """

    __tablename__ = "custody"
    __table_args__ = (
        Index("ix_custody_deposit", "deposit"),
        Index("ix_custody_role_state_id", "role", "state", "id"),
        Index("ix_custody_role_proven_at", "role", "proven_at", "id"),
        Index(
            "ix_custody_domain_hash",
            "domain_hash",
            "proven_at",
            "id",
            sqlite_where=text("domain_hash IS NOT NULL"),
            postgresql_where=text("domain_hash IS NOT NULL"),
        ),
    )

    id: Mapped[str] = identifier(primary=True)
    deposit: Mapped[str] = mapped_column(String(32), ForeignKey("deposit.id"))
    account: Mapped[str] = identifier()
    role: Mapped[str] = mapped_column(String(16))
    group: Mapped[int] = mapped_column(Integer)
    member: Mapped[int] = mapped_column(Integer)
    state: Mapped[str] = mapped_column(String(16))
    attest_key: Mapped[bytes] = binary(32)
    release_key: Mapped[bytes] = binary(32)
    contact_commitment: Mapped[bytes | None] = binary(32)
    name: Mapped[bytes | None] = binary()
    address: Mapped[bytes | None] = binary()
    address_hash: Mapped[bytes | None] = binary(32)
    domain_hash: Mapped[bytes | None] = binary(32)
    nonce: Mapped[bytes | None] = binary()
    phrase: Mapped[bytes | None] = binary()
    locale: Mapped[str | None] = mapped_column(String(8))
    fetch_sha256: Mapped[bytes | None] = binary(32)
    fetched_at: Mapped[int | None] = seconds()
    invited_until: Mapped[int | None] = seconds()
    paused: Mapped[bool] = mapped_column(default=False)
    last_share_at: Mapped[int | None] = seconds()
    last_check_at: Mapped[int | None] = seconds()
    proven_at: Mapped[int | None] = seconds()
    verified_at: Mapped[int | None] = seconds(index=True)
    due_at: Mapped[int | None] = seconds(index=True)


class Blob(Base):
    """Bytes that can be destroyed by one DELETE.

    Kinds: envelope (custody null), provider_share, invitation, wrap_share, wrap_check.
    """

    __tablename__ = "blob"
    __table_args__ = (
        Index(
            "uq_blob_deposit_kind_custody_credential",
            "deposit",
            "kind",
            "custody",
            "credential_hash",
            unique=True,
        ),
    )

    id: Mapped[str] = identifier(primary=True)
    deposit: Mapped[str] = mapped_column(String(32), ForeignKey("deposit.id"))
    kind: Mapped[str] = mapped_column(String(16))
    custody: Mapped[str | None] = identifier()
    credential_id: Mapped[bytes | None] = binary()
    credential_hash: Mapped[bytes | None] = binary(32)
    data: Mapped[bytes] = binary()
