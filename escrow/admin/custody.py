"""The list of keys for admins: filtered, in pages by keyset; addresses masked, labels not shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session

from escrow import webkeys
from escrow.admin import views
from escrow.admin.filters import Cursor, Filter
from escrow.context import Web
from escrow.deposit import custodies, recoverability
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange
from escrow.recovery.models import Recovery

PAGE = 50
CHANGES = 50
DAY_SECONDS = 86400


@dataclass(frozen=True)
class Line:
    """One key: how it is doing since when, and how many contacts hold a piece.

    `piece` is the one that the line is about, where pieces are listed.
    """

    deposit: Deposit
    customer: list[str]
    contacts: int
    held: int
    piece: CustodyRow | None = None


_Found = tuple[Deposit, CustodyRow | None]


def page(
    db: Session, web: Web, chosen: Filter, after: Cursor, length: int | None = None
) -> tuple[list[Line], Cursor | None]:
    """Return a page of what is wanted, and what the next is after.

    Keys come in the order of their identifiers, pieces with the longest unproven first. Either way
    one index is read from where the page before ended; what other filters ask besides is compared
    on the way.
    """
    length = length or PAGE
    found = (_pieces if chosen.is_of_pieces else _keys)(db, web, chosen, after, length + 1)
    lines = _lines(db, web, found[:length])
    return lines, _cursor(found[length - 1]) if len(found) > length else None


def _cursor(found: _Found) -> Cursor:
    deposit, piece = found
    return Cursor(deposit.id) if piece is None else Cursor(piece.id, piece.proven_at or 0)


def _keys(db: Session, _web: Web, chosen: Filter, after: Cursor, limit: int) -> list[_Found]:
    query = select(Deposit).where(*_of_key(chosen), Deposit.id > after.after)
    return [(row, None) for row in db.scalars(query.order_by(Deposit.id).limit(limit))]


def _of_key(chosen: Filter) -> list[ColumnElement[bool]]:
    """Return what a key must be."""
    wanted = [Deposit.kind == "real"]
    if chosen.account:  # all of them: an ended one is looked for as well
        wanted.append(Deposit.account == chosen.account)
    elif not chosen.state:
        wanted.append(Deposit.recoverability.in_(recoverability.STATES))
    if chosen.state:
        wanted.append(Deposit.recoverability == chosen.state)
    if chosen.contacts is not None:
        needed, count = chosen.contacts
        wanted += [Deposit.contacts_needed == needed, Deposit.contacts_count == count]
    return wanted


def _pieces(db: Session, web: Web, chosen: Filter, after: Cursor, limit: int) -> list[_Found]:
    """Read the pieces of each party in the order of its index, and put them together."""
    found = [_of_role(db, web, chosen, role, after, limit) for role in chosen.roles]
    merged = merge(*found, key=lambda line: (line[1].proven_at, line[1].id))
    return list(islice(merged, limit))


def _of_role(
    db: Session, web: Web, chosen: Filter, role: str, after: Cursor, limit: int
) -> list[tuple[Deposit, CustodyRow]]:
    row = CustodyRow
    # A domain is a contact's: not naming the role leaves one index to choose.
    party = row.domain_hash == bytes.fromhex(chosen.domain) if chosen.domain else row.role == role
    further = tuple_(row.proven_at, row.id) > tuple_(after.at, after.after)
    query = select(Deposit, row).join(row, row.deposit == Deposit.id)
    query = query.where(party, further, *_of_piece(web, chosen), *_of_key(chosen))
    found = db.execute(query.order_by(row.proven_at, row.id).limit(limit))
    return [(deposit, piece) for deposit, piece in found]


def _of_piece(web: Web, chosen: Filter) -> list[ColumnElement[bool]]:
    """Return what the date of the last proof must be; 0 stands for a piece that nobody holds."""
    at, now = CustodyRow.proven_at, web.clock.now()
    fresh_since = now - web.settings.proof_seconds
    wanted = {
        "proven": [at > fresh_since],
        "due": [at > 0, at <= fresh_since],
        "missing": [at == 0],
    }.get(chosen.piece, [at >= 0])
    if chosen.days:
        wanted = [*wanted, at > 0, at <= now - int(chosen.days) * DAY_SECONDS]
    return wanted


def _lines(db: Session, web: Web, found: Sequence[_Found]) -> list[Line]:
    """Read what belongs to a page of keys: one query for the pieces, one for the addresses."""
    contacts, held = Counter[str](), Counter[str]()
    pieces = select(CustodyRow.deposit, CustodyRow.state).where(
        CustodyRow.deposit.in_({row.id for row, _ in found}), CustodyRow.role == "contact"
    )
    for deposit, state in db.execute(pieces):
        contacts[deposit] += 1
        held[deposit] += state == "held"
    owners = views.customers(db, web, (row.account for row, _ in found))
    return [
        Line(row, owners.get(row.account, []), contacts[row.id], held[row.id], piece)
        for row, piece in found
    ]


def domain_of(web: Web, lines: Sequence[Line]) -> str | None:
    """Return the mail domain of the contact in the first line: what a list of one is headed by."""
    piece = lines[0].piece if lines else None
    details = custodies.contact_details(web.keys, piece) if piece is not None else None
    return webkeys.domain_of(details[1]) if details is not None else None


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


def piece_state(line: CustodyRow, now: int, fresh: int) -> str:
    """Say of a piece whether it is proven, due or missing, as filters name it."""
    until = recoverability.proven_until(line, fresh)
    return "missing" if until is None else "proven" if until > now else "due"


def piece_of(line: CustodyRow, now: int, fresh: int) -> dict[str, Any]:
    """Return what is told of a piece: role, state, dates, and whether its proof still counts."""
    return {
        "role": line.role,
        "state": line.state,
        "share_at": line.last_share_at,
        "check_at": line.last_check_at,
        "is_fresh": piece_state(line, now, fresh) == "proven",
    }
