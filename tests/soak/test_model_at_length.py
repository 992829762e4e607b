"""Two hundred plays of fifty steps on each database, new ones every time; the seed is printed.

ESCROW_MODEL_SEED plays those of an earlier run again. How often every verb was allowed and refused
and every state reached is printed too; a verb that was never allowed, or a state never reached,
fails the run: a model that refuses everything would agree with a service that does.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import seed, settings

from tests.model.conftest import urls
from tests.model.test_model import SHORT, play
from tests.support import stretching

__all__ = ["urls"]  # a fixture

LONG = settings(SHORT, max_examples=200, stateful_step_count=50, derandomize=False)


def test_two_hundred_plays_of_fifty_steps(
    urls: Callable[[ExitStack], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stretching.make_cheap(monkeypatch)
    number = int(os.environ.get("ESCROW_MODEL_SEED", secrets.randbelow(2**32)))
    print(f"seed {number}")
    tally = play(urls, LONG, seed(number))
    assert not tally.missing()
