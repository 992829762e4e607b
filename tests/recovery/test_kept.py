"""What is kept about a customer, in her own hands: all of it, and nothing that opens anything."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from sqlalchemy import select, text

from escrow.account.models import Totp
from escrow.db import Base
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url
from escrow.protocol.ledger import Event
from escrow.recovery.models import Recovery
from tests.admin.crew import hired
from tests.admin.office import Office
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

# Where each table with rows of a customer is told; or why it is not.
TOLD = {
    "account": "account",
    "address": "account.addresses",
    "totp": "account.authenticator",
    "session": "account.sessions",
    "deposit": "keys",
    "custody": "keys.pieces",
    "recoverability_change": "keys.changes",
    "recovery": "keys.recoveries",
    "recovery_draft": "keys.recoveries",
    "outbox": "mails",
    "ledger_event": "log",
}
NOT_TOLD = {
    "mail_code": "a hash of a code, forgotten in a day",
    "mail_token": "a hash of a token",
    "blob": "sealed bytes",
    "recovery_session": "a public key, forgotten in an hour",
    "recovery_proof": "a signature",
    "call": "random bytes",
    "release": "sealed bytes",
    "approval": "in the log, as what was decided",
}


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer("mira@example.org")


@pytest.fixture
def lived(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer, label="The secret diary")
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    customer.sign_in()
    return made, contact


def data_of(customer: Customer) -> tuple[dict[str, Any], str]:
    said: str = customer.http.post(f"/accounts/{customer.account}/data").ok()["data"]
    return json.loads(said), said


def time_of(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_customer_takes_along_everything_that_is_kept(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    made, contact = lived
    found, _ = data_of(customer)
    assert found["account"]["addresses"][0]["address"] == "mira@example.org"
    [key] = found["keys"]
    assert (key["number"], key["name"], key["state"]) == (
        made.deposit,
        "The secret diary",
        "complete",
    )
    pieces = {piece["of"]: piece for piece in key["pieces"]}
    assert (pieces["contact"]["name"], pieces["contact"]["address"]) == (
        contact.name,
        contact.address,
    )
    [recovery] = key["recoveries"]
    assert (recovery["state"], recovery["what_was_written"]) == (
        "cancelled",
        "My laptop crashed.",
    )
    assert {"deposit_complete", "recovery_vetoed"} <= {mail["mail"] for mail in found["mails"]}
    log = {entry["what"]: entry for entry in found["log"]}
    assert (log["recovery vetoed"]["key"], log["recovery vetoed"]["says"]) == (
        made.deposit,
        {"by": "customer"},
    )
    assert log["account created"]["says"] == {}
    assert found["account"]["sessions"]


def test_an_address_that_operators_set_is_not_called_confirmed_until_its_holder_has_done_so(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    office, second = Office.open(world), "mira@elsewhere.test"
    proposal = office.propose("set-address", customer.account, address=second)
    office.approve(proposal, office.anna, office.piet)
    set_at = time_of(world.clock.now())

    def told() -> list[tuple[str, bool, str | None]]:
        customer.sign_in()
        lines = data_of(customer)[0]["account"]["addresses"]
        return [
            (each["address"], each["confirmed"] is not None, each["set_by_provider"])
            for each in lines
        ]

    first = (customer.address, True, None)
    assert told() == [first, (second, False, set_at)]
    world.clock.move(60)
    path = f"/accounts/{customer.account}/addresses"
    lines = customer.http.get(f"/accounts/{customer.account}").ok()["addresses"]
    [mine] = [line["id"] for line in lines if line["address"] == second]
    customer.http.call("DELETE", f"{path}/{mine}").ok()
    named = customer.http.post(path, {"address": second}).ok()["id"]
    code = world.mailbox.code(second, "address")
    customer.http.post(f"{path}/{named}/code", {"code": code}).ok()
    world.run()
    assert told() == [first, (second, False, set_at), (second, True, None)]


def test_each_table_with_rows_of_a_customer_is_told_or_named_with_the_reason(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    made, _ = lived
    with world.database.reading() as db:
        custodies = db.scalars(
            select(CustodyRow.id).where(CustodyRow.deposit == made.deposit)
        ).all()
        recoveries = db.scalars(select(Recovery.id)).all()
    names = {customer.account, made.deposit, *custodies, *recoveries}
    touched = set()
    with world.database.engine.connect() as connection:
        for table in Base.metadata.sorted_tables:
            for row in connection.execute(table.select()):
                if names & {value for value in row if isinstance(value, str)}:
                    touched.add(table.name)
    assert touched <= TOLD.keys() | NOT_TOLD.keys()
    assert TOLD.keys() - {"recovery_draft"} <= touched
    found, _ = data_of(customer)
    for place in TOLD.values():
        where: Any = found
        for name in place.split("."):
            where = where[0] if isinstance(where, list) else where
            where = where[name]
        assert where


def test_nothing_in_it_opens_anything_or_is_another_customers(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    made, contact = lived
    other = world.customer("piet@example.org")
    theirs, _ = world.enrol(other, label="Not hers")
    with world.database.transaction() as db:
        row = db.get_one(CustodyRow, contact.custody)
        secret = db.get_one(Totp, customer.account).secret
        assert secret is not None
        manifest = db.get_one(Deposit, made.deposit).manifest_signature
        db.execute(text("UPDATE custody SET locale = 'nl' WHERE id = :id"), {"id": row.id})
    found, said = data_of(customer)
    hashes = [world.web_keys.lookup(each) for each in (customer.address, contact.address)]
    assert {"account created", "custody attested"} <= {entry["what"] for entry in found["log"]}
    token = customer.http.token or "?"
    for hidden in (
        *(customer.totp_secret, token, secret.hex(), manifest.hex(), b64url(manifest)),
        *(form(each) for each in hashes for form in (bytes.hex, b64url)),
        *(f'"{name}":' for name in ("signature", "checkpoint_hash")),
        *(made.kit.payload.words, "piet@", "Not hers", theirs.deposit, "code_hash", 'phrase":'),
    ):
        assert hidden not in said


def test_what_was_smuggled_into_the_log_is_not_handed_out_and_stops_nothing(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    row = {"type": "account created", "account": customer.account, "mac": bytes(32), "at": 0}
    with world.database.transaction() as db:
        db.add(LedgerEvent(id="ab" * 16, author="web", body=b"smuggled", acted=False, **row))
    assert "smuggled" not in data_of(customer)[1]
    world.run()
    found, _ = data_of(customer)
    assert len(found["log"]) > 5


def test_it_takes_a_fresh_code_of_the_app_and_her_own_session(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    other = world.customer("piet@example.org")
    refused = other.http.post(f"/accounts/{customer.account}/data")
    assert refused.status in {401, 404}
    world.clock.move(400)
    refused = customer.http.post(f"/accounts/{customer.account}/data")
    assert (refused.status, refused.code) == (403, "step_up_required")
    customer.sign_in()
    codes = [customer.http.post(f"/accounts/{customer.account}/data").status for _ in range(6)]
    assert codes == [200] * 5 + [429]


def test_an_admin_hands_it_out_on_request_and_the_ledger_says_so(
    world: World, customer: Customer, lived: tuple[Deposited, Contact]
) -> None:
    olga = hired(world)
    path = f"/admin/support/{customer.account}/data"
    said: str = olga.post(path).ok()["data"]
    assert json.loads(said)["account"]["number"] == customer.account
    with world.database.reading() as db:
        query = select(LedgerEvent).where(LedgerEvent.type == "admin exported")
        [row] = db.scalars(query).all()
    event = Event.parse(row.body or b"")
    assert event.account == customer.account
    assert event.data["body_sha256"] == sha256(said.encode()).digest()
    assert event.data["what"].startswith("data of account ")
    assert hired(world, "auditor", "Ann").post(path).status == 404
    world.clock.move(301)
    assert olga.post(path).code == "step_up_required"
