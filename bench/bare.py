"""The peer of the service: Flask and SQLAlchemy, and one durable insert of 2 KB a request."""

from __future__ import annotations

import json
import os
import secrets

from flask import Flask, request
from sqlalchemy import Engine, LargeBinary, String, create_engine, event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

LENGTH_BYTES = 2048


class _Base(DeclarativeBase):
    pass


class Thing(_Base):
    __tablename__ = "bare_thing"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    data: Mapped[bytes] = mapped_column(LargeBinary)


def engine_of(url: str) -> Engine:
    """Make an engine whose commits are as durable as the service's."""
    engine = create_engine(url, pool_size=16)
    if url.startswith("sqlite"):
        event.listen(engine, "connect", _durable)
    return engine


def _durable(connection: object, _record: object) -> None:
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "synchronous=FULL"):
        connection.execute(f"PRAGMA {pragma}")  # type: ignore[attr-defined]


def create_table(url: str) -> None:
    """Create its table, before its workers start: two of them at once would fail."""
    engine = engine_of(url)
    _Base.metadata.create_all(engine)
    engine.dispose()


def make(url: str) -> Flask:
    app = Flask("bare")
    engine = engine_of(url)

    @app.put("/things/<name>")
    def put(name: str) -> tuple[str, int]:
        data = json.loads(request.get_data())["data"]
        with Session(engine, expire_on_commit=False) as session:
            session.add(Thing(id=name, data=data.encode()))
            session.commit()
        return json.dumps({"id": name, "length": len(data)}), 201

    return app


def application() -> Flask:
    return make(os.environ["BARE_DATABASE_URL"])


def body() -> bytes:
    return json.dumps({"data": secrets.token_hex(LENGTH_BYTES // 2)}).encode()
