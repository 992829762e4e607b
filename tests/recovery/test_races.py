"""A hundred at once, from two processes: one winner each, and a history that has an order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from escrow.ledger.models import LedgerEvent
from escrow.protocol import release, seal
from escrow.protocol import request as requests
from escrow.protocol.encoding import b64url, sha256
from escrow.recovery.flow import MAX_BEGUN_AN_HOUR
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow
from tests.support.people import API, Contact, Customer, Deposited, new_id
from tests.support.racer import Sent, race
from tests.support.world import World

AT_ONCE = 100
# Said no in good order; 503 is a database that is busy: the client tries again.
NO = {409, 410, 429, 503}


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


@pytest.fixture
def ready(world: World, customer: Customer, enrolled: tuple[Deposited, Contact]) -> str:
    recovery = world.ready_recovery(customer, enrolled[0])
    customer.sign_in()
    return recovery


def all_at_once(world: World, sent: list[Sent]) -> list[int]:
    return race(world.settings, world.database, world.web_keys, world.clock.now(), sent)


def by_customer(customer: Customer, method: str, path: str, body: dict[str, Any]) -> Sent:
    bearer = {"Authorization": f"Bearer {customer.http.token}"}
    return Sent(method, API + path, body, bearer)


def by_contact(contact: Contact, method: str, path: str, body: dict[str, Any]) -> Sent:
    now = contact.http.clock.now()
    sent = Sent(method, API + path, body, {})
    named = requests.Request(contact.custody, method, sent.path, sent.data, now)
    signature = requests.sign(named, contact.release_key())
    headers = {
        "Escrow-Custody": contact.custody,
        "Escrow-Time": str(now),
        "Escrow-Signature": b64url(signature),
    }
    return replace(sent, headers=headers)


def events(world: World, recovery: str) -> list[str]:
    """Return what was said of a recovery, in the order of the ledger."""
    world.run()
    query = select(LedgerEvent.type).where(LedgerEvent.recovery == recovery)
    with world.database.reading() as db:
        return list(db.scalars(query.order_by(LedgerEvent.index)))


def beginning(customer: Customer, recovery: str) -> Sent:
    key = b64url(seal.PrivateKey.generate().public_key())
    path = f"/recoveries/{recovery}/sessions/{new_id()}"
    return by_customer(customer, "PUT", path, {"public_key": key})


def test_of_a_hundred_vetoes_one_is_in_the_ledger(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], ready: str
) -> None:
    path = f"/recoveries/{ready}/veto"
    sent = [by_customer(customer, "POST", path, {}) for _ in range(AT_ONCE // 2)]
    sent += [by_contact(enrolled[1], "POST", path, {}) for _ in range(AT_ONCE // 2)]
    statuses = all_at_once(world, sent)
    assert 200 in statuses
    assert set(statuses) <= {200, 503}
    assert events(world, ready).count("recovery vetoed") == 1


def test_of_a_hundred_beginnings_one_session_counts(
    world: World, customer: Customer, ready: str
) -> None:
    statuses = all_at_once(world, [beginning(customer, ready) for _ in range(AT_ONCE)])
    begun = statuses.count(200)
    assert 1 <= begun <= MAX_BEGUN_AN_HOUR
    assert set(statuses) <= {200} | NO
    assert events(world, ready).count("recovery begun") == begun
    with world.database.reading() as db:
        live = select(RecoverySession.id).where(
            RecoverySession.recovery == ready, RecoverySession.voided_at.is_(None)
        )
        [session] = db.scalars(live)
        assert db.get_one(Recovery, ready).session == session
        sealed = select(ReleaseRow.session).where(ReleaseRow.sealed.is_not(None))
        assert list(db.scalars(sealed)) == [session]


def test_of_a_hundred_releases_of_one_piece_one_is_taken(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], ready: str
) -> None:
    made, contact = enrolled
    session = world.begin(customer, made, ready)
    key, now = session.key.public_key(), world.clock.now()
    path = f"{session.path}/releases/{contact.custody}"
    sent = []
    for _ in range(AT_ONCE):
        sealed = contact.seal_to(ready, session.session, key)
        named = release.Release(
            made.deposit,
            contact.custody,
            ready,
            session.session,
            made.manifest.hash,
            sha256(key),
            sha256(sealed),
            now,
        )
        signature = release.sign(named, contact.release_key())
        body = {"sealed": b64url(sealed), "signature": b64url(signature), "time": now}
        sent.append(by_contact(contact, "PUT", path, body))
    statuses = all_at_once(world, sent)
    assert statuses.count(200) == 1
    assert set(statuses) <= {200} | NO
    assert events(world, ready).count("release made") == 2  # the provider's and this one
    found = [line for line in session.releases() if line["custody"] == contact.custody]
    assert session.open(found[0]) == contact.payload


def test_a_veto_among_beginnings_is_the_end_of_them(
    world: World, customer: Customer, ready: str
) -> None:
    veto = by_customer(customer, "POST", f"/recoveries/{ready}/veto", {})
    sent = [beginning(customer, ready) for _ in range(AT_ONCE - 2)]
    half = len(sent) // 2
    statuses = all_at_once(world, [*sent[:half], veto, veto, *sent[half:]])
    assert set(statuses) <= {200} | NO
    if statuses.count(503):  # the veto itself may have met a busy database
        customer.http.post(f"/recoveries/{ready}/veto").ok()
    said = events(world, ready)
    end = said.index("recovery vetoed")
    assert "recovery begun" not in said[end:]
    assert "release made" not in said[end:]
    with world.database.reading() as db:
        assert db.get_one(Recovery, ready).state == "cancelled"
        assert not list(
            db.scalars(select(ReleaseRow.session).where(ReleaseRow.sealed.is_not(None)))
        )
