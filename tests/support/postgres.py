"""A real PostgreSQL server, started once a test process; a fresh database from a template each."""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from tests.support.mailbox import free_port

_OPTIONS = "-c fsync=off -c synchronous_commit=off -c full_page_writes=off -c max_connections=60"


def binary(name: str) -> str:
    """Return the path of one of PostgreSQL's programs, on PATH or where Debian puts it."""
    debian = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    found = str(debian[-1]) if debian else shutil.which(name)
    if found is None:
        raise RuntimeError(f"{name} is missing: apt-get install postgresql")
    return found


def _unprivileged() -> list[str]:
    """Return what to put before a command: `initdb` and `postgres` refuse to run as root."""
    if os.geteuid() != 0:
        return []
    user = pwd.getpwnam("nobody")
    return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]


@dataclass(frozen=True)
class Postgres:
    """A running server."""

    port: int

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://escrow@127.0.0.1:{self.port}/{database}"

    def _run(self, statement: sql.Composed) -> None:
        address = f"postgresql://escrow@127.0.0.1:{self.port}/postgres"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def create(self, template: str = "template0") -> str:
        """Make a fresh database, a copy of `template`; returns its name."""
        name = f"t_{secrets.token_hex(8)}"
        self._run(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        return name

    def drop(self, name: str) -> None:
        self._run(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


@contextmanager
def started(options: str = _OPTIONS) -> Iterator[Postgres]:
    """Run a server of its own until the end of the block: fast, and durable only if asked."""
    directory = Path(
        tempfile.mkdtemp(prefix="escrow-pg-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))
    )
    data, port = directory / "data", free_port()
    directory.chmod(0o755)
    data.mkdir(mode=0o700)
    if os.geteuid() == 0:
        shutil.chown(directory, "nobody")
        shutil.chown(data, "nobody")
    before = _unprivileged()
    environment = {**os.environ, "HOME": str(directory), "LC_ALL": "C.UTF-8"}
    init = [*before, binary("initdb"), "-D", str(data), "-U", "escrow", "-A", "trust", "-E", "UTF8"]
    subprocess.run(init, check=True, stdout=subprocess.DEVNULL, env=environment, cwd="/")
    options = f"{options} -c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories="
    control = [*before, binary("pg_ctl"), "-D", str(data), "-w", "-l", str(directory / "log")]
    subprocess.run(
        [*control, "-o", options, "start"],
        check=True,
        stdout=subprocess.DEVNULL,
        env=environment,
        cwd="/",
    )
    try:
        yield Postgres(port)
    finally:
        subprocess.run(
            [*control, "-m", "immediate", "stop"],
            check=False,
            stdout=subprocess.DEVNULL,
            env=environment,
            cwd="/",
        )
        shutil.rmtree(directory, ignore_errors=True)
