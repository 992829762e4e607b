"""Running the service: the web tier under granian, and web and custodian as supervised children.

A child that ends is started again, after a second and then ever later; one that ends at once five
times in a row, or that says that its configuration is wrong (exit code 78), ends the whole service
with a clear code, so that whoever runs us sees it. Children end with us, however we end.
"""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from escrow.config import Settings
from escrow.errors import ConfigurationError
from escrow.hardening import end_with_parent, no_core_dumps
from escrow.i18n import N_, Translator
from escrow.wsgi import THREADS

WRONG_CONFIGURATION = 78  # EX_CONFIG of sysexits.h
PORTS_TRIED = 20
STOP_SECONDS = 15.0
START_SECONDS = 30.0
MAX_QUICK_ENDS = 5
QUICK_SECONDS = 10.0
_POLL_SECONDS = 0.1


def serve_web(settings: Settings, target: str = "escrow.wsgi:application") -> None:
    """Serve a WSGI factory under granian until SIGTERM or SIGINT."""
    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.log import LogLevels

    no_core_dumps()
    if not is_free(settings.listen_host, settings.listen_port):
        raise ConfigurationError(
            N_("{host}:{port} is in use by another program: stop it, or set listen_port."),
            host=settings.listen_host,
            port=settings.listen_port,
        )
    is_embedded = settings.database.startswith("sqlite")
    Granian(
        target,
        address=settings.listen_host,
        port=settings.listen_port,
        interface=Interfaces.WSGI,
        factory=True,
        workers=1 if is_embedded else min(4, os.cpu_count() or 1),
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
        workers_kill_timeout=int(STOP_SECONDS) - 5,
        respawn_failed_workers=False,
    ).serve()


def is_free(host: str, port: int) -> bool:
    """Tell whether nobody listens on an address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def free_port(host: str, port: int) -> int:
    """Return the first free port from `port` on; raises ConfigurationError."""
    for candidate in range(port, port + PORTS_TRIED):
        if is_free(host, candidate):
            return candidate
    raise ConfigurationError(
        N_("The ports {port} to {last} are all in use."), port=port, last=port + PORTS_TRIED - 1
    )


def answers(host: str, port: int) -> bool:
    """Tell whether somebody listens on an address."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


@dataclass
class Child:
    """One process that is started again when it ends; `at_first` is for its first start alone."""

    name: str
    command: Sequence[str]
    at_first: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = None
    started_at: float = 0.0
    quick_ends: int = 0
    next_start: float = 0.0

    def start(self) -> None:
        """Start it in a process group of its own, so that Ctrl-C reaches it once, through us."""
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            [*self.command, *self.at_first],
            process_group=0,
            preexec_fn=end_with_parent,  # noqa: PLW1509
        )
        self.at_first = ()

    def ended(self) -> int | None:
        """Return the exit code of a child that has ended and was not yet counted."""
        if self.process is None or (code := self.process.poll()) is None:
            return None
        self.process = None
        is_quick = time.monotonic() - self.started_at < QUICK_SECONDS
        self.quick_ends = self.quick_ends + 1 if is_quick else 1
        self.next_start = time.monotonic() + min(2.0 ** (self.quick_ends - 1), 30.0)
        return code


@dataclass
class Supervisor:
    """Keeps children running until it is told to stop."""

    children: list[Child]
    say: Callable[[str], None]
    t: Translator
    _is_stopping: bool = field(default=False, init=False)

    def run(self, on_ready: Callable[[], bool]) -> int:
        """Start all and watch them; returns our exit code.

        `on_ready` is asked ten times a second until it says True (it told the user where we are).
        """
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._stop)
        is_ready = False
        code = 0
        try:
            for child in self.children:
                child.start()
            while not self._is_stopping and code == 0:
                code = self._look_after()
                is_ready = is_ready or on_ready()
                time.sleep(_POLL_SECONDS)
        finally:
            self._end_all()
        return code

    def _stop(self, _number: int, _frame: object) -> None:
        self._is_stopping = True

    def _look_after(self) -> int:
        for child in self.children:
            if (code := child.ended()) is not None and not self._is_stopping:
                self.say(
                    self.t.gettext("{name} has ended with code {code}", name=child.name, code=code)
                )
                if code == WRONG_CONFIGURATION or child.quick_ends >= MAX_QUICK_ENDS:
                    return code if code > 0 else 1
            if child.process is None and time.monotonic() >= child.next_start:
                child.start()
        return 0

    def _end_all(self) -> None:
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for process in running:
            try:
                process.wait(max(0.1, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def children(at_first: Sequence[str] = ()) -> list[Child]:
    """Return the service's two children; `at_first` goes to the custodian."""
    own = [sys.executable, "-m", "escrow_cli.server"]
    return [Child("custodian", [*own, "custodian"], at_first), Child("web", [*own, "web"])]
