"""The browser's protocol under `node --test`: our vectors, other people's, what stays in memory."""

from __future__ import annotations

import pytest

from tests.support.node import ROOT, node

FILES = sorted((ROOT / "tests" / "browser" / "protocol").glob("*.test.js"))


@pytest.mark.parametrize("file", [pytest.param(path, id=path.stem) for path in FILES])
def test_protocol_in_node(file: object) -> None:
    done = node("--test", "--test-reporter=spec", str(file))
    assert done.returncode == 0, done.stdout
    assert "ℹ skipped 0" in done.stdout and "ℹ todo 0" in done.stdout, done.stdout


def test_there_are_such_files() -> None:
    names = {path.name for path in FILES}
    assert {"vectors.test.js", "published.test.js", "slip39_oracle.test.js"} <= names
    assert {"fallbacks.test.js", "wiping.test.js"} <= names
