"""What a recovery, a request, a session and a call say of themselves, in every state, to whom.

SQLite alone: how the databases differ is no matter of these documents.
"""

import secrets
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from escrow.custodian import freezing
from escrow.db import Database
from escrow.ledger.models import LedgerEvent
from escrow.protocol import call as calls
from escrow.protocol.encoding import b64url
from escrow.recovery import drafts, flow, machine
from escrow.recovery.models import ReleaseRow
from tests.recovery import proving
from tests.support.mailbox import Mailbox
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

DAY = 86400
REASON = "My laptop crashed."
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
def another(world: World) -> tuple[Customer, Deposited, str]:
    """Another customer whose recovery was put on hold: nothing of it may show elsewhere."""
    other = world.customer()
    made, _ = world.enrol(other)
    recovery = world.open_recovery(other, made)
    freeze(world, recovery, "another's reason")
    return other, made, recovery


def freeze(world: World, recovery: str, reason: str) -> None:
    with world.database.transaction() as db:
        freezing.freeze(world.custodian, db, recovery, reason, None)
    world.run()


def unfreeze(world: World, recovery: str) -> None:
    with world.database.transaction() as db:
        freezing.unfreeze(world.custodian, db, recovery, bytes(32))
    world.run()


def shown(customer: Customer, made: Deposited, recovery: str) -> dict[str, Any]:
    """Return a recovery's document, which the list of what is under way must repeat."""
    found: dict[str, Any] = customer.http.get(f"/recoveries/{recovery}").ok()
    listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["recovery"]
    of_deposit = customer.http.get(f"/deposits/{made.deposit}").ok()
    if found["ended_at"] is None:
        assert listed == found
        assert of_deposit["recovery"] == recovery
    else:
        assert (listed, of_deposit["recovery"]) == (None, None)
    return found


def test_a_recovery_says_where_it_stands_from_its_opening_to_its_end(
    world: World,
    customer: Customer,
    enrolled: Enrolled,
    another: tuple[Customer, Deposited, str],
) -> None:
    made, [contact, _] = enrolled
    waiting = made.manifest.waiting_seconds
    world.mailbox.refuse[contact.address] = "451 try again later"
    recovery = world.open_recovery(customer, made)
    opened = shown(customer, made, recovery)
    opened_at = opened["opened_at"]
    assert opened_at <= world.clock.now()
    standing = {
        "recovery": recovery,
        "deposit": made.deposit,
        "proof": "totp",
        "reason": REASON,
        "proven": [],
        "proofs_needed": 0,
        "state": "opened",
        "opened_at": opened_at,
        "wait_seconds": waiting,
        "noticed_at": None,
        "ready_at": None,
        "expires_at": opened_at + machine.OPENED_EXPIRES_SECONDS,
        "ended_at": None,
        "session": None,
        "hold_reason": None,
    }
    assert opened == standing

    del world.mailbox.refuse[contact.address]
    world.wait(DAY // 2)
    noticed_at = world.clock.now()
    customer.sign_in()
    standing |= {
        "state": "waiting",
        "noticed_at": noticed_at,
        "ready_at": noticed_at + waiting,
        "expires_at": noticed_at + waiting + machine.READY_EXPIRES_SECONDS,
    }
    assert shown(customer, made, recovery) == standing

    for reason in ("the helpdesk was called", "a second call"):
        world.clock.move(60)
        freeze(world, recovery, reason)
        frozen = standing | {
            "state": "frozen",
            "ready_at": None,
            "expires_at": world.clock.now() + machine.FROZEN_EXPIRES_SECONDS,
            "hold_reason": reason,
        }
        found = shown(customer, made, recovery)
        assert found | {"noticed_at": 0} == frozen | {"noticed_at": 0}
        world.clock.move(60)
        unfreeze(world, recovery)

    noticed_at = shown(customer, made, recovery)["noticed_at"]
    assert noticed_at == world.clock.now(), "the wait begins anew"
    ready_at = noticed_at + waiting
    world.wait(waiting)
    customer.sign_in()
    standing |= {
        "state": "ready",
        "noticed_at": noticed_at,
        "ready_at": ready_at,
        "expires_at": ready_at + machine.READY_EXPIRES_SECONDS,
    }
    assert shown(customer, made, recovery) == standing

    session = Session(customer.http, made, recovery)
    session.begin().ok()
    standing |= {"state": "collecting", "session": session.session}
    assert shown(customer, made, recovery) == standing

    world.clock.move(7)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    standing |= {
        "state": "cancelled",
        "ended_at": world.clock.now(),
        "expires_at": None,
        "session": None,
    }
    assert shown(customer, made, recovery) == standing


def test_a_recovery_without_a_reason_says_none(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    recovery = new_id()
    customer.sign_in()
    said = {"deposit": made.deposit, "reason": ""}
    made_now = customer.http.put(f"/recoveries/{recovery}", said)
    assert (made_now.status, made_now.json["reason"]) == (201, None)


def test_what_is_on_hold_never_began_to_wait_expires_from_the_hold(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    world.mailbox.refuse[contact.address] = "451 try again later"
    recovery = world.open_recovery(customer, made)
    world.clock.move(3600)
    with world.database.transaction() as db:
        freezing.freeze(world.custodian, db, recovery, "a call", None)
        row = flow.find_recovery(db, recovery)
        times = flow.times_of(row)
    assert times == flow.Times(None, world.clock.now() + machine.FROZEN_EXPIRES_SECONDS)


def test_a_session_says_whether_it_is_over_to_the_second(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    customer.sign_in()
    first, second = (Session(customer.http, made, recovery) for _ in range(2))
    begun = first.begin()
    assert begun.status < 300 and begun.json["is_over"] is False
    assert first.begin().ok() == begun.json, "a repeat"
    assert begun.json | {"calls": [], "releases": []} == {
        "session": first.session,
        "recovery": recovery,
        "public_key": b64url(first.key.public_key()),
        "begun_at": world.clock.now(),
        "expires_at": world.clock.now() + machine.SESSION_SECONDS,
        "is_over": False,
        "calls": [],
        "releases": [],
    }
    second.begin().ok()
    assert customer.http.get(first.path).ok()["is_over"] is True
    assert customer.http.get(second.path).ok()["is_over"] is False
    world.clock.move(machine.SESSION_SECONDS - 1)
    assert customer.http.get(second.path).ok()["is_over"] is False
    world.clock.move(1)
    assert customer.http.get(second.path).ok()["is_over"] is True


def test_the_end_of_one_recovery_ends_no_session_of_another(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    other = world.customer()
    theirs, _ = world.enrol(other)
    recovery = world.ready_recovery(customer, made)
    running = world.ready_recovery(other, theirs)
    ending = world.begin(customer, made, recovery)
    staying = world.begin(other, theirs, running)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    assert customer.http.get(ending.path).ok()["is_over"] is True
    assert other.http.get(staying.path).ok()["is_over"] is False


def test_sealed_pieces_are_shown_to_the_customer_alone_and_their_entry_to_both(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    sealed = contact.seal_to(recovery, session.session, session.key.public_key())
    contact.release(recovery, session.session, session.key.public_key(), sealed).ok()
    assert contact.custody not in {line["custody"] for line in session.releases()}, "not yet signed"
    world.run()
    seen = session.releases()
    assert [line["custody"] for line in seen] == sorted(line["custody"] for line in seen)
    by_custody = {line["custody"]: line for line in seen}
    mine = by_custody[contact.custody]
    assert (mine["sealed"], mine["state"], mine["reason"]) == (b64url(sealed), "made", None)
    hidden = contact.http.get(session.path).ok()["releases"]
    assert hidden == [line | {"sealed": None} for line in seen]
    for line in seen:
        assert line["proof"].startswith("c2sp.org/tlog-proof@v1\n")
        with world.database.reading() as db:
            entry = db.query(LedgerEvent).filter_by(index=line["entry"]["index"]).one()
        assert line["entry"] == {
            "index": entry.index,
            "author": entry.author,
            "nonce": b64url(entry.nonce or b"?"),
            "event": b64url(entry.body or b"?"),
        }


def test_begin_shows_the_customer_what_was_released_already(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    """A repeat of `begin`, after a page was loaded again, answers with the sealed pieces."""
    made, _ = enrolled
    session = world.begin(customer, made, world.ready_recovery(customer, made))
    repeated = session.begin().ok()["releases"]
    assert repeated == session.releases()
    assert repeated[0]["sealed"] is not None


def test_a_refused_release_says_why_and_nothing_else(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, _ = enrolled
    session = world.begin(customer, made, world.ready_recovery(customer, made))
    with world.database.transaction() as db:
        db.execute(update(ReleaseRow).values(state="refused", reason="the ledger is behind"))
    [line] = session.releases()
    assert (line["state"], line["reason"]) == ("refused", "the ledger is behind")
    assert (line["sealed"], line["entry"], line["proof"]) == (None, None, None)


def test_a_call_says_what_both_have_said_so_far(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    session = world.begin(customer, made, world.ready_recovery(customer, made))
    call, random, drawn = new_id(), secrets.token_bytes(32), secrets.token_bytes(32)
    key = session.key.public_key()
    named = calls.Call(made.deposit, session.recovery, session.session, call, contact.custody)
    committed = calls.commitment(named, key, random)
    path = f"{session.path}/calls/{call}"
    said = {"custody": contact.custody, "commitment": b64url(committed)}
    standing = {
        "call": call,
        **said,
        **dict.fromkeys(("nonce", "nonce_signature", "public_key", "random")),
    }
    assert customer.http.put(path, said).ok() == standing
    signed = calls.sign_nonce(contact.release_key(), call, contact.custody, committed, drawn)
    answer = {"commitment": b64url(committed), "nonce": b64url(drawn), "signature": b64url(signed)}
    standing |= {"nonce": b64url(drawn), "nonce_signature": b64url(signed)}
    assert contact.http.post(f"{path}/nonce", answer).ok() == standing
    assert customer.http.get(path).ok() == standing
    revealed = {"public_key": b64url(key), "random": b64url(random)}
    assert customer.http.post(f"{path}/reveal", revealed).ok() == standing | revealed
    assert contact.http.get(path).ok() == standing | revealed


def test_one_calls_answer_and_reveal_change_no_other_call(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    session = world.begin(customer, made, world.ready_recovery(customer, made))
    waiting = f"{session.path}/calls/{new_id()}"
    said = {"custody": contact.custody, "commitment": b64url(bytes(32))}
    before = customer.http.put(waiting, said).ok()
    session.call(contact)
    assert customer.http.get(waiting).ok() == before


def test_calls_of_one_second_are_listed_by_their_numbers(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, [contact, _] = enrolled
    session = world.begin(customer, made, world.ready_recovery(customer, made))
    said = {"custody": contact.custody, "commitment": b64url(bytes(32))}
    for call in ("c" * 32, "a" * 32, "b" * 32):
        customer.http.put(f"{session.path}/calls/{call}", said).ok()
    world.clock.move(1)
    customer.http.put(f"{session.path}/calls/{'0' * 32}", said).ok()
    listed = [line["call"][0] for line in customer.http.get(session.path).ok()["calls"]]
    assert listed == ["a", "b", "c", "0"]


def test_a_request_says_how_long_it_would_wait_and_who_has_vouched(
    world: World, customer: Customer
) -> None:
    made, contacts = world.enrol(customer, 2, 3)
    customer.mail_login()
    draft = new_id()
    asked = proving.ask(customer, made, "contacts", draft).ok()
    now = asked["opened_at"]
    expected = {
        "recovery": draft,
        "deposit": made.deposit,
        "proof": "contacts",
        "reason": "My phone is gone.",
        "proven": [],
        "proofs_needed": 2,
        "state": "draft",
        "opened_at": now,
        "wait_seconds": 30 * DAY,
        "noticed_at": None,
        "ready_at": None,
        "expires_at": now + drafts.DRAFT_SECONDS,
        "ended_at": None,
        "session": None,
        "hold_reason": None,
    }
    assert asked == expected
    vouched = proving.vouch(contacts[1], draft).ok()
    assert vouched == expected | {"proven": [contacts[1].custody]}
    assert customer.http.get(f"/recoveries/{draft}").ok() == vouched


def test_requests_are_listed_oldest_first_and_only_those_of_the_key(
    world: World, customer: Customer
) -> None:
    made, [contact, *_] = world.enrol(customer, 2, 3)
    theirs, _ = world.enrol(customer, 2, 3)
    customer.mail_login()
    proving.ask(customer, theirs, "contacts", "e" * 32).ok()
    for draft in ("c" * 32, "b" * 32):
        proving.ask(customer, made, "contacts", draft).ok()
    world.clock.move(1)
    proving.ask(customer, made, "contacts", "a" * 32).ok()
    listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["drafts"]
    assert [line["recovery"][0] for line in listed] == ["b", "c", "a"]
    proving.vouch(contact, "b" * 32).ok()
    listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["drafts"]
    assert [line["proven"] for line in listed] == [[contact.custody], [], []]


def test_who_asks_too_often_is_told_when_the_oldest_request_is_over(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer, 2, 3)
    customer.mail_login()
    first = proving.ask(customer, made, "contacts").ok()
    for _ in range(drafts.MAX_DRAFTS - 1):
        world.clock.move(10)
        proving.ask(customer, made, "contacts").ok()
    refused = proving.ask(customer, made, "contacts")
    assert refused.code == "rate_limited"
    assert refused.json["retry_after"] == first["expires_at"] - world.clock.now()
