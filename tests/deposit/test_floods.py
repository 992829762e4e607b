"""Nobody fills the ledger, the tables or other people's mailboxes: each verb has its limit."""

import pytest
from sqlalchemy import func, select, update

from escrow.deposit import closing, flow
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url
from escrow.recovery import flow as recoveries
from escrow.recovery.models import Recovery
from tests.support.people import Contact, Customer, Deposited, Session, attest, make_deposit
from tests.support.world import World


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


def _entries(world: World) -> int:
    with world.database.reading() as db:
        return db.scalar(select(func.count()).select_from(LedgerEvent)) or 0


def test_a_contact_proves_at_most_thirty_times_an_hour(
    world: World, enrolled: tuple[Deposited, Contact]
) -> None:
    _, contact = enrolled
    assert contact.manifest is not None and contact.payload is not None
    before = _entries(world)
    answers = []
    for _ in range(flow.ATTESTATIONS_AN_HOUR + 5):
        world.clock.move(1)
        answers.append(attest(contact.http, contact.manifest, contact.payload, "check"))
    assert [answer.status for answer in answers[-5:]] == [429] * 5
    assert _entries(world) <= before + flow.ATTESTATIONS_AN_HOUR
    world.clock.move(3600)
    attest(contact.http, contact.manifest, contact.payload, "check").ok()


def test_a_contact_keeps_at_most_sixteen_wrapped_copies(
    enrolled: tuple[Deposited, Contact],
) -> None:
    _, contact = enrolled
    for number in range(flow.MAX_WRAPS + 1):
        body = {"credential_id": b64url(bytes([number]) * 16), "data": b64url(bytes(64))}
        answer = contact.http.put(f"/custodies/{contact.custody}/wraps/check", body)
    assert (answer.status, answer.json["state"]) == (409, "full")
    body = {"credential_id": b64url(bytes(16)), "data": b64url(bytes(65))}
    contact.http.put(f"/custodies/{contact.custody}/wraps/check", body).ok()


def test_closing_and_reopening_mails_contacts_a_few_times_an_hour_only(
    customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    path = f"/deposits/{made.deposit}"
    for _ in range(closing.CLOSED_AN_HOUR):
        customer.http.post(f"{path}/close", {"reason": ""}).ok()
        customer.http.post(f"{path}/reopen").ok()
    assert customer.http.post(f"{path}/close", {"reason": ""}).status == 429


def test_a_recovery_is_begun_at_most_twenty_times_an_hour(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    customer.sign_in()
    for _ in range(recoveries.MAX_BEGUN_AN_HOUR):
        Session(customer.http, made, recovery).begin().ok()
    assert Session(customer.http, made, recovery).begin().status == 429


def test_a_wait_of_a_thousand_years_is_refused(world: World, customer: Customer) -> None:
    made = make_deposit(customer.http, [], 0, waiting_seconds=2**53 - 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).state == "rejected"
        states = {row.role: row.state for row in db.scalars(select(CustodyRow))}
    assert states["provider"] == "rejected"


def test_a_veto_that_crosses_the_ready_moment_still_stops(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    with world.database.transaction() as db:
        row = db.get_one(Recovery, recovery)
        assert row.state == "waiting"
        moved = update(Recovery).values(state="ready")
        db.execute(moved.execution_options(synchronize_session=False))
        recoveries.end(db, row, "veto", world.clock.now())
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "cancelled"
