"""One service and one deposit for a file; whoever looks into a browser sees the real thing."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from escrow.db import Database
from escrow.protocol.kit import Card
from tests.browser.client.line import Line, served
from tests.browser.client.person import Person, browsing
from tests.support.mailbox import Mailbox
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

STEP_UP_SECONDS = 200  # of 300: what follows takes some


@dataclass
class Scene:
    """A service with Mira, her deposit, and Anna, who holds a piece of it."""

    world: World
    line: Line
    mira: Customer
    made: Deposited
    anna: Contact
    signed_in_at: int = 0

    @property
    def card(self) -> bytes:
        """Anna's card file, with the newest checkpoint on it."""
        assert self.anna.payload is not None
        note = self.anna.http.get("/ledger/checkpoint").ok()["checkpoint"]
        host = self.world.settings.public_url
        card = Card(self.anna.payload, self.made.manifest, self.made.signature, host, note)
        return card.data


@pytest.fixture(scope="module")
def scene(
    sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory, mail_server: Mailbox
) -> Iterator[Scene]:
    directory = tmp_path_factory.mktemp("scene")
    shutil.copyfile(sqlite_template, directory / "escrow.db")
    database = Database(f"sqlite:///{directory / 'escrow.db'}")
    with ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        world = World.make(
            database, directory, mail_server, public_url=url, demo=True, requests_an_hour=10**6
        )
        line = Line(world.app)
        stack.enter_context(served(line, listener))
        mira = world.customer("mira@customer.test")
        made, (anna,) = world.enrol(mira)
        yield Scene(world, line, mira, made, anna)
    database.close()


Browser = Callable[..., Person]


@pytest.fixture(scope="module")
def browsers(scene: Scene) -> Iterator[Browser]:
    """Open browsers of this file's service by their owners' names; each name keeps its own."""
    with ExitStack() as stack:
        opened: dict[str, Person] = {}

        def of(name: str) -> Person:
            if name not in opened:
                opened[name] = stack.enter_context(browsing(scene.world, scene.line))
            return opened[name]

        yield of


@pytest.fixture
def browser_of(browsers: Browser) -> Browser:
    """Open a fresh page in somebody's browser: nothing of an earlier one is left in it."""

    def fresh(name: str, *, bearer: str | None = None, note: str = "") -> Person:
        found: Person = browsers(name)
        found.start(bearer=bearer, note=note)
        return found

    return fresh


@pytest.fixture(scope="module")
def recovery(scene: Scene) -> str:
    return scene.world.ready_recovery(scene.mira, scene.made)


@pytest.fixture
def ready(scene: Scene, recovery: str) -> str:
    """A recovery that can be finished; Mira is signed in. No test that uses it may finish it."""
    now = scene.world.clock.now()
    if now > scene.signed_in_at + STEP_UP_SECONDS:
        scene.mira.sign_in()
        scene.signed_in_at = now
    return recovery
