"""Reports that prove themselves: for whoever has neither the service nor our word.

What a report says of a deposit is taken from the ledger's entries, not from the tables, and each
entry goes with its proof (see `escrow.custodyreport`). Every report is an entry of the ledger too.
"""

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from escrow import custodyreport
from escrow.account.models import Account
from escrow.admin import custody, exporting
from escrow.admin.filters import Cursor, Filter
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import Deposit
from escrow.errors import NotFound
from escrow.ledger import read
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.protocol.ledger import Event

PART = 50
Line = dict[str, object]


def of_keys(
    db: Session, web: Web, actor: Actor, chosen: Filter, after: Cursor
) -> tuple[bytes, Cursor | None]:
    """Return a report on a part of the list of keys, and what the next part is after.

    Raises Unavailable before the ledger's first checkpoint.
    """
    lines, following = custody.page(db, web, chosen, after, PART, exporting.LOOKED_AT)
    order = list(dict.fromkeys(line.deposit.id for line in lines))
    # A line of a list has no manifest, and a report says what each piece is by it.
    whole = select(Deposit).where(Deposit.id.in_(order)).execution_options(populate_existing=True)
    found = {row.id: row for row in db.scalars(whole)}
    about = f"list of keys ({chosen.told()})"
    rows = [found[identifier] for identifier in order]
    return _made(db, web, f"admin {actor.admin}", about, rows), following


def of_deposit(db: Session, web: Web, by: str, deposit: str) -> bytes:
    """Return a report on one deposit with its description; raises NotFound, Unavailable."""
    row = custodies.find_deposit(db, deposit)
    subjects = {"account": row.account, "deposit": row.id}
    return _made(db, web, by, f"key {deposit}", [row], is_detailed=True, **subjects)


def of_account(db: Session, web: Web, by: str, account: str) -> bytes:
    """Return a report on all that an account has had; raises NotFound, Unavailable."""
    if db.get(Account, account) is None:
        raise NotFound
    owned = select(Deposit).where(Deposit.account == account).order_by(Deposit.created_at)
    rows = list(db.scalars(owned))
    about = f"account {account}"
    return _made(db, web, by, about, rows, is_detailed=True, account=account)


def _made(
    db: Session,
    web: Web,
    by: str,
    about: str,
    rows: list[Deposit],
    *,
    is_detailed: bool = False,
    **subjects: str,
) -> bytes:
    """Write a report, and say `admin exported` with its SHA-256 in the same transaction."""
    newest = read.needed_checkpoint(db)
    vkey = read.current_keys(db).ledger_vkey
    of_itself = _of_account(db, newest, subjects["account"]) if [*subjects] == ["account"] else []
    data = custodyreport.write(
        {
            "made_at": web.clock.now(),
            "host": vkey.partition("/")[0],
            "by": by,
            "about": about[:200],
            "ledger_vkey": vkey,
            "checkpoint": newest.note,
            "entries": of_itself,
            "deposits": [
                line for row in rows if (line := _line(db, newest, row, is_detailed)) is not None
            ],
        }
    )
    exporting.say(db, web, f"report on {about} by {by}"[:200], data, **subjects)
    return data


def _line(db: Session, newest: CheckpointRow, row: Deposit, is_detailed: bool) -> Line | None:
    """Return what the ledger says of a deposit, None where it says nothing (any more)."""
    entries = _entries(db, newest, LedgerEvent.deposit == row.id)
    if not entries:
        return None
    told = custodyreport.told([Event.parse(entry.body or b"") for entry in entries])
    roles = {each.custody: each.role for each in custodies.manifest_of(row).custodies}
    return {
        "deposit": row.id,
        "account": told.account,
        "state": told.state,
        "manifest": row.manifest if is_detailed else None,
        "manifest_signature": row.manifest_signature if is_detailed else None,
        "pieces": custodyreport.summary(told, roles),
        "entries": _proven(db, newest, entries),
    }


def _of_account(db: Session, newest: CheckpointRow, account: str) -> list[Line]:
    """Return what the ledger says of an account itself."""
    of_itself = (LedgerEvent.account == account) & LedgerEvent.deposit.is_(None)
    return _proven(db, newest, _entries(db, newest, of_itself))


def _entries(db: Session, newest: CheckpointRow, which: ColumnElement[bool]) -> list[LedgerEvent]:
    query = select(LedgerEvent).where(
        which, LedgerEvent.index < newest.size, LedgerEvent.body.is_not(None)
    )
    return list(db.scalars(query.order_by(LedgerEvent.index)))


def _proven(db: Session, newest: CheckpointRow, entries: list[LedgerEvent]) -> list[Line]:
    indexes = [row.index for row in entries if row.index is not None]
    siblings = read.siblings(db, indexes, newest)
    return [
        {
            "index": row.index,
            "author": row.author,
            "nonce": row.nonce,
            "event": row.body,
            "siblings": siblings[row.index],
        }
        for row in entries
        if row.index is not None
    ]
