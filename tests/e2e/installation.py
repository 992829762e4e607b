"""The real service as its operator runs it: `init`, then web and custodian as processes.

The tests' own are the clock, which is a file that every process reads, the next mail server, and
the record that the web tier writes of all requests and answers. Nothing here sleeps for luck: what
must happen is waited for, with a deadline.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from escrow.config import Settings
from escrow.db import Database
from escrow.install import install
from tests.cli.clock import FileClock
from tests.e2e.postoffice import PostOffice
from tests.support.mailbox import free_port

ROOT = Path(__file__).resolve().parents[2]
DAY_SECONDS = 86400
STEP_SECONDS = 22 * 3600  # with 13 quiet hours before it, under the 36 that need an operator
QUIET_SECONDS = 12 * 3600  # after so long it writes a tick
START_SECONDS = 90


def until(is_so: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait for something to become true; the deadline is for a machine that does other work too."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.05)


@dataclass
class Installation:
    """A service with its directory, database, clock and mail server."""

    directory: Path
    settings: Settings
    clock: FileClock
    office: PostOffice
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _pumps: list[threading.Thread] = field(default_factory=list)

    @property
    def url(self) -> str:
        return self.settings.public_url

    @property
    def logs(self) -> Path:
        return self.directory / "logs"

    @property
    def record(self) -> Path:
        return self.directory / "record"

    @property
    def at(self) -> int:
        """The time of the ledger's newest checkpoint."""
        text = (self.settings.outside_dir / "checkpoint").read_text()
        return int(text.partition("\n")[0])

    def environment(self) -> dict[str, str]:
        settings = self.settings
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}",
            "PYTHONUTF8": "1",
            "TEST_CLOCK": str(self.clock.path),
            "TEST_RECORD": str(self.record),
            "ESCROW_DATA_DIR": str(settings.data_dir),
            "ESCROW_DATABASE_URL": settings.database_url,
            "ESCROW_PUBLIC_URL": settings.public_url,
            "ESCROW_LISTEN_PORT": str(settings.listen_port),
            "ESCROW_PROVIDER_NAME": settings.provider_name,
            "ESCROW_PROVIDER_PHONE": settings.provider_phone,
            "ESCROW_SMTP_HOST": settings.smtp_host,
            "ESCROW_SMTP_PORT": str(settings.smtp_port),
            "ESCROW_SMTP_SECURITY": settings.smtp_security,
            "ESCROW_MAIL_FROM": settings.mail_from,
            "ESCROW_REQUESTS_AN_HOUR": str(settings.requests_an_hour),
            "ESCROW_DEMO": "1",  # for http:// on the loopback address
        }

    def start(self, *names: str) -> None:
        """Start processes; without names both, and wait until they work."""
        for name in names or ("web", "custodian"):
            process = subprocess.Popen(
                [sys.executable, "-m", f"tests.e2e.{name}"],
                cwd=self.directory,
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            assert process.stdout is not None
            pump = threading.Thread(
                target=_pump, args=(process.stdout, self.logs / f"{name}.log"), daemon=True
            )
            pump.start()
            self.processes[name] = process
            self._pumps.append(pump)
        self.wait_until_up(*names)

    def wait_until_up(self, *names: str) -> None:
        if "web" in names or not names:
            until(self._answers, f"the web tier answers\n{self.log()}", START_SECONDS)
        if not names:
            until(self._has_checkpoint, f"the first checkpoint\n{self.log()}", START_SECONDS)

    def log(self) -> str:
        return "\n".join(
            path.read_text(errors="replace")[-2000:] for path in sorted(self.logs.glob("*.log"))
        )

    def _all_live(self) -> None:
        for name, process in self.processes.items():
            assert process.poll() is None, f"{name} has ended\n{self.log()}"

    def _answers(self) -> bool:
        self._all_live()
        try:
            return httpx.get(f"{self.url}/healthz", timeout=5).is_success
        except httpx.HTTPError:
            return False

    def _has_checkpoint(self) -> bool:
        self._all_live()
        return httpx.get(f"{self.url}/api/v1/ledger/checkpoint", timeout=20).is_success

    def stop(self, *names: str) -> None:
        """End processes as an operator does."""
        for name in names or tuple(self.processes):
            process = self.processes.pop(name)
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def kill(self, name: str) -> None:
        """End a process as a power cut does."""
        process = self.processes.pop(name)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    @contextmanager
    def without(self, name: str) -> Iterator[None]:
        """Kill a process, and start it again at the end of the block."""
        self.kill(name)
        try:
            yield
        finally:
            self.start(name)

    def pids(self, name: str) -> list[int]:
        """Return a process and its children."""
        found = [self.processes[name].pid]
        for pid in found:
            for task in Path(f"/proc/{pid}/task").glob("*/children"):
                found += [int(child) for child in task.read_text().split()]
        return found

    def database(self) -> Database:
        """Open the database, as somebody who broke in would."""
        return Database(self.settings.database)

    def pass_time(self, seconds: int) -> None:
        """Let time pass as it does: in steps that the ledger follows."""
        while seconds > 0:
            step = min(seconds, STEP_SECONDS)
            self.clock.move(step)
            seconds -= step
            until(
                lambda: self.clock.now() - self.at < QUIET_SECONDS + 3600,
                f"the custodian keeps up\n{self.log()}",
            )


def _pump(stream: IO[bytes], path: Path) -> None:
    """Write a log through a pipe, so that no limit or full disk of the process touches it."""
    with path.open("ab", buffering=0) as file:
        for line in stream:
            file.write(line)


@contextmanager
def running(directory: Path, database_url: str = "") -> Iterator[Installation]:
    """Install and run a service until the end of the block."""
    office = PostOffice()
    office.start()
    port = free_port()
    settings = Settings(
        data_dir=directory / "data",
        public_url=f"http://127.0.0.1:{port}",
        database_url=database_url,
        listen_port=port,
        provider_name="Test Telecom",
        provider_phone="+31 20 1234567",
        smtp_host="127.0.0.1",
        smtp_port=office.port,
        smtp_security="none",
        mail_from="Key recovery <recovery@recovery.test>",
        requests_an_hour=10**6,
        demo=True,
    ).check()
    clock = FileClock(directory / "clock")
    clock.path.write_text("0")
    made = Installation(directory, settings, clock, office)
    made.logs.mkdir()
    made.record.mkdir()
    install(settings, clock)
    try:
        made.start()
        yield made
    finally:
        made.stop()
        office.stop()
