"""Migrations make exactly the tables of the models, on SQLite and PostgreSQL."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from escrow.db import Base, Database
from escrow.migrations import run
from tests.support.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create()
    yield server.url(name)
    server.drop(name)


def _schema(url: str) -> set[tuple[str, str]]:
    """Return every table's and index's definition as the database has it."""
    database = Database(url)
    query = (
        "SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"
        if database.is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
    )
    with database.engine.connect() as connection:
        found = {(name, " ".join(sql.split())) for name, sql in connection.execute(text(query))}
    database.close()
    return {line for line in found if "alembic_version" not in line[0]}


def test_nothing_differs_between_migrations_and_models(empty: str) -> None:
    run.upgrade(empty)
    assert run.check_drift(empty) == []


def test_indexes_and_constraints_are_the_same_to_the_letter(
    empty: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Alembic's comparison looks at no condition of a partial index; this does."""
    run.upgrade(empty)
    if empty.startswith("sqlite"):
        other = f"sqlite:///{tmp_path / 'models.db'}"
    else:
        server: Postgres = request.getfixturevalue("postgres_server")
        other = server.url(server.create())
    database = Database(other)
    Base.metadata.create_all(database.engine)
    database.close()
    assert _schema(empty) == _schema(other)


def test_an_upgrade_says_what_it_will_do_and_may_be_repeated(empty: str) -> None:
    assert run.current(empty) is None
    todo = run.pending(empty)
    assert todo
    assert todo[0] == "0001"
    run.upgrade(empty)
    run.upgrade(empty)
    assert run.current(empty) == todo[-1]
    assert run.pending(empty) == []


def test_two_upgrades_at_once_run_one_after_the_other(empty: str) -> None:
    failed: list[Exception] = []

    def upgrade() -> None:
        try:
            run.upgrade(empty)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=upgrade) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert run.check_drift(empty) == []


def test_an_upgrade_that_fails_leaves_nothing(empty: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import op

    def fail(name: str, *_: object, **__: object) -> None:
        raise RuntimeError(name)

    monkeypatch.setattr(op, "create_index", fail)
    with pytest.raises(RuntimeError):
        run.upgrade(empty)
    monkeypatch.undo()
    assert run.current(empty) is None
    run.upgrade(empty)
    assert run.check_drift(empty) == []


def test_a_column_that_no_migration_made_is_noticed(empty: str) -> None:
    run.upgrade(empty)
    database = Database(empty)
    with database.engine.begin() as connection:
        connection.execute(text("ALTER TABLE account ADD COLUMN surprise INTEGER"))
    database.close()
    assert run.check_drift(empty) != []


def test_secrets_are_overwritten_and_writes_are_durable_on_sqlite(
    sqlite_database: Database,
) -> None:
    with sqlite_database.engine.connect() as connection:
        found = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "secure_delete")
        }
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1}
