"""A hundred times: the custodian is killed at a random moment around a release.

Not among the tests that `make test` runs, see conftest.py: `pytest tests/soak`.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.e2e import databases, installation
from tests.e2e.installation import Installation
from tests.e2e.test_unplugged import kill_while_releasing

ROUNDS = 100


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    directory = tmp_path_factory.mktemp("soak")
    if request.param == "sqlite":
        with installation.running(directory) as found:
            yield found
        return
    with (
        databases.running() as server,
        installation.running(directory, server.url(server.create())) as found,
    ):
        yield found


def test_a_hundred_kills_release_a_hundred_times(fresh: Installation) -> None:
    dice = random.Random(20261123)
    for _ in range(ROUNDS):
        kill_while_releasing(fresh, dice.uniform(0, 1.5))
