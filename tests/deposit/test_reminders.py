"""Invitations that nobody accepts, and pieces that nobody looks for."""

import threading

import pytest
from sqlalchemy import func, select

from escrow.custodian.reminders import SPREAD_SECONDS
from escrow.deposit.models import ASK_BEFORE_SECONDS, CustodyRow
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url
from tests.deposit.contact_life import DAY, attest_share, copies, invited, leave, state, subjects
from tests.support.people import Contact, Customer
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")
REMINDER = "Anna has not accepted yet: "


def test_an_invitation_is_reminded_of_after_two_five_and_ten_days_and_paused_after_fourteen(
    world: World, customer: Customer
) -> None:
    start = world.clock.now()
    _, contact = invited(world, customer)
    until = _row(world, contact).invited_until or 0
    start = until - 14 * DAY
    for count, days in enumerate((2, 5, 10)):
        world.wait(start + days * DAY - 1 - world.clock.now())
        assert subjects(world, customer.address).count(REMINDER) == count
        world.wait(1)
        assert subjects(world, customer.address).count(REMINDER) == count + 1
    world.wait(until - 1 - world.clock.now())
    assert not _row(world, contact).paused
    world.wait(1)
    assert _row(world, contact).paused
    assert subjects(world, customer.address)[-1] == "The invitation of Anna for "
    world.wait(3 * DAY)
    assert subjects(world, customer.address).count(REMINDER) == 3
    assert contact.address not in {address for address, _ in world.mailbox.mails}


def _row(world: World, contact: Contact) -> CustodyRow:
    with world.database.reading() as db:
        return db.get_one(CustodyRow, contact.custody)


def test_a_custodian_that_was_away_sends_one_reminder_and_a_column_set_back_none(
    world: World, customer: Customer
) -> None:
    _, contact = invited(world, customer)
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = None
    world.wait(6 * DAY)
    for _ in range(2):
        with world.database.transaction() as db:
            db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
        world.wait(60)
    assert subjects(world, customer.address).count(REMINDER) == 1


@pytest.mark.parametrize("end", ["accept", "withdraw", "close"])
def test_nobody_is_reminded_of_what_is_over(world: World, customer: Customer, end: str) -> None:
    made, contact = invited(world, customer)
    if end == "accept":
        world.accept(contact)
    elif end == "withdraw":
        customer.http.post(f"/custodies/{contact.custody}/withdraw").ok()
    else:
        customer.sign_in()
        customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "test"}).ok()
    world.wait(3 * DAY)
    with world.database.transaction() as db:  # a column says when to look, not what to do
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.wait(8 * DAY)
    assert REMINDER not in subjects(world, customer.address)


def test_an_invitation_resumed_runs_fourteen_days_to_the_second_and_reminds_anew(
    world: World, customer: Customer
) -> None:
    _, contact = invited(world, customer)
    world.wait(15 * DAY)
    customer.sign_in()
    customer.http.post(f"/custodies/{contact.custody}/resume").ok()
    until = world.clock.now() + 14 * DAY
    world.run()
    world.wait(2 * DAY)
    assert subjects(world, customer.address).count(REMINDER) == 4
    assert contact.link is not None
    body = {"token": b64url(contact.link.fetch_token(contact.custody))}
    world.wait(until - 1 - world.clock.now())
    world.record_fetch(contact)
    world.run()
    assert contact.http.post(f"/custodies/{contact.custody}/invitation", body).status == 200
    world.wait(1)
    answer = contact.http.post(f"/custodies/{contact.custody}/invitation", body)
    assert (answer.status, answer.json["state"]) == (409, "paused")


def test_a_contact_is_asked_twice_a_year_and_the_mail_says_where_to_stop(
    world: World, customer: Customer
) -> None:
    _, [contact] = world.enrol(customer)
    spread = int(contact.custody[:8], 16) % SPREAD_SECONDS
    proven = _proven(world, contact)
    first = proven + world.settings.proof_seconds - ASK_BEFORE_SECONDS + spread
    pass_quickly(world, first - 1 - world.clock.now())
    assert len(world.mailbox.to(contact.address)) == 1
    world.wait(1)
    [_, mail] = world.mailbox.to(contact.address)
    assert "Do you still have your piece" in str(mail["Subject"])
    page = str(mail["List-Unsubscribe"]).strip("<>")
    assert page == f"https://recovery.test/contact/{contact.custody}/stop#{page[-43:]}"
    assert "List-Unsubscribe-Post" not in mail
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.run()
    assert len(world.mailbox.to(contact.address)) == 2
    leave(world, contact, "decline")
    assert state(world, contact) == "declined"


def test_who_has_proven_lately_is_not_asked(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    pass_quickly(world, 150 * DAY)
    assert attest_share(contact, "check") == 200
    pass_quickly(world, 100 * DAY)
    assert len(world.mailbox.to(contact.address)) == 1


def _proven(world: World, contact: Contact) -> int:
    with world.database.reading() as db:
        query = select(func.max(LedgerEvent.at)).where(
            LedgerEvent.custody == contact.custody,
            LedgerEvent.type.in_(("custody attested", "custody held")),
        )
        return db.scalar(query) or 0


def pass_quickly(world: World, seconds: int) -> None:
    """Let time pass in the longest steps that the custodian trusts."""
    while seconds > 0:
        step = min(seconds, 35 * 3600)
        world.clock.move(step)
        world.run()
        seconds -= step


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize("other", ["withdraw", "resume"])
def test_an_acceptance_at_the_same_moment_has_one_outcome(
    world: World, customer: Customer, other: str
) -> None:
    """Whichever comes first: the piece is held, or the invitation is withdrawn; never both."""
    made, contact = invited(world, customer)
    contact.payload, contact.manifest = made.payloads[1], made.manifest
    outcomes: dict[str, int] = {}
    ready = threading.Barrier(2)

    def accept() -> None:
        ready.wait()
        outcomes["accept"] = attest_share(contact)

    def end() -> None:
        ready.wait()
        outcomes["end"] = customer.http.post(f"/custodies/{contact.custody}/{other}").status

    threads = [threading.Thread(target=do) for do in (accept, end)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.run()
    final = state(world, contact)
    if other == "withdraw":
        assert sorted(outcomes.values()) == [200, 409]
        assert final == ("held" if outcomes["accept"] == 200 else "withdrawn")
        assert copies(world, contact) == 0
    else:
        assert outcomes["accept"] == 200
        assert final == "held"
