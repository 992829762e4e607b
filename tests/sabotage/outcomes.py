"""A pytest plugin for run.py: write down what became of each test."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    # Falling over in a fixture is not the same as noticing: only the body's failure counts.
    outcome = "error" if report.failed and report.when != "call" else report.outcome
    if report.when == "call" or outcome != "passed":
        with Path(os.environ["SABOTAGE_OUTCOMES"]).open("a", encoding="utf-8") as stream:
            stream.write(json.dumps([report.nodeid, outcome]) + "\n")
