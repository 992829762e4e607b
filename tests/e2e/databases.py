"""A PostgreSQL server that can be stopped and started, as on a bad day in the data centre."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support import postgres
from tests.support.mailbox import free_port
from tests.support.postgres import Postgres


@dataclass(frozen=True)
class Server(Postgres):
    """A server of one's own, under one directory."""

    directory: Path

    def _control(self, *arguments: str) -> None:
        subprocess.run(
            [
                *postgres._unprivileged(),
                postgres.binary("pg_ctl"),
                *("-D", str(self.directory / "data"), "-w", "-l", str(self.directory / "log")),
                *arguments,
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            env={**os.environ, "HOME": str(self.directory), "LC_ALL": "C.UTF-8"},
            cwd="/",
        )

    def start(self) -> None:
        listen = f"-c listen_addresses=127.0.0.1 -c port={self.port} -c unix_socket_directories="
        self._control("-o", f"{postgres._OPTIONS} {listen}", "start")

    def stop(self) -> None:
        self._control("-m", "fast", "stop")

    def dump(self, database: str) -> bytes:
        """Return the database as `pg_dump` writes it: what a backup holds."""
        return subprocess.run(
            [
                postgres.binary("pg_dump"),
                *("-h", "127.0.0.1", "-p", str(self.port), "-U", "escrow", database),
            ],
            check=True,
            capture_output=True,
        ).stdout


@contextmanager
def running() -> Iterator[Server]:
    """Make and run a server until the end of the block."""
    directory = Path(tempfile.mkdtemp(prefix="escrow-e2e-pg-", dir="/tmp"))
    directory.chmod(0o755)
    (directory / "data").mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(directory, "nobody")
        shutil.chown(directory / "data", "nobody")
    server = Server(free_port(), directory)
    server._control("-o", "-U escrow -A trust -E UTF8", "initdb")
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(directory, ignore_errors=True)
