"""The model against the real flow: a short play here, two hundred long ones in tests/soak."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.model.machine import Play
from tests.model.tally import Tally

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
