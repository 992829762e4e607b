"""Statements of the busiest requests, put together once: that costs more than to run them.

`Prepared` is a query whose text is made at its first use; `upsert` begins an INSERT for either
database; `insert_all` writes new rows of several
tables, on PostgreSQL in one statement and so in one round trip.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar, cast

from sqlalchemy import CursorResult, Dialect, Select, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from escrow.db import Base

Row = TypeVar("Row", bound=Base)


def upsert(db: Session, table: type[Base]) -> sqlite.Insert | postgresql.Insert:
    """Begin an INSERT that can say what to do ON CONFLICT, which each database says itself."""
    make = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    return make(table)


class Prepared:
    """A query with named parameters, as text; its rows come as the driver makes them."""

    def __init__(self, query: Select[Any]) -> None:
        self._query = query
        self._made: dict[str, tuple[str, dict[str, Any], Sequence[str] | None]] = {}

    def __call__(self, db: Session, **parameters: Any) -> CursorResult[Any]:
        """Run it with all its parameters."""
        connection = db.connection()
        made = self._made.get(connection.dialect.name)
        if made is None:
            made = self._make(connection.dialect)
        text, fixed, order = made
        values = {**fixed, **parameters}
        given = values if order is None else tuple(values[name] for name in order)
        return connection.exec_driver_sql(text, given)

    def _make(self, dialect: Dialect) -> tuple[str, dict[str, Any], Sequence[str] | None]:
        compiled = self._query.compile(dialect=dialect)
        made = (str(compiled), dict(compiled.params), compiled.positiontup)
        self._made[dialect.name] = made
        return made


def new_row(kind: type[Row], /, **values: Any) -> Row:
    """Make a row for `insert_all`: it has the attributes of a `kind`, and no session knows it.

    To make one of those and to insert it through a session is five times the work.
    """
    made = _New(kind)
    made.__dict__.update(_defaults(kind), **values)
    return cast(Row, made)


class _New:
    def __init__(self, kind: type[Base]) -> None:
        self.__table__ = cast(Table, kind.__table__)


@cache
def _defaults(kind: type[Base]) -> dict[str, Any]:
    columns = cast(Table, kind.__table__).columns
    return {column.name: getattr(column.default, "arg", None) for column in columns}


def insert_all(db: Session, *tables: Sequence[Base]) -> None:
    """Insert rows of `new_row`, table after table in the order given, after what waits in `db`."""
    db.flush()
    connection = db.connection()
    shapes = tuple((cast(Table, rows[0].__table__), len(rows)) for rows in tables if rows)
    values = [_values(rows) for rows in tables if rows]
    if connection.dialect.name == "postgresql":
        given = tuple(value for each in values for value in each)
        options = {"is_numbered": True}
        connection.exec_driver_sql(_in_one(shapes), given, execution_options=options)
        return
    for (table, count), each in zip(shapes, values, strict=True):
        text = _insert(table, count, ("?",) * len(each))
        connection.exec_driver_sql(text, tuple(each))


def _values(rows: Sequence[Base]) -> list[Any]:
    names = _columns(cast(Table, rows[0].__table__))
    return [row.__dict__[name] for row in rows for name in names]


@cache
def _columns(table: Table) -> tuple[str, ...]:
    """Return the columns that are given: all but a number that the database draws."""
    drawn = table.autoincrement_column
    return tuple(column.name for column in table.columns if column is not drawn)


@cache
def _insert(table: Table, count: int, marks: tuple[str, ...]) -> str:
    names = _columns(table)
    each = len(names)
    # Quoted: `index` and `group` are words of SQL.
    columns = ", ".join(f'"{name}"' for name in names)
    rows = (f"({', '.join(marks[i * each : (i + 1) * each])})" for i in range(count))
    return f"INSERT INTO {table.name} ({columns}) VALUES {', '.join(rows)}"  # noqa: S608


@cache
def _in_one(shapes: tuple[tuple[Table, int], ...]) -> str:
    """Write several insertions as one statement of PostgreSQL, and one round trip."""
    texts, given = [], 0
    for table, count in shapes:
        length = count * len(_columns(table))
        texts.append(_insert(table, count, tuple(f"${given + i + 1}" for i in range(length))))
        given += length
    *first, last = texts
    named = ", ".join(f"i{i} AS ({text})" for i, text in enumerate(first))
    return f"WITH {named} {last}" if first else last
