"""Real services, one a database and test process, and people who use them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import databases, installation, stories
from tests.e2e.databases import Server
from tests.e2e.installation import Installation
from tests.e2e.stories import Story


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    with databases.running() as server:
        yield server


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def service(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The service on SQLite and on PostgreSQL; tests leave it as they found it: running."""
    url = ""
    if request.param == "postgresql":
        server: Server = request.getfixturevalue("postgresql")
        url = server.url(server.create())
    with installation.running(tmp_path_factory.mktemp(request.param), url) as found:
        yield found


@pytest.fixture(scope="session")
def story(service: Installation, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """A deposit that was enrolled, accepted and recovered with kit and provider, watched."""
    return stories.tell(service, tmp_path_factory.mktemp("story"))
