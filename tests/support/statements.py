"""What a database is asked: the statements that go to the driver, with their values."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

Statement = tuple[str, Any]


@contextmanager
def asked(engine: Engine) -> Iterator[list[Statement]]:
    """Collect (text, values) of every statement for as long as this is entered."""
    found: list[Statement] = []

    def note(_conn: Any, _cursor: Any, text: str, values: Any, *_: Any) -> None:
        found.append((text, values))

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", note)
