"""What a recovery takes once, and only where it belongs: a repeat is harmless, another is refused.

SQLite alone: that two at the same moment have one effect is shown in test_races.py.
"""

import secrets
from pathlib import Path
from typing import Any

import pytest

from escrow.db import Database
from escrow.protocol import call as calls
from escrow.protocol import keys, release, seal
from escrow.protocol.encoding import b64url, sha256
from escrow.recovery import flow, machine, opening
from tests.support.mailbox import Mailbox
from tests.support.people import Answer, Contact, Customer, Deposited, Session, new_id
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
    return world.enrol(customer, 2, 2)


@pytest.fixture
def session(world: World, customer: Customer, enrolled: Enrolled) -> Session:
    made, _ = enrolled
    return world.begin(customer, made, world.ready_recovery(customer, made))


def commitment(session: Session, custody: str, commitment: bytes = bytes(32)) -> dict[str, Any]:
    return {"custody": custody, "commitment": b64url(commitment)}


def nonce(contact: Contact, call: str, committed: bytes = bytes(32)) -> dict[str, Any]:
    """Answer a commitment with fresh randomness, rightly signed."""
    drawn = secrets.token_bytes(32)
    signed = calls.sign_nonce(contact.release_key(), call, contact.custody, committed, drawn)
    return {
        "commitment": b64url(committed),
        "nonce": b64url(drawn),
        "signature": b64url(signed),
    }


def refusal(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.code


def test_a_call_is_answered_once(enrolled: Enrolled, session: Session) -> None:
    """Whoever could have a second answer could look for digits that fit: section 10, step 3."""
    _, [contact, _] = enrolled
    call = new_id()
    path = f"{session.path}/calls/{call}"
    session.http.put(path, commitment(session, contact.custody)).ok()
    first = nonce(contact, call)
    assert contact.http.post(f"{path}/nonce", first).ok()["nonce"] == first["nonce"]
    second = contact.http.post(f"{path}/nonce", nonce(contact, call))
    assert refusal(second) == (409, "conflict")
    assert session.http.get(path).ok()["nonce"] == first["nonce"]
    again = contact.http.post(f"{path}/nonce", first).ok()
    assert (again["nonce"], again["nonce_signature"]) == (first["nonce"], first["signature"])


def test_a_call_stays_as_it_was_started_and_in_its_session(
    customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    made, [anna, bert] = enrolled
    call = new_id()
    said = commitment(session, anna.custody)
    started = session.http.put(f"{session.path}/calls/{call}", said).ok()
    assert session.http.put(f"{session.path}/calls/{call}", said).ok() == started
    for other in (
        commitment(session, anna.custody, bytes([1]) * 32),
        commitment(session, bert.custody),
    ):
        changed = session.http.put(f"{session.path}/calls/{call}", other)
        assert refusal(changed) == (409, "conflict")
    customer.sign_in()
    later = Session(customer.http, made, session.recovery)
    later.begin().ok()
    path = f"{later.path}/calls/{call}"
    assert refusal(later.http.put(path, said)) == (409, "conflict")
    assert refusal(later.http.get(path)) == (404, "not_found")
    assert refusal(anna.http.post(f"{path}/nonce", nonce(anna, call))) == (404, "not_found")
    over = session.http.put(f"{session.path}/calls/{new_id()}", said)
    assert refusal(over) == (410, "gone")


def test_calls_are_listed_in_the_order_in_which_they_were_started(
    world: World, enrolled: Enrolled, session: Session
) -> None:
    _, [contact, _] = enrolled
    started = ["f" * 32, "e" * 32, "0" * 32]
    for call in started:
        session.http.put(f"{session.path}/calls/{call}", commitment(session, contact.custody)).ok()
        world.clock.move(1)
    assert [line["call"] for line in session.http.get(session.path).ok()["calls"]] == started


def test_a_call_goes_to_a_contact_of_this_deposit_who_holds_a_piece(
    world: World, customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    made, [anna, bert] = enrolled
    _, [stranger] = world.enrol(world.customer())
    kit, provider = made.payloads[0].custody, made.payloads[-1].custody
    for custody in (kit, provider, stranger.custody, new_id()):
        path = f"{session.path}/calls/{new_id()}"
        refused = session.http.put(path, commitment(session, custody))
        assert refusal(refused) == (404, "not_found"), custody
    customer.http.post(f"/custodies/{anna.custody}/lost").ok()
    path = f"{session.path}/calls/{new_id()}"
    refused = session.http.put(path, commitment(session, anna.custody))
    assert (refusal(refused), refused.json["state"]) == ((409, "wrong_state"), "lost")
    session.http.put(path, commitment(session, bert.custody)).ok()


def test_a_session_belongs_to_one_recovery_and_one_key(
    world: World, customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    other, _ = world.enrol(customer)
    recovery = world.ready_recovery(customer, other)
    customer.sign_in()
    stolen = Session(customer.http, other, recovery, session.session, session.key)
    assert refusal(stolen.begin()) == (409, "conflict")
    assert refusal(customer.http.get(stolen.path)) == (404, "not_found")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["session"] is None


def test_a_session_ends_after_an_hour_to_the_second(
    world: World, enrolled: Enrolled, session: Session
) -> None:
    _, [contact, _] = enrolled
    begun = session.http.get(session.path).ok()
    assert begun["expires_at"] == begun["begun_at"] + machine.SESSION_SECONDS
    world.clock.move(begun["expires_at"] - world.clock.now() - 1)
    said = commitment(session, contact.custody)
    session.http.put(f"{session.path}/calls/{new_id()}", said).ok()
    assert not session.http.get(session.path).ok()["is_over"]
    world.clock.move(1)
    over = session.http.put(f"{session.path}/calls/{new_id()}", said)
    assert refusal(over) == (410, "gone")
    assert session.http.get(session.path).ok()["is_over"]


def test_a_session_needs_a_key_that_something_can_be_sealed_to(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    session = Session(customer.http, made, world.ready_recovery(customer, made))
    customer.sign_in()
    unusable = b"\xff" * seal.PUBLIC_KEY_LENGTH_BYTES
    for key in (b"", unusable[1:], unusable, bytes(1) + unusable):
        answer = session.http.put(session.path, {"public_key": b64url(key)})
        assert (refusal(answer), answer.json["field"]) == ((400, "malformed"), "public_key")


def test_who_begins_too_early_is_told_when_the_wait_is_over(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    session = Session(customer.http, made, world.open_recovery(customer, made))
    early = session.begin()
    found = customer.http.get(f"/recoveries/{session.recovery}").ok()
    assert (refusal(early), early.json["at"]) == ((409, "too_early"), found["ready_at"])
    assert found["ready_at"] == found["noticed_at"] + found["wait_seconds"]


def released(contact: Contact, session: Session, sealed: bytes, time: int) -> Answer:
    """Send a release of these bytes, rightly signed for this time."""
    assert contact.manifest is not None
    key = sha256(session.key.public_key())
    named = release.Release(
        session.made.deposit,
        contact.custody,
        session.recovery,
        session.session,
        contact.manifest.hash,
        key,
        sha256(sealed),
        time,
    )
    body = {
        "sealed": b64url(sealed),
        "signature": b64url(release.sign(named, contact.release_key())),
        "time": time,
    }
    return contact.http.put(f"{session.path}/releases/{contact.custody}", body)


def test_a_contact_releases_once_a_session(
    world: World, enrolled: Enrolled, session: Session
) -> None:
    _, [anna, bert] = enrolled
    key, now = session.key.public_key(), world.clock.now()
    sealed = anna.seal_to(session.recovery, session.session, key)
    assert released(anna, session, sealed, now).ok() == {"state": "made"}
    assert released(anna, session, sealed, now).ok() == {"state": "made"}, "a repeat"
    other = anna.seal_to(session.recovery, session.session, key)
    assert refusal(released(anna, session, other, now)) == (409, "conflict")
    assert refusal(released(anna, session, sealed, now + 1)) == (409, "conflict")
    released(bert, session, bert.seal_to(session.recovery, session.session, key), now).ok()
    world.run()
    assert session.open(by_custody(session)[anna.custody]) == anna.payload


def by_custody(session: Session) -> dict[str, dict[str, Any]]:
    return {line["custody"]: line for line in session.releases()}


SMALLEST = seal.ENC_LENGTH_BYTES + seal.TAG_LENGTH_BYTES


def test_a_release_has_the_length_and_the_time_of_one(
    world: World, enrolled: Enrolled, session: Session
) -> None:
    _, [anna, bert] = enrolled
    now = world.clock.now()
    for length, time, field in (
        (SMALLEST, now, "sealed"),
        (SMALLEST + 1, now + 301, "time"),
        (SMALLEST + 1, now - 301, "time"),
    ):
        answer = released(anna, session, bytes(length), time)
        assert (refusal(answer), answer.json["field"]) == ((400, "malformed"), field)
    released(anna, session, bytes(SMALLEST + 1), now + 300).ok()
    released(bert, session, bytes(seal.MAX_SEALED_LENGTH_BYTES), now - 300).ok()


def test_a_lost_piece_is_not_released(
    customer: Customer, world: World, enrolled: Enrolled, session: Session
) -> None:
    _, [contact, _] = enrolled
    customer.http.post(f"/custodies/{contact.custody}/lost").ok()
    sealed = contact.seal_to(session.recovery, session.session, session.key.public_key())
    answer = released(contact, session, sealed, world.clock.now())
    assert (refusal(answer), answer.json["state"]) == ((409, "wrong_state"), "lost")


def test_a_completion_is_of_now(
    world: World, customer: Customer, enrolled: Enrolled, session: Session
) -> None:
    made, _ = enrolled

    def complete(time: int) -> Answer:
        owner = keys.owner_key(made.recovery_key, made.deposit)
        signed = release.sign_complete(
            owner, made.deposit, session.recovery, made.manifest.hash, time
        )
        body = {"time": time, "signature": b64url(signed)}
        return customer.http.post(f"/recoveries/{session.recovery}/complete", body)

    now = world.clock.now()
    for off in (301, -301):
        answer = complete(now + off)
        assert (refusal(answer), answer.json["field"]) == ((400, "malformed"), "time")
    done = complete(now + 300).ok()
    assert (done["state"], done["ended_at"]) == ("completed", now)
    world.clock.move(1)
    assert complete(now).ok()["ended_at"] == now, "a repeat changes nothing"


def test_a_contact_of_another_deposit_sees_and_stops_nothing(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    recovery = world.open_recovery(customer, made)
    _, [stranger] = world.enrol(world.customer())
    for answer in (
        stranger.http.post(f"/recoveries/{recovery}/veto"),
        stranger.http.get(f"/recoveries/{recovery}"),
    ):
        assert refusal(answer) == (404, "not_found")
    customer.http.post(f"/custodies/{contact.custody}/lost").ok()
    stopped = contact.http.post(f"/recoveries/{recovery}/veto").ok()
    assert stopped["state"] == "cancelled", "who has held a piece may still stop it"
    again = contact.http.post(f"/recoveries/{recovery}/veto").ok()
    assert again == stopped, "a repeat changes nothing"


def test_a_recovery_is_asked_for_once(world: World, customer: Customer, enrolled: Enrolled) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    said = {"deposit": made.deposit, "reason": "My laptop crashed."}
    again = customer.http.put(f"/recoveries/{recovery}", said)
    assert (again.status, again.json["reason"]) == (200, "My laptop crashed.")
    other = customer.http.put(f"/recoveries/{recovery}", said | {"reason": "Stolen."})
    assert refusal(other) == (409, "conflict")
    stranger = world.customer()
    theirs, _ = world.enrol(stranger)
    body = said | {"deposit": theirs.deposit}
    assert refusal(stranger.http.put(f"/recoveries/{recovery}", body)) == (409, "conflict")


def test_so_many_recoveries_a_day_and_no_more(
    world: World, customer: Customer, enrolled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_OPENED_A_DAY", 2)
    made, _ = enrolled
    said = {"deposit": made.deposit, "reason": ""}
    stopped = []
    for _ in range(2):
        recovery = world.open_recovery(customer, made)
        stopped.append(customer.http.post(f"/recoveries/{recovery}/veto").ok())
    assert customer.http.put(f"/recoveries/{new_id()}", said).code == "rate_limited"
    free_at = stopped[0]["opened_at"] + DAY
    world.wait(free_at - world.clock.now() - 200)
    customer.sign_in()
    world.clock.move(free_at - world.clock.now() - 1)
    assert customer.http.put(f"/recoveries/{new_id()}", said).code == "rate_limited"
    world.clock.move(1)
    customer.http.put(f"/recoveries/{new_id()}", said).ok()


def test_an_end_without_its_time_is_a_mistake_of_ours(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    with world.database.transaction() as db:
        row = flow.find_recovery(db, recovery)
        with pytest.raises(ValueError, match="its time"):
            flow.swap_state(db, row, "veto")
