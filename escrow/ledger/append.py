"""Append events to the ledger: in the same transaction as the state that they announce."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from escrow.db import Base, wake_custodian
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event, event_mac
from escrow.sql import insert_all, new_row


@dataclass(frozen=True)
class Author:
    """Who says it: "web" or "custodian", with that process's MAC key."""

    name: str
    mac_key: bytes = field(repr=False)


def new_event(
    author: Author,
    kind: str,
    data: dict[str, Any] | None = None,
    *,
    account: str | None = None,
    deposit: str | None = None,
    custody: str | None = None,
    recovery: str | None = None,
    event_id: str | None = None,
) -> LedgerEvent:
    """Make the row of an event for `append_all`; the arguments are those of `append`.

    Raises Malformed("event") for data or subjects that the type does not allow.
    """
    event = Event(
        event_id or secrets.token_hex(16), kind, data or {}, account, deposit, custody, recovery
    )
    event.check()
    body = event.bytes
    return new_row(
        LedgerEvent,
        id=event.id,
        author=author.name,
        type=kind,
        account=account,
        deposit=deposit,
        custody=custody,
        recovery=recovery,
        body=body,
        mac=event_mac(author.mac_key, body),
    )


def append(session: Session, author: Author, kind: str, *said: Any, **subjects: Any) -> LedgerEvent:
    """Insert one event, not yet sequenced. The caller's transaction makes it durable.

    Arguments: those of `new_event`, which are data, and by name account, deposit, custody,
    recovery, event_id (given where a repeat must not say it twice). The custodian draws nonce,
    index and time, and is woken when the transaction commits. What is returned says what was
    inserted; it is not part of the session. Raises Malformed("event") for data or subjects that
    the type does not allow.
    """
    row = new_event(author, kind, *said, **subjects)
    append_all(session, [row])
    return row


def append_all(session: Session, events: Sequence[LedgerEvent], *before: Sequence[Base]) -> None:
    """Insert events, and before them the rows of other tables that they tell of, all at once."""
    insert_all(session, *before, events)
    wake_custodian(session)
