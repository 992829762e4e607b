"""Fresh databases for plays."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.postgres import Postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def urls(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[ExitStack], str]:
    """Make a fresh database for each play, gone at its end."""
    if request.param == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")

        def copy(stack: ExitStack) -> str:
            path = tmp_path / "play.db"
            shutil.copyfile(template, path)
            stack.callback(lambda: [found.unlink() for found in tmp_path.glob("play.db*")])
            return f"sqlite:///{path}"

        return copy
    server: Postgres = request.getfixturevalue("postgres_server")
    model = request.getfixturevalue("postgres_template")

    def create(stack: ExitStack) -> str:
        name = server.create(model)
        stack.callback(server.drop, name)
        return server.url(name)

    return create
