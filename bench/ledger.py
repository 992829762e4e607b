"""Part 4: the ledger at a million entries, beside SHA-256 alone; the sequencer."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import insert

from bench.measure import Line, Part, Timed, milliseconds, side_by_side
from escrow.clock import SystemClock
from escrow.config import Settings
from escrow.custodian import process
from escrow.custodian.sequencer import BATCH, Sequencer
from escrow.custodian.service import Custodian
from escrow.custodian.signing import publish
from escrow.custodian.takeup import rebuild_nodes
from escrow.db import Database
from escrow.install import install
from escrow.ledger import read
from escrow.ledger.append import Author, append
from escrow.ledger.models import CheckpointRow
from escrow.protocol import note, tree
from escrow.protocol.note import Checkpoint

ENTRIES = 10**6
SEQUENCED = 10 * BATCH


def run(entries: int = ENTRIES) -> Part:
    part = Part(
        "The ledger",
        f"A tree of {entries:,} entries. Its floor is two SHA-256 an entry: one for the leaf, one "
        "for the node above. Proofs are made from the nodes in memory, and from the table on "
        "SQLite as the web tier does, there with a tenth of the entries. The sequencer checks each "
        "event's MAC and rules, writes index, time, nonce and MAC, adds the nodes, and signs a "
        "checkpoint "
        f"every {BATCH} entries, with every fsync.",
    )
    directory = Path(tempfile.mkdtemp(prefix="escrow-bench-"))
    try:
        _in_memory(part, entries)
        custodian = _custodian(directory)
        try:
            _sequencer(part, custodian)
            _in_database(part, custodian, entries // 10)
        finally:
            custodian.database.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return part


def _leaves(count: int) -> list[bytes]:
    return [hashlib.sha256(i.to_bytes(8, "big")).digest() for i in range(count)]


def _in_memory(part: Part, entries: int) -> None:
    data = _leaves(entries)
    some = data[: entries // 10]
    leaf, pair = b"\x00" + bytes(32), b"\x01" + bytes(64)

    def floor() -> None:
        for _ in some:
            hashlib.sha256(leaf).digest()
            hashlib.sha256(pair).digest()

    def build(leaves: list[bytes]) -> tree.Frontier:
        frontier = tree.Frontier()
        for item in leaves:
            frontier.append(tree.leaf_hash(item))
        return frontier

    found = side_by_side({"floor": floor, "append": lambda: build(some)}, 15)
    scale = entries / len(some)
    ours, theirs = found["append"], found["floor"]
    part.add(
        Line(
            f"build the tree of {entries:,} leaves (from {len(some):,})",
            f"{ours.median * scale:.2f} s",
            f"2·{entries:,} SHA-256: {theirs.median * scale:.2f} s",
            ours.ratio(theirs),
        )
    )
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = tree.Frontier()
    for item in data:
        for level, index, hashed in frontier.append(tree.leaf_hash(item)):
            nodes[level, index] = hashed
    root = frontier.root()

    def node(level: int, index: int) -> bytes:
        return nodes[level, index]

    def included() -> list[bytes]:
        return tree.inclusion_proof(secrets.randbelow(entries), entries, node)

    index = entries // 3
    proof = tree.inclusion_proof(index, entries, node)
    consistent = tree.consistency_proof(index, entries, node)
    leaf_hash = tree.leaf_hash(data[index])
    old = build(data[:index]).root()
    tree.verify_consistency(index, entries, consistent, old, root)

    def twenty() -> None:
        for _ in range(20):
            hashlib.sha256(pair).digest()

    found = side_by_side(
        {
            "20 hashes": twenty,
            "inclusion": included,
            "consistency": lambda: tree.consistency_proof(
                1 + secrets.randbelow(entries), entries, node
            ),
            "verify": lambda: tree.verify_inclusion(leaf_hash, index, entries, proof, root),
        },
        40,
        calls=50,
    )
    _beside(part, "inclusion proof, from memory", found["inclusion"], found["20 hashes"])
    _beside(part, "consistency proof, from memory", found["consistency"], found["20 hashes"])
    _beside(part, "verify an inclusion proof", found["verify"], found["20 hashes"])


def _beside(part: Part, what: str, ours: Timed, hashes: Timed) -> None:
    beside = f"20 SHA-256: {milliseconds(hashes.median)}"
    part.add(Line(what, milliseconds(ours.median), beside, ours.ratio(hashes)))


def _custodian(directory: Path) -> Custodian:
    settings = Settings(
        data_dir=directory / "data", public_url="http://127.0.0.1:8080", demo=True
    ).check()
    install(settings, SystemClock())
    custodian = process.make(settings, SystemClock())
    while custodian.run_pass():
        pass
    return custodian


def _sequencer(part: Part, custodian: Custodian) -> None:
    database = custodian.database
    author = Author("web", custodian.web_keys.mac_key)
    with database.transaction() as db:
        for _ in range(SEQUENCED):
            said = {"addresses": [secrets.token_bytes(32)]}
            append(db, author, "address changed", said, account=secrets.token_hex(16))
    sequencer = Sequencer(custodian.keys, custodian.web_keys)
    now = custodian.clock.now()

    def sequence() -> None:
        with database.transaction() as db:
            batch = sequencer.run(db, custodian.outside, now)
        assert len(batch.leaves) == BATCH
        publish(database, custodian.keys, custodian.outside, batch)

    rounds = [_seconds(sequence) for _ in range(SEQUENCED // BATCH)]
    syncs = [_seconds(lambda: _four_syncs(custodian)) for _ in rounds]
    wall, used = Timed(tuple(w for w, _ in rounds)), Timed(tuple(c for _, c in rounds))
    part.add(
        Line(
            "sequencer on SQLite, wall clock",
            f"{BATCH / wall.median:.0f} entries/s",
            f"four fsyncs: {milliseconds(Timed(tuple(w for w, _ in syncs)).median)} of "
            f"{milliseconds(wall.median)} a batch",
        )
    )
    part.add(
        Line(
            "sequencer, processor time",
            f"{BATCH / used.median:.0f} entries/s",
            f"{milliseconds(used.median / BATCH)} an entry",
        )
    )


def _seconds(do: Callable[[], object]) -> tuple[float, float]:
    """Return wall-clock and processor time of one call."""
    start, used = time.perf_counter(), time.thread_time()
    do()
    return time.perf_counter() - start, time.thread_time() - used


def _four_syncs(custodian: Custodian) -> None:
    """What a batch must wait for: two commits, leaves, checkpoint."""
    path = custodian.outside.directory / "sync"
    with path.open("wb") as file:
        for _ in range(4):
            file.write(bytes(4096))
            file.flush()
            os.fsync(file.fileno())


def _in_database(part: Part, custodian: Custodian, entries: int) -> None:
    database, outside = custodian.database, custodian.outside
    leaves = [tree.leaf_hash(data) for data in _leaves(entries - outside.size)]
    outside.write_leaves(leaves)
    root = outside.frontier.root()
    checkpoint = Checkpoint(custodian.keys.origin, outside.size, root)
    outside.write_checkpoint(checkpoint, outside.at)
    pair = b"\x01" + bytes(64)

    def floor() -> None:
        for _ in range(entries // 5):
            hashlib.sha256(pair).digest()

    def rebuild() -> None:
        with database.transaction() as db:
            rebuild_nodes(db, outside)

    wall, used = _seconds(rebuild)
    _, hashing = _seconds(floor)
    part.add(
        Line(
            f"rebuild the table of nodes of {entries:,} entries",
            f"{used:.1f} s of processor time, {wall:.1f} s in all",
            f"2·{entries:,} SHA-256: {hashing * 10:.2f} s",
            used / (hashing * 10),
        )
    )
    row = {
        "size": checkpoint.size,
        "hash": checkpoint.hash,
        "at": outside.at,
        "note": note.sign(checkpoint.text, custodian.keys.ledger),
    }
    with database.transaction() as db:
        db.execute(insert(CheckpointRow), [row])
    found = side_by_side(
        {
            "inclusion": lambda: _inclusion(database, entries),
            "consistency": lambda: _consistency(database, entries),
        },
        100,
    )
    for name, timed in found.items():
        part.add(
            Line(
                f"{name} proof from the database, whole reading transaction",
                milliseconds(timed.median),
                "–",
            )
        )
    _, reloading = _seconds(outside.reload)
    part.add(
        Line(
            f"custodian takes up a leaf file of {entries:,} at start",
            f"{reloading:.2f} s",
            f"{entries:,} SHA-256: {hashing * 5:.2f} s",
            reloading / (hashing * 5),
        )
    )


def _inclusion(database: Database, entries: int) -> None:
    with database.reading() as db:
        read.inclusion(db, secrets.randbelow(entries))


def _consistency(database: Database, entries: int) -> None:
    with database.reading() as db:
        read.consistency(db, 1 + secrets.randbelow(entries))
