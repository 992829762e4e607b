"""Closing and undoing it: by the customer, by a contact once, never a second too early."""

from typing import Any

import pytest

from escrow.account.models import Account
from escrow.deposit.closing import CLOSING_SECONDS
from escrow.deposit.models import Deposit
from escrow.ledger.append import Author, append
from tests.deposit.test_replacing import completed, events, kinds, state
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, make_deposit
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400
LONG = 30 * 3600  # at once, where nothing is to happen meanwhile


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


def close(world: World, customer: Customer, made: Deposited) -> int:
    customer.sign_in()
    path = f"/deposits/{made.deposit}/close"
    until: int = customer.http.post(path, {"reason": "not needed"}).ok()["until"]
    world.run()
    return until


def tokens(world: World, address: str) -> list[str]:
    texts = [text_of(mail) for mail in world.mailbox.to(address)]
    return [text.split("/reopen/", 1)[1].split()[0] for text in texts if "/reopen/" in text]


def by_token(world: World, link: str, deposit: str | None = None) -> Any:
    named, _, token = link.partition("#")
    return world.http().post(f"/deposits/{deposit or named}/reopen", {"token": token})


def test_an_account_closes_and_comes_back_in_the_ledger_by_its_deposits(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    path = f"/accounts/{customer.account}"
    customer.http.post(f"{path}/close", {"reason": "moved"}).ok()
    world.run()
    customer.http.post(f"{path}/reopen").ok()
    world.run()
    assert kinds(world, made)[-2:] == ["deposit closing", "deposit reopened"]
    assert events(world, made.deposit)[-1].data["by"] == "customer"


@pytest.mark.parametrize("way", ["customers-mail", "contact"])
@pytest.mark.databases("sqlite", "postgresql")
def test_who_keeps_one_key_of_a_closing_account_keeps_the_account(
    world: World, customer: Customer, way: str
) -> None:
    made, [contact] = world.enrol(customer)
    other, _ = world.enrol(customer, 0, 0)
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "moved"}).ok()
    world.run()
    if way == "contact":
        contact.http.post(f"/deposits/{made.deposit}/reopen").ok()
    else:
        links = [one for one in tokens(world, customer.address) if made.deposit in one]
        by_token(world, links[-1]).ok()
    world.run()
    told = [str(mail["Subject"]) for mail in world.mailbox.to(customer.address)]
    assert told.count("Your account stays open") == 1
    world.wait(100 * DAY, LONG)  # the other ends on its day, and long after that nothing is erased
    customer.sign_in()
    shown = customer.http.get(f"/accounts/{customer.account}").ok()
    assert (shown["state"], shown["closing_at"]) == ("active", None)
    assert state(customer, made) == "complete"
    assert state(customer, other) == "closed"


def test_an_account_that_is_said_to_close_takes_no_deposit_with_it(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    """A web tier that was taken over: an entry for the account and a date in its row, no more."""
    made, _ = enrolled
    author = Author("web", world.web_keys.mac_key)
    with world.database.transaction() as db:
        row = db.get_one(Account, customer.account)
        row.state, row.closing_at = "closing", world.clock.now()
        data = {"until": world.clock.now(), "reason": "moved"}
        append(db, author, "account closing", data, account=customer.account)
    world.wait(31 * DAY, LONG)
    assert state(customer, made) == "complete"
    assert "deposit destroyed" not in kinds(world, made)


@pytest.mark.parametrize("way", ["session", "customers-mail", "contact", "contacts-mail"])
def test_a_closing_is_undone_by_one_button(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], way: str
) -> None:
    made, contact = enrolled
    close(world, customer, made)
    path = f"/deposits/{made.deposit}/reopen"
    if way == "session":
        answer = customer.http.post(path)
    elif way == "contact":
        answer = contact.http.post(path)
    else:
        address = contact.address if "contact" in way else customer.address
        answer = by_token(world, tokens(world, address)[-1])
    assert answer.ok() == {"deposit": made.deposit, "state": "complete"}
    world.run()
    [reopened] = [e for e in events(world, made.deposit) if e.type == "deposit reopened"]
    assert reopened.data["by"] == ("contact" if "contact" in way else "customer")
    if way == "session":
        world.wait(31 * DAY, LONG)
    assert state(customer, made) == "complete"


def test_a_contacts_undo_of_the_customers_closing_counts_once(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    path = f"/deposits/{made.deposit}/reopen"
    close(world, customer, made)
    contact.http.post(path).ok()
    assert contact.http.post(path).ok()["state"] == "complete"  # a repeat is harmless
    close(world, customer, made)
    for again in (contact.http.post(path), by_token(world, tokens(world, contact.address)[-1])):
        assert (again.status, again.json["state"]) == (409, "undone_before")
    assert customer.http.post(path).ok()["state"] == "complete"


def test_what_an_operator_closes_a_contact_may_undo_every_time(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    for _ in range(2):
        with world.database.transaction() as db:
            row = db.get_one(Deposit, made.deposit)
            row.state_before_closing, row.state = row.state, "closing"
            row.closing_at = world.clock.now() + CLOSING_SECONDS
            data = {"until": row.closing_at, "reason": "contract ended"}
            on = {"account": row.account, "deposit": row.id}
            append(db, world.keys.author, "deposit closing", data, **on)
        world.run()
        assert contact.http.post(f"/deposits/{made.deposit}/reopen").ok()["state"] == "complete"


def test_who_may_not_undo_a_closing(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    other, [stranger] = world.enrol(customer)
    close(world, customer, made)
    path = f"/deposits/{made.deposit}/reopen"
    assert stranger.http.post(path).code == "not_found"
    assert by_token(world, "0" * 32 + "#" + "A" * 43).code == "gone"
    link = tokens(world, contact.address)[-1]
    assert by_token(world, link, other.deposit).code == "not_found"
    close(world, customer, other)
    hers = tokens(world, customer.address)[-1]
    assert by_token(world, hers, made.deposit).code == "not_found"
    assert world.customer().http.post(path).code == "not_found"
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    declined = contact.http.post(path)
    assert (declined.status, declined.json["state"]) == (409, "declined")
    assert state(customer, made) == "closing"


def test_the_web_tier_cannot_shorten_the_thirty_days(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    web = world.app.extensions["escrow"]
    with world.database.transaction() as db:
        row = db.get_one(Deposit, made.deposit)
        row.state_before_closing, row.state = row.state, "closing"
        row.closing_at = world.clock.now()
        data = {"until": row.closing_at, "reason": "now!"}
        on = {"account": row.account, "deposit": row.id}
        append(db, web.author, "deposit closing", data, **on)
    world.run()
    [closing] = [e for e in events(world, made.deposit) if e.type == "deposit closing"]
    world.wait(closing.at + CLOSING_SECONDS - 1 - world.clock.now(), LONG)
    assert "deposit destroyed" not in kinds(world, made)
    world.wait(120)
    assert "deposit destroyed" in kinds(world, made)


def test_a_closing_that_is_not_in_the_ledger_destroys_nothing(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    with world.database.transaction() as db:
        row = db.get_one(Deposit, made.deposit)
        row.state, row.closing_at = "closing", world.clock.now() - 60 * DAY
    world.wait(DAY)
    assert "deposit destroyed" not in kinds(world, made)


def test_a_recovery_pauses_a_closing_to_the_second(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    until = close(world, customer, made)
    world.wait(until - DAY - world.clock.now(), LONG)
    recovery = world.open_recovery(customer, made)
    world.wait(until + DAY - world.clock.now())
    customer.sign_in()
    assert "deposit destroyed" not in kinds(world, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.wait(61)
    assert "deposit destroyed" in kinds(world, made)


def test_a_recovery_whose_row_is_gone_still_pauses_a_closing(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    from escrow.recovery.models import Recovery

    made, _ = enrolled
    until = close(world, customer, made)
    world.wait(until - DAY - world.clock.now(), LONG)
    recovery = world.open_recovery(customer, made)
    with world.database.transaction() as db:
        db.get_one(Recovery, recovery).ended_at = world.clock.now()
    world.wait(2 * DAY)
    assert "deposit destroyed" not in kinds(world, made)


def test_a_drills_closing_needs_no_grace_and_no_letter(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    before = len(world.mailbox.to(customer.address))
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "drill"}).ok()
    world.run()
    world.wait(61)
    assert "deposit destroyed" in kinds(world, made)
    assert len(world.mailbox.to(customer.address)) == before


def test_a_new_drill_ends_the_one_before_and_blocks_no_real_one(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escrow.deposit import enrol

    monkeypatch.setattr(enrol, "MAX_DEPOSITS", 1)
    drills = [make_deposit(customer.http, [], 0, kind="drill", waiting_seconds=0) for _ in "123"]
    for made in drills[:2]:
        customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    world.wait(61)
    assert [kinds(world, made).count("deposit destroyed") for made in drills[:2]] == [1, 0]
    real = make_deposit(customer.http, [], 0)
    customer.http.put(f"/deposits/{real.deposit}", real.body).ok()
    listed = customer.http.get("/deposits").ok()["deposits"]
    assert [line["deposit"] for line in listed] == [real.deposit]
    apart = customer.http.get("/deposits?kind=drill").ok()["deposits"]
    assert [line["deposit"] for line in apart] == [drills[1].deposit]
    monkeypatch.setattr(enrol, "MAX_DRILLS_A_DAY", 2)
    answer = customer.http.put(f"/deposits/{drills[2].deposit}", drills[2].body)
    assert (answer.status, answer.code) == (429, "rate_limited")


@pytest.mark.parametrize("what", ["account", "deposit"])
def test_what_a_replacement_was_to_close_closes_when_its_owner_says_so(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], what: str
) -> None:
    old, _ = enrolled
    _, [contact] = completed(world, customer, old)
    assert state(customer, old) == "closing"
    world.wait(10 * DAY)
    customer.sign_in()
    path = f"/accounts/{customer.account}" if what == "account" else f"/deposits/{old.deposit}"
    until = customer.http.post(f"{path}/close", {"reason": "moving"}).ok()["until"]
    world.run()
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert state(customer, old) == "closing", "kept, because its replacement has failed"
    world.wait(until - 1 - world.clock.now(), LONG)
    assert "deposit destroyed" not in kinds(world, old)
    world.wait(1)
    assert "deposit destroyed" in kinds(world, old)
    with world.database.reading() as db:
        ended = db.get_one(Account, customer.account).state
    assert ended == ("closed" if what == "account" else "active")
