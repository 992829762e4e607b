"""Taking up the ledger: at start, after a failed pass, and when another custodian led before.

What stands outside the database decides. Always true between two steps of a pass is

    newest checkpoint in the database ≤ checkpoint outside ≤ entries in the database

so that a database with fewer entries than the outside checkpoint, or with others, is a restored
backup, and a checkpoint in the database that is newer than the one outside means that the outside
files are old. Both are refused. What a crash left is completed.
"""

import logging
from dataclasses import dataclass

from sqlalchemy import delete, func, insert, select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, Entry, LedgerDamaged
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside, OutsideDamaged
from escrow.custodian.sequencer import Batch, line_of, node_rows
from escrow.custodian.signing import publish, store
from escrow.db import Database
from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.ledger.models import LedgerEvent, LedgerNode
from escrow.ledger.read import newest_checkpoint
from escrow.protocol import note, tree
from escrow.protocol.errors import ProtocolError

CHECKED_ENTRIES = 1000
_CHUNK = 5000
_log = logging.getLogger(__name__)


class DatabaseBehind(ConfigurationError):
    """The database does not have what the custodian has promised outside it: a restored backup."""

    def __init__(self, have: int, promised: int) -> None:
        super().__init__(
            N_(
                "The database has {have} of the {promised} ledger entries that were signed, or "
                "others in their place: it is a restored backup, or not the database of this "
                "custodian. It would bring back vetoed recoveries, spent codes and destroyed "
                "shares. If the newer database still exists, go back to it. If not, two operators "
                "must approve to go on with this one (escrow server custodian --resume)."
            ),
            have=have,
            promised=promised,
        )


class OutsideBehind(OutsideDamaged):
    """The files outside the database are older than the database."""

    def __init__(self, have: int, signed: int) -> None:
        super().__init__(
            f"The files outside the database end at entry {have}, and the database has a signed "
            f"checkpoint of {signed}. They are an old copy, and vetoes and freezes may be missing "
            "from them: bring back the newest ones."
        )


def take_up(database: Database, keys: CustodianKeys, outside: Outside) -> None:
    """Check database against files and complete what a crash left undone.

    Raises DatabaseBehind, OutsideBehind, OutsideDamaged or LedgerDamaged; nothing is changed then.
    """
    undone = check(database, keys, outside)
    if not undone.nodes_hold:
        _log.critical("nodes of the ledger's tree were damaged and are made anew")
        with database.transaction() as db:
            rebuild_nodes(db, outside)
    if not undone.has_row and outside.size:
        with database.transaction() as db:
            store(db, keys, outside)
    if entries := undone.entries:
        lines = tuple(line for entry in entries if (line := line_of(entry.event)) is not None)
        leaves = tuple(entry.leaf_hash for entry in entries)
        publish(database, keys, outside, Batch(leaves, lines, entries[-1].at))


@dataclass(frozen=True)
class Undone:
    """What a crash left: entries that are not outside yet, no checkpoint row, wrong nodes."""

    entries: list[Entry]
    has_row: bool
    nodes_hold: bool


def check(database: Database, keys: CustodianKeys, outside: Outside) -> Undone:
    """Check as `take_up` does, and change nothing."""
    outside.reload()
    if outside.checkpoint.origin != keys.origin:
        raise OutsideDamaged(
            N_("The files in {path} are of another ledger."), path=outside.directory
        )
    with database.reading() as db:
        size = database_size(db)
        entries = Entries(db, keys)
        entries.check_whole(size)
        _check_checkpoint(db, keys, outside)
        if size < outside.size:
            raise DatabaseBehind(size, outside.size)
        _check_last(entries, outside)
        behind = _entries(entries, outside.size, size)
        newest = newest_checkpoint(db)
        has_row = newest is not None and newest.size == outside.size
        nodes_hold = _nodes_hold(db, outside)
    return Undone(behind, has_row, nodes_hold)


def database_size(db: Session) -> int:
    """Return how many entries the database has."""
    query = select(func.count()).where(LedgerEvent.index.is_not(None))
    return int(db.execute(query).scalar_one())


def _check_checkpoint(db: Session, keys: CustodianKeys, outside: Outside) -> None:
    """Refuse a checkpoint row that is newer than the files, or not what we signed."""
    newest = newest_checkpoint(db)
    if newest is None:
        return
    try:
        verifiers = [signer.verifier for signer in keys.ledger]
        found = note.Checkpoint.parse(note.verify(newest.note, verifiers))
    except ProtocolError:
        raise LedgerDamaged("The newest checkpoint is not one that we signed.") from None
    if found.size != newest.size or found.hash != newest.hash:
        raise LedgerDamaged("The newest checkpoint is not one that we signed.")
    if found.size > outside.checkpoint.size:
        raise OutsideBehind(outside.checkpoint.size, found.size)
    if found.size == outside.checkpoint.size and found.root != outside.checkpoint.root:
        raise LedgerDamaged("The newest checkpoint is not the one outside the database.")


def _check_last(entries: Entries, outside: Outside) -> None:
    """Compare the last signed entries with their leaves: other entries are another history."""
    wrong = first_wrong(entries, outside, max(0, outside.size - CHECKED_ENTRIES), outside.size)
    if wrong is not None:
        raise DatabaseBehind(wrong, outside.size)


def first_wrong(entries: Entries, outside: Outside, start: int, stop: int) -> int | None:
    """Name the first of the entries start … stop−1 that is not the leaf outside the database.

    Raises LedgerDamaged for a gap or a wrong MAC.
    """
    leaves = outside.leaves(start, stop)
    for entry, leaf in zip(entries.between(start, stop), leaves, strict=True):
        if entry is not None and entry.leaf_hash != leaf:
            return entry.index
    return None


def _entries(entries: Entries, start: int, stop: int) -> list[Entry]:
    found = entries.between(start, stop)
    if any(entry is None for entry in found):
        raise LedgerDamaged("An entry that was never signed is gone.")
    return [entry for entry in found if entry is not None]


def _nodes_hold(db: Session, outside: Outside) -> bool:
    def node(level: int, index: int) -> bytes:
        found = db.get(LedgerNode, (level, index))
        return b"" if found is None else found.hash

    return tree.Frontier.load(outside.size, node).root() == outside.frontier.root()


def rebuild_nodes(db: Session, outside: Outside) -> None:
    """Make the stored nodes of the tree anew, from the leaves outside the database."""
    frontier = tree.Frontier()
    db.execute(delete(LedgerNode))
    for start in range(0, outside.size, _CHUNK):
        nodes: list[tuple[int, int, bytes]] = []
        for leaf in outside.leaves(start, min(start + _CHUNK, outside.size)):
            nodes += frontier.append(leaf)
        db.execute(insert(LedgerNode), node_rows(nodes))
