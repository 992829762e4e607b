"""The list of keys for admins: filtered, in pages by keyset; addresses masked, labels not shown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escrow.account import addresses
from escrow.account.models import Address
from escrow.admin import views
from escrow.context import Web
from escrow.deposit import custodies, recoverability
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange
from escrow.recovery.models import Recovery

PAGE = 50
CHANGES = 50


@dataclass(frozen=True)
class Line:
    """One key: how it is doing since when, and how many contacts hold a piece."""

    deposit: Deposit
    customer: list[str]
    contacts: int
    held: int


def page(
    db: Session, web: Web, state: str | None, find: str, after: str, length: int | None = None
) -> tuple[list[Line], str | None]:
    """Return a page of keys in a state (None: all that are counted on), and what the next is after.

    `find` is an identifier of a key or a customer, or a mail address; nothing else is searched.
    """
    length = length or PAGE
    query = _query(web, state, find).where(Deposit.id > after).order_by(Deposit.id)
    rows = list(db.scalars(query.limit(length + 1)))
    return _lines(db, web, rows[:length]), rows[length - 1].id if len(rows) > length else None


def _query(web: Web, state: str | None, find: str) -> Select[Deposit]:
    query = select(Deposit).where(Deposit.kind == "real")
    if state is not None:
        query = query.where(Deposit.recoverability == state)
    elif not find:
        query = query.where(Deposit.recoverability.in_(recoverability.STATES))
    if "@" in find:
        owned = select(Address.account).where(
            Address.lookup == web.keys.lookup(find), Address.verified_at.is_not(None)
        )
        query = query.where(Deposit.account.in_(owned))
    elif find:
        query = query.where((Deposit.id == find) | (Deposit.account == find))
    return query


def _lines(db: Session, web: Web, rows: Sequence[Deposit]) -> list[Line]:
    """Read what belongs to a page of keys: one query for the pieces, one for the addresses."""
    contacts, held = Counter[str](), Counter[str]()
    pieces = select(CustodyRow.deposit, CustodyRow.state).where(
        CustodyRow.deposit.in_([row.id for row in rows]), CustodyRow.role == "contact"
    )
    for deposit, state in db.execute(pieces):
        contacts[deposit] += 1
        held[deposit] += state == "held"
    owners = customers(db, web, rows)
    return [Line(row, owners.get(row.account, []), contacts[row.id], held[row.id]) for row in rows]


def customers(db: Session, web: Web, rows: Iterable[Deposit]) -> dict[str, list[str]]:
    """Return the masked addresses of the accounts of some keys."""
    known = addresses.confirmed(db, {row.account for row in rows})
    return {
        account: [views.masked(addresses.text_of(web.keys, row)) for row in found]
        for account, found in known.items()
    }


@dataclass(frozen=True)
class Detail:
    """One key with its dated pieces, how it came to this, and a recovery that is under way."""

    deposit: Deposit
    customer: list[str]
    pieces: list[CustodyRow]
    ways: recoverability.Assessment
    changes: list[RecoverabilityChange]
    recoveries: list[Recovery]


def detail(db: Session, web: Web, identifier: str) -> Detail:
    """Return one key; raises NotFound."""
    row = custodies.find_deposit(db, identifier)
    pieces = custodies.custodies_of(db, row.id)
    now, fresh = web.clock.now(), web.settings.proof_seconds
    changes = (
        select(RecoverabilityChange)
        .where(RecoverabilityChange.deposit == row.id)
        .order_by(RecoverabilityChange.id.desc())
        .limit(CHANGES)
    )
    running = select(Recovery).where(Recovery.deposit == row.id, Recovery.ended_at.is_(None))
    return Detail(
        row,
        views.customer(db, web, row.account),
        pieces,
        recoverability.assess(row, pieces, now, fresh),
        list(db.scalars(changes)),
        list(db.scalars(running)),
    )


def piece_of(line: CustodyRow, now: int, fresh: int) -> dict[str, Any]:
    """Return what is told of a piece: role, state, dates, and whether its proof still counts."""
    until = recoverability.proven_until(line, fresh)
    return {
        "role": line.role,
        "state": line.state,
        "share_at": line.last_share_at,
        "check_at": line.last_check_at,
        "is_fresh": until is not None and until > now,
    }
