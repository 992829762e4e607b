"""A recovery on hold: nothing is released, and starting it again tells everybody and waits anew."""

import pytest
from sqlalchemy import delete, update

from escrow.custodian import freezing
from escrow.custodian.shares import Refusal
from escrow.errors import WrongState
from escrow.ledger.models import LedgerEvent
from escrow.recovery import machine
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

DAY = 86400
APPROVAL = bytes(range(32))
_BEGUN = "recovery begun"


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer)


def freeze(world: World, recovery: str, reason: str = "the helpdesk was called") -> None:
    with world.database.transaction() as db:
        freezing.freeze(world.custodian, db, recovery, reason, None)
    world.run()


def unfreeze(world: World, recovery: str) -> None:
    with world.database.transaction() as db:
        freezing.unfreeze(world.custodian, db, recovery, APPROVAL)
    world.run()


def state(customer: Customer, recovery: str) -> str:
    customer.sign_in()
    return str(customer.http.get(f"/recoveries/{recovery}").ok()["state"])


def test_freezing_while_collecting_voids_the_session_and_takes_the_sealed_bytes_back(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    assert session.releases()[0]["sealed"] is not None
    freeze(world, recovery)
    assert state(customer, recovery) == "frozen"
    assert world.custodian.outside.last_line(recovery) == "frozen"
    assert [line["sealed"] for line in session.releases()] == [None]
    late = contact.release(recovery, session.session, session.key.public_key())
    assert (late.status, late.code) == (409, "wrong_state")
    again = Session(customer.http, made, recovery).begin()
    assert (again.status, again.code, again.json["state"]) == (409, "wrong_state", "frozen")


def test_everybody_is_told_of_a_freeze(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    freeze(world, recovery)
    assert "on hold" in world.mailbox.to(customer.address)[-1]["Subject"]
    assert "on hold" in world.mailbox.to(contact.address)[-1]["Subject"]


def test_the_customer_learns_why_her_recovery_is_on_hold_and_it_steers_no_mail(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    reason = "<b>Call</b> https://thief.test \u202e$code " + "x" * 160
    freeze(world, recovery, reason)
    told = world.mailbox.to(customer.address)[-1]
    assert "This is our reason: “<b>Call</b> https: //thief.test $code xx" in text_of(told)
    html = told.get_body(("html",))
    assert html is not None and "&lt;b&gt;Call&lt;/b&gt; https: //thief.test" in html.get_content()
    assert "reason" not in text_of(world.mailbox.to(contact.address)[-1])
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["hold_reason"] == reason
    unfreeze(world, recovery)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["hold_reason"] is None


def test_unfreezing_tells_everybody_again_and_waits_anew_to_the_second(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    freeze(world, recovery)
    world.wait(DAY)
    world.mailbox.refuse[contact.address] = "451 later"
    unfreeze(world, recovery)
    assert state(customer, recovery) == "opened", "a notice of the first round counted"
    del world.mailbox.refuse[contact.address]
    world.wait(DAY // 2)
    customer.sign_in()
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert (found["state"], found["noticed_at"] > found["opened_at"]) == ("waiting", True)
    assert found["ready_at"] == found["noticed_at"] + made.manifest.waiting_seconds
    for address in (customer.address, contact.address):
        told = [m for m in world.mailbox.to(address) if "waiting time" in str(m["Subject"])]
        assert "/veto/" in text_of(told[-1])
    world.wait(found["ready_at"] - world.clock.now() - 31)
    customer.sign_in()
    world.clock.time = found["ready_at"] - 1
    world.run()
    assert Session(customer.http, made, recovery).begin().code == "too_early"
    world.wait(1)
    session = Session(customer.http, made, recovery)
    session.begin().ok()
    world.run()
    assert [line["state"] for line in session.releases()] == ["made"]


def test_a_veto_of_a_frozen_recovery_ends_it(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    freeze(world, recovery)
    contact.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    assert state(customer, recovery) == "cancelled"
    with pytest.raises(WrongState), world.database.transaction() as db:
        freezing.unfreeze(world.custodian, db, recovery, APPROVAL)


def test_a_recovery_that_stays_frozen_is_cancelled_after_thirty_days_to_the_second(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    freeze(world, recovery)
    world.wait(machine.FROZEN_EXPIRES_SECONDS - 1)
    assert world.custodian.outside.last_line(recovery) == "frozen"
    world.wait(1)
    assert world.custodian.outside.last_line(recovery) == "cancelled"
    assert state(customer, recovery) == "cancelled"


def test_what_the_ledger_does_not_know_is_neither_frozen_nor_started_again(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    with pytest.raises(Refusal, match="no recovery"), world.database.transaction() as db:
        freezing.freeze(world.custodian, db, new_id(), "why", None)
    recovery = world.open_recovery(customer, made)
    with pytest.raises(Refusal, match="frozen not in"), world.database.transaction() as db:
        freezing.unfreeze(world.custodian, db, recovery, APPROVAL)


def put_back(world: World, session: Session) -> None:
    """Write a session back into the tables as if nobody had put the recovery on hold."""
    values = {"state": "collecting", "session": session.session, "frozen_at": None}
    with world.database.transaction() as db:
        db.execute(update(Recovery).where(Recovery.id == session.recovery).values(**values))
        db.execute(update(RecoverySession).values(voided_at=None))
        db.execute(delete(ReleaseRow))
        db.execute(update(LedgerEvent).where(LedgerEvent.type == _BEGUN).values(acted=False))
    world.run()


def refusal(session: Session) -> str:
    [line] = session.releases()
    assert (line["state"], line["sealed"]) == ("refused", None)
    return str(line["reason"])


@pytest.mark.databases("sqlite")
def test_a_session_of_before_the_freeze_put_back_into_the_tables_gets_nothing(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    """Frozen; then started again, and nobody told yet; then everybody told, and the wait over."""
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    freeze(world, recovery)
    put_back(world, session)
    assert refusal(session) == "stopped outside the database"
    with world.database.transaction() as db:
        db.execute(update(Recovery).values(state="frozen", frozen_at=world.clock.now()))
    world.mailbox.refuse[customer.address] = "451 later"
    unfreeze(world, recovery)
    put_back(world, session)
    assert refusal(session) == "recovery frozen"
    with world.database.transaction() as db:
        db.execute(update(Recovery).values(state="opened", session=None))
    del world.mailbox.refuse[customer.address]
    world.wait(made.manifest.waiting_seconds + 2 * DAY)
    customer.sign_in()
    put_back(world, session)
    assert refusal(session) == "recovery begun not in the ledger"
