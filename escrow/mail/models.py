"""Tables of mail: the outbox and the tokens in mail links."""

from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from escrow.db import Base, binary, identifier, seconds


class Outbox(Base):
    """One mail to one address. `key` makes it at most one; recipient and contents are encrypted.

    States: queued, sent (accepted by the next server), refused (5xx, or 48 h of 4xx), void (made
    for an unknown address, so that known and unknown ones cost the same; never sent).
    Recipient and contents are deleted when the mail is sent.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_state_next_at", "state", "next_at"),
        Index("ix_outbox_recovery_state", "recovery", "state"),
        Index("ix_outbox_account_created_at", "account", "created_at"),
    )

    id: Mapped[str] = identifier(primary=True)
    key: Mapped[str] = mapped_column(String(200), unique=True)
    message: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16))
    account: Mapped[str | None] = identifier()
    recovery: Mapped[str | None] = identifier()
    custody: Mapped[str | None] = identifier()
    is_customer: Mapped[bool] = mapped_column(default=True)
    address_hash: Mapped[bytes] = binary(32)
    recipient: Mapped[bytes | None] = binary()
    contents: Mapped[bytes | None] = binary()
    created_at: Mapped[int] = seconds()
    next_at: Mapped[int] = seconds()
    attempts: Mapped[int] = mapped_column(Integer, default=0)
    settled_at: Mapped[int | None] = seconds()
    answer: Mapped[str | None] = mapped_column(String(16))


class MailToken(Base):
    """What a button behind a mail link may do; only the keyed hash of the token is stored.

    Purposes: veto, reopen, lost, decline.
    """

    __tablename__ = "mail_token"
    __table_args__ = (Index("ix_mail_token_custody", "custody"),)

    hash: Mapped[bytes] = mapped_column(primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    account: Mapped[str | None] = identifier()
    deposit: Mapped[str | None] = identifier()
    custody: Mapped[str | None] = identifier()
    recovery: Mapped[str | None] = identifier()
    expires_at: Mapped[int] = seconds()
