"""Two hundred plays of fifty steps on each database, new ones every time; the seed is printed.

ESCROW_MODEL_SEED plays those of an earlier run again.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from contextlib import ExitStack

from hypothesis import seed, settings

from tests.model.test_model import SHORT, play, urls
from tests.support.mailbox import Mailbox

__all__ = ["urls"]  # a fixture

LONG = settings(SHORT, max_examples=200, stateful_step_count=50, derandomize=False)


def test_two_hundred_plays_of_fifty_steps(
    urls: Callable[[ExitStack], str], mail_server: Mailbox
) -> None:
    number = int(os.environ.get("ESCROW_MODEL_SEED", secrets.randbelow(2**32)))
    print(f"seed {number}")
    play(urls, mail_server, LONG, seed(number))
