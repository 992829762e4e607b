"""With CI=true, a test that did not run is a failure.

A skip, an expected failure or a deselected test looks green and proves nothing. On a
developer's machine they are told apart in the summary; in CI, where everything the tests
need has been installed, they turn the run red. Loaded through `addopts` in pyproject.toml.
"""

from __future__ import annotations

import os
from typing import Any

import pytest

_WORKER_KEY = "escrow_ci_deselected"


def pytest_configure(config: pytest.Config) -> None:
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        config.pluginmanager.register(NothingLeftOut(config), "escrow-nothing-left-out")


class NothingLeftOut:
    """Count what did not run and fail the session if anything did not."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.left_out: list[str] = []

    # xdist workers collect, so only they see what was deselected; they tell the controller.
    def pytest_deselected(self, items: list[pytest.Item]) -> None:
        self.left_out.extend(f"deselected: {item.nodeid}" for item in items)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any, error: object) -> None:
        for line in getattr(node, "workeroutput", {}).get(_WORKER_KEY, []):
            if line not in self.left_out:
                self.left_out.append(line)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if hasattr(report, "wasxfail"):
            self.left_out.append(f"xfail: {report.nodeid}: {report.wasxfail}")
        elif report.skipped:
            self.left_out.append(f"skipped: {report.nodeid}: {_reason(report.longrepr)}")

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.skipped:
            self.left_out.append(f"skipped: {report.nodeid}: {_reason(report.longrepr)}")

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(self.config, "workeroutput"):
            self.config.workeroutput[_WORKER_KEY] = [
                line for line in self.left_out if line.startswith("deselected")
            ]
        elif self.left_out and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.left_out:
            terminalreporter.section("CI: every test must run", red=True)
            for line in self.left_out:
                terminalreporter.line(line)


def _reason(longrepr: object) -> str:
    if isinstance(longrepr, tuple):
        return str(longrepr[-1]).removeprefix("Skipped: ")
    return str(longrepr)
