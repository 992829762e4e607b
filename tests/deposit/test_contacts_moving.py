"""A contact moves to another address, and nobody else moves a contact."""

import logging
import secrets
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow
from escrow.ledger.append import Author, append
from escrow.ledger.models import LedgerEvent
from escrow.protocol import request as requests
from escrow.protocol.encoding import sha256
from escrow.protocol.keys import public_bytes
from escrow.protocol.ledger import Event
from escrow.protocol.move import Move, Moved, newest, path
from tests.support.mailbox import text_of
from tests.support.people import Answer, Contact, Customer, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400
Enrolled = tuple[Deposited, Contact]
_FIELDS = ("name", "address", "nonce", "address_hash")


@pytest.fixture
def enrolled(world: World, customer: Customer) -> Enrolled:
    made, [contact] = world.enrol(customer)
    return made, contact


def made_for(contact: Contact, address: str, previous: bytes | None = None) -> Move:
    assert contact.manifest is not None
    first = contact.manifest.custody(contact.custody).contact_commitment
    return Move(contact.name, address, secrets.token_bytes(16), previous or first or b"")


def send(contact: Contact, data: bytes) -> Answer:
    """Send exactly these bytes, signed with the piece."""
    target = path(contact.custody)
    headers = {"Content-Type": "application/json"}
    if contact.http.signer is not None:
        headers |= contact.http._signed("POST", target.removeprefix("/api/v1"), data)
    answer = contact.http.client.post(
        target, base_url=contact.http.base_url, data=data, headers=headers
    )
    return Answer(answer.status_code, answer.get_json(silent=True))


def reach(world: World, contact: Contact, address: str) -> Answer:
    """Have the code that is mailed to a new address come back, if one is mailed."""
    where = f"/custodies/{contact.custody}/address"
    asked = contact.http.post(f"{where}/code", {"address": address})
    if asked.status != 202:
        return asked
    code = world.mailbox.code(address, "contact_code")
    return contact.http.post(f"{where}/confirm", {"address": address, "code": code})


def move(world: World, contact: Contact, address: str, previous: bytes | None = None) -> Answer:
    reach(world, contact, address)
    return send(contact, made_for(contact, address, previous).data)


def last_commitment(world: World, contact: Contact) -> bytes:
    with world.database.reading() as db:
        query = select(LedgerEvent).where(
            LedgerEvent.type == "custody moved", LedgerEvent.custody == contact.custody
        )
        row = db.scalars(query.order_by(LedgerEvent.position.desc())).first()
        assert row is not None
        return bytes(Event.parse(row.body or b"").data["commitment"])


def told(world: World, address: str) -> list[str]:
    return [str(mail["Subject"]).partition("“")[0] for mail in world.mailbox.to(address)]


def wait_of(customer: Customer, recovery: str) -> int:
    return int(customer.http.get(f"/recoveries/{recovery}").ok()["wait_seconds"])


def columns(world: World, contact: Contact, values: dict[str, Any] | None = None) -> dict[str, Any]:
    """Read, or write, a custody's columns as somebody does who can write the database."""
    with world.database.transaction() as db:
        row = db.get_one(CustodyRow, contact.custody)
        for name, value in (values or {}).items():
            setattr(row, name, value)
        return {name: getattr(row, name) for name in _FIELDS}


def address_of(world: World, contact: Contact, address: str) -> dict[str, Any]:
    """Make columns as the web tier's keys allow them."""
    with world.database.reading() as db:
        row = db.get_one(CustodyRow, contact.custody)
        sealed = world.web_keys.encrypt(custodies.ADDRESS, row.id, row.account, address)
        return {"address": sealed, "address_hash": world.web_keys.lookup(address)}


def say_moved(world: World, contact: Contact, said: dict[str, Any]) -> None:
    """Say `custody moved` as a web tier that was taken over."""
    with world.database.transaction() as db:
        row = db.get_one(CustodyRow, contact.custody)
        on = {"account": row.account, "deposit": row.deposit, "custody": row.id}
        append(db, Author("web", world.web_keys.mac_key), "custody moved", said, **on)
    world.run()


def test_a_contact_who_moved_is_told_at_the_new_address_alone(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    made, contact = enrolled
    assert move(world, contact, "anna@new.test").ok() == {"state": "held"}
    world.run()
    assert told(world, contact.address)[-1] == "We no longer write to you here about "
    assert told(world, "anna@new.test")[1:] == ["We now write to you here about "]
    assert told(world, customer.address)[-1] == "Contact 0 has a new address: "
    world.wait(60)
    second = move(world, contact, "anna@newer.test", last_commitment(world, contact))
    assert second.ok() == {"state": "held"}
    world.run()
    before = {address: len(world.mailbox.to(address)) for address in _addresses(contact)}
    recovery = world.open_recovery(customer, made)
    grown = [a for a in _addresses(contact) if len(world.mailbox.to(a)) > before[a]]
    assert grown == ["anna@newer.test"]
    assert wait_of(customer, recovery) == made.manifest.waiting_seconds
    token = (
        text_of(world.mailbox.to("anna@newer.test")[-1])
        .split("/veto/")[1]
        .split()[0]
        .partition("#")[2]
    )
    stopped = world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert stopped["state"] == "cancelled"


def _addresses(contact: Contact) -> list[str]:
    return [contact.address, "anna@new.test", "anna@newer.test"]


def test_the_same_move_once_more_is_harmless(world: World, enrolled: Enrolled) -> None:
    _, contact = enrolled
    data = made_for(contact, "anna@new.test").data
    reach(world, contact, "anna@new.test").ok()
    assert [send(contact, data).status for _ in range(2)] == [200, 200]
    world.clock.move(5)
    assert send(contact, data).status == 200
    world.run()
    with world.database.reading() as db:
        query = select(LedgerEvent.index).where(LedgerEvent.type == "custody moved")
        assert len(db.scalars(query).all()) == 1
    assert told(world, contact.address).count("We no longer write to you here about ") == 1


def test_no_address_is_moved_to_before_its_code_has_come_back(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    _, contact = enrolled
    _, [other] = world.enrol(customer)
    where = f"/custodies/{contact.custody}/address"
    typo, data = {"address": "ana@new.test"}, made_for(contact, "ana@new.test").data
    refused = send(contact, data)
    assert (refused.status, refused.json["state"]) == (409, "unreached")
    assert contact.http.post(f"{where}/code", typo).status == 202
    assert send(contact, data).status == 409
    wrong = contact.http.post(f"{where}/confirm", typo | {"code": "000000"})
    assert (wrong.status, wrong.json["tries_left"]) == (401, 4)
    world.clock.move(1)  # mails of one second go out in any order
    assert contact.http.post(f"{where}/code", typo).status == 202  # retires the code before it
    assert send(contact, data).status == 409
    code = world.mailbox.code("ana@new.test", "contact_code")
    stolen = other.http.post(f"/custodies/{other.custody}/address/confirm", typo | {"code": code})
    assert stolen.status == 401
    elsewhere = contact.http.post(f"{where}/confirm", {"address": "b@new.test", "code": code})
    assert elsewhere.status == 401
    contact.http.post(f"{where}/confirm", typo | {"code": code}).ok()
    assert send(contact, made_for(contact, "b@new.test").data).status == 409
    world.clock.move(3601)
    late = contact.http.post(f"{where}/confirm", typo | {"code": code})
    assert (late.status, send(contact, data).status) == (401, 409)
    reach(world, contact, "ana@new.test").ok()
    assert send(other, made_for(other, "ana@new.test").data).status == 409
    assert send(contact, data).status == 200


def test_a_new_name_alone_needs_no_code(world: World, enrolled: Enrolled) -> None:
    _, contact = enrolled
    contact.name = "Anna de Wit"
    where = f"/custodies/{contact.custody}/address"
    assert contact.http.post(f"{where}/code", {"address": contact.address}).ok() == {
        "is_sent": False
    }
    assert send(contact, made_for(contact, contact.address).data).status == 200


def test_links_in_mails_to_the_old_address_end_with_a_move(
    world: World, enrolled: Enrolled
) -> None:
    _, contact = enrolled
    text = text_of(world.mailbox.to(contact.address)[-1])
    token = text.split("/stop#")[1].split()[0]
    move(world, contact, "anna@new.test").ok()
    answer = world.http().post(f"/custodies/{contact.custody}/decline", {"token": token})
    assert answer.status == 410


@pytest.mark.parametrize("whose", ["customer", "customer in capitals", "other contact"])
def test_the_customers_and_other_contacts_addresses_are_refused(
    world: World, customer: Customer, whose: str
) -> None:
    _, [contact, other] = world.enrol(customer, needed=2, count=2)
    address = {
        "customer": customer.address,
        "customer in capitals": customer.address.upper(),
        "other contact": other.address,
    }[whose]
    answer = move(world, contact, address)
    assert (answer.status, answer.json["field"]) == (400, "address")


def test_a_move_must_follow_the_newest_one(world: World, enrolled: Enrolled) -> None:
    _, contact = enrolled
    answer = move(world, contact, "anna@new.test", secrets.token_bytes(32))
    assert (answer.status, answer.json["field"]) == (400, "previous")
    move(world, contact, "anna@new.test").ok()
    world.clock.move(60)
    answer = move(world, contact, "anna@newer.test")
    assert (answer.status, answer.json["field"]) == (400, "previous")


def test_two_moves_in_one_second_are_refused(world: World, enrolled: Enrolled) -> None:
    _, contact = enrolled
    move(world, contact, "anna@new.test").ok()
    answer = move(world, contact, "anna@newer.test", last_commitment(world, contact))
    assert (answer.status, answer.json["field"]) == (400, "time")


@pytest.mark.parametrize("how", ["white space", "another order", "not NFC", "an escape"])
def test_a_body_that_the_custodian_cannot_write_again_is_refused(
    enrolled: Enrolled, how: str
) -> None:
    _, contact = enrolled
    contact.name = "Zoe\u0308" if how == "not NFC" else contact.name
    data = made_for(contact, "anna@new.test").data
    fields = data[1:-1].split(b",")
    data = {
        "white space": data.replace(b",", b", "),
        "another order": b"{" + b",".join(reversed(fields)) + b"}",
        "not NFC": data,
        "an escape": data.replace(b"@", b"\\u0040"),
    }[how]
    answer = send(contact, data)
    assert (answer.status, answer.json["field"]) == (400, "body")


def test_only_the_holder_of_the_piece_moves_a_contact(
    world: World, customer: Customer, enrolled: Enrolled
) -> None:
    _, contact = enrolled
    _, [stranger] = world.enrol(customer)
    data = made_for(contact, "thief@new.test").data
    signer, contact.http.signer = contact.http.signer, None
    assert send(contact, data).status == 401
    contact.http.signer = (contact.custody, stranger.release_key())
    assert send(contact, data).status == 401
    contact.http.signer = stranger.http.signer
    assert send(contact, data).status == 401
    contact.http.signer = signer
    reach(world, contact, "thief@new.test").ok()
    assert send(contact, data).status == 200


@pytest.mark.parametrize(("act", "status"), [("decline", 409), ("lost", 200)])
def test_who_has_declined_does_not_move_and_whose_piece_is_said_to_be_lost_does(
    world: World, enrolled: Enrolled, act: str, status: int
) -> None:
    _, contact = enrolled
    contact.http.post(f"/custodies/{contact.custody}/{act}").ok()
    world.run()
    assert move(world, contact, "anna@new.test").status == status


# The custodian believes the ledger and the signature, not the web tier and not the columns.


def test_a_move_that_nobody_signed_moves_nobody_and_raises_an_alarm(
    world: World, customer: Customer, enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    made, contact = enrolled
    forged = made_for(contact, "thief@new.test")
    with caplog.at_level(logging.CRITICAL):
        say_moved(world, contact, _said(contact, forged, world.clock.now(), bytes(64)))
    assert "ALARM a move was not signed" in caplog.text
    recovery = world.open_recovery(customer, made)
    assert "please check" in str(world.mailbox.to(contact.address)[-1]["Subject"])
    assert wait_of(customer, recovery) == made.manifest.waiting_seconds
    assert told(world, "thief@new.test") == []


def _said(contact: Contact, to: Move, time: int, signature: bytes) -> dict[str, Any]:
    moved = Moved(contact.custody, to.previous, to.commitment(), sha256(to.data), time, signature)
    return {name: value for name, value in moved.__dict__.items() if name != "custody"}


def _newest_entry(world: World, contact: Contact) -> dict[str, Any]:
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(
            LedgerEvent.type == "custody moved", LedgerEvent.custody == contact.custody
        )
        bodies = db.scalars(query.order_by(LedgerEvent.position)).all()
        return dict(Event.parse(bodies[-1] or b"").data)


@pytest.mark.parametrize(
    "trick",
    [
        "columns put back",
        "old move said again",
        "address swapped",
        "signature under another body",
    ],
)
def test_an_address_that_the_newest_signed_move_does_not_open_is_a_refused_notice(
    world: World,
    customer: Customer,
    enrolled: Enrolled,
    caplog: pytest.LogCaptureFixture,
    trick: str,
) -> None:
    made, contact = enrolled
    move(world, contact, "anna@new.test").ok()
    world.run()
    old, first = columns(world, contact), _newest_entry(world, contact)
    world.wait(60)
    move(world, contact, "anna@newer.test", last_commitment(world, contact)).ok()
    world.run()
    if trick == "columns put back":  # from a backup: the ciphertexts are the row's own
        columns(world, contact, old)
    elif trick == "old move said again":
        columns(world, contact, old)
        say_moved(world, contact, first)
        say_moved(world, contact, first | {"previous": last_commitment(world, contact)})
    elif trick == "address swapped":
        columns(world, contact, address_of(world, contact, "thief@new.test"))
    else:
        thief = made_for(contact, "thief@new.test", _newest_entry(world, contact)["commitment"])
        real = _newest_entry(world, contact)
        columns(world, contact, address_of(world, contact, "thief@new.test"))
        say_moved(world, contact, _said(contact, thief, real["time"] + 1, real["signature"]))
    before = {a: len(world.mailbox.to(a)) for a in (*_addresses(contact), "thief@new.test")}
    with caplog.at_level(logging.CRITICAL):
        recovery = world.open_recovery(customer, made)
    assert "ALARM contact's address does not fit" in caplog.text
    assert {a: len(world.mailbox.to(a)) for a in before} == before
    assert wait_of(customer, recovery) == made.manifest.waiting_seconds + 3 * DAY


def test_an_address_changed_in_the_database_is_a_refused_notice(
    world: World, customer: Customer, enrolled: Enrolled, caplog: pytest.LogCaptureFixture
) -> None:
    """The manifest has fixed it, and nobody has moved: the web tier's keys are not enough."""
    made, contact = enrolled
    columns(world, contact, address_of(world, contact, "thief@new.test"))
    with caplog.at_level(logging.CRITICAL):
        recovery = world.open_recovery(customer, made)
    assert "ALARM contact's address does not fit" in caplog.text
    assert told(world, "thief@new.test") == []
    assert wait_of(customer, recovery) == made.manifest.waiting_seconds + 3 * DAY


def test_a_move_counts_only_behind_the_newest_and_later_than_it() -> None:
    key = Ed25519PrivateKey.generate()
    custody, first = "ab" * 16, bytes(32)

    def signed(address: str, previous: bytes, time: int) -> Moved:
        to = Move("Anna", address, bytes(16), previous)
        signature = requests.sign(to.request(custody, time), key)
        return Moved(custody, previous, to.commitment(), sha256(to.data), time, signature)

    one = signed("one@new.test", first, 100)
    two = signed("two@new.test", one.commitment, 101)
    back = signed("one@new.test", first, 100)
    held = public_bytes(key)
    assert newest(first, [one, two], held) == two
    assert newest(first, [two], held) is None
    assert newest(first, [one, two, back], held) == two
    old = signed("three@new.test", one.commitment, 100)
    assert newest(first, [one, old], held) == one
