"""A restored backup, old files, damage: what a custodian refuses to start on, and what it mends."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update

from escrow.custodian.entries import LedgerDamaged
from escrow.custodian.outside import Outside, OutsideDamaged
from escrow.custodian.takeup import DatabaseBehind, OutsideBehind
from escrow.db import Base, Database
from escrow.ledger.models import CheckpointRow, LedgerNode
from escrow.protocol import note
from tests.custodian.rig import Rig, new_id


def rows(database: Database) -> dict[str, list[dict[str, object]]]:
    """Take a backup of every table."""
    with database.reading() as db:
        return {
            table.name: [dict(row._mapping) for row in db.execute(select(table))]
            for table in Base.metadata.sorted_tables
        }


def restore(database: Database, backup: dict[str, list[dict[str, object]]]) -> None:
    with database.transaction() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(delete(table))
        for table in Base.metadata.sorted_tables:
            if backup[table.name]:
                db.execute(insert(table), backup[table.name])


def refuses(rig: Rig, kind: type[Exception], match: str) -> None:
    """Check that a new custodian does not start, changes nothing, and says why."""
    before = rows(rig.database)
    files = {path.name: path.read_bytes() for path in rig.settings.outside_dir.iterdir()}
    for _ in range(2):
        try:
            custodian = rig.restart()
        except kind as error:
            assert match in str(error)
            continue
        with pytest.raises(kind, match=match):
            custodian.run_pass()
    assert rows(rig.database) == before
    assert {p.name: p.read_bytes() for p in rig.settings.outside_dir.iterdir()} == files


def test_a_database_behind_the_outside_files_is_refused(rig: Rig) -> None:
    rig.say()
    rig.settle()
    backup = rows(rig.database)
    rig.say()
    rig.settle()
    restore(rig.database, backup)
    refuses(rig, DatabaseBehind, "restored backup")


def test_a_vetoed_recovery_does_not_come_back(rig: Rig) -> None:
    backup = rows(rig.database)
    recovery = new_id()
    on: dict[str, Any] = {"account": new_id(), "deposit": new_id(), "recovery": recovery}
    rig.say("recovery vetoed", {"by": "customer"}, **on)
    rig.settle()
    restore(rig.database, backup)
    refuses(rig, DatabaseBehind, "two operators must approve")
    assert Outside(rig.settings.outside_dir).last_line(recovery) == "cancelled"


def test_an_empty_database_is_refused(rig: Rig) -> None:
    restore(rig.database, {table.name: [] for table in Base.metadata.sorted_tables})
    refuses(rig, DatabaseBehind, "0 of the 2")


def test_another_history_of_the_same_length_is_refused(
    rig: Rig, tmp_path: Path, database: Database
) -> None:
    """Somebody went on with a restored backup and other files: as many entries, but others."""
    backup = rows(rig.database)
    shutil.copytree(rig.settings.outside_dir, tmp_path / "copy")
    rig.say()
    rig.settle()
    shutil.copytree(rig.settings.outside_dir, tmp_path / "newer")
    restore(rig.database, backup)
    shutil.rmtree(rig.settings.outside_dir)
    shutil.copytree(tmp_path / "copy", rig.settings.outside_dir)
    rig.restart()
    rig.say()
    rig.settle()
    shutil.rmtree(rig.settings.outside_dir)
    shutil.copytree(tmp_path / "newer", rig.settings.outside_dir)
    with rig.database.transaction() as db:
        db.execute(delete(CheckpointRow).where(CheckpointRow.size == 3))
    refuses(rig, DatabaseBehind, "others in their place")


def test_old_outside_files_are_refused(rig: Rig, tmp_path: Path) -> None:
    shutil.copytree(rig.settings.outside_dir, tmp_path / "old")
    rig.say()
    rig.settle()
    shutil.rmtree(rig.settings.outside_dir)
    shutil.copytree(tmp_path / "old", rig.settings.outside_dir)
    refuses(rig, OutsideBehind, "old copy")


def test_new_outside_files_beside_an_old_database_are_refused(rig: Rig) -> None:
    rig.say()
    rig.settle()
    shutil.rmtree(rig.settings.outside_dir)
    Outside.create(rig.settings.outside_dir, rig.settings.origin)
    refuses(rig, OutsideBehind, "old copy")


def test_files_of_another_ledger_are_refused(rig: Rig) -> None:
    shutil.rmtree(rig.settings.outside_dir)
    Outside.create(rig.settings.outside_dir, "elsewhere/ledger")
    refuses(rig, OutsideDamaged, "another ledger")


@pytest.mark.parametrize("name", ["leaves", "lines", "checkpoint"])
def test_missing_files_are_refused(rig: Rig, name: str) -> None:
    (rig.settings.outside_dir / name).unlink()
    refuses(rig, OutsideDamaged, "is missing")


def test_a_forged_checkpoint_is_refused(rig: Rig) -> None:
    forged = note.Checkpoint(rig.settings.origin, 3, bytes(32))
    with rig.database.transaction() as db:
        row = db.get_one(CheckpointRow, 2)
        signature = row.note.partition("\n\n")[2]
        text = forged.text + "\n" + signature
        db.add(CheckpointRow(size=3, hash=forged.hash, at=row.at, note=text))
    refuses(rig, LedgerDamaged, "not one that we signed")


def test_an_old_checkpoint_under_a_new_size_is_refused(rig: Rig) -> None:
    with rig.database.transaction() as db:
        row = db.get_one(CheckpointRow, 2)
        db.add(CheckpointRow(size=3, hash=bytes(32), at=row.at, note=row.note))
    refuses(rig, LedgerDamaged, "not one that we signed")


def test_a_deleted_checkpoint_is_signed_again(rig: Rig) -> None:
    rig.say()
    rig.settle()
    with rig.database.transaction() as db:
        row = db.get_one(CheckpointRow, 3)
        text = row.note
        db.delete(row)
    rig.restart()
    rig.settle()
    with rig.database.reading() as db:
        assert db.get_one(CheckpointRow, 3).note == text
    rig.check()


@pytest.mark.parametrize("damage", ["delete", "change", "delete some"])
def test_damaged_nodes_are_made_anew_from_the_leaves(rig: Rig, damage: str) -> None:
    for _ in range(20):
        rig.say()
    rig.settle()
    with rig.database.transaction() as db:
        if damage == "delete":
            db.execute(delete(LedgerNode))
        elif damage == "change":
            db.execute(update(LedgerNode).where(LedgerNode.level == 4).values(hash=bytes(32)))
        else:
            db.execute(delete(LedgerNode).where(LedgerNode.level == 2))
    rig.restart()
    rig.settle()
    rig.check()


def test_ten_thousand_entries_are_taken_up_and_rebuilt(rig: Rig) -> None:
    rig.say_many(10_000)
    while rig.custodian.run_pass():
        pass
    assert rig.outside.size == 10_002
    with rig.database.transaction() as db:
        db.execute(delete(LedgerNode))
    rig.restart()
    assert rig.custodian.run_pass() is False
    rig.check()
