"""Who is told of a recovery stands in the ledger: no table and no thief's session changes it."""

import secrets
from typing import Any

import pytest

from escrow.account.models import Account
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.append import Author, append
from escrow.protocol.manifest import contact_commitment
from escrow.recovery import machine
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, make_deposit
from tests.support.world import World

DAY = 86400


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


def _links(world: World, address: str) -> list[str]:
    texts = [text_of(mail) for mail in world.mailbox.to(address)]
    return [
        text.split("/veto/", 1)[1].split()[0].partition("#")[2]
        for text in texts
        if "/veto/" in text
    ]


def _state(customer: Customer, recovery: str) -> dict[str, Any]:
    found: dict[str, Any] = customer.http.get(f"/recoveries/{recovery}").ok()
    return found


def test_a_piece_reported_lost_by_the_customer_silences_no_contact(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    customer.sign_in()
    assert customer.http.post(f"/custodies/{contact.custody}/lost").ok()["state"] == "lost"
    world.run()
    recovery = world.open_recovery(customer, made)
    [token] = _links(world, contact.address)
    stopped = world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert stopped["state"] == "cancelled"


@pytest.mark.parametrize("state", ["declined", "withdrawn", "invited"])
def test_the_state_in_the_table_silences_no_contact(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], state: str
) -> None:
    made, contact = enrolled
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).state = state
    world.open_recovery(customer, made)
    subjects = [str(mail["Subject"]) for mail in world.mailbox.to(contact.address)]
    assert len(subjects) == 2  # thanks, and the recovery


def test_who_is_only_invited_is_led_to_where_the_invitation_is_declined(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).state = "invited"
    world.open_recovery(customer, made)
    text = text_of(world.mailbox.to(contact.address)[-1])
    assert "/veto/" not in text
    link = text.split("Stop it:", 1)[1].split()[0]
    page, _, token = link.partition("#")
    assert page.endswith(f"/contact/{contact.custody}/stop")
    declined = world.http().post(f"/custodies/{contact.custody}/decline", {"token": token}).ok()
    assert declined["state"] == "declined"


def test_who_declined_is_not_told(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    recovery = world.open_recovery(customer, made)
    subjects = [str(mail["Subject"]) for mail in world.mailbox.to(contact.address)]
    assert subjects == [
        "Thank you for holding a piece of “Laptop backup”",
        "You are no longer a contact for “Laptop backup”",
    ]
    assert _state(customer, recovery)["state"] == "waiting"


def test_with_another_manifest_in_the_table_nothing_begins(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    other = make_deposit(customer.http, [], 0, deposit=made.deposit)
    with world.database.transaction() as db:
        row = db.get_one(Deposit, made.deposit)
        row.manifest, row.manifest_signature = other.manifest.data, other.signature
        row.manifest_hash = other.manifest.hash
    recovery = world.open_recovery(customer, made)
    assert _state(customer, recovery)["state"] == "opened"


def test_the_word_of_the_web_tier_moves_no_contact(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    nonce, name, address = secrets.token_bytes(16), contact.name, "thief@contact.test"
    data = {
        "previous": made.manifest.custody(contact.custody).contact_commitment,
        "commitment": contact_commitment(nonce, name, address),
        "body_sha256": bytes(32),
        "time": world.clock.now(),
        "signature": bytes(64),
    }
    keys = world.web_keys
    with world.database.transaction() as db:
        row = db.get_one(CustodyRow, contact.custody)
        row.address = keys.encrypt(custodies.ADDRESS, row.id, row.account, address)
        row.nonce = keys.encrypt(custodies.NONCE, row.id, row.account, nonce.hex())
        web = Author("web", keys.mac_key)
        on = {"account": row.account, "deposit": row.deposit, "custody": row.id}
        append(db, web, "custody moved", data, **on)
    world.run()
    recovery = world.open_recovery(customer, made)
    assert world.mailbox.to(address) == []
    found = _state(customer, recovery)
    assert found["wait_seconds"] == made.manifest.waiting_seconds + 3 * DAY


def test_an_address_removed_in_the_last_seven_days_is_told_and_the_wait_is_longer(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    world.wait(8 * DAY)
    old, new = customer.address, "thief@customer.test"
    _move_to(world, customer, new)
    with world.database.transaction() as db:  # the columns are not what the custodian believes
        db.get_one(Account, customer.account).address_changed_at = None
    customer.address = new
    recovery = world.open_recovery(customer, made)
    longer = made.manifest.waiting_seconds + machine.CHANGED_LATELY_SECONDS
    assert _state(customer, recovery)["wait_seconds"] == longer
    [token] = _links(world, old)
    stopped = world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert stopped["state"] == "cancelled"
    world.wait(8 * DAY)
    recovery = world.open_recovery(customer, made)
    assert _state(customer, recovery)["wait_seconds"] == made.manifest.waiting_seconds
    assert len(_links(world, old)) == 1


def _move_to(world: World, customer: Customer, address: str) -> None:
    """Confirm a new address and remove the old one, as a thief in the session does."""
    customer.sign_in()
    path = f"/accounts/{customer.account}"
    [old] = customer.http.get(path).ok()["addresses"]
    made = customer.http.post(f"{path}/addresses", {"address": address}).ok()["id"]
    code = world.mailbox.code(address, "address_code")
    customer.http.post(f"{path}/addresses/{made}/code", {"code": code}).ok()
    assert customer.http.call("DELETE", f"{path}/addresses/{old['id']}").status == 204
    world.run()
