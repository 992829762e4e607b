"""Rows swapped in the database between two deposits or two people: the client that reads one stops.

The service hands over what its tables say; nothing of it is secret or signed for the reader, and so
nothing is saved, proven, opened or believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from escrow.deposit.models import Blob, Deposit
from escrow.ledger.append import Author, append
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Answered, Desk
from tests.cli.service import Service


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


def _once(shared: dict[str, Enrolled], enrol: Enrol, name: str) -> Enrolled:
    if name not in shared:
        shared[name] = enrol(accepted=True)
    return shared[name]


@pytest.fixture
def mine(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    return _once(shared, enrol, "mine")


@pytest.fixture
def other(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    """Somebody else's deposit."""
    return _once(shared, enrol, "other")


def _refused(desk: Desk, answered: Answered, reason: str, status: int = 3) -> None:
    assert (answered.status, answered.json()["error"]) == (status, reason), answered.stderr
    assert desk.line.changes_sent() == []


def _swap(service: Service, kind: Any, first: str, second: str, *columns: str) -> None:
    with service.database.transaction() as db:
        one, two = db.get_one(kind, first), db.get_one(kind, second)
        for column in columns:
            kept = getattr(one, column)
            setattr(one, column, getattr(two, column))
            setattr(two, column, kept)


@contextmanager
def swapped(service: Service, kind: Any, *named: Any) -> Iterator[None]:
    """Swap columns of two rows; the rows are as they were afterwards."""
    _swap(service, kind, *named)
    try:
        yield
    finally:
        _swap(service, kind, *named)


def _blob(service: Service, **where: str) -> str:
    with service.database.reading() as db:
        return db.scalars(select(Blob.id).filter_by(**where)).one()


def test_an_envelope_of_another_deposit(mine: Enrolled, other: Enrolled) -> None:
    envelopes = [
        _blob(mine.service, deposit=made.deposit, kind="envelope") for made in (mine, other)
    ]
    with swapped(mine.service, Blob, *envelopes, "data"):
        answered = mine.mira.run("recover", "--deposit", mine.deposit, "--json")
    _refused(mine.mira, answered, "wrong_envelope")


@pytest.mark.parametrize("who", ["customer", "customer with nothing", "contact"])
def test_a_description_of_another_deposit(
    mine: Enrolled, other: Enrolled, tmp_path: Path, who: str
) -> None:
    columns = ("manifest", "manifest_signature", "manifest_hash")
    fresh = Desk(mine.service, tmp_path / "fresh", mine.mira.customer)
    desk = {"customer": mine.mira, "contact": mine.anna}.get(who, fresh)
    verb = ("release", "--card", mine.card) if who == "contact" else ("recover",)
    with swapped(mine.service, Deposit, mine.deposit, other.deposit, *columns):
        answered = desk.run(*verb, "--json")
    _refused(desk, answered, "wrong_custody" if who == "contact" else "wrong_manifest")


def test_an_invitation_of_another_contact(enrol: Enrol, service: Service) -> None:
    """The right link and the right digits, but what the service hands out is somebody else's."""
    people = ("--contact", "Anna <anna@swap.test>", "--contact", "Bert <bert@swap.test>")
    made = enrol(*people, "--needed", "2")
    custodies = [line["custody"] for line in made.document["invitations"]]
    blobs = [_blob(service, custody=custody, kind="invitation") for custody in custodies]
    card = made.anna.path("card.escrow.json")
    with swapped(service, Blob, *blobs, "data"):
        answered = made.anna.run(
            *("accept", "--save", card, "--json"),
            ESCROW_INVITATION_LINK=made.link,
            ESCROW_INVITATION_DIGITS=made.digits,
            ESCROW_CONFIRM="y",
        )
    assert (answered.status, answered.json()["error"]) == (6, "wrong_key"), answered.stderr
    assert not Path(card).exists()
    assert not any("attestations" in line for line in made.anna.line.changes_sent())
    made.accept()


def test_an_entry_of_another_deposit(mine: Enrolled, other: Enrolled) -> None:
    """It stands in the ledger, but it is not about what it is shown for."""
    shown = {}

    def keep(_method: str, path: str, document: dict[str, Any]) -> None:
        if path.endswith("/events"):
            shown["events"] = list(document["events"])

    def foreign(_method: str, path: str, document: dict[str, Any]) -> None:
        if path.endswith("/events"):
            document["events"] = shown["events"]

    assert other.mira.run("verify", tamper=keep).status == 0
    _refused(mine.mira, mine.mira.run("verify", "--json", tamper=foreign), "other_deposit")
    answered = mine.anna.run("verify", "--piece", mine.card, "--json", tamper=foreign)
    _refused(mine.anna, answered, "other_deposit")


def test_a_proof_that_was_made_for_another_deposit(mine: Enrolled, other: Enrolled) -> None:
    """Last in this file. It stands in the ledger for mine; its signature is that for the other."""
    service = mine.service
    with service.database.transaction() as db:
        query = select(LedgerEvent).where(
            LedgerEvent.deposit == other.deposit, LedgerEvent.type == "custody attested"
        )
        real = Event.parse(db.scalars(query.order_by(LedgerEvent.index.desc())).first().body or b"")
        held = select(LedgerEvent).where(
            LedgerEvent.deposit == mine.deposit, LedgerEvent.type == "custody held"
        )
        about = db.scalars(held.order_by(LedgerEvent.index.desc())).first()
        on = {"account": about.account, "deposit": about.deposit, "custody": about.custody}
        web = Author("web", service.custodian.web_keys.mac_key)
        append(db, web, "custody attested", real.data, **on)
    service.settle()
    _refused(mine.mira, mine.mira.run("verify", "--json"), "wrong_signature")
    answered = mine.anna.run("verify", "--piece", mine.card, "--json")
    _refused(mine.anna, answered, "wrong_signature")
