"""Databases for one test each, on an engine that the tests of a process hand on.

An engine keeps what it has compiled of every statement: a fifth of the time of a test that begins
with a new one. Its connections are closed between two tests, and made anew to the next database.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import make_url

from escrow import db
from escrow.db import Database


class _Kept:
    """One engine; it connects to the database that `url` names at that moment."""

    def __init__(self, url: str, pool_size: int) -> None:
        self.url = url
        self.is_used = False
        self.engine: Engine = _make_engine(url, pool_size)
        event.listen(self.engine, "do_connect", self._redirect)

    def _redirect(self, dialect: Any, _record: Any, args: list[Any], named: dict[str, Any]) -> None:
        found, options = dialect.create_connect_args(make_url(self.url))
        args[:] = found
        named.update(options)


def _refuse() -> Any:
    raise RuntimeError("a thread of an earlier test goes on")


# A thread that outlives its test must not find the next one's database.
_OVER = create_engine("sqlite://", creator=_refuse)
_make_engine = db._make_engine
_kept: dict[str, _Kept] = {}


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database until the end of the block; a second one at the same time is not kept."""

    def make(url: str, pool_size: int) -> Engine:
        kind = url.partition(":")[0]
        if kind not in _kept:
            _kept[kind] = _Kept(url, pool_size)
        kept = _kept[kind]
        kept.url, kept.is_used = url, True
        kept.engine.dispose()
        return kept.engine

    kept = _kept.get(url.partition(":")[0])
    if kept is not None and kept.is_used:
        database = Database(url)
        yield database
        database.close()
        return
    with patch.object(db, "_make_engine", make):
        database = Database(url)
    try:
        yield database
    finally:
        database.close()
        database.engine = _OVER
        _kept[url.partition(":")[0]].is_used = False
