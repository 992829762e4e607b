"""Transactions of one process that SQLite commits together: as if each were committed alone."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from escrow.account.models import RateCount
from escrow.db import Database, _Group
from escrow.errors import Unavailable

COUNT = 6


def write(database: Database, name: int, *, fails: bool = False) -> None:
    with database.transaction() as db:
        db.add(RateCount(bucket=bytes([name]), hour=0, count=1))
        db.flush()
        if fails:
            raise LookupError


def stored(database: Database) -> set[int]:
    with database.reading() as db:
        return {bucket[0] for bucket in db.scalars(select(RateCount.bucket))}


def together(database: Database, works: Sequence[Callable[[], None]]) -> list[Exception | None]:
    """Let all works wait for one that holds the turn, so that they come into one group.

    Returns what each raised, or None; that of the holder last.
    """
    outcomes: list[Exception | None] = [None] * (len(works) + 1)

    def run(number: int, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as error:
            outcomes[number] = error

    threads = [threading.Thread(target=run, args=(i, work)) for i, work in enumerate(works)]

    def hold() -> None:
        with database.transaction():
            for waiting, thread in enumerate(threads, 1):
                thread.start()
                while len(database._turns._line) < waiting:
                    time.sleep(0.001)

    run(len(works), hold)
    for thread in threads:
        thread.join()
    return outcomes


def writing(
    database: Database, count: int, *, failing: frozenset[int] = frozenset()
) -> list[Callable[[], None]]:
    return [partial(write, database, i, fails=i in failing) for i in range(count)]


def test_who_writes_at_the_same_moment_shares_a_commit(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, readable = _Group.commit, []

    def commit(group: _Group) -> None:
        readable.append(stored(sqlite_database))
        real(group)

    monkeypatch.setattr(_Group, "commit", commit)
    outcomes = together(sqlite_database, writing(sqlite_database, COUNT))
    assert outcomes == [None] * (COUNT + 1)
    assert readable == [set()]
    assert stored(sqlite_database) == set(range(COUNT))


def test_one_that_fails_undoes_nothing_of_the_others(sqlite_database: Database) -> None:
    failing = frozenset({1, 4})
    outcomes = together(sqlite_database, writing(sqlite_database, COUNT, failing=failing))
    failed = {i for i, outcome in enumerate(outcomes) if isinstance(outcome, LookupError)}
    assert failed == failing
    assert stored(sqlite_database) == set(range(COUNT)) - failing


def test_nobody_has_an_answer_before_the_commit(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, answered, before = _Group.commit, set[int](), []

    def commit(group: _Group) -> None:
        time.sleep(0.2)  # long enough for an answer that does not wait
        before.append(set(answered))
        real(group)

    def work(name: int) -> None:
        try:
            write(sqlite_database, name, fails=name == 2)
        finally:
            answered.add(name)

    monkeypatch.setattr(_Group, "commit", commit)
    together(sqlite_database, [partial(work, i) for i in range(COUNT)])
    assert before == [set()]
    assert answered == set(range(COUNT))


def test_a_commit_that_fails_fails_for_all(
    sqlite_database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def commit(_group: _Group) -> None:
        raise OperationalError("COMMIT", {}, Exception("disk full"))

    with monkeypatch.context() as patched:
        patched.setattr(_Group, "commit", commit)
        outcomes = together(sqlite_database, writing(sqlite_database, COUNT))
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert stored(sqlite_database) == set()
    write(sqlite_database, 9)
    assert stored(sqlite_database) == {9}


def test_a_transaction_that_sqlite_has_ended_by_itself_is_not_taken_for_done(
    sqlite_database: Database,
) -> None:
    def lose() -> None:
        with sqlite_database.transaction() as db:
            db.add(RateCount(bucket=bytes([1]), hour=0, count=1))
            db.flush()
            db.connection().exec_driver_sql("ROLLBACK")  # as it does when the disk is full

    first, _, third = writing(sqlite_database, 3)
    outcomes = together(sqlite_database, [first, lose, third])
    assert all(isinstance(outcome, Unavailable) for outcome in outcomes)
    assert stored(sqlite_database) == set()
