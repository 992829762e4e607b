"""Refusing to run on a database that is missing or not up to date."""

from pathlib import Path

from sqlalchemy import make_url

from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.migrations.run import pending


def require_ready(database_url: str) -> None:
    """Refuse a missing SQLite file and tables of an older version.

    Raises ConfigurationError; Unavailable when the database cannot be reached.
    """
    require_file(database_url)
    if pending(database_url):
        raise ConfigurationError(
            N_("The database’s tables are of another version: run `escrow server migrate`.")
        )


def require_file(database_url: str) -> None:
    """Refuse a missing SQLite file, which SQLite would make empty; raises ConfigurationError."""
    if not database_url.startswith("sqlite"):
        return
    path = Path(str(make_url(database_url).database))
    if not path.exists():
        raise ConfigurationError(
            N_(
                "The database {path} is missing: restore it from its backup, or make a new "
                "installation with `escrow server init`."
            ),
            path=path,
        )
