"""Append events to the ledger: in the same transaction as the state that they announce."""

import secrets
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy.orm import Session

from escrow.db import insert_rows, wake_custodian
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event, event_mac


@dataclass(frozen=True)
class Author:
    """Who says it: "web" or "custodian", with that process's MAC key."""

    name: str
    mac_key: bytes = field(repr=False)


def append(
    session: Session,
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
    """Insert one event, not yet sequenced. The caller's transaction makes it durable.

    The custodian draws nonce, index and time, and is woken when the transaction commits. What is
    returned says what was inserted; it is not part of the session. `event_id` is given where a
    repeat must not say it twice. Raises Malformed("event") for data or subjects that the type does
    not allow.
    """
    event = Event(
        event_id or secrets.token_hex(16), kind, data or {}, account, deposit, custody, recovery
    )
    event.check()
    body = event.bytes
    row = LedgerEvent(
        id=event.id,
        author=author.name,
        type=kind,
        account=account,
        deposit=deposit,
        custody=custody,
        recovery=recovery,
        at=0,
        body=body,
        mac=event_mac(author.mac_key, body),
    )
    insert_rows(session, [row])
    wake_custodian(session)
    return row
