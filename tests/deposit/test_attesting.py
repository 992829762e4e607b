"""What is refused as a proof of a piece, by the API, and the reason that is given."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from escrow.deposit.models import CustodyRow
from escrow.protocol import attestation as attestations
from escrow.protocol import keys, note
from escrow.protocol.attestation import Attestation
from escrow.protocol.encoding import b64url
from escrow.protocol.share import Payload
from tests.deposit.contact_life import leave, state
from tests.support.people import Answer, Contact, Customer, Deposited, new_id
from tests.support.world import World

DAY = 86400


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


def prove(
    contact: Contact, *, altered: bytes = b"", sent_as: str = "", signed: str = "", **changes: Any
) -> Answer:
    """Prove a piece, or something near to it.

    `altered` is xored into the piece, `changes` are in what is signed, `sent_as` says another means
    than was signed, `signed` signs with the key of another means.
    """
    payload, manifest = contact.payload, contact.manifest
    assert isinstance(payload, Payload)
    assert manifest is not None
    found = contact.http.get("/ledger/checkpoint").ok()["checkpoint"]
    newest = note.Checkpoint.parse(note.split_note(found)[0]).hash
    now = contact.http.clock.now()
    proof = Attestation(payload.deposit, payload.custody, manifest.hash, "share", newest, now)
    proof = replace(proof, **changes)
    value = payload.share().value
    value = bytes(a ^ b for a, b in zip(value, altered.ljust(len(value), b"\0"), strict=True))
    key = keys.release_key(value, payload.deposit, payload.custody)
    if (signed or proof.means) == "check":
        seed = keys.check_seed(value, payload.deposit, payload.custody)
        key = keys.attest_key(seed, payload.deposit, payload.custody)
    body = {
        "means": sent_as or proof.means,
        "checkpoint_hash": b64url(proof.checkpoint_hash),
        "time": proof.time,
        "signature": b64url(attestations.sign(proof, key)),
    }
    return contact.http.post(f"/custodies/{payload.custody}/attestations", body)


def refusal(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json.get("field", answer.code), answer.json["detail"]


NOT_THIS_PIECE = (400, "signature", "The proof is not made with this piece.")


def test_the_piece_itself_is_accepted(enrolled: tuple[Deposited, Contact]) -> None:
    _, contact = enrolled
    for means in ("share", "check"):
        assert prove(contact, means=means).ok()["state"] == "held"


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"altered": b"\x01"}, id="a piece with one bit changed"),
        pytest.param({"altered": b"\x01", "means": "check"}, id="and its check code"),
        pytest.param({"deposit": new_id()}, id="for another key"),
        pytest.param({"custody": new_id()}, id="for another piece"),
        pytest.param({"manifest_hash": bytes(32)}, id="for another description"),
        pytest.param({"means": "check", "sent_as": "share"}, id="a check, sent as the piece"),
        pytest.param({"means": "share", "signed": "check"}, id="the piece, by the check code"),
        pytest.param({"means": "share", "sent_as": "check"}, id="the piece, sent as a check"),
    ],
)
def test_a_proof_of_something_else_is_none(
    world: World, enrolled: tuple[Deposited, Contact], changes: dict[str, Any]
) -> None:
    _, contact = enrolled
    before = dates(world, contact)
    assert refusal(prove(contact, **changes)) == NOT_THIS_PIECE
    world.run()
    assert dates(world, contact) == before


def dates(world: World, contact: Contact) -> tuple[int | None, int | None]:
    with world.database.reading() as db:
        row = db.get_one(CustodyRow, contact.custody)
        return row.last_share_at, row.last_check_at


@pytest.mark.parametrize("means", ["share", "check"])
def test_a_proof_of_one_piece_is_none_of_another(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], means: str
) -> None:
    """Of the same holder in another key, and of another holder in the same key."""
    _, mine = enrolled
    _, [first, second, _] = world.enrol(customer, 2, 3)
    for other in (second, mine):
        assert other.payload is not None
        assert first.payload is not None
        named = replace(other.payload, deposit=first.payload.deposit, custody=first.payload.custody)
        real, first.payload = first.payload, named
        assert refusal(prove(first, means=means)) == NOT_THIS_PIECE
        first.payload = real
    assert prove(first, means=means).status == 200


def checkpoint_of(contact: Contact) -> bytes:
    found = contact.http.get("/ledger/checkpoint").ok()["checkpoint"]
    return note.Checkpoint.parse(note.split_note(found)[0]).hash


@pytest.mark.parametrize("means", ["share", "check"])
def test_a_proof_names_a_checkpoint_of_the_last_day(
    world: World, enrolled: tuple[Deposited, Contact], means: str
) -> None:
    _, contact = enrolled
    old = checkpoint_of(contact)
    world.wait(DAY - 60)
    assert checkpoint_of(contact) != old
    assert prove(contact, means=means, checkpoint_hash=old).status == 200
    world.wait(61)
    for wrong in (old, bytes(32)):
        status, field, detail = refusal(prove(contact, means=means, checkpoint_hash=wrong))
        assert (status, field) == (400, "checkpoint_hash")
        assert detail


@pytest.mark.parametrize("away", [-301, 301])
def test_a_proof_is_of_now(enrolled: tuple[Deposited, Contact], away: int) -> None:
    _, contact = enrolled
    answer = prove(contact, time=contact.http.clock.now() + away)
    assert refusal(answer) == (400, "time", "Set this computer's clock.")


@pytest.mark.parametrize("act", ["decline", "lost"])
def test_a_piece_that_was_given_up_comes_back_with_itself_alone(
    world: World, enrolled: tuple[Deposited, Contact], act: str
) -> None:
    _, contact = enrolled
    leave(world, contact, act)
    left = "declined" if act == "decline" else "lost"
    status, code, detail = refusal(prove(contact, means="check"))
    assert (status, code) == (409, "wrong_state")
    assert detail == "Prove with the piece itself that it is there."
    assert state(world, contact) == left
    assert prove(contact).status == 200
    world.run()
    assert state(world, contact) == "held"
