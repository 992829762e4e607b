"""Tables of the ledger."""

from sqlalchemy import BigInteger, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class LedgerEvent(Base):
    """One event. `position` is the order of insertion, `index` the place in the ledger, once set.

    `acted` is set in the transaction in which the custodian has done what a sequenced entry asks
    for, so that a crash in between repeats it and nothing is forgotten.
    `refused` says why the sequencer did not take an event: the row stays for the operators to look
    at and counts for nothing.
    Erasure sets `nonce` and `body` to null and leaves the leaf's hash in `ledger_node`.
    """

    __tablename__ = "ledger_event"
    __table_args__ = (
        Index(
            "ix_ledger_event_unsequenced",
            "position",
            sqlite_where=text('"index" IS NULL AND refused IS NULL'),
            postgresql_where=text('"index" IS NULL AND refused IS NULL'),
        ),
        Index(
            "ix_ledger_event_unacted",
            "index",
            sqlite_where=text("acted = 0"),
            postgresql_where=text("NOT acted"),
        ),
        Index(
            "ix_ledger_event_refused",
            "position",
            sqlite_where=text("refused IS NOT NULL"),
            postgresql_where=text("refused IS NOT NULL"),
        ),
        Index("ix_ledger_event_deposit_index", "deposit", "index"),
        Index("ix_ledger_event_recovery_index", "recovery", "index"),
        Index("ix_ledger_event_custody_index", "custody", "index"),
        Index("ix_ledger_event_account_index", "account", "index"),
        Index("ix_ledger_event_type_index", "type", "index"),
    )

    position: Mapped[int] = mapped_column(
        BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True
    )
    id: Mapped[str] = identifier(unique=True)
    index: Mapped[int | None] = mapped_column(BigInteger, unique=True)
    author: Mapped[str] = mapped_column(String(16))
    type: Mapped[str] = mapped_column(String(32))
    account: Mapped[str | None] = identifier()
    deposit: Mapped[str | None] = identifier()
    custody: Mapped[str | None] = identifier()
    recovery: Mapped[str | None] = identifier()
    at: Mapped[int] = seconds(default=0)
    body: Mapped[bytes | None] = binary()
    nonce: Mapped[bytes | None] = binary(32)
    mac: Mapped[bytes] = binary(32)
    acted: Mapped[bool] = mapped_column(default=False)
    refused: Mapped[str | None] = mapped_column(String(32))


class LedgerNode(Base):
    """The root of a complete subtree: leaves index·2^level … (index+1)·2^level − 1."""

    __tablename__ = "ledger_node"

    level: Mapped[int] = mapped_column(Integer, primary_key=True)
    index: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[bytes] = binary(32)


class CheckpointRow(Base):
    """A signed checkpoint. `hash` is the SHA-256 of its text, which attestations name."""

    __tablename__ = "checkpoint"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[bytes] = binary(32, unique=True)
    at: Mapped[int] = seconds()
    note: Mapped[str] = mapped_column(Text)


class DailyCount(Base):
    """How many entries of a kind there were on a day, which counts from 1970 (UTC)."""

    __tablename__ = "daily_count"

    kind: Mapped[str] = mapped_column(String(48), primary_key=True)
    day: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    count: Mapped[int] = mapped_column(BigInteger)
