"""Reading sequenced entries so that a forged row cannot be mistaken for one.

Each entry carries the custodian's MAC over index, author, nonce and bytes. Columns are only there
to find rows by; they must say what the bytes say, or the row is forged. A row whose contents were
erased must carry the custodian's MAC of that erasure: nobody hides a veto by emptying its row.
"""

import hmac
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from escrow.custodian.keys import CustodianKeys
from escrow.errors import Unavailable
from escrow.ledger.models import LedgerEvent
from escrow.protocol import ledger, tree
from escrow.protocol.encoding import pae
from escrow.protocol.errors import Malformed

_COLUMNS = ("id", "type", "account", "deposit", "custody", "recovery", "at")


class LedgerStopped(Unavailable):
    """Nothing more is taken into the ledger until an operator has looked."""


class LedgerDamaged(LedgerStopped):
    """The ledger was changed from outside the service. Nothing more is done; tell the provider."""


class ForgedEntry(LedgerDamaged):
    """An entry of the ledger was changed from outside the service. Tell the provider."""


@dataclass(frozen=True)
class Entry:
    """One sequenced entry, its MAC checked."""

    index: int
    author: str
    event: ledger.Event
    nonce: bytes = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def at(self) -> int:
        """When it was sequenced, in Unix seconds."""
        return self.event.at

    @property
    def leaf_hash(self) -> bytes:
        """The hash of its leaf in the tree."""
        return tree.leaf_hash(ledger.leaf_data(self.nonce, self.body))


class Entries:
    """Verified entries of one transaction, in the order of the ledger; erased ones are left out.

    Every method raises ForgedEntry.
    """

    def __init__(self, db: Session, keys: CustodianKeys) -> None:
        self._db = db
        self._key = keys.mac_key

    def of_account(self, account: str, *types: str) -> list[Entry]:
        """Return the entries of an account, its deposits' included; only of some types if given."""
        which = LedgerEvent.account == account
        return self._all(which & LedgerEvent.type.in_(types) if types else which)

    def of_deposit(self, deposit: str) -> list[Entry]:
        """Return the entries of a deposit, its custodies' and recoveries' included."""
        return self._all(LedgerEvent.deposit == deposit)

    def of_custody(self, custody: str) -> list[Entry]:
        """Return the entries of a custody."""
        return self._all(LedgerEvent.custody == custody)

    def of_recovery(self, recovery: str) -> list[Entry]:
        """Return the entries of a recovery."""
        return self._all(LedgerEvent.recovery == recovery)

    def of_types(self, *types: str) -> list[Entry]:
        """Return all entries of some types, of which there are few."""
        return self._all(LedgerEvent.type.in_(types))

    def newest(self, kind: str, before: int | None = None) -> Entry | None:
        """Return the newest entry of a type (that stands before an index), if there is one."""
        query = select(LedgerEvent).where(LedgerEvent.type == kind, LedgerEvent.index.is_not(None))
        if before is not None:
            query = query.where(LedgerEvent.index < before)
        found = self._db.scalars(query.order_by(LedgerEvent.index.desc()).limit(1)).first()
        return None if found is None else self.one(found)

    def between(self, start: int, stop: int) -> list[Entry | None]:
        """Return the entries start … stop−1, None for an erased one; raises for a gap too."""
        query = (
            select(LedgerEvent)
            .where(LedgerEvent.index >= start, LedgerEvent.index < stop)
            .order_by(LedgerEvent.index)
        )
        rows = self._db.scalars(query).all()
        if [row.index for row in rows] != list(range(start, stop)):
            raise LedgerDamaged("There is a gap in the ledger.")
        return [None if row.body is None else self.one(row) for row in rows if self._is_read(row)]

    def _all(self, which: ColumnElement[bool]) -> list[Entry]:
        query = select(LedgerEvent).where(which, LedgerEvent.index.is_not(None))
        rows = self._db.scalars(query.order_by(LedgerEvent.index)).all()
        return [self.one(row) for row in rows if self._is_read(row) and row.body is not None]

    def _is_read(self, row: LedgerEvent) -> bool:
        """Refuse a row that was emptied by anybody but the custodian."""
        if row.body is None and not ledger.same_mac(row.mac, erased_mac(self._key, row)):
            raise ForgedEntry
        return True

    def one(self, row: LedgerEvent) -> Entry:
        """Check one sequenced row."""
        if row.index is None or row.body is None or row.nonce is None or row.refused is not None:
            raise ForgedEntry
        expected = ledger.sequenced_mac(self._key, row.index, row.author, row.nonce, row.body)
        if not ledger.same_mac(row.mac, expected):
            raise ForgedEntry
        try:
            event = ledger.Event.parse(row.body)
        except Malformed:  # cannot be: the custodian's MAC is on it
            raise ForgedEntry from None
        if any(getattr(row, name) != getattr(event, name) for name in _COLUMNS):
            raise ForgedEntry
        return Entry(row.index, row.author, event, row.nonce, row.body)

    def check_whole(self, size: int) -> None:
        """Refuse a ledger that has not exactly the entries 0 … size−1; raises LedgerDamaged."""
        query = select(func.count(), func.max(LedgerEvent.index)).where(
            LedgerEvent.index.is_not(None)
        )
        count, top = self._db.execute(query).one()
        if count != size or (size and top != size - 1):
            raise LedgerDamaged("There is a gap in the ledger.")


def erased_mac(key: bytes, row: LedgerEvent) -> bytes:
    """Authenticate that the custodian erased a row, with all that its columns still say."""
    message = pae("escrow/v1/erased", row.index, *(getattr(row, name) for name in _COLUMNS))
    return hmac.digest(key, message, "sha256")


def erase(keys: CustodianKeys, row: LedgerEvent) -> None:
    """Delete what an entry says; its leaf stays in the tree."""
    row.body = None
    row.nonce = None
    row.mac = erased_mac(keys.mac_key, row)
