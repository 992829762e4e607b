"""Passkey-wrapped copies swapped in the database: the reader's passkey opens none but its own.

No client reads them until there is one in the browser: so here stand the API, and what such a
client will do with what it is given.
"""

import secrets
from pathlib import Path

import pytest
from sqlalchemy import select, update

from escrow.db import Database
from escrow.deposit.models import Blob
from escrow.protocol import wrap
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.errors import NotOpened
from tests.support.mailbox import Mailbox
from tests.support.people import Answer, Contact
from tests.support.world import World

PRF = {"anna": secrets.token_bytes(32), "bert": secrets.token_bytes(32)}
CREDENTIAL = bytes(16)  # one and the same: no difference but that of the rows tells them apart


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(sqlite_database, tmp_path, mail_server)


@pytest.fixture
def people(world: World) -> dict[str, Contact]:
    _, contacts = world.enrol(world.customer(), 2, 2)
    return dict(zip(PRF, contacts, strict=True))


def binding(contact: Contact, part: str = "share") -> wrap.Binding:
    assert contact.manifest is not None
    manifest = contact.manifest
    return wrap.Binding(part, manifest.deposit, contact.custody, manifest.hash, CREDENTIAL)


def keep(signer: Contact, whose: Contact, part: str, data: bytes) -> Answer:
    body = {"credential_id": b64url(CREDENTIAL), "data": b64url(data)}
    return signer.http.put(f"/custodies/{whose.custody}/wraps/{part}", body)


def served(world: World, contact: Contact) -> dict[str, bytes]:
    """Read the copies of a custody as anybody can who knows its number."""
    found = world.http().get(f"/custodies/{contact.custody}").ok()["wraps"]
    return {line["part"]: b64url_decode(line["data"]) for line in found}


def test_a_copy_swapped_in_the_database_opens_for_nobody(
    world: World, people: dict[str, Contact]
) -> None:
    for name, contact in people.items():
        assert contact.payload is not None
        for part in ("share", "check"):
            data = binding(contact, part).wrap(contact.payload.data, PRF[name])
            keep(contact, contact, part, data).ok()
    anna, bert = people["anna"], people["bert"]
    own = served(world, anna)
    with world.database.transaction() as db:
        query = select(Blob.id, Blob.kind, Blob.custody).where(Blob.kind.startswith("wrap_"))
        to = {anna.custody: bert.custody, bert.custody: anna.custody}
        rows = db.execute(query).all()
        for blob, _, _ in rows:  # out of the way first: the constraint knows no swap
            db.execute(update(Blob).where(Blob.id == blob).values(kind=blob))
        for blob, kind, custody in rows:
            values = {"kind": kind, "custody": to[custody or ""]}
            db.execute(update(Blob).where(Blob.id == blob).values(**values))
    swapped = served(world, anna)
    assert set(own.values()) & set(swapped.values()) == set()
    for part, data in swapped.items():
        for prf in PRF.values():
            with pytest.raises(NotOpened):
                binding(anna, part).unwrap(data, prf)
        with pytest.raises(NotOpened):
            binding(bert, part).unwrap(data, PRF["anna"])
        assert bert.payload is not None
        assert binding(bert, part).unwrap(data, PRF["bert"]) == bert.payload.data


def test_a_copy_of_the_piece_shown_as_that_of_the_check_seed_does_not_open(
    world: World, people: dict[str, Contact]
) -> None:
    """A routine check would otherwise bring the piece into memory."""
    anna = people["anna"]
    assert anna.payload is not None
    keep(anna, anna, "share", binding(anna).wrap(anna.payload.data, PRF["anna"])).ok()
    with world.database.transaction() as db:
        db.execute(update(Blob).where(Blob.kind == "wrap_share").values(kind="wrap_check"))
    with pytest.raises(NotOpened):
        binding(anna, "check").unwrap(served(world, anna)["check"], PRF["anna"])


def test_nobody_replaces_the_copy_of_another_contact(
    world: World, people: dict[str, Contact]
) -> None:
    anna, bert = people["anna"], people["bert"]
    keep(anna, anna, "share", bytes(64)).ok()
    answer = keep(bert, anna, "share", b"\1" * 64)
    assert answer.status == 401
    assert served(world, anna) == {"share": bytes(64)}
