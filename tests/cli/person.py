"""A person at a computer: a home, an environment, a terminal on which she is asked."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support import stretching

ROOT = Path(__file__).resolve().parent.parent.parent
Answer = tuple[str, str | Callable[[], str]]


@dataclass
class Ended:
    """What a run of the client left behind. `tty` is everything shown on the terminal."""

    status: int
    stdout: bytes
    stderr: str
    tty: str


@dataclass
class Person:
    """`answers` are (part of a question, answer); the first that fits is given, every time."""

    home: Path
    clock: Path
    host: str | None = None
    language: str = "en"
    answers: list[Answer] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)

    @property
    def state(self) -> Path:
        return self.home / "state" / "escrow"

    def environment(self, **extra: str) -> dict[str, str]:
        found = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}",
            "LC_ALL": f"{self.language}_XX.UTF-8",
            "PYTHONUTF8": "1",
            **stretching.environment(),
            **extra,
        }
        if self.host:
            found["ESCROW_HOST"] = self.host
        return found

    def start(
        self,
        *arguments: str,
        tty: bool = True,
        stdin: bytes = b"",
        program: Sequence[str] = (),
        **extra: str,
    ) -> Process:
        """Start the client, or another program; without `tty` it has no terminal to ask on."""
        master, slave = pty.openpty()
        environment = self.environment(**extra)
        if tty:
            environment["TEST_TTY"] = os.ttyname(slave)
        child = subprocess.Popen(
            [*(program or self.client()), *arguments],
            cwd=self.home,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        assert child.stdin is not None
        child.stdin.write(stdin)
        child.stdin.close()
        return Process(child, master, slave, list(self.answers))

    def client(self) -> list[str]:
        return [sys.executable, "-m", "tests.cli.run", str(self.clock)]

    def run(self, *arguments: str, answers: Sequence[Answer] = (), **options: Any) -> Ended:
        """Run the client to its end, answering its questions."""
        process = self.start(*arguments, **options)
        process.answers = [*answers, *process.answers]
        return process.finish()


@dataclass
class Process:
    child: subprocess.Popen[bytes]
    master: int
    slave: int
    answers: list[Answer]
    tty: str = ""
    stdout: bytes = b""
    stderr: str = ""
    _answered: int = 0

    def finish(self, seconds: float = 90) -> Ended:
        """Answer until the client ends."""
        self.until(lambda: self.child.poll() is not None and not self._ready(0), seconds)
        assert self.child.stdout is not None and self.child.stderr is not None
        self.stdout += self.child.stdout.read()
        self.stderr += self.child.stderr.read().decode()
        self._close()
        return Ended(self.child.returncode, self.stdout, self.stderr, self.tty)

    def until(self, is_over: Callable[[], bool], seconds: float = 90) -> None:
        deadline = time.monotonic() + seconds
        while not is_over():
            if time.monotonic() > deadline:
                self.child.kill()
                raise AssertionError(f"no end: {self.tty!r} {self.stderr!r} {self.stdout!r}")
            self._take(0.05)

    def until_said(self, text: str, seconds: float = 60) -> None:
        """Go on until the client has said something, on stderr or the terminal."""
        self.until(
            lambda: text in self.stderr or text in self.tty or self.child.poll() is not None,
            seconds,
        )
        assert text in self.stderr or text in self.tty, (self.stderr, self.tty)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()
        self._close()

    def _close(self) -> None:
        for stream in (self.child.stdout, self.child.stderr):
            if stream is not None:
                stream.close()
        os.close(self.master)
        os.close(self.slave)

    def _ready(self, seconds: float) -> list[int]:
        assert self.child.stdout is not None and self.child.stderr is not None
        streams = [self.master, self.child.stdout.fileno(), self.child.stderr.fileno()]
        ready, _, _ = select.select(streams, [], [], seconds)
        return [stream for stream in ready if stream == self.master]

    def _take(self, seconds: float) -> None:
        assert self.child.stdout is not None and self.child.stderr is not None
        out, err = self.child.stdout.fileno(), self.child.stderr.fileno()
        ready, _, _ = select.select([self.master, out, err], [], [], seconds)
        if self.master in ready:
            self.tty += os.read(self.master, 65536).decode()
        if out in ready:
            self.stdout += os.read(out, 65536)
        if err in ready:
            self.stderr += os.read(err, 65536).decode(errors="replace")
        self._answer()

    def _answer(self) -> None:
        """Answer the question that stands last on the terminal, once."""
        asked = self.tty[self._answered :]
        if not asked.endswith(": "):
            return
        for part, answer in self.answers:
            if part in asked:
                text = answer if isinstance(answer, str) else answer()
                self._answered = len(self.tty)
                os.write(self.master, f"{text}\n".encode())
                return
