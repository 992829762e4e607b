"""The database: engine, transactions and column types. The only place that says commit.

SQLite (WAL, `synchronous=FULL`, `secure_delete`) and PostgreSQL behind one interface. Writers on
SQLite begin with `BEGIN IMMEDIATE`, so that a transaction that read first never fails when it
writes; those of one process that come at the same moment are committed with one sync (`_Group`).
A database that is away, locked or full is `Unavailable`, with nothing half-written.
"""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

from sqlalchemy import (
    BigInteger,
    Connection,
    CursorResult,
    Engine,
    Executable,
    LargeBinary,
    MetaData,
    String,
    create_engine,
    event,
)
from sqlalchemy.exc import DBAPIError, DisconnectionError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from escrow.errors import Unavailable
from escrow.turns import Turns

BUSY_TIMEOUT_MILLISECONDS = 5000
_MIGRATION_LOCK = 0x657363726F77
WAKE_CHANNEL = "escrow_custodian"
# Not in the transaction that it tells of: PostgreSQL lets only one with a NOTIFY commit at a time,
# sync included. Nothing is lost with it, so it needs no sync; the custodian looks by itself too.
_WAKE = f"BEGIN; SET LOCAL synchronous_commit = off; NOTIFY {WAKE_CHANNEL}; COMMIT"
WAKE_PAUSE_SECONDS = 0.02
# A connection that was used within this time is not asked first whether it still lives.
TRUSTED_SECONDS = 1.0
_log = logging.getLogger(__name__)


class Base(DeclarativeBase):
    """The base of all tables; names of constraints are fixed so that migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def identifier(*, primary: bool = False, **options: Any) -> Any:
    """Make a column for an identifier: 32 lower-case hex characters."""
    return mapped_column(String(32), primary_key=primary, **options)


def seconds(**options: Any) -> Any:
    """Make a column for a time: integer Unix seconds, as the protocol has them."""
    return mapped_column(BigInteger, **options)


def binary(length: int | None = None, **options: Any) -> Any:
    """Make a column for bytes."""
    return mapped_column(LargeBinary(length), **options)


class Database:
    """One engine and the two ways to use it: `transaction()` to write, `reading()` to read."""

    def __init__(self, url: str, *, pool_size: int = 5) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self.engine = _make_engine(url, pool_size)
        self._turns = Turns()
        self._group: _Group | None = None
        self._waker = _Waker(self.engine)

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write in one transaction: committed at the end, rolled back on any error.

        Raises Unavailable when the database is away, locked or full.
        """
        with _available():
            if self.is_sqlite:
                with self._in_group() as session:
                    yield session
                return
            with Session(self.engine, expire_on_commit=False) as session:
                yield session
                session.commit()
        if "woken" in session.info:
            self._waker.wake()

    @contextmanager
    def _in_group(self) -> Iterator[Session]:
        """Write as part of a group: who comes first begins it, and ends it for all.

        Nobody returns, with an answer or an error, before what it may have read is committed.
        """
        # We wait in line, not in SQLite: that would sleep, ever longer, and look again.
        if not self._turns.take(BUSY_TIMEOUT_MILLISECONDS / 1000):
            raise Unavailable
        group, is_first = self._group, self._group is None
        try:
            if group is None:
                group = _Group(self.engine)
            try:
                with group.part() as session:
                    yield session
                if is_first:
                    self._group = group
                    try:
                        self._turns.step_back()
                    finally:
                        self._group = None
                    group.commit()
            finally:
                if is_first:
                    group.close()
        finally:
            self._turns.give()
            if group is not None and not is_first:
                group.wait()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Read; nothing is kept. Raises Unavailable when the database is away."""
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection().exec_driver_sql("BEGIN")
            yield session

    @contextmanager
    def migrating(self) -> Iterator[Connection]:
        """Change tables in one transaction; two at once run one after the other."""
        with _available(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_MIGRATION_LOCK})")
            yield connection
            connection.commit()

    def close(self) -> None:
        """Close all connections."""
        self._waker.stop()
        self.engine.dispose()


class _Waker:
    """Wakes the custodian after commits, those of fifty a second in one NOTIFY; its own thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked = threading.Event()
        self._mutex = threading.Lock()
        self._thread: threading.Thread | None = None
        self._is_over = False

    def wake(self) -> None:
        """Wake soon; asked many times at once, it wakes once."""
        self._asked.set()
        with self._mutex:
            if self._thread is None and not self._is_over:
                self._thread = threading.Thread(target=self._run, name="waker", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread, after what it was asked for."""
        with self._mutex:
            self._is_over = True
        if self._thread is not None:
            self._asked.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._is_over:
            self._asked.wait()
            self._asked.clear()
            try:
                self._notify()
            except Exception as error:  # all is committed, and the custodian looks by itself too
                _log.warning("not woken", extra={"reason": type(error).__name__})
            time.sleep(WAKE_PAUSE_SECONDS)

    def _notify(self) -> None:
        with self._engine.connect() as connection:
            driver: Any = connection.connection.driver_connection
            driver.autocommit = True
            try:
                driver.execute(_WAKE, prepare=False)
            finally:
                driver.autocommit = False


class _Group:
    """Transactions of one process on SQLite that are committed with one sync.

    Each is a savepoint, so that one that fails undoes nothing of another's. They run one after the
    other, each sees what those before it wrote, and none is answered before all are on the disk:
    as if each had been committed in its turn. When the commit fails, it fails for all.
    """

    def __init__(self, engine: Engine) -> None:
        self._over = threading.Event()
        self._is_broken = False
        self._is_kept = False
        self._connection = engine.connect()
        try:
            self._connection.exec_driver_sql("BEGIN IMMEDIATE")
        except BaseException:
            self._connection.close()
            raise

    @contextmanager
    def part(self) -> Iterator[Session]:
        """Do one transaction of the group."""
        self._check()
        with Session(
            self._connection, expire_on_commit=False, join_transaction_mode="create_savepoint"
        ) as session:
            try:
                yield session
                session.commit()
            except BaseException:
                self._undo(session)
                raise

    def _undo(self, session: Session) -> None:
        try:
            session.rollback()
        except Exception:  # SQLite has given up the whole transaction, or will not forget the part
            self._is_broken = True

    def _check(self) -> None:
        """Refuse to go on with a transaction that SQLite has ended by itself (disk full)."""
        driver: Any = self._connection.connection.driver_connection
        if self._is_broken or not driver.in_transaction:
            self._is_broken = True
            raise Unavailable

    def commit(self) -> None:
        """Commit what all have written."""
        self._check()
        self._connection.commit()
        self._is_kept = True

    def close(self) -> None:
        """Undo what was not committed, and tell all who wait."""
        try:
            self._connection.close()
        finally:
            self._over.set()

    def wait(self) -> None:
        """Wait until the group is over; raises Unavailable when it was not committed."""
        self._over.wait()
        if not self._is_kept:
            raise Unavailable


def wake_custodian(session: Session) -> None:
    """Wake the custodian when this transaction is committed; on SQLite it polls instead."""
    session.info["woken"] = True


def changed(session: Session, statement: Executable) -> int:
    """Run an UPDATE or DELETE and return how many rows it touched: compare-and-swap's answer."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return int(cast(CursorResult[Any], result).rowcount)


@contextmanager
def _available() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        _log.warning("database unavailable", extra={"reason": type(error.orig).__name__})
        raise Unavailable from None
    except DBAPIError as error:
        if error.connection_invalidated:
            raise Unavailable from None
        raise


def _make_engine(url: str, pool_size: int) -> Engine:
    if not url.startswith("sqlite"):
        engine = create_engine(url, pool_size=pool_size, hide_parameters=True, pool_use_lifo=True)
        event.listen(engine, "do_execute", _execute_numbered)
        event.listen(engine, "checkin", _note_use)
        event.listen(engine, "checkout", partial(_check_life, engine))
        return engine
    # Connections are kept: when the last one is closed, SQLite writes its log back, with a sync.
    engine = create_engine(url, pool_size=pool_size, max_overflow=-1, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _execute_numbered(cursor: Any, text: str, values: Any, context: Any) -> bool:
    """Run a statement whose values are numbered ($1 …) as it is; False for all others.

    psycopg numbers them itself, and does it again each time where there are more than fifty.
    """
    if not context.execution_options.get("is_numbered"):
        return False
    from psycopg import RawCursor  # not needed on SQLite, and not always there

    RawCursor(cursor.connection).execute(text, values)
    return True


def _note_use(_connection: Any, record: Any) -> None:
    record.info["used_at"] = time.monotonic()


def _check_life(engine: Engine, connection: Any, record: Any, _proxy: Any) -> None:
    """Ask a connection that was idle whether it lives; a dead one is replaced.

    `pool_pre_ping` asks each time: a round trip more for every request. One that died within the
    second answers 503 once, and all are made anew.
    """
    used_at = record.info.get("used_at")
    if used_at is None or time.monotonic() - used_at < TRUSTED_SECONDS:
        return
    try:
        is_alive = engine.dialect.do_ping(connection)
    except Exception:
        is_alive = False
    if not is_alive:
        raise DisconnectionError


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # transactions begin where `Database` says so
    for pragma in (
        f"busy_timeout={BUSY_TIMEOUT_MILLISECONDS}",
        "journal_mode=WAL",
        "synchronous=FULL",
        "foreign_keys=ON",
        "secure_delete=ON",
    ):
        connection.execute(f"PRAGMA {pragma}")
