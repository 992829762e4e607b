"""Reading the ledger for people and programs: entries, checkpoints, proofs, keys.

Whoever reads here holds no key of the custodian; what is handed out carries its own evidence, so
that clients check it: an entry's leaf stands in the tree of a signed checkpoint. Entries are handed
out only once they do.
"""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, Row, and_, false, func, or_, select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.db import Database
from escrow.errors import NotFound, Unavailable
from escrow.ledger.models import CheckpointRow, LedgerEvent, LedgerNode
from escrow.protocol import ledger, tree
from escrow.protocol.encoding import b64url, sha256
from escrow.protocol.errors import ProtocolError

WAIT_SECONDS = 10.0
PAGE = 100
ATTESTABLE_SECONDS = 86400
_POLL_SECONDS = 0.05
# At most this many entries' nodes in one statement, some tens of each: SQLite takes 1000 terms.
_PROVEN_AT_ONCE = 20


class NotSequenced(Unavailable):
    """The ledger has not taken this up yet. Try again in a few seconds."""


def newest_checkpoint(db: Session) -> CheckpointRow | None:
    """Return the newest signed checkpoint, None for a ledger that has none yet."""
    return db.scalars(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)).first()


def checkpoint_is_recent(db: Session, checkpoint_hash: bytes, now: int) -> bool:
    """Tell whether an attestation may name this checkpoint: under 24 hours old, or the newest."""
    query = select(CheckpointRow).where(CheckpointRow.hash == checkpoint_hash)
    found = db.scalars(query).first()
    newest = newest_checkpoint(db)
    if found is None or newest is None:
        return False
    return found.size == newest.size or found.at > now - ATTESTABLE_SECONDS


def entries_of(
    db: Session,
    *,
    deposit: str | None = None,
    custody: str | None = None,
    recovery: str | None = None,
    after: int = -1,
    limit: int = PAGE,
) -> list[LedgerEvent]:
    """Return entries in a signed checkpoint, by index, behind `after`; erased ones are left out.

    With `deposit` all of the deposit's. With `custody` as well, what its contact may see: those of
    the custody and of the deposit's recoveries.
    """
    which: list[ColumnElement[bool]] = []
    if deposit is not None and custody is not None:
        of_recoveries = and_(LedgerEvent.deposit == deposit, LedgerEvent.recovery.is_not(None))
        which = [or_(LedgerEvent.custody == custody, of_recoveries)]
    elif deposit is not None:
        which = [LedgerEvent.deposit == deposit]
    elif custody is not None:
        which = [LedgerEvent.custody == custody]
    if recovery is not None:
        which.append(LedgerEvent.recovery == recovery)
    if not which:
        raise ValueError("entries of what?")
    return _signed(db, which, after, limit)


def _signed(
    db: Session, which: Iterable[ColumnElement[bool]], after: int, limit: int
) -> list[LedgerEvent]:
    newest = newest_checkpoint(db)
    query = (
        select(LedgerEvent)
        .where(
            *which,
            LedgerEvent.index > after,
            LedgerEvent.index < (newest.size if newest else 0),
            LedgerEvent.body.is_not(None),
        )
        .order_by(LedgerEvent.index)
        .limit(limit)
    )
    return list(db.scalars(query))


def entry_document(row: LedgerEvent | Row[*tuple[Any, ...]]) -> dict[str, object]:
    """Return what is handed out of an entry."""
    return {
        "index": row.index,
        "author": row.author,
        "nonce": b64url(row.nonce or b""),
        "event": b64url(row.body or b""),
    }


def entry_page(rows: Sequence[LedgerEvent]) -> dict[str, Any]:
    """Return a page of entries, and what the next one is after."""
    following = rows[-1].index if len(rows) == PAGE else None
    return {"events": [entry_document(row) for row in rows], "next": following}


def entry_of(db: Session, event_id: str) -> LedgerEvent | None:
    """Return the entry of an event once it stands in a signed checkpoint."""
    found = _signed(db, [LedgerEvent.id == event_id], -1, 1)
    return found[0] if found else None


def newest_of(db: Session, kind: str, **subject: str) -> LedgerEvent | None:
    """Return the newest entry of a type (about one subject) that stands in a signed checkpoint."""
    newest = newest_checkpoint(db)
    query = (
        select(LedgerEvent)
        .where(
            LedgerEvent.type == kind,
            LedgerEvent.index < (newest.size if newest else 0),
            LedgerEvent.body.is_not(None),
        )
        .filter_by(**subject)
        .order_by(LedgerEvent.index.desc())
        .limit(1)
    )
    return db.scalars(query).first()


def wait_sequenced(web: Web, event_id: str, timeout: float = WAIT_SECONDS) -> int:
    """Wait, outside any transaction, until an event stands in a signed checkpoint; its index.

    Raises NotSequenced after `timeout` seconds, or at once when the ledger has refused the event.
    """
    end = time.monotonic() + timeout
    while True:
        with web.database.reading() as db:
            row = entry_of(db, event_id)
            if row is not None and row.index is not None:
                return row.index
            query = select(LedgerEvent.refused).where(LedgerEvent.id == event_id)
            if db.scalars(query).first() is not None:
                raise NotSequenced("The ledger has refused this. Tell the provider.")
        if time.monotonic() >= end:
            raise NotSequenced
        time.sleep(_POLL_SECONDS)


class _Nodes:
    """Stored subtrees, fetched in one query: a first walk says which ones a proof needs."""

    def __init__(self, db: Session) -> None:
        self._db = db
        self._wanted: set[tuple[int, int]] = set()
        self._found: dict[tuple[int, int], bytes] = {}

    def want(self, level: int, index: int) -> bytes:
        self._wanted.add((level, index))
        return tree.EMPTY_ROOT

    def fetch(self) -> None:
        # One by one: for a list of pairs SQLite reads the whole table, two million rows.
        named = [
            and_(LedgerNode.level == level, LedgerNode.index == index)
            for level, index in sorted(self._wanted)
        ]
        query = select(LedgerNode).where(or_(false(), *named))
        self._found = {(row.level, row.index): row.hash for row in self._db.scalars(query)}
        if len(self._found) != len(self._wanted):
            raise Unavailable

    def read(self, level: int, index: int) -> bytes:
        return self._found[level, index]


def inclusion(db: Session, index: int) -> str:
    """Prove that an entry stands in the newest checkpoint: a tlog-proof as text.

    Raises NotFound for an entry that is not in it, Unavailable before the first checkpoint.
    """
    checkpoint = needed_checkpoint(db)
    nodes = _Nodes(db)
    try:
        tree.inclusion_proof(index, checkpoint.size, nodes.want)
    except ProtocolError:
        raise NotFound from None
    nodes.fetch()
    siblings = tree.inclusion_proof(index, checkpoint.size, nodes.read)
    return ledger.Proof(index, tuple(siblings), checkpoint.note).text


def siblings(
    db: Session, indexes: Sequence[int], checkpoint: CheckpointRow
) -> dict[int, list[bytes]]:
    """Return for many entries at once the hashes by which each stands in a checkpoint.

    Raises NotFound for an entry that is not in it.
    """
    found: dict[int, list[bytes]] = {}
    for start in range(0, len(indexes), _PROVEN_AT_ONCE):
        some, nodes = indexes[start : start + _PROVEN_AT_ONCE], _Nodes(db)
        try:
            for index in some:
                tree.inclusion_proof(index, checkpoint.size, nodes.want)
        except ProtocolError:
            raise NotFound from None
        nodes.fetch()
        found |= {i: tree.inclusion_proof(i, checkpoint.size, nodes.read) for i in some}
    return found


def consistency(db: Session, old_size: int) -> tuple[list[bytes], CheckpointRow]:
    """Prove that the newest checkpoint continues the tree of `old_size` entries.

    The proof from the empty ledger is empty. Raises NotFound when there is no such older tree,
    Unavailable before the first checkpoint.
    """
    checkpoint = needed_checkpoint(db)
    if old_size == 0:
        return [], checkpoint
    nodes = _Nodes(db)
    try:
        tree.consistency_proof(old_size, checkpoint.size, nodes.want)
    except ProtocolError:
        raise NotFound from None
    nodes.fetch()
    return tree.consistency_proof(old_size, checkpoint.size, nodes.read), checkpoint


def needed_checkpoint(db: Session) -> CheckpointRow:
    """Return the newest checkpoint; raises Unavailable before the first one."""
    checkpoint = newest_checkpoint(db)
    if checkpoint is None:
        raise Unavailable("The ledger has not begun yet. Try again in a few seconds.")
    return checkpoint


@dataclass(frozen=True)
class CurrentKeys:
    """The keys that the ledger names, each use's newest last in `changes`."""

    changes: tuple[Row[*tuple[Any, ...]], ...] = field(repr=False)
    _ledger: tuple[tuple[bytes, int], ...] = field(repr=False)
    _provider: tuple[tuple[bytes, int], ...] = field(repr=False)

    @property
    def ledger_vkey(self) -> str:
        """The verifier key of the ledger."""
        return self._ledger[-1][0].decode()

    @property
    def provider_key(self) -> bytes:
        """The public key (1216 bytes) that provider shares are sealed to."""
        return self._provider[-1][0]

    @property
    def ages(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """How many keys there are, since when the present one: of the ledger, of the provider."""
        ledger, provider = self._ledger, self._provider
        return (len(ledger), ledger[-1][1]), (len(provider), provider[-1][1])

    def ledger_vkeys_since(self, time: int) -> list[str]:
        """Return the verifier keys that were the present one at `time` or later, newest first."""
        return [key.decode() for key in _since(self._ledger, time)]

    def provider_hashes_since(self, time: int) -> set[bytes]:
        """Return the SHA-256 of each of `provider_keys_since`."""
        return {_hash_of(key) for key in self.provider_keys_since(time)}

    def provider_keys_since(self, time: int) -> list[bytes]:
        """Return the provider's keys that were the present one at `time` or later, newest first."""
        return _since(self._provider, time)


def _since(keys: tuple[tuple[bytes, int], ...], time: int) -> list[bytes]:
    ends = [at for _, at in keys[1:]]
    old = [key for (key, _), end in zip(keys, ends, strict=False) if end > time]
    return [keys[-1][0], *reversed(old)]


# Made once: every enrolment asks, and to put a statement together costs more than to run it.
_KEY_CHANGES = (
    select(
        LedgerEvent.index, LedgerEvent.author, LedgerEvent.nonce, LedgerEvent.body, LedgerEvent.at
    )
    .where(
        LedgerEvent.type == "key changed",
        LedgerEvent.index < select(func.max(CheckpointRow.size)).scalar_subquery(),
        LedgerEvent.body.is_not(None),
    )
    .order_by(LedgerEvent.index)
    .limit(1000)
)


_hash_of = lru_cache(maxsize=64)(sha256)


@lru_cache(maxsize=64)
def _change(body: bytes) -> tuple[str, bytes]:
    """Return (use, new key) of a `key changed` entry; every enrolment asks for the same few."""
    data = ledger.Event.parse(body).data
    return data["use"], data["new"]


# The index of the newest change: as long as it is the same, the keys are.
NEWEST_KEY_CHANGE = (
    select(func.max(LedgerEvent.index))
    .where(
        LedgerEvent.type == "key changed",
        LedgerEvent.index < select(func.max(CheckpointRow.size)).scalar_subquery(),
    )
    .scalar_subquery()
)
_kept: WeakKeyDictionary[Database, tuple[int, CurrentKeys]] = WeakKeyDictionary()


def keys_since_change(database: Database, db: Session, newest: int | None) -> CurrentKeys:
    """Return the current keys; `newest` is what NEWEST_KEY_CHANGE has said in this transaction."""
    kept = _kept.get(database)
    if kept is None or kept[0] != newest:
        kept = (-1 if newest is None else newest, current_keys(db))
        _kept[database] = kept
    return kept[1]


def current_keys(db: Session) -> CurrentKeys:
    """Return the keys by the `key changed` entries; raises Unavailable while there are none."""
    changes = db.execute(_KEY_CHANGES).all()
    keys: dict[str, list[tuple[bytes, int]]] = {"ledger": [], "provider": []}
    for row in changes:
        use, new = _change(row.body or b"")
        keys[use].append((new, row.at))
    if not (keys["ledger"] and keys["provider"]):
        raise Unavailable("The ledger has not begun yet. Try again in a few seconds.")
    return CurrentKeys(tuple(changes), tuple(keys["ledger"]), tuple(keys["provider"]))


def shortest_wait(db: Session, configured: int) -> int:
    """Return the shortest wait of a recovery in seconds: as configured, or as owners decided.

    The custodian decides by its own reading (`escrow.custodian.waits`); a shorter wish in a
    deposit's description is lengthened when a recovery is opened.
    """
    changed = newest_of(db, "wait changed")
    if changed is None or changed.body is None:
        return configured
    decided: int = ledger.Event.parse(changed.body).data["seconds"]
    return max(configured, decided)
