"""A veto that somebody deletes from the database: the custodian notices, and releases nothing.

The thief has the web tier's keys too, and puts back every column that the veto has changed.
"""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from escrow.custodian.entries import ForgedEntry, LedgerDamaged
from escrow.custodian.takeup import DatabaseBehind
from escrow.db import Database
from escrow.ledger.models import LedgerEvent
from escrow.recovery.models import Recovery, RecoverySession
from tests.support.mailbox import Mailbox
from tests.support.people import Customer, Deposited, Session
from tests.support.world import World


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(sqlite_database, tmp_path, mail_server)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def made(world: World, customer: Customer) -> Deposited:
    return world.enrol(customer, 0, 0)[0]


def vetoed(world: World, customer: Customer, made: Deposited) -> Session:
    """A recovery with a session, stopped by its customer: the ledger has it."""
    session = world.begin_unattended(customer, made, world.ready_recovery(customer, made))
    customer.http.post(f"/recoveries/{session.recovery}/veto").ok()
    world.run()
    assert session.releases() == []
    return session


def undo(world: World, session: Session) -> None:
    """Put the columns back, so that the tables know of no veto."""
    columns = {"state": "collecting", "session": session.session, "ended_at": None}
    with world.database.transaction() as db:
        db.execute(update(Recovery).where(Recovery.id == session.recovery).values(**columns))
        db.execute(
            update(RecoverySession)
            .where(RecoverySession.id == session.session)
            .values(voided_at=None)
        )
        _entry(db, "recovery begun").acted = False  # so that the custodian would act once more


def _entry(db: Any, kind: str) -> LedgerEvent:
    found: LedgerEvent = db.scalars(select(LedgerEvent).where(LedgerEvent.type == kind)).one()
    return found


def hide(world: World, **columns: Any) -> None:
    with world.database.transaction() as db:
        event = _entry(db, "recovery vetoed")
        for name, value in columns.items():
            setattr(event, name, value)


def stopped(world: World, session: Session) -> None:
    """Check that nothing is released, whether or not the deletion is noticed yet."""
    world.run()
    [line] = session.releases()
    assert (line["reason"], line["sealed"]) == ("stopped outside the database", None)


def test_a_veto_deleted_from_the_ledger_stops_the_recovery_and_then_the_ledger(
    world: World, customer: Customer, made: Deposited
) -> None:
    session = vetoed(world, customer, made)
    undo(world, session)
    with world.database.transaction() as db:
        db.execute(delete(LedgerEvent).where(LedgerEvent.type == "recovery vetoed"))
    stopped(world, session)
    with pytest.raises(LedgerDamaged):
        world.custodian.audit()
    world.restart_custodian()
    for _ in range(2):
        with pytest.raises(DatabaseBehind):
            world.custodian.run_pass()


@pytest.mark.parametrize(
    "columns",
    [{"body": None, "nonce": None}, {"type": "tick"}, {"recovery": "0" * 32}],
    ids=["emptied", "renamed", "another recovery's"],
)
def test_a_veto_hidden_in_the_ledger_is_noticed(
    world: World, customer: Customer, made: Deposited, columns: dict[str, Any]
) -> None:
    session = vetoed(world, customer, made)
    undo(world, session)
    hide(world, **columns)
    for _ in range(3):
        with pytest.raises(ForgedEntry):
            world.custodian.run_pass()
    assert session.releases() == []


def test_a_veto_moved_to_where_nobody_looks_stops_the_recovery_all_the_same(
    world: World, customer: Customer, made: Deposited
) -> None:
    """No row of the deposit tells of it any more: the line outside the database does."""
    session = vetoed(world, customer, made)
    undo(world, session)
    hide(world, account="0" * 32, deposit="0" * 32, recovery="0" * 32)
    stopped(world, session)
    with pytest.raises(ForgedEntry):
        world.custodian.audit()


def test_with_its_columns_put_back_a_vetoed_recovery_releases_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    session = vetoed(world, customer, made)
    undo(world, session)
    stopped(world, session)
