"""Changing a sealed row: compare-and-swap on its MAC, so that of two writers one wins."""

from typing import Any, cast

from sqlalchemy import CursorResult, inspect, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value

from escrow.db import Base
from escrow.webkeys import WebKeys


def swap(db: Session, keys: WebKeys, row: Base, **changes: Any) -> bool:
    """Change a sealed row in one conditional UPDATE; False if it changed meanwhile.

    Raises ForgedRow when the row was changed without the MAC key.
    """
    keys.check_row(row)
    kind = type(row)
    mapper = inspect(kind)
    values = {column.key: getattr(row, column.key) for column in mapper.column_attrs}
    fresh = kind(**{**values, **changes})
    keys.seal_row(fresh)
    changes["mac"] = fresh.mac  # type: ignore[attr-defined]
    statement = update(kind).where(kind.mac == values["mac"])  # type: ignore[attr-defined]
    for column in mapper.primary_key:
        statement = statement.where(column == values[mapper.get_property_by_column(column).key])
    statement = statement.values(**changes).execution_options(synchronize_session=False)
    if cast(CursorResult[Any], db.execute(statement)).rowcount != 1:
        return False
    for name, value in changes.items():
        set_committed_value(row, name, value)
    return True


def add(db: Session, keys: WebKeys, row: Base) -> None:
    """Seal and insert a new row. Every column must have been given."""
    for column in inspect(type(row)).column_attrs:
        if column.key != "mac":
            setattr(row, column.key, getattr(row, column.key))
    keys.seal_row(row)
    db.add(row)
    db.flush()
