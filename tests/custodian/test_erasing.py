"""What is left of a customer after the end: nothing but leaves of the ledger, and for a year what a
recovery was.
"""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import func, select, update

from escrow.account.models import Account
from escrow.custodian import erasing
from escrow.custodian.entries import Entries
from escrow.custodian.takeup import check
from escrow.db import Base
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger import read
from escrow.ledger.append import Author, append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url, raw_id
from escrow.recovery.models import Recovery
from escrow.webkeys import WebKeys
from tests.admin.crew import hired
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

DAY = 86400
YEAR = 365 * DAY
LABEL, REASON = "The secret diary", "My laptop crashed."
# Numbers that name nobody any more: the rows by which the tree's leaves are counted.
LEFT = {("ledger_event", name) for name in ("account", "deposit", "custody", "recovery")}


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> dict[bytes, str]:
    """What stands in which encrypted column: every ciphertext that was made, with its words."""
    found: dict[bytes, str] = {}
    encrypt = WebKeys.encrypt

    def note(keys: WebKeys, place: tuple[str, str], row: str, owner: str, words: str) -> bytes:
        made = encrypt(keys, place, row, owner, words)
        found[made] = words
        return made

    monkeypatch.setattr(WebKeys, "encrypt", note)
    return found


@pytest.fixture
def customer(sealed: dict[bytes, str], world: World) -> Customer:
    return world.customer("mira@example.org")


@pytest.fixture
def lived(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    """An account that has seen everything: contacts, a stopped recovery, support, an export."""
    made, contacts = world.enrol(customer, 1, 1, label=LABEL)
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.enrol(customer, 0, 0, label="Photos")
    dummy, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    customer.http.post(f"/deposits/{dummy.deposit}/close", {"reason": ""}).ok()
    customer.http.post(f"/custodies/{contacts[0].custody}/lost").ok()
    olga = hired(world)
    olga.post(f"/admin/support/{customer.account}/instructions").ok()
    olga.post(f"/admin/deposits/{made.deposit}/report").ok()
    world.run()
    return made, contacts


def end(world: World, customer: Customer) -> None:
    """Close the account, and let the 30 days go by until everything is destroyed."""
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "Enough."}).ok()
    world.run()
    world.wait(32 * DAY)
    with world.database.reading() as db:
        assert db.get_one(Account, customer.account).state == "closed"


def traces(world: World, *wanted: str | bytes) -> set[tuple[str, str]]:
    """Return the tables and columns in which something stands, in whatever form it is kept."""
    needles = [each.encode() if isinstance(each, str) else each for each in wanted]
    needles += [b64url(each).encode() for each in needles if not each.isalnum()]
    found = set()
    with world.database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                for column, value in row._mapping.items():
                    said = value if isinstance(value, bytes) else str(value).encode()
                    if any(needle in said for needle in needles):
                        found.add((table.name, str(column)))
    return found


def told_in(world: World, sealed: dict[bytes, str], *wanted: str) -> set[tuple[str, str]]:
    """Return the encrypted columns of which the words hold something."""
    with world.database.engine.connect() as connection:
        return {
            (table.name, str(column))
            for table in Base.metadata.sorted_tables
            for row in connection.execute(table.select())
            for column, value in row._mapping.items()
            if isinstance(value, bytes) and any(word in sealed.get(value, "") for word in wanted)
        }


def names_of(world: World, customer: Customer) -> list[str | bytes]:
    """Return by what a customer's rows are found: numbers, and hashes of addresses."""
    with world.database.reading() as db:
        deposits = list(db.scalars(select(Deposit.id).where(Deposit.account == customer.account)))
        held = db.scalars(select(CustodyRow).where(CustodyRow.deposit.in_(deposits))).all()
        recoveries = list(db.scalars(select(Recovery.id).where(Recovery.deposit.in_(deposits))))
        hashes = {row.address_hash for row in held if row.address_hash is not None}
        names = [customer.account, *deposits, *recoveries, *(row.id for row in held)]
    hashes.add(world.web_keys.lookup(customer.address))
    return [*names, *(raw_id(name) for name in names), *hashes]


def everything(world: World, *but: str) -> dict[str, list[tuple[Any, ...]]]:
    with world.database.engine.connect() as connection:
        return {
            table.name: sorted(map(tuple, connection.execute(table.select())), key=repr)
            for table in Base.metadata.sorted_tables
            if table.name not in but
        }


@pytest.mark.databases("sqlite", "postgresql")
def test_a_year_after_the_last_recovery_nothing_anywhere_tells_of_a_customer(
    sealed: dict[bytes, str],
    world: World,
    customer: Customer,
    lived: tuple[Deposited, list[Contact]],
) -> None:
    names = names_of(world, customer)
    before = traces(world, *names)
    assert len(before) > 25, before  # the search finds what is there
    words = [LABEL, REASON, customer.address, lived[1][0].address, lived[1][0].name]
    assert told_in(world, sealed, *words) >= {
        *(("deposit", "label"), ("address", "address"), ("recovery", "reason")),
        *(("custody", "name"), ("custody", "address")),
    }
    end(world, customer)
    world.wait(31 * DAY, at_once=30 * 3600)
    assert told_in(world, sealed, *words) == {("recovery", "reason")}
    world.wait(YEAR, at_once=35 * 3600)
    assert traces(world, *names) == LEFT
    assert told_in(world, sealed, *words) == set()
    with world.database.reading() as db:
        query = select(LedgerEvent).where(LedgerEvent.account == customer.account)
        rows = db.scalars(query).all()
        assert len(rows) > 20
        assert [(row.body, row.nonce) for row in rows] == [(None, None)] * len(rows)
        assert db.get(Account, customer.account) is None


def test_for_a_year_only_what_a_recovery_was_is_kept(
    world: World, customer: Customer, lived: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = lived
    hashes = [world.web_keys.lookup(each) for each in (customer.address, contact.address)]
    end(world, customer)
    assert traces(world, *hashes)
    world.wait(31 * DAY)
    assert traces(world, *hashes) == set()
    with world.database.reading() as db:
        kept = list(db.scalars(select(Deposit.id).where(Deposit.account == customer.account)))
        assert kept == [made.deposit]
        query = select(LedgerEvent).where(LedgerEvent.account == customer.account)
        readable = [row for row in db.scalars(query) if row.body is not None]
        assert {row.type for row in readable} >= {"recovery opened", "recovery vetoed"}
        assert all(row.recovery is not None for row in readable)
        [recovery] = db.scalars(select(Recovery)).all()
        assert recovery.state == "cancelled"


def test_the_ledger_still_proves_itself_and_a_restart_finds_nothing_amiss(
    world: World,
    customer: Customer,
    lived: tuple[Deposited, list[Contact]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    other = world.customer("piet@example.org")
    theirs, _ = world.enrol(other)
    end(world, customer)
    world.wait(31 * DAY)
    with world.database.reading() as db:
        indexes = list(db.scalars(select(LedgerEvent.index).order_by(LedgerEvent.index)))
        found = Entries(db, world.custodian.keys).between(0, len(indexes))
        assert None in found
        assert read.inclusion(db, indexes[3] or 0)
        assert Entries(db, world.custodian.keys).of_deposit(theirs.deposit)
    world.restart_custodian()
    world.run()
    check(world.database, world.custodian.keys, world.custodian.outside)
    for _ in range(len(indexes) // 200 + 2):
        world.custodian.audit()
    other.sign_in()
    assert other.http.get(f"/deposits/{theirs.deposit}").ok()["state"] == "complete"
    assert "ALARM" not in caplog.text


def test_who_has_an_address_or_a_contact_in_common_loses_nothing(
    world: World, customer: Customer, lived: tuple[Deposited, list[Contact]]
) -> None:
    _, [contact] = lived
    second = world.customer("mira@example.org")  # the helpdesk opened another account
    theirs, [theirs_too] = world.enrol(second)
    with world.database.transaction() as db:  # one person holds a piece for both
        mine = db.get_one(CustodyRow, contact.custody)
        db.get_one(CustodyRow, theirs_too.custody).address_hash = mine.address_hash
    names = [second.account, theirs.deposit, theirs_too.custody]
    end(world, customer)
    before = traces(world, *names)
    world.wait(31 * DAY)
    assert traces(world, *names) == before
    second.sign_in()
    assert second.http.get(f"/deposits/{theirs.deposit}").ok()["state"] == "complete"


def test_whoever_writes_the_tables_makes_nobody_forget(
    world: World, customer: Customer, lived: tuple[Deposited, list[Contact]], caplog: Any
) -> None:
    made, _ = lived
    with world.database.transaction() as db:
        db.execute(update(Account).values(state="closed", closing_at=0))
        db.execute(update(Deposit).values(state="closed"))
    with world.database.reading() as db:
        before = db.scalar(
            select(func.count()).where(LedgerEvent.body.is_not(None), LedgerEvent.type != "tick")
        )
    world.clock.move(60)
    world.run()
    world.clock.move(60)
    world.run()
    with world.database.reading() as db:
        query = select(func.count()).where(
            LedgerEvent.body.is_not(None), LedgerEvent.type != "tick"
        )
        assert (db.scalar(query) or 0) >= (before or 0)
        assert db.get(Deposit, made.deposit) is not None
    assert "ALARM closed without its entries" in caplog.text


def test_what_the_sequencer_did_not_take_is_forgotten_with_the_rest(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer, 0, 0)
    other = world.customer("piet@example.org")
    forger = Author("web", bytes(32))
    with world.database.transaction() as db:
        for account in (customer.account, other.account):
            append(db, forger, "totp changed", {"reason": "changed"}, account=account)
        on = {"account": customer.account, "deposit": made.deposit}
        append(db, forger, "deposit closing", {"until": 1, "reason": "Mine now."}, **on)
    world.run()
    refused = select(LedgerEvent.account).where(LedgerEvent.refused.is_not(None))
    with world.database.reading() as db:
        assert len(db.scalars(refused).all()) == 3
    end(world, customer)
    world.wait(31 * DAY)
    with world.database.reading() as db:
        assert db.scalars(refused).all() == [other.account]


def of_contact(world: World, contact: Contact) -> set[str]:
    """Return which columns still say who a contact is."""
    with world.database.reading() as db:
        row = db.get_one(CustodyRow, contact.custody)
        return {name for name in erasing._UNNAMED if getattr(row, name) is not None}


@pytest.mark.databases("sqlite", "postgresql")
def test_who_had_a_piece_is_forgotten_a_while_after_the_key_has_ended(
    world: World, customer: Customer
) -> None:
    old, [gone] = world.enrol(customer, label="Old laptop")
    new, [stays] = world.enrol(customer, label="New laptop")
    customer.sign_in()
    customer.http.post(f"/deposits/{old.deposit}/close", {"reason": ""}).ok()
    world.run()
    world.wait(30 * DAY + 3600)
    with world.database.reading() as db:
        assert db.get_one(Deposit, old.deposit).state == "closed"
    world.wait(28 * DAY)
    assert {"name", "address", "address_hash"} <= of_contact(world, gone)
    world.wait(3 * DAY)
    assert of_contact(world, gone) == set()
    assert {"name", "address", "address_hash"} <= of_contact(world, stays)
    customer.sign_in()
    shown = customer.http.get(f"/deposits/{old.deposit}").ok()
    assert (shown["label"], shown["state"]) == ("Old laptop", "closed")
    assert [piece["name"] for piece in shown["custodies"] if piece["role"] == "contact"] == [None]
    kept = customer.http.get(f"/deposits/{new.deposit}").ok()
    assert kept["state"] == "complete"


@pytest.mark.databases("sqlite", "postgresql")
def test_a_contact_is_forgotten_whole_when_the_power_is_cut_in_between(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, [gone] = world.enrol(customer)
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": ""}).ok()
    world.run()
    unname = erasing._unname
    calls: list[int] = []

    def cut(*arguments: Any) -> None:
        calls.append(1)
        unname(*arguments)
        if len(calls) < 3:
            raise RuntimeError("power cut")

    monkeypatch.setattr(erasing, "_unname", cut)
    for _ in range(62):
        world.wait(DAY)
        if calls and len(calls) < 3:
            assert {"name", "address", "address_hash"} <= of_contact(world, gone)
        world.restart_custodian()
    assert len(calls) == 3
    assert of_contact(world, gone) == set()


def test_who_was_forgotten_leaves_no_phrase_behind(world: World, customer: Customer) -> None:
    made, [gone] = world.enrol(customer)
    gone.http.post(f"/custodies/{gone.custody}/lost").ok()
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": ""}).ok()
    world.run()
    world.wait(62 * DAY)
    assert of_contact(world, gone) == set()
    answer = gone.http.post(f"/custodies/{gone.custody}/phrase", {"phrase": "rode fiets"})
    assert answer.status == 409
    assert of_contact(world, gone) == set()


def test_an_account_that_was_kept_is_not_erased_whatever_the_tables_say_later(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer)
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""}).ok()
    world.run()
    customer.http.post(f"/accounts/{customer.account}/reopen").ok()
    world.run()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": ""}).ok()
    world.run()
    world.wait(31 * DAY)
    with world.database.transaction() as db:
        row = db.get_one(Account, customer.account)
        row.state, row.closing_at = "closed", 1
    world.wait(40 * DAY)
    assert traces(world, world.web_keys.lookup(customer.address))


def test_whoever_writes_the_tables_makes_no_contact_forgotten(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    with world.database.transaction() as db:
        db.get_one(Deposit, made.deposit).state = "closed"
        db.get_one(CustodyRow, contact.custody).due_at = 1
    world.run()
    assert {"name", "address", "address_hash"} <= of_contact(world, contact)


def test_an_erasure_that_is_cut_off_goes_on_where_it_stopped(
    world: World,
    customer: Customer,
    lived: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = names_of(world, customer)
    end(world, customer)
    monkeypatch.setattr(erasing, "ENTRIES_AT_ONCE", 3)
    forget = erasing._forget
    calls: list[int] = []

    def cut(*arguments: Any) -> None:
        calls.append(1)
        forget(*arguments)
        if len(calls) < 3:
            raise RuntimeError("power cut")

    monkeypatch.setattr(erasing, "_forget", cut)
    for _ in range(35):
        world.wait(DAY)
        world.restart_custodian()
    assert len(calls) == 3
    left = traces(world, *names)
    assert {("address", "account"), ("totp", "account"), ("outbox", "account")} & left == set()


def test_an_end_that_a_recovery_put_off_is_waited_for_without_an_alarm(
    world: World, customer: Customer, caplog: pytest.LogCaptureFixture
) -> None:
    made, _ = world.enrol(customer, 0, 0, waiting_seconds=14 * DAY)
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""}).ok()
    world.run()
    world.wait(25 * DAY)
    recovery = world.open_recovery(customer, made)
    world.wait(10 * DAY)
    customer.sign_in()
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    ended = world.clock.now()
    world.wait(28 * DAY)  # since the end; two months since it was to be
    with world.database.reading() as db:
        assert db.get_one(Account, customer.account).state == "closed"
        assert db.get(Deposit, made.deposit) is not None
        assert traces(world, world.web_keys.lookup(customer.address))
    world.wait(ended + 33 * DAY - world.clock.now())
    assert not traces(world, world.web_keys.lookup(customer.address))
    assert "closed without its entries" not in caplog.text


def test_nothing_is_erased_before_its_time(
    world: World, customer: Customer, lived: tuple[Deposited, list[Contact]]
) -> None:
    end(world, customer)
    before = everything(world, "ledger_event", "ledger_node", "checkpoint", "outbox")
    assert (len(before["address"]), len(before["deposit"])) == (1, 3)
    world.wait(20 * DAY)
    after = everything(world, "ledger_event", "ledger_node", "checkpoint", "outbox")
    assert after["address"] == before["address"]
    assert after["deposit"] == before["deposit"]
