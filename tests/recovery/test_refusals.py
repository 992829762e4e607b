"""What a refusal says besides its sentence: the state it met, the field, how long to wait.

Clients choose their own sentence by these. SQLite alone: the databases differ in none of it.
"""

import secrets
from pathlib import Path

import pytest

from escrow.db import Database
from escrow.ledger.models import LedgerEvent
from escrow.protocol import call as calls
from escrow.protocol.encoding import b64url
from escrow.protocol.ledger import Event
from escrow.recovery import drafts, flow, machine, opening
from tests.recovery import proving
from tests.support.mailbox import Mailbox
from tests.support.people import Answer, Contact, Customer, Deposited, Session, make_deposit, new_id
from tests.support.world import World

DAY = 86400
Enrolled = tuple[Deposited, list[Contact]]


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(sqlite_database, tmp_path, mail_server)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def enrolled(world: World, customer: Customer) -> Enrolled:
    return world.enrol(customer, 2, 3)


@pytest.fixture
def session(world: World, customer: Customer, enrolled: Enrolled) -> Session:
    made, _ = enrolled
    return world.begin(customer, made, world.ready_recovery(customer, made))


def met(answer: Answer) -> str:
    """Return the state that a refusal met."""
    assert (answer.status, answer.code) == (409, "wrong_state")
    return str(answer.json["state"])


def field(answer: Answer) -> str:
    assert (answer.status, answer.code) == (400, "malformed")
    return str(answer.json["field"])


def _by(row: LedgerEvent) -> str:
    return str(Event.parse(row.body or b"").data["by"])


def test_what_a_recovery_or_a_piece_does_not_allow_any_more_is_refused_with_its_state(
    world: World, customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    _, [contact, declined, _] = enrolled
    declined.http.post(f"/custodies/{declined.custody}/decline").ok()
    assert met(declined.http.post(f"/recoveries/{session.recovery}/veto")) == "declined"
    customer.http.post(f"/recoveries/{session.recovery}/veto").ok()
    path = f"{session.path}/calls/{new_id()}"
    said = {"custody": contact.custody, "commitment": b64url(bytes(32))}
    assert met(customer.http.put(path, said)) == "cancelled"
    assert met(Session(customer.http, session.made, session.recovery).begin()) == "cancelled"


def test_a_veto_is_recorded_with_who_gave_it(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, *_] = enrolled
    by_owner = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{by_owner}/veto").ok()
    world.run()
    by_contact = world.open_recovery(customer, made)
    contact.http.post(f"/recoveries/{by_contact}/veto").ok()
    world.run()
    with world.database.reading() as db:
        rows = db.query(LedgerEvent).filter_by(type="recovery vetoed").all()
        said = {
            row.recovery: (Event.parse(row.body).data["by"], row.custody)
            for row in rows
            if row.body
        }
    assert said == {by_owner: ("customer", None), by_contact: ("contact", contact.custody)}


def test_a_kind_of_proof_that_does_not_count_is_refused_with_the_keys_state(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, contacts = enrolled
    customer.sign_in()
    for kind in ("totp+kit", "totp+contacts"):
        assert met(proving.ask(customer, made, kind)) == "complete"
    for contact in contacts[:2]:
        contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    too_few = proving.ask(customer, made, "contacts")
    assert (met(too_few), too_few.json["detail"][:7]) == ("complete", "Too few")
    unwilling, _ = world.enrol(customer, 2, 3, contacts_replace_totp=False)
    customer.mail_login()
    assert met(proving.ask(customer, unwilling, "contacts")) == "complete"


def test_as_many_contacts_as_are_needed_are_enough_to_vouch(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [gone, *others] = enrolled
    gone.http.post(f"/custodies/{gone.custody}/decline").ok()
    world.run()
    recovery = proving.open_with(world, customer, made, others, "contacts")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"


def test_a_veto_of_another_key_lifts_nothing_here(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    other, [hostile, *_] = world.enrol(customer, 2, 3)
    proving.stopped_by_contact(world, customer, other, hostile)
    customer.sign_in()
    refused = proving.ask(customer, made, "totp+kit")
    assert met(refused) == "complete" and "none has" in refused.json["detail"]


def test_a_piece_that_does_not_count_is_named_with_its_state(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, contacts = enrolled
    hostile, lost, friend = contacts
    proving.stopped_by_contact(world, customer, made, hostile)
    customer.sign_in()
    draft = proving.ask(customer, made, "contacts").ok()["recovery"]
    assert met(proving.vouch(hostile, draft)) == "held"
    proving.vouch(lost, draft).ok()
    opened = proving.vouch(friend, draft).ok()
    assert opened["state"] == "opened"
    assert met(proving.vouch(hostile, draft)) == "opened"
    customer.http.post(f"/custodies/{made.payloads[0].custody}/lost").ok()
    assert met(proving.ask(customer, made, "kit")) == "lost"


def test_what_is_malformed_is_named_by_its_field(
    world: World, customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    made, [contact, *_] = enrolled
    path = f"/recoveries/{session.recovery}/sessions/{new_id()}"
    nothing = customer.http.put(path, {"public_key": b64url(bytes(1216))})
    assert field(nothing) == "public_key"
    assert "public key" in nothing.json["detail"].lower()

    call, random = new_id(), secrets.token_bytes(32)
    key = session.key.public_key()
    named = calls.Call(made.deposit, session.recovery, session.session, call, contact.custody)
    committed = calls.commitment(named, key, random)
    path = f"{session.path}/calls/{call}"
    said = {"custody": contact.custody, "commitment": b64url(committed)}
    customer.http.put(path, said).ok()
    answer = {
        "commitment": b64url(committed),
        "nonce": b64url(bytes(32)),
        "signature": b64url(bytes(64)),
    }
    assert field(contact.http.post(f"{path}/nonce", answer)) == "signature"
    signed = calls.sign_nonce(contact.release_key(), call, contact.custody, committed, bytes(32))
    contact.http.post(f"{path}/nonce", answer | {"signature": b64url(signed)}).ok()
    revealed = {"public_key": b64url(key), "random": b64url(bytes(32))}
    assert field(customer.http.post(f"{path}/reveal", revealed)) == "random"


def test_so_many_calls_in_a_session_and_no_more(
    customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    _, [contact, *_] = enrolled
    said = {"custody": contact.custody, "commitment": b64url(bytes(32))}
    for _ in range(calls.MAX_CALLS_A_SESSION):
        customer.http.put(f"{session.path}/calls/{new_id()}", said).ok()
    refused = customer.http.put(f"{session.path}/calls/{new_id()}", said)
    assert (refused.status, refused.json["retry_after"]) == (429, 60)


def test_so_many_sessions_an_hour_and_those_of_another_recovery_are_not_counted(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flow, "MAX_BEGUN_AN_HOUR", 1)
    made, _ = world.enrol(customer)
    other, _ = world.enrol(customer)
    first = world.open_recovery(customer, made)
    second = world.open_recovery(customer, other)
    world.wait(made.manifest.waiting_seconds)
    customer.sign_in()
    Session(customer.http, made, first).begin().ok()
    assert Session(customer.http, made, first).begin().code == "rate_limited"
    Session(customer.http, other, second).begin().ok()


def test_a_flood_of_one_customer_hinders_no_other_and_drills_hinder_nobody(
    world: World, customer: Customer, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_OPENED_A_DAY", 1)
    made, _ = enrolled
    drill, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    world.open_recovery(customer, drill)
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    said = {"deposit": made.deposit, "reason": ""}
    refused = customer.http.put(f"/recoveries/{new_id()}", said)
    assert (refused.code, refused.json["retry_after"]) == ("rate_limited", DAY)
    other = world.customer()
    theirs, _ = world.enrol(other)
    other.sign_in()
    body = said | {"deposit": theirs.deposit}
    other.http.put(f"/recoveries/{new_id()}", body).ok()


def test_a_second_recovery_of_a_key_is_refused_with_the_state_of_the_first(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    other, _ = world.enrol(customer)
    world.open_recovery(customer, made)
    again = {"deposit": made.deposit, "reason": ""}
    assert met(customer.http.put(f"/recoveries/{new_id()}", again)) == "waiting"
    beside = {"deposit": other.deposit, "reason": ""}
    customer.http.put(f"/recoveries/{new_id()}", beside).ok()


@pytest.mark.parametrize("state", ["pending", "closing", "closed"])
def test_a_key_that_is_not_there_yet_or_not_any_more_is_not_recovered(
    world: World, customer: Customer, state: str
) -> None:
    if state == "pending":
        made = make_deposit(customer.http, [], 0)
        customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    else:
        made, _ = world.enrol(customer, 0, 0)
        customer.sign_in()
        customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "moved"}).ok()
        world.run()
        world.wait(31 * DAY if state == "closed" else DAY)
    customer.sign_in()
    answer = customer.http.put(f"/recoveries/{new_id()}", {"deposit": made.deposit, "reason": ""})
    if state == "closing":
        assert (answer.status, answer.json["state"]) == (201, "opened")
    else:
        assert met(answer) == state


def test_a_drill_waits_for_nothing_and_a_late_change_lengthens_every_other_wait_to_the_second(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    wait = made.manifest.waiting_seconds
    drill, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    path = f"/accounts/{customer.account}/totp"
    customer.totp_secret = customer.http.post(path).ok()["totp_secret"]
    customer.http.post(f"{path}/confirm", {"code": customer.totp()}).ok()
    world.run()
    changed_at = customer.http.get(f"/accounts/{customer.account}").ok()["totp_changed_at"]

    def asked(deposit: Deposited) -> int:
        recovery = new_id()
        body = {"deposit": deposit.deposit, "reason": ""}
        found = customer.http.put(f"/recoveries/{recovery}", body).ok()
        customer.http.post(f"/recoveries/{recovery}/veto").ok()
        return int(found["wait_seconds"])

    assert asked(drill) == 0
    assert asked(made) == wait + machine.CHANGED_LATELY_SECONDS
    world.wait(changed_at + machine.CHANGED_LATELY_SECONDS - world.clock.now() - 100)
    customer.sign_in()
    world.clock.time = changed_at + machine.CHANGED_LATELY_SECONDS - 1
    assert asked(made) == wait + machine.CHANGED_LATELY_SECONDS
    world.clock.move(1)
    assert asked(made) == wait


def test_expired_requests_are_dropped_a_hundred_at_once(
    world: World, customer: Customer, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drafts, "MAX_DRAFTS", 200)
    made, _ = enrolled
    customer.mail_login()
    for _ in range(101):
        proving.ask(customer, made, "contacts").ok()
    with world.database.transaction() as db:
        later = world.clock.now() + drafts.DRAFT_SECONDS
        assert drafts.drop_expired(db, later - 1) == 0
        assert [drafts.drop_expired(db, later) for _ in range(3)] == [100, 1, 0]
