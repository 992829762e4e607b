"""One custodian leads, others stand by; work is taken up at once."""

import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from escrow.custodian.leader import Leader
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.custodian.takeup import DatabaseBehind
from escrow.db import Database
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.ledger.read import newest_checkpoint
from tests.custodian.rig import Rig

PATIENCE_SECONDS = 30.0


def another(rig: Rig, directory: Path | None = None) -> Custodian:
    """Make a custodian as a second process would: its own connections, its own memory."""
    custodian = Custodian(
        rig.settings,
        Database(rig.settings.database),
        rig.keys,
        rig.web_keys,
        rig.clock,
        Outside(directory or rig.settings.outside_dir),
    )
    custodian.acts = []
    return custodian


@contextmanager
def running(*custodians: Custodian) -> Iterator[list[threading.Event]]:
    """Let custodians run, each in a thread with its own stop."""
    stops = [threading.Event() for _ in custodians]
    threads = [
        threading.Thread(target=custodian.run_forever, args=(stop,))
        for custodian, stop in zip(custodians, stops, strict=True)
    ]
    for thread in threads:
        thread.start()
    try:
        yield stops
    finally:
        for stop in stops:
            stop.set()
        for thread in threads:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in threads)
        for custodian in custodians:
            custodian.database.close()


def wait_until(condition: Callable[[], bool]) -> float:
    """Wait for something; returns how many seconds it took."""
    start = time.monotonic()
    while not condition():
        assert time.monotonic() - start < PATIENCE_SECONDS, "it did not happen"
        time.sleep(0.01)
    return time.monotonic() - start


def is_signed(rig: Rig, event: str) -> bool:
    with rig.database.reading() as db:
        row = db.query(LedgerEvent).filter(LedgerEvent.id == event).one()
        newest = newest_checkpoint(db)
        return row.index is not None and newest is not None and newest.size > row.index


def test_from_insert_to_checkpoint_in_a_second(rig: Rig) -> None:
    with running(another(rig)):
        begun = rig.say()
        wait_until(lambda: is_signed(rig, begun))
        took = []
        for _ in range(10):
            event = rig.say()
            took.append(wait_until(lambda event=event: is_signed(rig, event)))  # type: ignore[misc]
    assert statistics.median(took) < 1.0, took
    rig.check()


def test_of_two_custodians_one_works_and_the_other_takes_over(rig: Rig) -> None:
    first, second = another(rig), another(rig)
    with running(first, second) as stops:
        said = [rig.say() for _ in range(20)]
        wait_until(lambda: is_signed(rig, said[-1]))
        leads = [custodian for custodian in (first, second) if custodian._is_taken_up]
        assert len(leads) == 1
        stops[0 if leads[0] is first else 1].set()
        # The one that stops may still sign what is said now: first let the other lead.
        wait_until(lambda: first._is_taken_up and second._is_taken_up)
        later = rig.say()
        wait_until(lambda: is_signed(rig, later))
    assert [entry.event.id for entry in rig.entries()[2:]] == [*said, later]
    rig.check()


def test_many_writers_and_two_custodians(rig: Rig) -> None:
    said: list[str] = []

    def write() -> None:
        said.extend([rig.say() for _ in range(25)])

    with running(another(rig), another(rig)):
        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()
        wait_until(lambda: all(is_signed(rig, event) for event in said))
    assert sorted(entry.event.id for entry in rig.entries()[2:]) == sorted(said)
    rig.check()


def test_the_directory_is_locked_whatever_the_database(rig: Rig) -> None:
    with Leader(rig.database, rig.outside.directory) as first:
        assert first.try_to_lead()
        assert first.check()
        with Leader(rig.database, rig.outside.directory) as second:
            assert not second.try_to_lead()
            assert not second.check()
        assert first.check()
    with Leader(rig.database, rig.outside.directory) as third:
        assert third.try_to_lead()


def only_postgresql(rig: Rig) -> bool:
    """Tell whether this run is on PostgreSQL; there is nothing to test on SQLite."""
    return not rig.database.is_sqlite


def test_the_database_is_locked_for_custodians_with_other_directories(
    rig: Rig, tmp_path: Path
) -> None:
    """On SQLite that is one machine, and other files are refused: test_takeup."""
    other = Outside.create(tmp_path / "other", rig.settings.origin).directory
    with Leader(rig.database, rig.outside.directory) as first:
        assert first.try_to_lead()
        with Leader(rig.database, other) as second:
            assert second.try_to_lead() is not only_postgresql(rig)


def test_who_loses_the_lock_stands_by_and_leads_again(rig: Rig) -> None:
    custodian = another(rig)
    with running(custodian):
        first = rig.say()
        wait_until(lambda: is_signed(rig, first))
        if only_postgresql(rig):
            with rig.database.transaction() as db:
                db.execute(
                    text(
                        "SELECT pg_terminate_backend(pid) FROM pg_locks"
                        " WHERE locktype = 'advisory' AND database ="
                        " (SELECT oid FROM pg_database WHERE datname = current_database())"
                    )
                )
        second = rig.say()
        wait_until(lambda: is_signed(rig, second))
    rig.check()


def test_a_waiting_custodian_is_woken(rig: Rig) -> None:
    """On PostgreSQL by the transaction that inserts; on SQLite it looks ten times a second."""
    with Leader(rig.database, rig.outside.directory) as leader:
        assert leader.try_to_lead()
        said = threading.Timer(0.1, rig.say)
        said.start()
        start = time.monotonic()
        leader.wait_for_work(threading.Event())
        assert time.monotonic() - start < 0.9
        said.join()


def test_it_ends_when_it_is_told(rig: Rig) -> None:
    standing_by = another(rig)
    with running(another(rig)), running(standing_by):
        wait_until(lambda: is_signed(rig, rig.entries()[-1].event.id))


def test_it_ends_with_the_reason_when_an_operator_is_needed(rig: Rig) -> None:
    rig.say()
    rig.settle()
    with rig.database.transaction() as db:
        db.delete(db.get_one(CheckpointRow, 3))
        db.query(LedgerEvent).filter(LedgerEvent.index == 2).delete()
    with pytest.raises(DatabaseBehind):
        another(rig).run_forever(threading.Event())


def test_a_slow_mail_server_does_not_hold_the_ledger_up(rig: Rig) -> None:
    class Slow:
        def __init__(self) -> None:
            self.asked = threading.Event()
            self.free = threading.Event()

        def run_once(self) -> int:
            self.asked.set()
            self.free.wait(PATIENCE_SECONDS)
            return 0

    slow = Slow()
    custodian = another(rig)
    custodian.sender = slow
    with running(custodian):
        assert slow.asked.wait(PATIENCE_SECONDS)
        event = rig.say()
        wait_until(lambda: is_signed(rig, event))
        slow.free.set()
    rig.check()


def test_an_act_that_fails_stops_neither_the_others_nor_the_ledger(rig: Rig) -> None:
    def bad(_: Custodian) -> int:
        raise RuntimeError("broken")

    done: list[int] = []

    def good(_: Custodian) -> int:
        done.append(1)
        return 0

    rig.custodian.acts = [bad, good]
    rig.say()
    rig.settle()
    assert done
    assert set(rig.alarms) == {"an act failed"}
    rig.check()
