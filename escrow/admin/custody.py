"""The list of keys for admins: filtered, in pages by keyset; addresses masked, labels not shown."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, select, tuple_
from sqlalchemy.orm import Session, load_only

from escrow import webkeys
from escrow.admin import views
from escrow.admin.filters import Cursor, Filter
from escrow.context import Web
from escrow.deposit import custodies, recoverability
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange
from escrow.recovery.models import Recovery

PAGE = 50
LOOKED_AT, FEW = 500, 200
_NO_DATE = 2**62  # later than any
CHANGES = 50
DAY_SECONDS = 86400


# What lists show: what a client sent, thousands of bytes a key, is not read for a line.
OF_KEY = load_only(
    *(Deposit.account, Deposit.state, Deposit.created_at, Deposit.drilled_at),
    *(Deposit.recoverability, Deposit.recoverability_at, Deposit.contacts_needed),
    raiseload=True,
)
_OF_PIECE = load_only(
    *(CustodyRow.role, CustodyRow.state, CustodyRow.proven_at),
    *(CustodyRow.last_share_at, CustodyRow.last_check_at),
    raiseload=True,
)


@dataclass(frozen=True)
class Line:
    """One key: how it is doing since when, and how many contacts hold a piece.

    Of `deposit` and `piece` only what lists show is read; asking for more raises.
    `piece` is the one that the line is about, where pieces are listed.
    """

    deposit: Deposit
    customer: list[str]
    contacts: int
    held: int
    piece: CustodyRow | None = None


_Found = tuple[Deposit, CustodyRow | None]
_Piece = tuple[Deposit, CustodyRow]
_Place = tuple[int, str]
_placed = tuple_(CustodyRow.proven_at, CustodyRow.id)


def page(
    db: Session,
    web: Web,
    chosen: Filter,
    after: Cursor,
    length: int | None = None,
    looked_at: int | None = None,
) -> tuple[list[Line], Cursor | None]:
    """Return a page of what is wanted, and what the next is after.

    Keys come in the order of their identifiers, pieces with the longest unproven first. Either way
    one index is read from where the page before ended. Where pieces are asked of keys of some kind,
    those of a few keys are read by the key; else `looked_at` pieces of each party are compared at
    most: a page may have fewer lines than there are, or none, and the next one goes on. So no
    filter reads a million pieces for one page.
    """
    length = length or PAGE
    if not chosen.is_of_pieces:
        found, following = _keys(db, chosen, after, length)
        return _lines(db, web, found), following
    pieces, following = _pieces(db, web, chosen, after, length, looked_at or LOOKED_AT)
    return _lines(db, web, pieces), following


def _keys(
    db: Session, chosen: Filter, after: Cursor, length: int
) -> tuple[list[_Found], Cursor | None]:
    query = select(Deposit).options(OF_KEY).where(*_of_key(chosen), Deposit.id > after.after)
    found = list(db.scalars(query.order_by(Deposit.id).limit(length + 1)))
    following = Cursor(found[length - 1].id) if len(found) > length else None
    return [(row, None) for row in found[:length]], following


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


def _pieces(
    db: Session, web: Web, chosen: Filter, after: Cursor, length: int, looked_at: int
) -> tuple[list[_Piece], Cursor | None]:
    """Return pieces with the longest unproven first, and what the next page is after."""
    keys = _few_keys(db, chosen) if chosen.is_compared else None
    if keys is not None:
        found, end = _of_keys(db, web, chosen, keys, after, length), None
    else:
        found, end = _of_parties(db, web, chosen, after, length, looked_at)
    if len(found) > length:
        end = _place(found[length - 1][1])
    return found[:length], Cursor(end[1], end[0]) if end is not None else None


def _few_keys(db: Session, chosen: Filter) -> list[str] | None:
    """Return the keys that are wanted if they are few, else None."""
    # In the order of an index, or SQLite's statistics talk it into reading the whole table.
    query = select(Deposit.id).where(*_of_key(chosen)).order_by(Deposit.id)
    found = list(db.scalars(query.limit(FEW + 1)))
    return found if len(found) <= FEW else None


def _of_keys(
    db: Session, web: Web, chosen: Filter, keys: list[str], after: Cursor, length: int
) -> list[_Piece]:
    """Read the pieces of a few keys; one more than a page if there are more."""
    row = CustodyRow
    start, last = _dates(web, chosen, after)
    wanted = [row.deposit.in_(keys), row.role.in_(chosen.roles), row.proven_at <= last]
    if chosen.domain:
        wanted.append(row.domain_hash == bytes.fromhex(chosen.domain))
    return _read(db, [*wanted, _placed > tuple_(*start)], length)


def _read(db: Session, wanted: list[ColumnElement[bool]], length: int) -> list[_Piece]:
    """Return pieces with their keys in the order of the list; one more than a page."""
    query = select(Deposit, CustodyRow).join(CustodyRow, CustodyRow.deposit == Deposit.id)
    query = query.options(OF_KEY, _OF_PIECE).where(*wanted)
    query = query.order_by(CustodyRow.proven_at, CustodyRow.id)
    return [(deposit, piece) for deposit, piece in db.execute(query.limit(length + 1))]


def _of_parties(
    db: Session, web: Web, chosen: Filter, after: Cursor, length: int, looked_at: int
) -> tuple[list[_Piece], _Place | None]:
    """Read the pieces of each party in the order of its index, and put them together.

    One more than a page if there are more; and where looking ended before the end of the list.
    """
    read = [_of_party(db, web, chosen, role, after, length, looked_at) for role in chosen.roles]
    # Beyond where one party was looked at, another's pieces wait for the next page.
    end = min((end for _, end in read if end is not None), default=None)
    merged = merge(*(found for found, _ in read), key=lambda line: _place(line[1]))
    near = (line for line in merged if end is None or _place(line[1]) <= end)
    return list(islice(near, length + 1)), end


def _place(piece: CustodyRow) -> _Place:
    return piece.proven_at or 0, piece.id


def _of_party(
    db: Session,
    web: Web,
    chosen: Filter,
    role: str,
    after: Cursor,
    length: int,
    looked_at: int,
) -> tuple[list[_Piece], _Place | None]:
    row = CustodyRow
    # A domain is a contact's: not naming the role leaves one index to choose.
    party = row.domain_hash == bytes.fromhex(chosen.domain) if chosen.domain else row.role == role
    # One bound below and not two: PostgreSQL would begin at the weaker one, and SQLite end there.
    start, last = _dates(web, chosen, after)
    wanted, until = [party, _placed > tuple_(*start)], row.proven_at <= last
    end = None
    if chosen.is_compared:
        places = select(row.proven_at, row.id).where(*wanted, until)
        places = places.order_by(row.proven_at, row.id).offset(looked_at - 1).limit(1)
        if (found := db.execute(places).first()) is not None:
            end = (found[0] or 0, found[1])
            until = (row.proven_at <= end[0]) & (_placed <= tuple_(*end))
    return _read(db, [*wanted, until, *_of_key(chosen)], length), end


def _dates(web: Web, chosen: Filter, after: Cursor) -> tuple[_Place, int]:
    """Return what the first piece comes after, and the last date that a proof may have.

    The date 0 is a piece that nobody holds.
    """
    now = web.clock.now()
    fresh_since = now - web.settings.proof_seconds
    first, last = {
        "proven": (fresh_since + 1, _NO_DATE),
        "due": (1, fresh_since),
        "missing": (0, 0),
    }.get(chosen.piece, (0, _NO_DATE))
    if chosen.days:
        first, last = max(first, 1), min(last, now - int(chosen.days) * DAY_SECONDS)
    return max((after.at, after.after), (first, "")), last


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


def domain_of(db: Session, web: Web, hashed: str) -> str | None:
    """Return the mail domain that a keyed hash (64 hex digits) stands for, None if nobody's."""
    row = CustodyRow
    query = select(row).where(row.domain_hash == bytes.fromhex(hashed), row.proven_at >= 0)
    piece = db.scalars(query.order_by(row.proven_at, row.id).limit(1)).first()
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
    """Return what is told of a piece: role, number, state, dates, whether its proof still counts.

    The number is how that on a contact's card begins: it tells apart contacts without names.
    """
    return {
        "role": line.role,
        "number": line.id[:8],
        "state": line.state,
        "share_at": line.last_share_at,
        "check_at": line.last_check_at,
        "is_fresh": piece_state(line, now, fresh) == "proven",
    }
