"""A contact stops, loses the piece, comes back: what is destroyed, and when."""

import re

import pytest
from sqlalchemy import func, select

from escrow.deposit.models import Blob, CustodyRow
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import MailToken, Outbox
from escrow.protocol.encoding import b64url
from escrow.protocol.ledger import Event
from tests.deposit.contact_life import (
    DAY,
    MONTH,
    attest_share,
    copies,
    keep_copy,
    leave,
    newest,
    state,
    subjects,
    token_of,
)
from tests.support.mailbox import text_of
from tests.support.people import Customer
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.mark.parametrize(("act", "left"), [("decline", "declined"), ("lost", "lost")])
def test_a_stolen_mailbox_destroys_nothing_for_thirty_days(
    world: World, customer: Customer, act: str, left: str
) -> None:
    """Up to the last second a proof with the piece itself brings everything back."""
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    at = world.clock.now()
    leave(world, contact, act)
    assert state(world, contact) == left
    assert attest_share(contact, "check") == 409
    world.wait(at + MONTH - 1 - world.clock.now())
    assert copies(world, contact) == 2
    assert attest_share(contact) == 200
    world.run()
    assert state(world, contact) == "held"
    world.wait(2 * DAY)
    assert copies(world, contact) == 2
    assert subjects(world, contact.address)[-1] == "You hold your piece of "
    assert subjects(world, customer.address)[-1].endswith("holds a piece of ")


@pytest.mark.parametrize(("act", "left"), [("decline", "declined"), ("lost", "lost")])
def test_after_thirty_days_the_copies_are_deleted_and_nothing_brings_it_back(
    world: World, customer: Customer, act: str, left: str
) -> None:
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    at = world.clock.now()
    leave(world, contact, act)
    world.wait(at + MONTH - world.clock.now())
    assert attest_share(contact) == 409
    world.wait(60)
    assert copies(world, contact) == 0
    assert state(world, contact) == left


def test_a_column_that_says_due_deletes_nothing_early(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    leave(world, contact, "decline")
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.run()
    assert copies(world, contact) == 2


def test_the_customers_word_deletes_no_copy_of_a_contact(world: World, customer: Customer) -> None:
    """A thief in the customer's session says it too."""
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    customer.http.post(f"/custodies/{contact.custody}/lost").ok()
    world.run()
    world.wait(MONTH + 60)
    assert copies(world, contact) == 2


def test_a_token_is_for_one_custody_one_purpose_and_not_for_who_came_back(
    world: World, customer: Customer
) -> None:
    _, [contact, other] = world.enrol(customer, needed=2, count=2)
    stop, lost = (token_of(world, contact, page) for page in ("stop", "lost"))
    http = world.http()

    def post(custody: str, act: str, token: str | None) -> int:
        return http.post(f"/custodies/{custody}/{act}", {"token": token}).status

    assert post(other.custody, "decline", stop) == 404
    assert post(contact.custody, "lost", stop) == 410
    assert post(contact.custody, "decline", lost) == 410
    assert post(contact.custody, "decline", "x" * 43) == 410
    assert post(contact.custody, "decline", None) == 401
    assert post(contact.custody, "decline", stop) == 200
    assert post(contact.custody, "decline", stop) == 200  # a repeat is harmless
    world.run()
    assert attest_share(contact) == 200
    assert post(contact.custody, "decline", stop) == 410
    assert post(contact.custody, "lost", lost) == 410
    world.run()
    assert state(world, contact) == "held"
    assert "#" not in newest(world, contact.address)


def test_an_old_proof_sent_again_brings_nobody_back(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    leave(world, contact, "decline")
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(
            LedgerEvent.custody == contact.custody, LedgerEvent.type == "custody attested"
        )
        said = Event.parse(db.scalars(query).one() or b"").data
    body = {
        name: b64url(value) if isinstance(value, bytes) else value for name, value in said.items()
    }
    answer = world.http().post(f"/custodies/{contact.custody}/attestations", body)
    assert answer.ok()["state"] == "declined"


def test_who_opens_every_link_of_every_mail_changes_nothing(
    world: World, customer: Customer
) -> None:
    """A mail scanner follows links; what it follows is a GET, without the fragment."""
    made, [contact] = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    mails = [*world.mailbox.to(contact.address), *world.mailbox.to(customer.address)]
    texts = "".join(text_of(mail) + str(mail.get_body(("html",))) for mail in mails)
    links = set(re.findall(r"https://recovery\.test(/[^\s\"<]+)", texts))
    assert {link.split("#")[0] for link in links} >= {
        f"/veto/{recovery}",
        *(f"/contact/{contact.custody}{page}" for page in ("", "/stop", "/lost")),
    }
    before = _everything(world)
    client = world.app.test_client()
    for link in links:
        for method in ("GET", "HEAD"):
            client.open(link, method=method, base_url="https://recovery.test")
    token = token_of(world, contact, "stop")
    for path in (f"/custodies/{contact.custody}/decline", f"/recoveries/{recovery}/veto"):
        answer = client.get(f"/api/v1{path}?token={token}", base_url="https://recovery.test")
        assert answer.status_code in {400, 404, 405}
    assert _everything(world) == before


def _everything(world: World) -> list[object]:
    with world.database.reading() as db:
        states = db.execute(select(CustodyRow.id, CustodyRow.state).order_by(CustodyRow.id)).all()
        tables = (LedgerEvent, MailToken, Outbox, Blob)
        counts = [db.scalar(select(func.count()).select_from(table)) for table in tables]
        return [*states, *counts]
