"""Leadership: one custodian makes passes, others stand by.

The directory outside the database is locked with flock on every database, so that two processes
never write its files. On PostgreSQL there is an advisory lock as well, held by a connection of its
own: custodians on several machines stand by for each other, sharing the directory; the same
connection listens for work. On SQLite the database is polled every 100 ms.
"""

import logging
import os
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from escrow.custodian.outside import lock
from escrow.db import WAKE_CHANNEL, Database

POLL_SECONDS = 0.1
LISTEN_SECONDS = 1.0
STANDBY_SECONDS = 0.5
ADVISORY_LOCK = 0x6375_7374_6F64  # "custod"; migrations have another
_log = logging.getLogger(__name__)


class Leader:
    """The lock of the leading custodian; leaving the context gives it up."""

    def __init__(self, database: Database, directory: Path) -> None:
        self._database = database
        self._directory = directory
        self._file: int | None = None
        self._connection: Connection | None = None

    def __enter__(self) -> "Leader":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.give_up()

    def wait_to_lead(self, stop: threading.Event) -> bool:
        """Stand by until nobody else leads; False when `stop` was set meanwhile."""
        is_told = False
        while not stop.is_set():
            if self.try_to_lead():
                _log.info("this custodian leads")
                return True
            if not is_told:
                _log.info("another custodian leads; standing by")
                is_told = True
            stop.wait(STANDBY_SECONDS)
        return False

    def try_to_lead(self) -> bool:
        """Take both locks or neither."""
        self._file = lock(self._directory)
        if self._file is None:
            return False
        if self._database.is_sqlite:
            return True
        try:
            self._connection = self._connect()
            query = text("SELECT pg_try_advisory_lock(:key)")
            if self._connection.execute(query, {"key": ADVISORY_LOCK}).scalar_one():
                self._connection.execute(text(f"LISTEN {WAKE_CHANNEL}"))
                return True
        except DBAPIError:
            _log.warning("database unavailable")
        self.give_up()
        return False

    def _connect(self) -> Connection:
        connection = self._database.engine.connect()
        return connection.execution_options(isolation_level="AUTOCOMMIT")

    def check(self) -> bool:
        """Tell whether we still lead: the connection that holds the lock is alive."""
        if self._connection is None:
            return self._database.is_sqlite and self._file is not None
        try:
            self._connection.execute(text("SELECT 1"))
        except DBAPIError:
            _log.warning("the connection that held the leader's lock is gone")
            return False
        return True

    def wait_for_work(self, stop: threading.Event) -> None:
        """Wait until there may be something to do: at most 100 ms on SQLite, 1 s elsewhere."""
        if self._connection is None:
            stop.wait(POLL_SECONDS)
            return
        driver: Any = self._connection.connection.driver_connection
        try:
            for _ in driver.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                pass
        except Exception:  # what it raises is the driver's; `check` finds out
            stop.wait(POLL_SECONDS)

    @staticmethod
    def _unlock(connection: Connection) -> None:
        """Say so: PostgreSQL notices only after a while that a connection is gone."""
        if not connection.invalidated:
            try:
                connection.execute(text("SELECT pg_advisory_unlock_all()"))
            except DBAPIError:
                _log.warning("the connection that held the leader's lock is gone")

    def give_up(self) -> None:
        """Release both locks."""
        if self._connection is not None:
            self._unlock(self._connection)
            self._connection.invalidate()
            self._connection.close()
            self._connection = None
        if self._file is not None:
            os.close(self._file)
            self._file = None
