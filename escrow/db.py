"""The database: engine, transactions and column types. The only place that says commit.

SQLite (WAL, `synchronous=FULL`, `secure_delete`) and PostgreSQL behind one interface. Writers on
SQLite begin with `BEGIN IMMEDIATE`, so that a transaction that read first never fails when it
writes. A database that is away, locked or full is `Unavailable`, with nothing half-written.
"""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
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
    Table,
    create_engine,
    event,
    insert,
    text,
)
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from escrow.errors import Unavailable

BUSY_TIMEOUT_MILLISECONDS = 5000
_MIGRATION_LOCK = 0x657363726F77
WAKE_CHANNEL = "escrow_custodian"
_WAKE = text(f"NOTIFY {WAKE_CHANNEL}")
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

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Write in one transaction: committed at the end, rolled back on any error.

        Raises Unavailable when the database is away, locked or full.
        """
        with _available(), Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection().exec_driver_sql("BEGIN IMMEDIATE")
            yield session
            session.commit()

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
        self.engine.dispose()


def insert_rows(session: Session, rows: Sequence[Base]) -> None:
    """Insert new rows of one table in one statement, after what waits in the session.

    They are not taken into the session: a fifth of the work, and what is inserted is known. What
    was not given to any of them gets the column's default.
    """
    given = {name for row in rows for name in row.__dict__ if not name.startswith("_")}
    values = [{name: row.__dict__.get(name) for name in given} for row in rows]
    table = cast(Table, rows[0].__table__)
    session.flush()
    session.connection().execute(insert(table).inline(), values)


def wake_custodian(session: Session) -> None:
    """Wake the custodian when this transaction commits; on SQLite it polls instead."""
    if session.get_bind().dialect.name == "postgresql" and "woken" not in session.info:
        session.info["woken"] = True
        session.execute(_WAKE)


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
        return create_engine(url, pool_size=pool_size, pool_pre_ping=True, hide_parameters=True)
    # Connections are kept: when the last one is closed, SQLite writes its log back, with a sync.
    engine = create_engine(url, pool_size=pool_size, max_overflow=-1, hide_parameters=True)
    event.listen(engine, "connect", _prepare_sqlite)
    return engine


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
