"""Fixtures for everybody: both databases, a mail server, the whole service in one process."""

import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from playwright.sync_api import Browser

from escrow.app import EscrowApp
from escrow.config import Settings
from escrow.context import Web
from escrow.db import Database
from escrow.mail.send import Sender
from escrow.migrations.run import upgrade
from escrow.webkeys import WebKeys
from tests.support import apps, chromium, databases, mailbox, postgres, stretching
from tests.support.browser import PUBLIC_URL, Client
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Customer, Http
from tests.support.postgres import Postgres
from tests.support.world import World


def pytest_configure() -> None:
    """Keep temporary files in memory where that is possible: hundreds of databases are synced."""
    if os.access("/dev/shm", os.W_OK):
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", "/dev/shm")


def pytest_collection_finish() -> None:
    """Let the collector of garbage look no more at what was imported: half a second each time."""
    gc.freeze()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    with postgres.started() as server:
        yield server


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of a process: its loop allows no second."""
    with chromium.started() as found:
        yield found


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Postgres) -> str:
    name = postgres_server.create()
    upgrade(postgres_server.url(name))
    return name


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("template") / "escrow.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def mail_server() -> Iterator[Mailbox]:
    with mailbox.running() as found:
        yield found


def _sqlite_copy(template: Path, directory: Path) -> str:
    path = directory / "escrow.db"
    shutil.copyfile(template, path)
    return f"sqlite:///{path}"


def _databases_of(node: pytest.Item) -> tuple[str, ...]:
    mark = node.get_closest_marker("databases")
    return mark.args if mark else ("sqlite", "postgresql")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run what uses a database on both, unless a mark `databases` says on which."""
    names = _databases_of(metafunc.definition)
    if "database_url" in metafunc.fixturenames and len(names) > 1:
        metafunc.parametrize("database_url", names, indirect=True)


@pytest.fixture
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh database with all tables."""
    if getattr(request, "param", _databases_of(request.node)[0]) == "sqlite":
        template: Path = request.getfixturevalue("sqlite_template")
        yield _sqlite_copy(template, tmp_path)
        return
    server: Postgres = request.getfixturevalue("postgres_server")
    name = server.create(request.getfixturevalue("postgres_template"))
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    with databases.opened(database_url) as found:
        yield found


@pytest.fixture
def sqlite_database(sqlite_template: Path, tmp_path: Path) -> Iterator[Database]:
    """SQLite alone, for what does not depend on the database."""
    with databases.opened(_sqlite_copy(sqlite_template, tmp_path)) as found:
        yield found


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def settings(tmp_path: Path, mail_server: Mailbox) -> Settings:
    return Settings(
        data_dir=tmp_path,
        public_url=PUBLIC_URL,
        provider_name="Test Telecom",
        provider_phone="+31 20 1234567",
        smtp_host="127.0.0.1",
        smtp_port=mail_server.port,
        smtp_security="none",
        mail_from="Key recovery <recovery@recovery.test>",
        requests_an_hour=100_000,
    ).check()


@pytest.fixture
def web(settings: Settings, database: Database, clock: FakeClock) -> Web:
    """What a request works with; the web tier alone, without a custodian."""
    return Web(settings, database, WebKeys.generate(), clock)


@pytest.fixture
def app(web: Web) -> EscrowApp:
    made = apps.made(web.settings, web.database, web.keys, web.clock)
    made.test_client_class = Client
    return made


@pytest.fixture
def client(app: EscrowApp) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def smtp(web: Web, mail_server: Mailbox) -> Mailbox:
    """The mail server, empty; what is due is sent before it is looked into."""
    sender = Sender(web.settings, web.database, web.keys, web.clock)

    def deliver() -> None:
        while sender.run_once():
            pass

    mail_server.mails.clear()
    mail_server.refuse.clear()
    mail_server.deliver = deliver
    return mail_server


@pytest.fixture
def customer(client: FlaskClient, clock: FakeClock, smtp: Mailbox) -> Customer:
    """Somebody with an account, signed in and stepped up."""
    made = Customer(Http(client, clock, PUBLIC_URL), smtp, "mira@example.org")
    made.sign_up()
    return made


@pytest.fixture(scope="module", autouse=True)
def cheap_invitations(request: pytest.FixtureRequest) -> Iterator[None]:
    """Stretch invitations' passwords less, but for a few files."""
    with pytest.MonkeyPatch.context() as patch:
        if not stretching.is_real(request.path):
            stretching.make_cheap(patch)
        yield


@pytest.fixture
def world(database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(database, tmp_path, mail_server)
