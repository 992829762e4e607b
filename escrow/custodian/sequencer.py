"""The sequencer: gives checked events their index and time, and grows the tree.

One transaction takes a batch: each event gets the next index, the custodian's time (never below the
one before), a fresh nonce and the MAC that counts from now on; the nodes of the tree go in with it.
What is already sequenced must still be there: an index that is missing or not ours stops
everything, because something that was decided from may have been taken away.
"""

import copy
import secrets
import time
from dataclasses import dataclass, replace

from sqlalchemy import Select, case, insert, select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, LedgerDamaged, LedgerStopped
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.rules import Refused, Rules
from escrow.ledger.models import LedgerEvent, LedgerNode
from escrow.protocol import ledger, tree
from escrow.webkeys import WebKeys

BATCH = 256
MAX_STEP_SECONDS = 36 * 3600
LINES = {
    "recovery frozen": ("recovery", "frozen"),
    "recovery unfrozen": ("recovery", "unfrozen"),
    "recovery vetoed": ("recovery", "cancelled"),
    "recovery expired": ("recovery", "cancelled"),
    "deposit destroyed": ("deposit", "destroyed"),
    "admin removed": ("admin", "removed"),
}


class ClockStep(LedgerStopped):
    """The clock has gone on too far since the last entry. An operator must say that it is right."""


@dataclass(frozen=True)
class Batch:
    """What was sequenced and is not yet outside the database and signed."""

    leaves: tuple[bytes, ...] = ()
    lines: tuple[tuple[str, str], ...] = ()
    at: int = 0
    refused: tuple[tuple[str, str], ...] = ()


def line_of(event: ledger.Event) -> tuple[str, str] | None:
    """Return the line that an event asks for outside the database, if any."""
    if event.type not in LINES:
        return None
    subject, word = LINES[event.type]
    # Admins are no subject of events: who it is stands in the data.
    return str(event.data[subject] if subject == "admin" else getattr(event, subject)), word


def has_pending(db: Session) -> bool:
    """Tell whether there is anything to sequence."""
    return db.scalars(_pending().limit(1)).first() is not None


def _pending() -> Select[LedgerEvent]:
    keys_first = case((LedgerEvent.type == "key changed", 0), else_=1)
    return (
        select(LedgerEvent)
        .where(LedgerEvent.index.is_(None), LedgerEvent.refused.is_(None))
        .order_by(keys_first, LedgerEvent.position)
    )


class Sequencer:
    """Takes events up, one transaction a batch."""

    def __init__(self, keys: CustodianKeys, web_keys: WebKeys) -> None:
        self._keys = keys
        self._rules = Rules(keys, web_keys)

    def run(self, db: Session, outside: Outside, now: int, accepted_step: int = 0) -> Batch:
        """Sequence up to 256 events in the caller's transaction.

        `now` is the clock's time; the caller publishes what is returned only after the commit.
        Raises LedgerDamaged when the newest entry is not the one that we sequenced last, ClockStep
        when `now` is more than 36 hours later than it (`accepted_step`: an operator has said that
        the time up to this one is right).
        """
        self._check_newest(db, outside)
        rows = db.scalars(_pending().limit(BATCH)).all()
        if rows:
            check_step(outside.at, now, accepted_step)
        at = max(now, outside.at)
        frontier = copy.deepcopy(outside.frontier)
        leaves, lines, refused, nodes = [], [], [], []
        known = self._rules.known(db, rows)
        for row in rows:
            try:
                event = replace(self._rules.check(db, row, known), at=at)
            except Refused as refusal:
                row.refused = refusal.reason
                refused.append((row.id, refusal.reason))
                continue
            index = frontier.size
            leaf = self._take_up(row, event, index)
            nodes += frontier.append(leaf)
            leaves.append(leaf)
            if (line := line_of(event)) is not None:
                lines.append(line)
        db.flush()
        if nodes:
            db.execute(insert(LedgerNode), node_rows(nodes))
        return Batch(tuple(leaves), tuple(lines), at, tuple(refused))

    def _check_newest(self, db: Session, outside: Outside) -> None:
        query = (
            select(LedgerEvent)
            .where(LedgerEvent.index.is_not(None))
            .order_by(LedgerEvent.index.desc())
            .limit(1)
        )
        newest = db.scalars(query).first()
        size = 0 if newest is None else (newest.index or 0) + 1
        if size != outside.size:
            raise LedgerDamaged("The newest entry is not the one that was sequenced last.")
        if newest is not None and newest.body is not None:
            entry = Entries(db, self._keys).one(newest)
            if entry.leaf_hash != outside.leaves(size - 1, size)[0]:
                raise LedgerDamaged("The newest entry is not the one that was sequenced last.")

    def _take_up(self, row: LedgerEvent, event: ledger.Event, index: int) -> bytes:
        row.index = index
        row.at = event.at
        row.body = event.bytes
        row.nonce = secrets.token_bytes(ledger.NONCE_LENGTH_BYTES)
        row.mac = ledger.sequenced_mac(self._keys.mac_key, index, row.author, row.nonce, row.body)
        return tree.leaf_hash(ledger.leaf_data(row.nonce, row.body))


def node_rows(nodes: list[tuple[int, int, bytes]]) -> list[dict[str, int | bytes]]:
    """Write nodes as rows of `ledger_node`."""
    return [{"level": level, "index": index, "hash": hashed} for level, index, hashed in nodes]


def check_step(last: int, now: int, accepted_step: int) -> None:
    """Refuse a clock that went on by more than 36 hours without an operator's word."""
    if last and now - last > MAX_STEP_SECONDS and now > accepted_step:
        raise ClockStep(
            f"The clock says {utc(now)}, and the last entry is of {utc(last)}: more than 36 hours. "
            "If the clock is right, start the custodian (or `escrow server run`) with "
            "--accept-clock and the present time."
        )


def utc(at: int) -> str:
    """Write a time for operators, who compare it with another clock."""
    return time.strftime("%Y-%m-%d %H:%M (UTC)", time.gmtime(at))
