"""Enrolment: everything in one transaction, checked by the web and again by the custodian."""

import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import event, func, select, update
from sqlalchemy.exc import OperationalError

from escrow.context import Web
from escrow.deposit import enrol
from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol import keys, seal
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.manifest import Manifest
from escrow.protocol.note import Signer
from tests.support.people import Customer, Deposited, attest, make_deposit
from tests.support.world import World

DAY = 86400


def put(customer: Customer, made: Deposited, **changes: Any) -> Any:
    return customer.http.put(f"/deposits/{made.deposit}", {**made.body, **changes})


def states(customer: Customer, made: Deposited) -> dict[str, str]:
    found = customer.http.get(f"/deposits/{made.deposit}").ok()
    return {"deposit": found["state"]} | {
        line["role"]: line["state"] for line in found["custodies"]
    }


def test_a_deposit_is_active_with_customer_and_provider_and_complete_with_contacts(
    world: World, customer: Customer
) -> None:
    contacts = world.new_contacts(1)
    made = make_deposit(customer.http, contacts, 1)
    assert put(customer, made).status == 201
    world.run()
    assert states(customer, made) == {
        "deposit": "pending",
        "customer": "invited",
        "contact": "invited",
        "provider": "held",
    }
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    assert states(customer, made)["deposit"] == "active"
    world.accept(contacts[0])
    assert states(customer, made) == {
        "deposit": "complete",
        "customer": "held",
        "contact": "held",
        "provider": "held",
    }


def test_pieces_that_are_accepted_at_one_moment_are_counted_once_and_thanked_at_once(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    contacts = world.new_contacts(2)
    made = make_deposit(customer.http, contacts, 2)
    put(customer, made)
    world.run()
    for contact in contacts:
        world.record_fetch(contact)
    world.run()
    alarms: list[str] = []
    monkeypatch.setattr(world.custodian, "alarm", lambda message, **_: alarms.append(message))
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    for contact in contacts:
        contact.accept()
    world.run()
    assert alarms == []
    assert states(customer, made)["deposit"] == "complete"
    with world.database.reading() as db:
        query = select(LedgerEvent.type).where(LedgerEvent.deposit == made.deposit)
        said = list(db.scalars(query))
    assert (said.count("deposit active"), said.count("deposit complete")) == (1, 1)
    thanked = [world.mailbox.to(contact.address)[-1]["Subject"] for contact in contacts]
    assert all("Thank you" in subject for subject in thanked), thanked


def test_a_deposit_without_contacts_has_one_way_back(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer, 0, 0)
    assert states(customer, made) == {
        "deposit": "complete",
        "customer": "held",
        "provider": "held",
    }


def test_a_repeat_is_harmless_and_another_body_is_a_conflict(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, world.new_contacts(1), 1)
    assert put(customer, made).status == 201
    assert put(customer, made).status == 200
    other = made.body["contacts"][0] | {"fetch_sha256": b64url(bytes(32))}
    assert put(customer, made, contacts=[other]).code == "conflict"
    with world.database.reading() as db:
        query = select(func.count()).where(LedgerEvent.type == "deposit created")
        assert db.scalar(query) == 1


def test_another_account_cannot_take_a_deposits_identifier(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    put(customer, made).ok()
    assert put(world.customer(), made).code == "conflict"


REFUSALS: dict[str, dict[str, Any]] = {
    "manifest.ledger_vkey": {"ledger_vkey": "other/ledger"},
    "manifest.provider_key_sha256": {"provider_key_sha256": bytes(32)},
    "manifest.created_at": {"created_at": 1},
    "manifest.replaces": {"replaces": "0" * 32},
}


@pytest.mark.parametrize("field", REFUSALS)
def test_a_manifest_for_another_service_or_time_is_refused(
    world: World, customer: Customer, field: str
) -> None:
    changes = dict(REFUSALS[field])
    if "ledger_vkey" in changes:
        changes["ledger_vkey"] = Signer("other/ledger", Ed25519PrivateKey.generate()).verifier.vkey
    made = make_deposit(customer.http, [], 0, **changes)
    answer = put(customer, made)
    assert (answer.status, answer.json["field"]) == (400, field)


def test_a_manifest_that_its_owner_did_not_sign_is_refused(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    answer = put(customer, made, manifest_signature=b64url(bytes(64)))
    assert (answer.status, answer.json["field"]) == (400, "manifest")


def test_another_envelope_than_the_manifests_is_refused(world: World, customer: Customer) -> None:
    made, other = (make_deposit(customer.http, [], 0) for _ in range(2))
    answer = put(customer, made, envelope=other.body["envelope"])
    assert (answer.status, answer.json["field"]) == (400, "manifest")


def test_a_contact_at_the_customers_own_address_is_refused(
    world: World, customer: Customer
) -> None:
    contacts = world.new_contacts(1)
    contacts[0].address = customer.address.upper()
    answer = put(customer, make_deposit(customer.http, contacts, 1))
    assert (answer.status, answer.json["field"]) == (400, "contacts.0.address")


def test_two_contacts_at_one_address_are_refused(world: World, customer: Customer) -> None:
    contacts = world.new_contacts(2)
    contacts[1].address = contacts[0].address
    answer = put(customer, make_deposit(customer.http, contacts, 2))
    assert (answer.status, answer.json["field"]) == (400, "contacts.1.address")


def test_a_contact_whose_address_is_not_the_committed_one_is_refused(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, world.new_contacts(1), 1)
    other = made.body["contacts"][0] | {"address": "thief@example.org"}
    answer = put(customer, made, contacts=[other])
    assert (answer.status, answer.json["field"]) == (400, "contacts.0")


def smuggle(world: World, customer: Customer, made: Deposited, **changes: Any) -> str:
    """Store a deposit as a web tier that was taken over would: without its checks."""
    body = {**made.body, **changes}
    new = enrol.NewDeposit(
        made.deposit,
        b64url_decode(body["manifest"]),
        b64url_decode(body["manifest_signature"]),
        b64url_decode(body["envelope"]),
        b64url_decode(body["provider_share"]),
        (),
    )
    web = world.app.extensions["escrow"]
    assert isinstance(web, Web)
    with world.database.transaction() as db:
        enrol._insert(db, web, customer.account, Manifest.parse(new.manifest), new)
    world.run()
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(LedgerEvent.type == "custody rejected")
        found = db.scalars(query).first() or b""
    assert states(customer, made)["provider"] == ("rejected" if found else "held")
    return found.decode()


def sealed_for_provider(customer: Customer, made: Deposited, payload: Any) -> str:
    provider_key = b64url_decode(customer.http.get("/keys").ok()["provider_key"])
    binding = seal.Binding(made.deposit, made.payloads[-1].custody, made.manifest.hash)
    return b64url(seal.seal(payload.data, provider_key, binding))


def test_the_custodian_takes_in_a_share_that_fits(world: World, customer: Customer) -> None:
    assert smuggle(world, customer, make_deposit(customer.http, [], 0)) == ""


def test_the_custodian_rejects_a_share_whose_keys_are_not_the_manifests(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    share = replace(made.payloads[-1].share(), value=bytes(32))
    payload = replace(made.payloads[-1], words=share.words())
    said = smuggle(
        world, customer, made, provider_share=sealed_for_provider(customer, made, payload)
    )
    assert "share does not fit" in said


def test_the_custodian_rejects_a_share_that_names_another_manifest(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    payload = replace(made.payloads[-1], manifest_hash=bytes(32))
    said = smuggle(
        world, customer, made, provider_share=sealed_for_provider(customer, made, payload)
    )
    assert "share does not fit" in said


def test_the_custodian_rejects_the_customers_own_share(world: World, customer: Customer) -> None:
    made = make_deposit(customer.http, [], 0)
    said = smuggle(
        world, customer, made, provider_share=sealed_for_provider(customer, made, made.payloads[0])
    )
    assert "share does not fit" in said


def test_the_custodian_rejects_a_share_sealed_for_another_deposit(
    world: World, customer: Customer
) -> None:
    made, other = (make_deposit(customer.http, [], 0) for _ in range(2))
    said = smuggle(world, customer, made, provider_share=other.body["provider_share"])
    assert "share does not open" in said


def test_the_custodian_rejects_another_ledger_and_another_provider_key(
    world: World, customer: Customer
) -> None:
    vkey = Signer("other/ledger", Ed25519PrivateKey.generate()).verifier.vkey
    assert "another ledger" in smuggle(
        world, customer, make_deposit(customer.http, [], 0, ledger_vkey=vkey)
    )


def test_the_custodian_rejects_a_key_that_is_not_its_own(world: World, customer: Customer) -> None:
    made = make_deposit(customer.http, [], 0, provider_key_sha256=bytes(32))
    assert "not our key" in smuggle(world, customer, made)


def test_the_custodian_rejects_another_envelope(world: World, customer: Customer) -> None:
    made, other = (make_deposit(customer.http, [], 0) for _ in range(2))
    said = smuggle(world, customer, made, envelope=other.body["envelope"])
    assert "another envelope" in said


def test_the_custodian_rejects_a_wait_below_the_providers_least(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0, waiting_seconds=86400)
    settings = replace(world.custodian.settings, minimum_waiting_seconds=86401)
    world.custodian.settings = settings
    assert "waiting time too short" in smuggle(world, customer, made)


def test_the_custodian_rejects_a_manifest_without_its_owners_signature(
    world: World, customer: Customer
) -> None:
    made = make_deposit(customer.http, [], 0)
    said = smuggle(world, customer, made, manifest_signature=b64url(bytes(64)))
    assert "manifest signature" in said


def test_the_customer_is_told_at_once_of_a_rejected_share(world: World, customer: Customer) -> None:
    made, other = (make_deposit(customer.http, [], 0) for _ in range(2))
    before = len(world.mailbox.to(customer.address))
    smuggle(world, customer, made, provider_share=other.body["provider_share"])
    assert len(world.mailbox.to(customer.address)) == before + 1


def test_a_share_that_goes_bad_in_the_store_is_noticed_within_a_day(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer, 0, 0)
    with world.database.transaction() as db:
        statement = update(Blob).where(Blob.deposit == made.deposit, Blob.kind == "provider_share")
        db.execute(statement.values(data=bytes(1500)))
    world.wait(2 * DAY)
    customer.sign_in()
    assert states(customer, made)["provider"] == "rejected"


def test_the_provider_proves_its_share_every_month(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer, 0, 0)
    customer.sign_in()
    world.wait(62 * DAY)
    customer.sign_in()
    found = customer.http.get(f"/deposits/{made.deposit}").ok()
    [provider] = [line for line in found["custodies"] if line["role"] == "provider"]
    assert world.clock.now() - provider["last_share_at"] < 31 * DAY
    with world.database.reading() as db:
        query = select(func.count()).where(
            LedgerEvent.type == "custody attested", LedgerEvent.custody == provider["custody"]
        )
        assert db.scalar(query) == 3


def test_an_invitation_may_be_fetched_again_until_it_is_accepted(
    world: World, customer: Customer
) -> None:
    contacts = world.new_contacts(1)
    made = make_deposit(customer.http, contacts, 1)
    put(customer, made).ok()
    world.run()
    [contact] = contacts
    assert contact.link is not None
    body = {"token": b64url(contact.link.fetch_token(contact.custody))}
    world.record_fetch(contact)
    world.run()
    for _ in range(2):
        contact.http.post(f"/custodies/{contact.custody}/invitation", body).ok()
    contact.accept()
    after = contact.http.post(f"/custodies/{contact.custody}/invitation", body)
    assert (after.status, after.code) == (410, "gone")
    with world.database.reading() as db:
        query = select(func.count()).where(Blob.kind == "invitation")
        assert db.scalar(query) == 0


def test_an_invitation_needs_the_links_token(world: World, customer: Customer) -> None:
    contacts = world.new_contacts(1)
    put(customer, make_deposit(customer.http, contacts, 1)).ok()
    world.run()
    path = f"/custodies/{contacts[0].custody}/invitation"
    answer = contacts[0].http.post(path, {"token": b64url(bytes(32))})
    assert (answer.status, answer.code) == (401, "unauthenticated")


def test_who_asks_is_said_to_who_has_the_link_and_to_nobody_else(
    world: World, customer: Customer
) -> None:
    contacts = world.new_contacts(1)
    put(customer, make_deposit(customer.http, contacts, 1)).ok()
    world.run()
    [contact] = contacts
    assert contact.link is not None
    path = f"/custodies/{contact.custody}"
    for token in (bytes(32), contact.link.fetch_token(contact.custody)):
        body = {"token": b64url(token)}
        contact.http.post(f"{path}/invitation", body)
        world.run()  # the fetch is in the ledger now
        answer = contact.http.post(f"{path}/invitation", body)
        is_said = customer.address in json.dumps(answer.json)
        assert is_said == (token != bytes(32))
    assert customer.address not in json.dumps(contact.http.get(path).json)
    world.accept(contact)
    assert customer.address not in json.dumps(contact.http.get(path).json)


def test_an_old_invitation_pauses_until_the_customer_resumes_it(
    world: World, customer: Customer
) -> None:
    contacts = world.new_contacts(1)
    made = make_deposit(customer.http, contacts, 1)
    put(customer, made).ok()
    world.run()
    world.wait(enrol.INVITATION_SECONDS)
    [contact] = contacts
    assert contact.link is not None
    token = b64url(contact.link.fetch_token(contact.custody))
    paused = contact.http.post(f"/custodies/{contact.custody}/invitation", {"token": token})
    assert (paused.status, paused.json["state"]) == (409, "paused")
    customer.sign_in()
    customer.http.post(f"/custodies/{contact.custody}/resume").ok()
    world.accept(contact)
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    assert states(customer, made)["deposit"] == "complete"


def test_a_withdrawn_invitation_is_destroyed(world: World, customer: Customer) -> None:
    contacts = world.new_contacts(1)
    put(customer, make_deposit(customer.http, contacts, 1)).ok()
    world.run()
    found = customer.http.post(f"/custodies/{contacts[0].custody}/withdraw").ok()
    assert found["state"] == "withdrawn"
    with world.database.reading() as db:
        query = select(func.count()).where(Blob.kind == "invitation")
        assert db.scalar(query) == 0


def test_only_the_holder_can_attest(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    kit_payload = made.payloads[0]
    assert contact.payload is not None
    wrong = replace(contact.payload, words=kit_payload.words)
    answer = attest(contact.http, made.manifest, wrong)
    assert (answer.status, answer.json["field"]) == (400, "signature")


def test_a_routine_check_is_not_a_proof_of_the_share(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    assert contact.payload is not None
    world.wait(DAY)
    attest(contact.http, made.manifest, contact.payload, "check").ok()
    customer.sign_in()
    found = customer.http.get(f"/deposits/{made.deposit}").ok()
    [line] = [line for line in found["custodies"] if line["role"] == "contact"]
    assert line["last_check_at"] > line["last_share_at"]


def test_a_check_does_not_accept_an_invitation(world: World, customer: Customer) -> None:
    contacts = world.new_contacts(1)
    made = make_deposit(customer.http, contacts, 1)
    put(customer, made).ok()
    world.run()
    answer = attest(contacts[0].http, made.manifest, made.payloads[1], "check")
    assert (answer.status, answer.code) == (409, "wrong_state")


def test_an_attestation_names_a_recent_checkpoint(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    assert contact.payload is not None
    old = contact.http.get("/ledger/checkpoint").ok()["checkpoint"]
    world.wait(2 * DAY)
    get = contact.http.get
    contact.http.get = lambda path: (  # type: ignore[method-assign]
        replace(get(path), json={"checkpoint": old}) if path == "/ledger/checkpoint" else get(path)
    )
    answer = attest(contact.http, made.manifest, contact.payload)
    assert (answer.status, answer.json["field"]) == (400, "checkpoint_hash")


def test_a_signed_request_is_for_one_path_body_and_time(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    path = f"/custodies/{contact.custody}/events"
    assert contact.http.get(path).status == 200
    signed = contact.http._signed
    contact.http._signed = lambda m, p, d: signed(m, p + "x", d)  # type: ignore[method-assign]
    assert contact.http.get(path).status == 401
    contact.http._signed = signed  # type: ignore[method-assign]
    contact.http.signer = (contact.custody, keys.owner_key(bytes(32), made.deposit))
    assert contact.http.get(path).status == 401


def test_a_declining_contact_changes_nothing_but_the_customer_is_told(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    before = len(world.mailbox.to(customer.address))
    assert contact.http.post(f"/custodies/{contact.custody}/decline").ok()["state"] == "declined"
    world.run()
    assert len(world.mailbox.to(customer.address)) == before + 1
    assert states(customer, made)["deposit"] == "complete"


def test_a_hundred_deposits_an_account(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(enrol, "MAX_DEPOSITS", 1)
    put(customer, make_deposit(customer.http, [], 0)).ok()
    answer = put(customer, make_deposit(customer.http, [], 0))
    assert (answer.status, answer.code) == (429, "rate_limited")


def test_everything_of_a_deposit_is_stored_or_nothing(world: World, customer: Customer) -> None:
    made = make_deposit(customer.http, world.new_contacts(1), 1)

    def full(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if "INSERT INTO ledger_event" in statement:  # on SQLite the other rows are there already
            raise OperationalError(statement, {}, Exception("disk full"))

    event.listen(world.database.engine, "before_cursor_execute", full)
    answer = put(customer, made)
    event.remove(world.database.engine, "before_cursor_execute", full)
    assert (answer.status, answer.code) == (503, "unavailable")
    with world.database.reading() as db:
        for table in (Deposit, CustodyRow, Blob):
            assert db.scalar(select(func.count()).select_from(table)) == 0
