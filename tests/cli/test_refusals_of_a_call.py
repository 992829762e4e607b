"""A service that lies in the call: the contact's client seals nothing, the customer's shows no key.

Here the service holds calls of its own: it answers in the other person's place and asks nobody.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import select

from escrow.ledger.append import Author, append
from escrow.protocol import call as calls
from escrow.protocol import keys, seal
from escrow.protocol.encoding import b64url, b64url_decode, grouped
from escrow.protocol.kit import Card
from escrow.recovery.models import RecoverySession
from escrow_cli import calling
from tests.cli.conftest import SECRET, Enrol, Enrolled
from tests.cli.desk import Answered, Desk
from tests.cli.service import DAY_SECONDS, Service

WAIT_SECONDS = 3 * DAY_SECONDS + 60


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


@pytest.fixture
def collecting(enrol: Enrol, service: Service, shared: dict[str, Enrolled]) -> Enrolled:
    """One deposit whose recovery collects, with a session of the customer's real client."""
    if "made" not in shared:
        made = enrol(accepted=True)
        made.open()
        service.pass_time(WAIT_SECONDS)
        answered = made.mira.run("recover", "--kit", made.kit, "--print")
        assert answered.status == 0, answered.stderr
        shared["made"] = made
    return shared["made"]


def newest_session(made: Enrolled) -> RecoverySession:
    with made.service.database.reading() as db:
        query = select(RecoverySession).where(RecoverySession.deposit == made.deposit)
        found = db.scalars(query.order_by(RecoverySession.begun_at.desc())).first()
        assert found is not None
        db.expunge(found)
    return found


def card_of(made: Enrolled) -> Card:
    return Card.parse(Path(made.card).read_bytes())


@dataclass
class Played:
    """A call that the service plays to the contact; it commits to `named` and shows `key`."""

    named: calls.Call
    custody: str
    key: bytes
    random: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    nonce: bytes | None = None

    @classmethod
    def of(cls, made: Enrolled, key: bytes | None = None) -> Played:
        session, card = newest_session(made), card_of(made)
        custody = card.payload.custody
        named = calls.Call(
            made.deposit, session.recovery, session.id, secrets.token_hex(16), custody
        )
        return cls(named, custody, key or session.public_key)

    @property
    def commitment(self) -> bytes:
        return calls.commitment(self.named, self.key, self.random)

    def document(self) -> dict[str, Any]:
        is_answered = self.nonce is not None
        return {
            "call": self.named.call,
            "custody": self.custody,
            "commitment": b64url(self.commitment),
            "nonce": b64url(self.nonce) if self.nonce else None,
            "nonce_signature": None,
            "public_key": b64url(self.key) if is_answered else None,
            "random": b64url(self.random) if is_answered else None,
        }

    def __call__(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        if path.endswith("/nonce"):
            self.nonce = b64url_decode(json.loads(body)["nonce"])
            return self.document()
        if method == "GET" and "/calls/" in path:
            return self.document()
        if method == "GET" and "/sessions/" in path:
            return {"calls": [self.document()], "releases": []}
        return None


def refused(made: Enrolled, played: Played, reason: str, digits: str = "0000 0000 0000") -> None:
    """Have the contact help in a played call: it must end with this reason and seal nothing."""
    answered = made.anna.run(
        "release", "--card", made.card, "--json", invent=played, ESCROW_CALL_DIGITS=digits
    )
    assert (answered.status, answered.json()["error"]) == (3, reason), answered.stderr
    assert not any("/releases/" in line for line in made.anna.line.changes_sent())


def test_a_call_of_the_services_own_with_a_key_of_its_own(collecting: Enrolled) -> None:
    """Consistent in itself, commitment and all; but the ledger names another key."""
    swapped = seal.PrivateKey.generate().public_key()
    refused(collecting, Played.of(collecting, swapped), "other_public_key")


@pytest.mark.parametrize("what", ["deposit", "recovery", "session", "call", "custody"])
def test_a_call_that_was_fixed_for_something_else(collecting: Enrolled, what: str) -> None:
    """The right key, but the commitment is another custody's, session's, recovery's."""
    played = Played.of(collecting)
    other = replace(played.named, **{what: secrets.token_hex(16)})
    committed = calls.commitment(other, played.key, played.random)

    class Relabelled(Played):
        @property
        def commitment(self) -> bytes:
            return committed

    relabelled = Relabelled(played.named, played.custody, played.key, played.random)
    refused(collecting, relabelled, "wrong_commitment")


# --- the customer's side ----------------------------------------------------------------


Nonce = Callable[[bytes, str], tuple[bytes, bytes]]


@dataclass
class Answering:
    """Answers the customer's calls: what `nonces` make of (commitment, call), one after another.

    Nothing of it reaches the service, and no release ever comes.
    """

    custody: str
    nonces: list[Nonce]
    commitment: bytes = b""
    revealed: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, method: str, path: str, body: bytes) -> dict[str, Any] | None:
        if "/calls/" not in path:
            return None
        call = path.split("/calls/")[1].split("/", maxsplit=1)[0]
        if method == "PUT":
            self.commitment = b64url_decode(json.loads(body)["commitment"])
        if path.endswith("/reveal"):
            self.revealed.append(json.loads(body))
        nonce, signature = self.nonces[min(len(self.revealed), len(self.nonces) - 1)](
            self.commitment, call
        )
        said = {"nonce": b64url(nonce), "nonce_signature": b64url(signature)}
        return {"call": call, "custody": self.custody, **said}


def _key_of(made: Enrolled) -> Ed25519PrivateKey:
    payload = card_of(made).payload
    return keys.release_key(payload.share().value, payload.deposit, payload.custody)


def _recover(made: Enrolled, tmp_path: Path, answering: Answering) -> tuple[Answered, Desk]:
    desk = Desk(made.service, tmp_path / "fresh", made.mira.customer)
    output = desk.path("got")
    options = ("--contact", "Anna", "--output", output, "--json")
    answered = desk.run("recover", *options, invent=answering)
    assert not Path(output).exists()
    assert SECRET not in answered.stdout + answered.stderr.encode("latin-1", "replace")
    return answered, desk


@pytest.mark.parametrize("how", ["a stranger", "another commitment", "another call", "no one"])
def test_an_answer_that_the_contact_did_not_give_to_this_call(
    collecting: Enrolled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The key stays hidden: it would be revealed early, before the contact has fixed anything."""
    monkeypatch.setattr(calling, "CALL_SECONDS", 3)
    custody, real = card_of(collecting).payload.custody, _key_of(collecting)
    key = Ed25519PrivateKey.generate() if how == "a stranger" else real

    def nonce(commitment: bytes, call: str) -> tuple[bytes, bytes]:
        fresh = secrets.token_bytes(32)
        if how == "no one":
            return fresh, bytes(64)
        commitment = bytes(32) if how == "another commitment" else commitment
        call = secrets.token_hex(16) if how == "another call" else call
        return fresh, calls.sign_nonce(key, call, custody, commitment, fresh)

    answering = Answering(custody, [nonce])
    answered, desk = _recover(collecting, tmp_path, answering)
    assert (answered.status, answered.json()["error"]) == (3, "wrong_signature")
    assert answering.revealed == []
    key_shown = b64url(newest_session(collecting).public_key).encode()
    told = [
        body
        for (_, path), body in zip(desk.line.sent, desk.line.bodies, strict=True)
        if "/calls/" in path
    ]
    assert told and not any(key_shown in body for body in told)


def test_of_two_answers_of_the_contact_the_first_alone_counts(
    collecting: Enrolled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second one after the reveal would be a second guess; both are signed by the contact."""
    monkeypatch.setattr(calling, "CALL_SECONDS", 3)
    custody, key = card_of(collecting).payload.custody, _key_of(collecting)
    first, second = secrets.token_bytes(32), secrets.token_bytes(32)

    def signed(nonce: bytes) -> Nonce:
        return lambda committed, call: (
            nonce,
            calls.sign_nonce(key, call, custody, committed, nonce),
        )

    answering = Answering(custody, [signed(first), signed(second)])
    answered, _ = _recover(collecting, tmp_path, answering)
    assert answered.json()["error"] == "no_call"
    [revealed] = answering.revealed
    shown = [b64url_decode(revealed[part]) for part in ("public_key", "random")]
    assert grouped(calls.code(answering.commitment, first, *shown)) in answered.stderr
    assert grouped(calls.code(answering.commitment, second, *shown)) not in answered.stderr


def test_a_key_swapped_in_the_ledger_too_is_heard_on_the_telephone(
    collecting: Enrolled, service: Service
) -> None:
    """Last in this file. Who holds the web tier's keys says a `begun` of its own.

    What is left is the call: the digits that the customer reads out are those of her key.
    """
    swapped, session = seal.PrivateKey.generate().public_key(), newest_session(collecting)
    web = Author("web", service.custodian.web_keys.mac_key)
    on = {"account": _account(collecting), "deposit": collecting.deposit}
    data = {"session": session.id, "public_key": swapped}
    with service.database.transaction() as db:
        append(db, web, "recovery begun", data, **on, recovery=session.recovery)
    service.settle()
    played = Played.of(collecting, swapped)
    hers = Played.of(collecting)
    read_out = calls.code(hers.commitment, secrets.token_bytes(32), hers.key, hers.random)
    refused(collecting, played, "wrong_call_digits", read_out)


def _account(made: Enrolled) -> str:
    assert made.mira.customer is not None
    return made.mira.customer.account
