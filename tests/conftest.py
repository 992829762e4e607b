"""Fixtures for everybody: both databases, a mail server, the whole service in one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

import escrow.account.models
import escrow.admin.models
import escrow.deposit.models
import escrow.ledger.models
import escrow.mail.models
import escrow.recovery.models  # noqa: F401 - all tables
from escrow.db import Base, Database
from tests.support import mailbox, postgres
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.postgres import Postgres
from tests.support.world import World


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres.started() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    name = postgres_server.create()
    database = Database(postgres_server.url(name))
    Base.metadata.create_all(database.engine)
    database.close()
    return name


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Mailbox]:
    with mailbox.running() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with all tables, on SQLite and on PostgreSQL."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'escrow.db'}"
        database = Database(url)
        Base.metadata.create_all(database.engine)
        database.close()
        yield url
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    found = Database(database_url)
    yield found
    found.close()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def world(database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(database, tmp_path, mail_server)
