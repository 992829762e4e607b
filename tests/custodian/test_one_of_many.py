"""What is wrong with one deposit keeps nobody else waiting, and ends when it is put right."""

from sqlalchemy import select

from escrow.account.models import Account
from escrow.db import Database
from escrow.deposit.models import Blob, Deposit
from tests.support.world import World

DAY = 86400
FIRST, SECOND = "0" * 32, "f" * 32


def _state(database: Database, deposit: str) -> str:
    with database.reading() as db:
        return db.get_one(Deposit, deposit).state


def test_a_changed_record_keeps_no_other_deposit_from_being_destroyed(world: World) -> None:
    customer = world.customer()
    customer.sign_in()
    for deposit in (FIRST, SECOND):
        world.enrol(customer, 0, 0, deposit=deposit)
        customer.sign_in()
        customer.http.post(f"/deposits/{deposit}/close", {"reason": ""}).ok()
        world.run()
    with world.database.transaction() as db:
        row = db.get_one(Deposit, FIRST)
        label, row.label = row.label, bytes(40)
    world.wait(31 * DAY)
    assert (_state(world.database, FIRST), _state(world.database, SECOND)) == ("closing", "closed")
    with world.database.transaction() as db:
        db.get_one(Deposit, FIRST).label = label
    world.wait(120)
    assert _state(world.database, FIRST) == "closed"


def test_a_changed_record_keeps_no_other_recovery_from_being_announced(world: World) -> None:
    first, second = world.customer(), world.customer()
    for customer, deposit in ((first, FIRST), (second, SECOND)):
        customer.sign_in()
        _, contacts = world.enrol(customer, deposit=deposit)
        world.mailbox.refuse[contacts[0].address] = "550 no such mailbox"
    for customer, deposit in ((first, FIRST), (second, SECOND)):
        customer.sign_in()
        customer.http.put(f"/recoveries/{deposit}", {"deposit": deposit, "reason": ""}).ok()
    world.custodian.run_pass()
    world.custodian.run_pass()
    with world.database.transaction() as db:
        db.get_one(Deposit, FIRST).manifest = b"{}"
    world.run()
    for _ in range(2):
        world.clock.move(61)
        world.run()
    found = [c.http.get(f"/recoveries/{d}") for c, d in ((first, FIRST), (second, SECOND))]
    assert [line.ok()["state"] for line in found] == ["opened", "waiting"]


def test_an_account_with_a_rejected_deposit_is_closed_too(world: World) -> None:
    customer = world.customer()
    customer.sign_in()
    made, _ = world.enrol(customer, 0, 0)
    with world.database.transaction() as db:
        db.get_one(Deposit, made.deposit).state = "rejected"
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""}).ok()
    world.run()
    world.wait(31 * DAY)
    with world.database.reading() as db:
        assert db.get_one(Account, customer.account).state == "closed"
        assert db.scalars(select(Blob).where(Blob.deposit == made.deposit)).all() == []
