from pathlib import Path

import pytest

from escrow.db import Database
from tests.admin.office import Office
from tests.support.mailbox import Mailbox
from tests.support.people import Customer, Deposited
from tests.support.world import World


@pytest.fixture
def office(world: World) -> Office:
    """Two operators, on both databases."""
    return Office.open(world)


@pytest.fixture
def small_office(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> Office:
    """The same on SQLite alone, for what does not depend on the database."""
    return Office.open(World.make(sqlite_database, tmp_path, mail_server))


@pytest.fixture
def customer(office: Office) -> Customer:
    return office.world.customer()


@pytest.fixture
def made(office: Office, customer: Customer) -> Deposited:
    return office.world.enrol(customer)[0]
