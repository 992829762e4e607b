"""The model against the real flow: a short play here, two hundred long ones in tests/soak."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Play
from tests.model.tally import Tally
from tests.support.postgres import Postgres

# The same plays every time: what fails here, fails for everybody. The long ones are new each time.
SHORT = settings(
    max_examples=3,
    stateful_step_count=12,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.generate],  # a failure is told at once; shrinking it would take minutes
    suppress_health_check=list(HealthCheck),
)


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


def play(
    urls: Callable[[ExitStack], str],
    how: settings,
    seeded: Callable[[type[Play]], type[Play]] = lambda unseeded: unseeded,
) -> Tally:
    """Play on databases made by `urls`; returns how often what was done and reached."""
    tally = Tally()
    attributes = {"urls": staticmethod(urls), "tally": tally}
    gc.freeze()  # or all that was imported is looked through again and again
    try:
        run_state_machine_as_test(seeded(type("Play", (Play,), attributes)), settings=how)
    finally:
        gc.unfreeze()
        print(tally)
    return tally


def test_the_service_does_what_the_model_says(urls: Callable[[ExitStack], str]) -> None:
    play(urls, SHORT)
