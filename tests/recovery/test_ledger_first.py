"""Every act on a share is in the ledger, in a signed checkpoint, before it has an effect."""

from typing import Any

import pytest
from sqlalchemy import select

from escrow.ledger import read
from escrow.mail.models import Outbox
from escrow.protocol import ledger, note
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.recovery.models import ReleaseRow
from tests.support.people import make_deposit, new_id
from tests.support.world import World


def test_a_contacts_piece_is_served_only_once_its_entry_is_signed(world: World) -> None:
    customer = world.customer()
    made, [contact] = world.enrol(customer)
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    contact.release(recovery, session.session, session.key.public_key()).ok()
    assert contact.custody not in {line["custody"] for line in session.releases()}
    world.run()
    assert contact.custody in {line["custody"] for line in session.releases()}


def test_the_providers_piece_exists_only_after_its_intent_is_signed(world: World) -> None:
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0)
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.run_pass()
    with world.database.reading() as db:
        rows = list(db.scalars(select(ReleaseRow)))
    assert [(row.state, row.sealed) for row in rows] == [("intended", None)]
    world.run()
    assert [line["state"] for line in session.releases()] == ["made"]


def test_an_invitation_is_handed_out_only_once_the_fetch_is_signed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait = read.wait_sequenced
    monkeypatch.setattr(read, "wait_sequenced", lambda web, event: wait(web, event, 0.2))
    customer = world.customer()
    contacts = world.new_contacts(1)
    made = make_deposit(customer.http, contacts, 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    [contact] = contacts
    assert contact.link is not None
    body = {"token": b64url(contact.link.fetch_token(contact.custody))}
    path = f"/custodies/{contact.custody}/invitation"
    early = contact.http.post(path, body)
    assert (early.status, early.code) == (503, "unavailable")
    world.run()
    assert contact.http.post(path, body).ok()["invitation"]


def test_notices_are_written_only_once_the_opening_is_signed(world: World) -> None:
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0)
    customer.sign_in()
    body = {"deposit": made.deposit, "reason": ""}
    customer.http.put(f"/recoveries/{new_id()}", body).ok()
    assert not _notices(world)
    world.run()
    assert _notices(world)


def _notices(world: World) -> list[Any]:
    with world.database.reading() as db:
        query = select(Outbox).where(Outbox.message.like("recovery_opened_%"))
        return list(db.scalars(query))


def test_every_entry_of_a_recovery_can_be_proven_to_a_third_person(world: World) -> None:
    customer = world.customer()
    made, [contact] = world.enrol(customer)
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    contact.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    verifier = note.Verifier.parse(made.manifest.ledger_vkey)
    entries = customer.http.get(f"/deposits/{made.deposit}/events").ok()["events"]
    said = []
    for entry in entries:
        raw = b64url_decode(entry["event"])
        proof = customer.http.get(f"/ledger/proof/{entry['index']}").ok()["proof"]
        leaf = ledger.leaf_data(b64url_decode(entry["nonce"]), raw)
        ledger.Proof.parse(proof).verify(leaf, verifier)
        said.append(ledger.Event.parse(raw).type)
    for expected in (
        "deposit created",
        "custody fetched",
        "custody attested",
        "custody held",
        "deposit complete",
        "recovery opened",
        "recovery noticed",
        "recovery ready",
        "recovery begun",
        "release intended",
        "release made",
    ):
        assert expected in said


def test_a_contact_sees_its_custody_and_the_recoveries_and_nothing_else(world: World) -> None:
    customer = world.customer()
    made, contacts = world.enrol(customer, 2, 2)
    world.open_recovery(customer, made)
    answer = contacts[0].http.get(f"/custodies/{contacts[0].custody}/events").ok()
    events = [ledger.Event.parse(b64url_decode(line["event"])) for line in answer["events"]]
    assert {event.custody for event in events} <= {None, contacts[0].custody}
    assert "recovery noticed" in {event.type for event in events}
    assert "deposit created" not in {event.type for event in events}
