"""What the browser's client does by itself, under `node --test`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.node import node

FILES = sorted(Path(__file__).parent.glob("*.test.js"))


@pytest.mark.parametrize("file", [pytest.param(path, id=path.stem) for path in FILES])
def test_client_in_node(file: Path) -> None:
    done = node("--test", "--test-reporter=spec", str(file))
    assert done.returncode == 0, done.stdout
    assert "ℹ skipped 0" in done.stdout and "ℹ todo 0" in done.stdout, done.stdout


def test_there_are_such_files() -> None:
    names = {path.name for path in FILES}
    assert names == {"announced.test.js", "http.test.js", "making.test.js", "passkey.test.js"}
