"""The service as its operator runs it: one command, two processes, a clean end."""

import os
import pty
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from escrow import serve
from escrow.errors import ConfigurationError
from escrow.i18n import translator
from tests.serve import Service
from tests.support.mailbox import free_port

ROOT = Path(__file__).resolve().parent.parent
PATIENCE_SECONDS = 90.0
SERVER = [sys.executable, "-m", "escrow_cli.server"]


def wait_until(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.05)


@dataclass
class Operator:
    """A directory, and the commands that an operator types."""

    directory: Path
    port: int = field(default_factory=free_port)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.directory),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}",
            "ESCROW_DATA_DIR": str(self.directory / "data"),
            "ESCROW_LISTEN_PORT": str(self.port),
        }

    def types(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*SERVER, *arguments],
            env=self.environment | environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    @contextmanager
    def running(self, *arguments: str) -> Iterator["Running"]:
        log = self.directory / "log"
        with log.open("w") as output:
            process = subprocess.Popen(
                [*SERVER, *arguments],
                env=self.environment,
                cwd=self.directory,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        found = Running(process, log)
        try:
            yield found
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE_SECONDS)


@dataclass
class Running:
    """A started command and what it has printed."""

    process: "subprocess.Popen[bytes]"
    log_path: Path

    @property
    def log(self) -> str:
        return self.log_path.read_text()

    def url(self) -> str:
        """Return the address that it prints, once it answers there."""
        pattern = re.compile(r"The service is at (\S+)")
        wait_until(lambda: pattern.search(self.log) is not None, self.log)
        match = pattern.search(self.log)
        assert match is not None
        return match[1]

    def child(self, verb: str) -> int:
        """Return the process that runs a verb."""
        for pid in children(self.process.pid):
            if Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2] == verb.encode():
                return pid
        raise AssertionError(f"no {verb}")


def children(pid: int) -> list[int]:
    """Return all processes under one."""
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, task.read_text().split()):
            found += [child, *children(child)]
    return found


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def answers(url: str, path: str) -> bool:
    try:
        return httpx.get(f"{url}{path}", timeout=20).is_success
    except httpx.HTTPError:
        return False


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(tmp_path)


@pytest.fixture
def ready(operator: Operator) -> Operator:
    made = operator.types("init", "--demo")
    assert made.returncode == 0, made.stderr
    return operator


def test_a_demo_from_nothing_to_a_clean_end(ready: Operator) -> None:
    with ready.running("run", "--demo") as running:
        url = running.url()
        assert url == f"http://localhost:{ready.port}"
        assert answers(url, "/healthz")
        wait_until(lambda: answers(url, "/api/v1/ledger/checkpoint"), running.log)
        assert f"{url}/demo/mailbox" in running.log
        pids = children(running.process.pid)
        assert len(pids) >= 3
        for pid in pids:
            assert re.search(r"Max core file size\s+0 +0 ", Path(f"/proc/{pid}/limits").read_text())
        well = ready.types("doctor", "--demo")
        assert well.returncode == 0, well.stdout
        assert "WRONG" not in well.stdout
        os.killpg(running.process.pid, signal.SIGINT)
        assert running.process.wait(PATIENCE_SECONDS) == 0
        assert not any(is_alive(pid) for pid in pids)
        assert "Traceback" not in running.log
        assert '"event": "request"' not in running.log, "what was printed is drowned"


def test_a_busy_port_moves_a_demo_to_the_next(ready: Operator) -> None:
    with ready.running("run", "--demo") as first:
        first_url = first.url()
        second = Operator(ready.directory / "second", ready.port)
        second.directory.mkdir()
        assert second.types("init", "--demo").returncode == 0
        with second.running("run", "--demo") as running:
            url = running.url()
            assert url != first_url
            assert "is in use; taking" in running.log
            assert f"Links that name {second.port}, the first admin's too, work with" in running.log
            assert answers(url, "/healthz")


def test_a_busy_port_stops_the_web_tier_with_a_sentence(ready: Operator) -> None:
    with ready.running("run", "--demo") as running:
        running.url()
        done = ready.types("web", "--demo")
    assert done.returncode == serve.WRONG_CONFIGURATION
    assert "is in use by another program" in done.stderr


def test_children_end_with_a_supervisor_that_is_killed(ready: Operator) -> None:
    with ready.running("run", "--demo") as running:
        running.url()
        pids = children(running.process.pid)
        running.process.kill()
        running.process.wait()
        wait_until(lambda: not any(is_alive(pid) for pid in pids), "children outlive it")


def test_a_killed_custodian_is_started_again(ready: Operator) -> None:
    with ready.running("run", "--demo") as running:
        url = running.url()
        wait_until(lambda: answers(url, "/api/v1/ledger/checkpoint"), running.log)
        pid = running.child("custodian")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: "custodian has ended with code -9" in running.log, running.log)
        wait_until(lambda: not is_alive(pid), "it is gone")
        wait_until(lambda: running.log.count("this custodian leads") == 2, running.log)
        assert running.child("custodian") != pid


def test_a_child_with_a_wrong_configuration_ends_the_service(ready: Operator) -> None:
    """Its keys are open to others: the custodian says so, and nobody restarts it."""
    (ready.directory / "data" / "keys" / "keyring.key").chmod(0o644)
    with ready.running("run", "--demo") as running:
        assert running.process.wait(PATIENCE_SECONDS) == serve.WRONG_CONFIGURATION
        assert "chmod 600" in running.log
        assert running.log.count("custodian has ended") == 1


def test_a_database_that_is_gone_is_not_made_anew(ready: Operator) -> None:
    path = ready.directory / "data" / "escrow.db"
    path.unlink()
    for verb in ("web", "custodian"):
        with ready.running(verb, "--demo") as running:
            running.process.wait(PATIENCE_SECONDS)
            assert running.process.returncode != 0
            assert "escrow.db is missing" in running.log or "ConfigurationError" in running.log
        assert not path.exists()


def test_a_service_that_slept_for_days_asks_whether_the_clock_is_right(ready: Operator) -> None:
    """On a terminal; the answer lets it go on, and without one the custodian waits."""
    checkpoint = ready.directory / "data" / "outside" / "checkpoint"
    with ready.running("run", "--demo") as running:
        wait_until(lambda: not checkpoint.read_text().startswith("0\n"), running.log)
    past = str(int(time.time()) - 3 * 86400)
    checkpoint.write_text(past + "\n" + checkpoint.read_text().partition("\n")[2])
    with ready.running("run", "--demo") as running:
        wait_until(lambda: "the ledger is stopped" in running.log, running.log)
        assert "Until then the ledger stands still" in running.log
        assert past not in running.log, "times are for people"
    wrong = ready.types("run", "--demo", "--accept-clock", "2020-01-01T00:00")
    assert wrong.returncode == serve.WRONG_CONFIGURATION
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [*SERVER, "run", "--demo"],
        env=ready.environment,
        cwd=ready.directory,
        stdin=slave,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        os.write(master, b"y\n")
        wait_until(lambda: not checkpoint.read_text().startswith(past), "it ticks")
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=PATIENCE_SECONDS)
        os.close(master)
        os.close(slave)
    assert "The service last worked on " in said
    assert "A clock that runs ahead would end waiting times too early" in said
    assert "Is it now" in said
    assert process.returncode == 0


def test_the_clock_can_be_accepted_without_a_terminal(ready: Operator) -> None:
    checkpoint = ready.directory / "data" / "outside" / "checkpoint"
    with ready.running("run", "--demo") as running:
        wait_until(lambda: not checkpoint.read_text().startswith("0\n"), running.log)
    past = str(int(time.time()) - 3 * 86400)
    checkpoint.write_text(past + "\n" + checkpoint.read_text().partition("\n")[2])
    now = time.strftime("%Y-%m-%dT%H:%M", time.gmtime())
    with ready.running("run", "--demo", "--accept-clock", now) as running:
        wait_until(lambda: not checkpoint.read_text().startswith(past), "it ticks")
        assert "the ledger is stopped" not in running.log


def test_the_demo_of_a_checkout_is_found_where_make_keeps_it(ready: Operator) -> None:
    """`make run` keeps its data in .data: doctor and operators look there too."""
    (ready.directory / "data").rename(ready.directory / ".data")
    (ready.directory / ".data" / "migrations").write_text("[]")
    ready.port = free_port()
    environment = {n: v for n, v in ready.environment.items() if n != "ESCROW_DATA_DIR"}
    done = subprocess.run(
        [*SERVER, "doctor", "--demo"],
        env=environment,
        cwd=ready.directory,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert "ok     web keys: readable by us alone" in done.stdout
    elsewhere = subprocess.run(
        [*SERVER, "doctor", "--demo"],
        env=environment,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert "escrow-demo the right folder" in elsewhere.stdout


def test_outside_a_demo_it_does_not_run_without_mail(operator: Operator) -> None:
    for verb in ("init", "run", "web", "custodian"):
        done = operator.types(verb, ESCROW_PUBLIC_URL="https://recovery.example.org")
        assert done.returncode == serve.WRONG_CONFIGURATION, verb
        assert "Set smtp_host" in done.stderr
    assert not (operator.directory / "data").exists()


def test_a_demo_listens_on_loopback_only(operator: Operator) -> None:
    done = operator.types("run", "--demo", ESCROW_LISTEN_HOST="0.0.0.0")  # noqa: S104
    assert done.returncode == serve.WRONG_CONFIGURATION
    assert "loopback" in done.stderr


def test_nothing_that_can_be_set_moves_time(ready: Operator) -> None:
    """The tests' clock is not in the package: the variables that move it there do nothing."""
    (ready.directory / "clock").write_text(str(10 * 86400))
    moved = {"TEST_CLOCK": str(ready.directory / "clock"), "ESCROW_CLOCK": "x", "ESCROW_NOW": "1"}
    program = "from escrow.clock import SystemClock; print(SystemClock().now())"
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=ready.environment | moved,
        capture_output=True,
        text=True,
        check=True,
    )
    assert abs(int(done.stdout) - time.time()) < 60


def test_the_test_service_moves_time_and_survives_kills(tmp_path: Path) -> None:
    with Service(tmp_path) as s:
        before = s.installation.at
        s.move_clock(3 * 86400)
        assert s.installation.at >= before + 2 * 86400
        s.kill_custodian()
        s.start_custodian()
        s.move_clock(86400)
        assert s.mails() == []
        assert answers(s.url, "/healthz")
        assert "this custodian leads" in s.logs()


# --- parts ------------------------------------------------------------------------------


class Nothing:
    def __call__(self) -> bool:
        return True


def supervise(*commands: str) -> tuple[int, list[str]]:
    """Run children that are shell commands; returns exit code and what was said."""
    said: list[str] = []
    found = [
        serve.Child(f"child {number}", ["sh", "-c", command])
        for number, command in enumerate(commands)
    ]
    before = {n: signal.getsignal(n) for n in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        return serve.Supervisor(found, said.append, translator("en")).run(Nothing()), said
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_child_that_cannot_run_ends_the_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "MAX_QUICK_ENDS", 3)
    code, said = supervise("exit 3", "sleep 60")
    assert code == 3
    assert said == ["child 0 has ended with code 3"] * 3


def test_what_an_operator_said_is_for_the_first_start_alone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(serve, "MAX_QUICK_ENDS", 2)
    program = f'echo "$@" >> {tmp_path}/said; exit 3'
    child = serve.Child("child", ["sh", "-c", program, "sh", "always"], ["--once"])
    assert serve.Supervisor([child], lambda _: None, translator("en")).run(Nothing()) == 3
    assert (tmp_path / "said").read_text() == "always --once\nalways\n"


def test_a_wrong_configuration_is_not_tried_again() -> None:
    code, said = supervise("exit 78", "sleep 60")
    assert code == 78
    assert said == ["child 0 has ended with code 78"]


def test_a_child_that_does_not_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serve, "STOP_SECONDS", 0.5)
    start = time.monotonic()
    code, _ = supervise("exit 78", "trap '' TERM; while :; do sleep 0.1; done")
    assert code == 78
    assert time.monotonic() - start < 30


def test_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        assert not serve.is_free("127.0.0.1", port)
        assert serve.answers("127.0.0.1", port)
        assert serve.free_port("127.0.0.1", port) > port
        monkeypatch.setattr(serve, "PORTS_TRIED", 1)
        with pytest.raises(ConfigurationError, match="all in use"):
            serve.free_port("127.0.0.1", port)
    assert not serve.answers("127.0.0.1", port)


def test_no_core_dumps_and_no_debugger() -> None:
    program = (
        "import ctypes, resource\n"
        "from escrow.hardening import lock_memory, no_core_dumps\n"
        "no_core_dumps(); lock_memory()\n"
        "print(ctypes.CDLL(None).prctl(3), *resource.getrlimit(resource.RLIMIT_CORE))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["0", "0", "0"]


def test_memory_is_not_locked_under_a_small_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    from escrow import hardening

    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (8 << 20, 8 << 20))
    assert hardening.lock_memory() is False
