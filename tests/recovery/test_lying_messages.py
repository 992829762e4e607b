"""Messages between the two clients of a recovery that somebody in between changed or sent again.

Each is right in itself and wrong in its place: another session's, another recovery's, another
piece's, too early, a second time. Nothing is stored and nothing is released.
"""

from __future__ import annotations

import secrets
from typing import Any

import pytest
from sqlalchemy import select

from escrow.protocol import call as calls
from escrow.protocol import envelope, invitation, release
from escrow.protocol.encoding import b64url, b64url_decode, sha256
from escrow.protocol.errors import ProtocolError
from escrow.recovery.models import ReleaseRow
from tests.support.mailbox import text_of
from tests.support.people import Answer, Contact, Customer, Deposited, Session, attest, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer, 2, 2)


@pytest.fixture
def session(world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]) -> Session:
    made, _ = enrolled
    return world.begin(customer, made, world.ready_recovery(customer, made))


def released(world: World, session: Session, contact: Contact) -> bool:
    with world.database.reading() as db:
        query = select(ReleaseRow).where(
            ReleaseRow.session == session.session, ReleaseRow.custody == contact.custody
        )
        return db.scalars(query).first() is not None


def sent(contact: Contact, session: Session, changed: dict[str, Any]) -> Answer:
    """Send a release whose signature speaks of something else than the place it is sent to."""
    assert contact.manifest is not None
    key, time = session.key.public_key(), contact.http.clock.now()
    sealed = contact.seal_to(session.recovery, session.session, key)
    said: dict[str, Any] = {
        "deposit": session.made.deposit,
        "custody": contact.custody,
        "recovery": session.recovery,
        "session": session.session,
        "manifest_hash": contact.manifest.hash,
        "public_key_sha256": sha256(key),
        "sealed_sha256": sha256(sealed),
        "time": time,
    }
    named = release.Release(**{**said, **changed})
    body = {
        "sealed": b64url(sealed),
        "signature": b64url(release.sign(named, contact.release_key())),
        "time": time,
    }
    return contact.http.put(f"{session.path}/releases/{contact.custody}", body)


@pytest.mark.parametrize(
    "changed",
    [
        {"session": "ab" * 16},
        {"recovery": "ab" * 16},
        {"deposit": "ab" * 16},
        {"custody": "ab" * 16},
        {"manifest_hash": bytes(32)},
        {"public_key_sha256": bytes(32)},
        {"sealed_sha256": bytes(32)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_a_release_that_is_signed_for_something_else_is_refused(
    world: World,
    enrolled: tuple[Deposited, list[Contact]],
    session: Session,
    changed: dict[str, Any],
) -> None:
    _, [contact, _] = enrolled
    answer = sent(contact, session, changed)
    assert (answer.status, answer.json["field"]) == (400, "signature")
    assert not released(world, session, contact)


def test_a_release_is_not_taken_over_into_a_later_session(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    session: Session,
) -> None:
    made, [contact, _] = enrolled
    sealed = contact.seal_to(session.recovery, session.session, session.key.public_key())
    customer.sign_in()
    later = Session(customer.http, made, session.recovery)
    later.begin().ok()
    assert (
        contact.release(session.recovery, session.session, session.key.public_key()).status == 410
    )
    path = f"{later.path}/releases/{contact.custody}"
    old = release.Release(
        made.deposit,
        contact.custody,
        session.recovery,
        session.session,
        made.manifest.hash,
        sha256(session.key.public_key()),
        sha256(sealed),
        world.clock.now(),
    )
    body = {
        "sealed": b64url(sealed),
        "signature": b64url(release.sign(old, contact.release_key())),
        "time": world.clock.now(),
    }
    assert contact.http.put(path, body).status == 400
    assert not released(world, later, contact)


def test_a_release_under_another_contacts_name_is_refused(
    world: World, enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [anna, bert] = enrolled
    path = f"{session.path}/releases/{bert.custody}"
    body = {"sealed": b64url(bytes(1200)), "signature": b64url(bytes(64)), "time": 1}
    assert anna.http.put(path, body).status == 401
    assert not released(world, session, bert)


def committed(session: Session, contact: Contact) -> tuple[str, bytes, bytes]:
    """Begin a call; returns its path, the commitment and what it hides."""
    call, random = new_id(), secrets.token_bytes(32)
    named = calls.Call(
        session.made.deposit, session.recovery, session.session, call, contact.custody
    )
    commitment = calls.commitment(named, session.key.public_key(), random)
    path = f"{session.path}/calls/{call}"
    said = {"custody": contact.custody, "commitment": b64url(commitment)}
    session.http.put(path, said).ok()
    return path, commitment, random


def answered(contact: Contact, path: str, commitment: bytes) -> Answer:
    nonce = secrets.token_bytes(32)
    call = path.rsplit("/", 1)[1]
    signature = calls.sign_nonce(contact.release_key(), call, contact.custody, commitment, nonce)
    said = {
        "commitment": b64url(commitment),
        "nonce": b64url(nonce),
        "signature": b64url(signature),
    }
    return contact.http.post(f"{path}/nonce", said)


def test_of_two_releases_to_one_session_the_first_counts(
    world: World, enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [contact, _] = enrolled
    key = session.key.public_key()
    first = contact.seal_to(session.recovery, session.session, key)
    contact.release(session.recovery, session.session, key, first).ok()
    other = contact.release(session.recovery, session.session, key)
    assert (other.status, other.code) == (409, "conflict")
    world.run()
    served = {line["custody"]: line["sealed"] for line in session.releases()}
    assert served[contact.custody] == b64url(first)


def test_a_contact_of_another_deposit_sees_and_does_nothing(
    world: World, enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [contact, _] = enrolled
    _, [stranger] = world.enrol(world.customer())
    path, commitment, _ = committed(session, contact)
    where = f"/recoveries/{session.recovery}"
    tried = [
        stranger.http.get(where),
        stranger.http.get(session.path),
        stranger.http.get(path),
        answered(stranger, path, commitment),
        stranger.http.post(f"{where}/veto"),
        stranger.release(session.recovery, session.session, session.key.public_key()),
    ]
    assert [answer.status for answer in tried] == [404] * len(tried)
    assert not released(world, session, stranger)
    assert contact.http.get(where).ok()["state"] == "collecting"


def test_a_mail_link_stops_no_recovery_but_its_own(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    other, [stranger] = world.enrol(customer)
    world.open_recovery(customer, other)
    text = "".join(text_of(mail) for mail in world.mailbox.to(stranger.address))
    token = text.split("/veto/", 1)[1].split()[0].partition("#")[2]
    answer = world.http().post(f"/recoveries/{session.recovery}/veto", {"token": token})
    assert answer.status == 404
    assert enrolled[1][0].http.get(f"/recoveries/{session.recovery}").ok()["state"] == "collecting"


def test_a_key_is_not_revealed_before_the_contact_has_answered(
    enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [contact, _] = enrolled
    path, _, random = committed(session, contact)
    said = {"public_key": b64url(session.key.public_key()), "random": b64url(random)}
    early = session.http.post(f"{path}/reveal", said)
    assert (early.status, early.json["state"]) == (409, "committed")
    assert contact.http.get(path).ok()["public_key"] is None


def test_a_call_with_one_contact_is_not_answered_by_another(
    enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [anna, bert] = enrolled
    path, commitment, _ = committed(session, anna)
    assert answered(bert, path, commitment).status == 404
    assert session.http.get(path).ok()["nonce"] is None


def test_an_answer_to_another_commitment_ends_there(
    enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    _, [contact, _] = enrolled
    path, _, _ = committed(session, contact)
    assert answered(contact, path, bytes(32)).status == 409
    assert session.http.get(path).ok()["nonce"] is None


def test_of_two_answers_of_one_contact_the_first_counts(
    enrolled: tuple[Deposited, list[Contact]], session: Session
) -> None:
    """Both are well signed: a second one would be a second guess at the digits."""
    _, [contact, _] = enrolled
    path, commitment, random = committed(session, contact)
    answered(contact, path, commitment).ok()
    first = session.http.get(path).ok()["nonce"]
    assert answered(contact, path, commitment).status == 409
    said = {"public_key": b64url(session.key.public_key()), "random": b64url(random)}
    session.http.post(f"{path}/reveal", said).ok()
    assert answered(contact, path, commitment).status == 409
    assert session.http.get(path).ok()["nonce"] == first


def test_an_attestation_of_another_piece_or_deposit_is_refused(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [anna, bert] = enrolled
    other, _ = world.enrol(customer)
    assert anna.payload is not None
    assert bert.payload is not None
    kit = made.payloads[0]
    for payload, manifest in ((anna.payload, other.manifest), (kit, other.manifest)):
        answer = attest(world.http(), manifest, payload)
        assert (answer.status, answer.json["field"]) == (400, "signature")


def test_an_invitation_does_not_open_as_that_of_another_piece(
    enrolled: tuple[Deposited, list[Contact]],
) -> None:
    made, [anna, bert] = enrolled
    assert anna.link is not None
    sealed = b64url_decode(made.body["contacts"][0]["invitation"])
    with pytest.raises(ProtocolError) as caught:
        invitation.open(sealed, anna.link, bert.custody)
    assert caught.value.code == "wrong_key"
    opened = invitation.open(sealed, anna.link, anna.custody)
    again = envelope.seal_to(opened.data, anna.link.identity(bert.custody))
    with pytest.raises(ProtocolError) as caught:
        invitation.open(again, anna.link, bert.custody)
    assert caught.value.code == "wrong_custody"
