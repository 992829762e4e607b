"""The rule "in CI nothing is left out" can itself fail: here it is made to."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LEAVINGS = {
    "skip": "@pytest.mark.skip(reason='no restic')\ndef test_left_out(): pass",
    "xfail": "@pytest.mark.xfail(reason='later')\ndef test_left_out(): assert False",
    "deselected": "def test_left_out(): pass",
    "module": "pytest.importorskip('a_module_that_is_not_there')",
    "nothing": "",
}


def _run(folder: Path, ci: str, *options: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST_", "COV_"))}
    # Without the third-party plugins an empty session starts in a tenth of the time.
    environment |= {"CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.plugin_ci", "-c", os.devnull,
         f"--rootdir={folder}", "-k", "not deselected", *options, str(folder)],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("leaving", LEAVINGS)
def test_what_is_left_out_fails_in_ci_only(leaving: str, tmp_path: Path) -> None:
    body = LEAVINGS[leaving]
    if leaving == "deselected":
        body = body.replace("test_left_out", "test_deselected")
    (tmp_path / "test_full.py").write_text("def test_runs(): pass\n")
    (tmp_path / "test_leaving.py").write_text(f"import pytest\n{body}\n")
    expected = 0 if leaving == "nothing" else 1
    in_ci = _run(tmp_path, "true")
    assert in_ci.returncode == expected, in_ci.stdout + in_ci.stderr
    assert ("every test must run" in in_ci.stdout) == bool(expected)
    assert _run(tmp_path, "").returncode == 0


def test_workers_report_what_they_left_out(tmp_path: Path) -> None:
    (tmp_path / "test_all.py").write_text("def test_runs(): pass\ndef test_deselected(): pass\n")
    run = _run(tmp_path, "true", "-p", "xdist", "-n", "1")
    assert run.returncode == 1, run.stdout + run.stderr
    assert "deselected: test_all.py::test_deselected" in run.stdout
