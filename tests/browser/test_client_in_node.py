"""The browser's client under `node --test`: what it makes, and what stays in memory."""

from __future__ import annotations

import pytest

from tests.support.node import ROOT, node

FILES = sorted((ROOT / "tests" / "browser" / "client").glob("*.test.js"))


@pytest.mark.parametrize("file", [pytest.param(path, id=path.stem) for path in FILES])
def test_client_in_node(file: object) -> None:
    done = node("--test", "--test-reporter=spec", str(file))
    assert done.returncode == 0, done.stdout
    assert "ℹ skipped 0" in done.stdout and "ℹ todo 0" in done.stdout, done.stdout


def test_there_are_such_files() -> None:
    assert "making.test" in {path.stem for path in FILES}
