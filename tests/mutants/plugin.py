"""Loaded into pytest by run.py: try one mutant after the other on tests that are collected once.

mutmut's own loop collects the tests anew for every mutant, which takes longer than the tests. Here
each mutant gets a fork of the process that has collected them, and in it only the tests that call
the function it changes, the shortest first; the first that fails ends it.

Properties try few examples, always the same ones, so that no verdict depends on luck, and a failing
example is not made smaller: nobody reads it.
"""

import gc
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, settings
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.utils.format_utils import mangled_name_from_mutant_name

EXAMPLES = 12
MEMORY_BYTES = 4 << 30
# For a test that never ends. In seconds of processor time: a busy machine catches no mutant.
PATIENCE_FACTOR = 5
PATIENCE_SECONDS = 3
WALL_SECONDS = 1800  # for what waits for ever and computes nothing


def _few_examples(item: pytest.Item) -> None:
    test: Any = getattr(item, "obj", None)
    test = getattr(test, "__func__", test)
    found = getattr(test, "_hypothesis_internal_use_settings", None)
    if found is not None:
        test._hypothesis_internal_use_settings = settings(
            found,
            max_examples=min(found.max_examples, EXAMPLES),
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.explicit, Phase.generate),
        )


class Outcome:
    """Remember whether the last test failed, its fixtures included."""

    def __init__(self) -> None:
        self.failed = False

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed = True
            print(f"{report.nodeid}\n{report.longreprtext}", flush=True)


def _run(
    items: Sequence[pytest.Item],
    mutant: str,
    patience: Callable[[pytest.Item], float] = lambda item: 0,
    after: Callable[[pytest.Item], None] = lambda item: None,
) -> bool:
    """Run tests with a mutant in place; False at the first that fails.

    A test that takes more processor time than `patience` says ends the process (SIGPROF).
    """
    outcome = Outcome()
    items[0].config.pluginmanager.register(outcome)
    set_mutant_under_test(mutant)
    for item, following in zip(items, [*items[1:], None], strict=True):
        signal.setitimer(signal.ITIMER_PROF, patience(item))
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        if outcome.failed:
            return False
        after(item)
    return True


def _fork(
    work: Callable[[], bool], folder: Path, *, loud: bool = False, wall_seconds: int = 0
) -> int:
    """Run `work` in a child that has its own place for files; return the child's id."""
    child = os.fork()
    if child:
        return child
    code = 2
    try:
        os.environ["PYTEST_DEBUG_TEMPROOT"] = str(folder)
        if not loud:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            os.dup2(nowhere, 2)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        signal.alarm(wall_seconds)
        code = 0 if work() else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


def _measure(items: Sequence[pytest.Item], target: Path) -> bool:
    """Run all tests once; write how long each took and which functions it called."""
    seconds: dict[str, float] = {}
    tests: dict[str, list[str]] = {}
    last = [time.process_time()]

    def after(item: pytest.Item) -> None:
        now = time.process_time()
        seconds[item.nodeid], last[0] = now - last[0], now
        for function in state()._stats:
            tests.setdefault(function, []).append(item.nodeid)
        state()._stats.clear()

    if not _run(items, "stats", after=after):
        return False
    target.write_text(json.dumps({"seconds": seconds, "tests": tests}))
    return True


class Loop:
    """Try the mutants that run.py wants, some at once, and write each verdict as it comes."""

    def __init__(self, items: Sequence[pytest.Item], plan: dict[str, Any]) -> None:
        self.items = {item.nodeid: item for item in items}
        self.plan = plan
        self.measured: dict[str, Any] = {}
        self.running: dict[int, tuple[str, Path]] = {}
        self.place = os.environ.get("PYTEST_DEBUG_TEMPROOT")  # in memory: see tests/conftest.py

    def run(self) -> None:
        target = Path(self.plan["measured"])
        if not target.exists():
            self._measure(target)
        self.measured = json.loads(target.read_text())
        gc.freeze()  # or each fork copies every page
        for mutant in self.plan["mutants"]:
            while len(self.running) >= self.plan["children"]:
                self._reap()
            self._start(mutant)
        while self.running:
            self._reap()

    def _measure(self, target: Path) -> None:
        """Measure all tests, in as many processes as mutants are tried in."""
        count = self.plan["children"]
        parts = [list(self.items.values())[i::count] for i in range(count)]
        with tempfile.TemporaryDirectory(dir=self.place) as folder:
            files = [Path(folder) / f"{i}.json" for i in range(count)]
            running = [
                _fork(partial(_measure, part, file), Path(folder), loud=True)
                for part, file in zip(parts, files, strict=True)
            ]
            statuses = [os.waitpid(child, 0)[1] for child in running]
            if any(statuses):
                raise pytest.UsageError("the tests fail without mutants")
            found = [json.loads(file.read_text()) for file in files]
        tests: dict[str, list[str]] = {}
        for part in found:
            for function, names in part["tests"].items():
                tests.setdefault(function, []).extend(names)
        seconds = {name: took for part in found for name, took in part["seconds"].items()}
        target.write_text(json.dumps({"seconds": seconds, "tests": tests}))

    def _start(self, mutant: str) -> None:
        seconds = self.measured["seconds"]
        names = self.measured["tests"].get(mangled_name_from_mutant_name(mutant), [])
        if not names:
            self._write(mutant, "no test")
            return
        module = mutant.split(".")[2]
        items: list[pytest.Item] = []
        needed = 0.0

        def rank(name: str) -> tuple[bool, float]:
            """Put the module's own vectors first, then the shortest tests."""
            return f"[{module}: " not in name or seconds[name] > 0.05, seconds[name]

        for name in sorted(names, key=rank):
            needed += seconds[name]
            if items and needed > self.plan["budget"]:
                break
            items.append(self.items[name])
        folder = Path(tempfile.mkdtemp(prefix="escrow-mutant-", dir=self.place))

        def patience(item: pytest.Item) -> float:
            return PATIENCE_SECONDS + PATIENCE_FACTOR * float(seconds[item.nodeid])

        child = _fork(lambda: _run(items, mutant, patience), folder, wall_seconds=WALL_SECONDS)
        self.running[child] = (mutant, folder)

    def _reap(self) -> None:
        child, status = os.wait()
        mutant, folder = self.running.pop(child)
        shutil.rmtree(folder, ignore_errors=True)
        if os.WIFSIGNALED(status):
            endless = os.WTERMSIG(status) in {signal.SIGPROF, signal.SIGALRM}
            self._write(mutant, "endless" if endless else "crashed")
        else:
            code = os.WEXITSTATUS(status)
            self._write(mutant, {0: "survived", 1: "caught"}.get(code, "broken"))

    def _write(self, mutant: str, verdict: str) -> None:
        with Path(self.plan["verdicts"]).open("a") as file:
            file.write(json.dumps([mutant, verdict]) + "\n")


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool:
    if session.testsfailed:
        raise session.Interrupted("the tests cannot be collected")
    for item in session.items:
        _few_examples(item)
    plan = json.loads(Path(os.environ["MUTANTS_PLAN"]).read_text())
    Loop(session.items, plan).run()
    return True
