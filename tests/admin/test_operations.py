"""Each approved operation: what it does, with whom told, and that it takes enough people."""

from pathlib import Path

import pytest
from sqlalchemy import select

from escrow.account.flow import RECORD
from escrow.account.models import Account, Address
from escrow.config import UNNAMED
from escrow.custodian.entries import Entries, Entry
from escrow.db import Database
from escrow.deposit.models import Deposit
from escrow.recovery import machine
from tests.admin.office import Office
from tests.support.mailbox import Mailbox, text_of
from tests.support.people import Customer, Deposited
from tests.support.world import World

DAY = 86400


def entries(world: World, kind: str) -> list[Entry]:
    with world.database.reading() as db:
        size = world.custodian.outside.size
        found = Entries(db, world.keys).between(0, size)
    return [entry for entry in found if entry is not None and entry.event.type == kind]


def state_of(world: World, deposit: str) -> str:
    with world.database.reading() as db:
        return db.get_one(Deposit, deposit).state


def subjects(world: World, address: str) -> list[str]:
    return [str(mail["Subject"]) for mail in world.mailbox.to(address)]


def newest(world: World, address: str) -> str:
    return " ".join(text_of(world.mailbox.to(address)[-1]).split())


def test_one_operator_freezes_and_two_unfreeze(
    office: Office, customer: Customer, made: Deposited
) -> None:
    world = office.world
    recovery = world.open_recovery(customer, made)
    office.approve(office.propose("freeze", recovery), office.anna)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "frozen"
    thaw = office.propose("unfreeze", recovery)
    [first] = office.approve(thaw, office.piet)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "frozen"
    assert office.row(first).executed_at is None
    [second] = office.approve(thaw, office.anna)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"
    assert office.row(first).executed_at == office.row(second).executed_at is not None
    assert [e.event.data["approval"] for e in entries(world, "recovery unfrozen")] == [
        thaw.body_sha256
    ]
    executed = entries(world, "admin executed")
    assert [entry.event.data["operation"] for entry in executed] == ["freeze", "unfreeze"]
    assert {entry.event.recovery for entry in executed} == {recovery}
    assert len(entries(world, "admin approved")) == 3
    assert office.alarms == []


@pytest.mark.parametrize("signers", [["anna", "piet"], ["anna"]])
def test_two_operators_schedule_the_closing_of_a_deposit_and_the_customer_undoes_it(
    office: Office, customer: Customer, made: Deposited, signers: list[str]
) -> None:
    world = office.world
    proposal = office.propose("close-deposit", made.deposit)
    office.approve(proposal, *(getattr(office, name) for name in signers))
    if len(signers) == 1:
        assert state_of(world, made.deposit) == "complete"
        return
    assert state_of(world, made.deposit) == "closing"
    [closing] = entries(world, "deposit closing")
    assert closing.author == "custodian"
    assert closing.event.data["until"] == world.clock.now() + 30 * DAY
    assert any("We will destroy" in line for line in subjects(world, customer.address))
    customer.sign_in()
    assert customer.http.post(f"/deposits/{made.deposit}/reopen").ok()["state"] == "complete"


def test_two_operators_schedule_the_closing_of_an_account_and_the_customer_undoes_it(
    office: Office, customer: Customer, made: Deposited
) -> None:
    world = office.world
    office.approve(office.propose("close-account", customer.account), office.anna, office.piet)
    assert state_of(world, made.deposit) == "closing"
    [closing] = entries(world, "account closing")
    assert closing.author == "custodian"
    assert closing.event.data["until"] == world.clock.now() + 30 * DAY
    assert any("close your account" in line for line in subjects(world, customer.address))
    customer.sign_in()
    path = f"/accounts/{customer.account}"
    assert customer.http.post(f"{path}/reopen").ok()["state"] == "active"
    assert state_of(world, made.deposit) == "complete"


@pytest.mark.parametrize(
    ("operation", "subject", "button"),
    [
        ("close-deposit", "We will destroy your key", "/reopen/"),
        ("close-account", "We will close your account", "Sign in before"),
    ],
)
def test_a_customer_is_told_that_operators_end_what_is_hers_and_why_and_her_contacts_are_not(
    office: Office, customer: Customer, operation: str, subject: str, button: str
) -> None:
    world = office.world
    made, [contact] = world.enrol(customer)
    target = made.deposit if operation == "close-deposit" else customer.account
    proposal = office.propose(operation, target, reason="The contract ended in May.")
    office.approve(proposal, office.anna, office.piet)
    [told] = [mail for mail in world.mailbox.to(customer.address) if subject in mail["Subject"]]
    said = " ".join(text_of(told).split())
    assert "Two people at Test Telecom have decided to" in said
    assert "This is our reason: “The contract ended in May.”" in said
    assert button in said
    assert "Somebody has asked" not in said
    assert "The contract" not in " ".join(map(text_of, world.mailbox.to(contact.address)))


@pytest.mark.databases("sqlite")
def test_a_provider_without_a_name_is_called_in_the_language_of_a_letter(
    database: Database, tmp_path: Path, mail_server: Mailbox
) -> None:
    office = Office.open(World.make(database, tmp_path, mail_server, provider_name=UNNAMED))
    world = office.world
    customer = world.customer()
    made, _ = world.enrol(customer)
    with world.database.transaction() as db:
        db.get_one(Account, customer.account).locale = "nl"
    proposal = office.propose("close-deposit", made.deposit)
    office.approve(proposal, office.anna, office.piet)
    said = newest(world, customer.address)
    assert "Twee mensen van Sleutelherstel hebben besloten" in said
    assert UNNAMED not in said


def test_a_customer_who_closes_her_account_is_not_told_that_operators_did(
    office: Office, customer: Customer, made: Deposited
) -> None:
    world = office.world
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "Moved."}).ok()
    world.run()
    told = " ".join(" ".join(map(text_of, world.mailbox.to(customer.address))).split())
    assert told.count("Somebody has asked us to") == 2, "account and key"
    assert "have decided" not in told
    assert "nobody can bring" not in told


def test_a_moved_account_keeps_addresses_and_authenticator_and_everybody_is_told(
    office: Office, customer: Customer
) -> None:
    world = office.world
    made, [contact] = world.enrol(customer)
    world.wait(8 * DAY)
    move = office.propose("move-account", customer.account, **{"from": "", "to": "K-1729"})
    office.approve(move, office.anna, office.piet)
    with world.database.reading() as db:
        account = db.get_one(Account, customer.account)
        assert account.record is not None
        assert b"1729" not in account.record
        opened = world.web_keys.decrypt(RECORD, account.id, account.id, account.record)
    assert opened == "K-1729"
    [moved] = entries(world, "account moved")
    assert moved.event.data == {"from": "", "to": "K-1729", "approval": move.body_sha256}
    assert "Your account was moved to another customer record" in subjects(world, customer.address)
    assert any("was moved" in line for line in subjects(world, contact.address))
    recovery = world.open_recovery(customer, made)
    state = customer.http.get(f"/recoveries/{recovery}").ok()
    assert state["wait_seconds"] == made.manifest.waiting_seconds  # no seven days more
    world.wait(made.manifest.waiting_seconds)
    session = world.begin(customer, made, recovery)
    assert [line["state"] for line in session.releases()] == ["made"]


def test_an_account_is_moved_from_the_record_that_the_ledger_names(
    office: Office, customer: Customer
) -> None:
    world = office.world
    office.approve(
        office.propose("move-account", customer.account, **{"from": "", "to": "K-1"}),
        *(office.anna, office.piet),
    )
    with world.database.transaction() as db:  # what the column says counts for nothing
        account = db.get_one(Account, customer.account)
        account.record = world.web_keys.encrypt(RECORD, account.id, account.id, "K-2")
    stale = office.propose("move-account", customer.account, **{"from": "K-2", "to": "K-3"})
    [_, second] = office.approve(stale, office.anna, office.piet)
    assert office.row(second).refused == "another customer record"
    right = office.propose("move-account", customer.account, **{"from": "K-1", "to": "K-3"})
    office.approve(right, office.anna, office.piet)
    assert [e.event.data["to"] for e in entries(world, "account moved")] == ["K-1", "K-3"]


def test_a_new_address_signs_in_and_all_old_ones_and_contacts_are_told_now_and_later(
    office: Office, customer: Customer
) -> None:
    world = office.world
    made, [contact] = world.enrol(customer)
    world.wait(8 * DAY)
    old, new = customer.address, "mira@elsewhere.test"
    proposal = office.propose("set-address", customer.account, address=new)
    office.approve(proposal, office.anna)
    with world.database.reading() as db:
        assert len(db.scalars(select(Address)).all()) == 1
    office.approve(proposal, office.piet)
    for address in (old, new):
        assert "We added an address to your account" in subjects(world, address)
        assert "to your account: m…@elsewhere.test (shortened)." in newest(world, address)
    assert "elsewhere" not in newest(world, contact.address)
    assert any("new mail address" in line for line in subjects(world, contact.address))
    [changed] = entries(world, "address changed")
    assert changed.event.data["addresses"] == [
        world.web_keys.lookup(old),
        world.web_keys.lookup(new),
    ]
    customer.address = new
    recovery = world.open_recovery(customer, made)  # signs in by a code mailed there, and TOTP
    state = customer.http.get(f"/recoveries/{recovery}").ok()
    longer = made.manifest.waiting_seconds + machine.CHANGED_LATELY_SECONDS
    assert state["wait_seconds"] == longer
    assert any("/veto/" in text_of(mail) for mail in world.mailbox.to(old))


@pytest.mark.parametrize(
    ("whose", "reason"), [("own", "an address already"), ("contact", "address of a contact")]
)
def test_an_address_that_is_known_or_a_contacts_is_not_set(
    small_office: Office, whose: str, reason: str
) -> None:
    office, world = small_office, small_office.world
    customer = world.customer()
    _, [contact] = world.enrol(customer)
    address = customer.address if whose == "own" else contact.address
    proposal = office.propose("set-address", customer.account, address=address)
    found = office.approve(proposal, office.anna, office.piet)
    assert [office.row(identifier).executed_at for identifier in found] == [None, None]
    assert reason in office.alarms
    assert entries(world, "address changed") == entries(world, "admin executed") == []
