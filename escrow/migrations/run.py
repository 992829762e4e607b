"""Bringing a database's tables up to date, and saying whether they are.

The same revisions run on SQLite and PostgreSQL, each upgrade in one transaction: after a crash the
database is at the old revision or at the new one.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

import escrow.account.models
import escrow.admin.models
import escrow.deposit.models
import escrow.ledger.models
import escrow.mail.models
import escrow.recovery.models  # noqa: F401  # a table exists once its module is imported
from escrow.db import Base, Database

FOLDER = Path(__file__).resolve().parent


def upgrade(database_url: str) -> None:
    """Bring all tables up to date; makes them in an empty database."""
    with _connection(database_url) as connection:
        command.upgrade(_config(connection), "head")


def current(database_url: str) -> str | None:
    """Return the revision of a database, or None for an empty one."""
    with _connection(database_url) as connection:
        return _context(connection).get_current_revision()


def pending(database_url: str) -> list[str]:
    """Return the revisions that `upgrade` would run, oldest first."""
    with _connection(database_url) as connection:
        revision = _context(connection).get_current_revision()
    script = ScriptDirectory(str(FOLDER))
    newer = script.iterate_revisions("heads", revision or "base")
    return [found.revision for found in newer if found.revision != revision][::-1]


def check_drift(database_url: str) -> list[Any]:
    """Return what differs between a database and the models; empty when nothing does."""
    with _connection(database_url) as connection:
        return list(compare_metadata(_context(connection), Base.metadata))


def revision(database_url: str, message: str) -> None:
    """Write a new revision from the difference: a draft, to be read and corrected by hand."""
    with _connection(database_url) as connection:
        command.revision(_config(connection), message, autogenerate=True)


def _context(connection: Connection) -> MigrationContext:
    return MigrationContext.configure(connection, opts={"compare_type": True})


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _connection(database_url: str) -> Iterator[Connection]:
    database = Database(database_url, pool_size=1)
    try:
        with database.migrating() as connection:
            yield connection
    finally:
        database.close()
