"""Tables of customers: accounts, addresses, authenticators, codes by mail, sessions."""

from sqlalchemy import Index, Integer, String, text
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class Account(Base):
    """One customer. States: pending (not confirmed yet), active, closing, closed.

    `record` is the provider's reference of the customer, encrypted; only an approval changes it.
    """

    __tablename__ = "account"
    __table_args__ = (
        Index(
            "ix_account_pending",
            "created_at",
            sqlite_where=text("state = 'pending'"),
            postgresql_where=text("state = 'pending'"),
        ),
    )

    id: Mapped[str] = identifier(primary=True)
    state: Mapped[str] = mapped_column(String(16))
    locale: Mapped[str] = mapped_column(String(8))
    created_at: Mapped[int] = seconds()
    closing_at: Mapped[int | None] = seconds(index=True)
    totp_changed_at: Mapped[int | None] = seconds()
    address_changed_at: Mapped[int | None] = seconds()
    record: Mapped[bytes | None] = binary()


class Address(Base):
    """An address of an account: encrypted, found by a keyed hash. Gone ones keep `removed_at`."""

    __tablename__ = "address"
    __table_args__ = (
        Index("ix_address_lookup", "lookup"),
        Index("ix_address_account", "account"),
    )

    id: Mapped[str] = identifier(primary=True)
    account: Mapped[str] = identifier()
    lookup: Mapped[bytes] = binary(32)
    address: Mapped[bytes] = binary()
    created_at: Mapped[int] = seconds()
    verified_at: Mapped[int | None] = seconds()
    removed_at: Mapped[int | None] = seconds()


class Totp(Base):
    """The authenticator of an account. `mac` covers all other columns."""

    __tablename__ = "totp"

    account: Mapped[str] = identifier(primary=True)
    secret: Mapped[bytes | None] = binary()
    pending_secret: Mapped[bytes | None] = binary()
    last_step: Mapped[int] = seconds(default=0)
    window_start: Mapped[int] = seconds(default=0)
    window_tries: Mapped[int] = mapped_column(Integer, default=0)
    wrong_in_a_row: Mapped[int] = mapped_column(Integer, default=0)
    locked_until: Mapped[int] = seconds(default=0)
    mac: Mapped[bytes] = binary(32)


class MailCode(Base):
    """A code sent by mail, of which only the keyed hash is stored. `mac` covers all other columns.

    `network` is the keyed hash of the network that asked for it.

    Purposes: login (subject null), account (subject = account), address (subject = address row),
    contact (subject = custody), which becomes `reached` when the code has come back.
    """

    __tablename__ = "mail_code"
    __table_args__ = (Index("ix_mail_code_lookup_created_at", "lookup", "created_at"),)

    id: Mapped[str] = identifier(primary=True)
    purpose: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[bytes] = binary(32)
    network: Mapped[bytes] = binary(32)
    subject: Mapped[str | None] = identifier()
    code_hash: Mapped[bytes] = binary(32)
    tries: Mapped[int] = mapped_column(Integer, default=0)
    created_at: Mapped[int] = seconds()
    expires_at: Mapped[int] = seconds()
    used_at: Mapped[int | None] = seconds()
    mac: Mapped[bytes] = binary(32)


class AuthSession(Base):
    """A server-side session; only the keyed hash of its token is stored. `mac` covers the rest.

    Levels: new (an account being made), mail (the mail code was right: lists deposits of all
    accounts of the address), full (the authenticator's code was right too).
    """

    __tablename__ = "session"
    __table_args__ = (Index("ix_session_account", "account"),)

    id: Mapped[str] = identifier(primary=True)
    token_hash: Mapped[bytes] = binary(32, unique=True)
    level: Mapped[str] = mapped_column(String(8))
    login: Mapped[str | None] = identifier()
    lookup: Mapped[bytes] = binary(32)
    account: Mapped[str | None] = identifier()
    created_at: Mapped[int] = seconds()
    expires_at: Mapped[int] = seconds()
    step_up_until: Mapped[int] = seconds(default=0)
    revoked_at: Mapped[int | None] = seconds()
    mac: Mapped[bytes] = binary(32)


class RateCount(Base):
    """How often something happened in one hour; `bucket` is a keyed hash of what is limited."""

    __tablename__ = "rate_count"

    bucket: Mapped[bytes] = mapped_column(primary_key=True)
    hour: Mapped[int] = seconds(primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
