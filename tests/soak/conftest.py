"""The long versions of tests: collected only when asked for by name, `pytest tests/soak`."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave this folder out of `make test`; what was not collected was not skipped either."""
    del collection_path
    return None if any("soak" in argument for argument in config.args) else True
