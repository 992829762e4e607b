"""What is read from the ledger carries its own evidence, checked here as clients check it."""

import random
import threading

import pytest
from sqlalchemy import delete

from escrow.context import Web
from escrow.errors import NotFound, Unavailable
from escrow.ledger import read
from escrow.ledger.models import CheckpointRow, LedgerNode
from escrow.protocol import ledger, note
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.errors import ProtocolError
from tests.custodian.deposits import create
from tests.custodian.rig import Rig, new_id

DAY = 86400


def web(rig: Rig) -> Web:
    return Web(rig.settings, rig.database, rig.web_keys, rig.clock)


def grow(rig: Rig, rng: random.Random, checkpoints: int) -> None:
    """Make checkpoints after random numbers of entries."""
    for _ in range(checkpoints):
        rig.say_many(rng.choice([1, 1, 2, 3, 7, 40]))
        rig.settle()


@pytest.mark.parametrize("seed", range(3))
def test_inclusion_proofs_hold_for_every_entry(rig: Rig, seed: int) -> None:
    grow(rig, random.Random(seed), 12)
    verifier = rig.keys.signer.verifier
    entries = rig.entries()
    with rig.database.reading() as db:
        for entry in entries:
            proof = ledger.Proof.parse(read.inclusion(db, entry.index))
            leaf = ledger.leaf_data(entry.nonce, entry.body)
            assert proof.verify(leaf, verifier).size == len(entries)
            with pytest.raises(ProtocolError):
                proof.verify(ledger.leaf_data(bytes(32), entry.body), verifier)
        with pytest.raises(NotFound):
            read.inclusion(db, len(entries))


@pytest.mark.parametrize("seed", range(3))
def test_every_checkpoint_is_continued_by_the_newest(rig: Rig, seed: int) -> None:
    grow(rig, random.Random(seed + 10), 12)
    verifier = rig.keys.signer.verifier
    with rig.database.reading() as db:
        rows = db.query(CheckpointRow).order_by(CheckpointRow.size).all()
        newest = note.Checkpoint.verify(rows[-1].note, verifier)
        assert len(rows) > 10
        for row in rows:
            old = note.Checkpoint.verify(row.note, verifier)
            proof, found = read.consistency(db, row.size)
            assert found.note == rows[-1].note
            ledger.check_consistent(old, newest, proof)
            if row is not rows[-1]:
                with pytest.raises(ProtocolError):
                    other = note.Checkpoint(old.origin, old.size, bytes(32))
                    ledger.check_consistent(other, newest, proof)
        assert read.consistency(db, 0) == ([], rows[-1])
        with pytest.raises(NotFound):
            read.consistency(db, newest.size + 1)


def test_missing_nodes_are_not_papered_over(rig: Rig) -> None:
    rig.say_many(10)
    rig.settle()
    with rig.database.transaction() as db:
        db.execute(delete(LedgerNode).where(LedgerNode.level == 1))
        with pytest.raises(Unavailable):
            read.inclusion(db, 0)


def test_a_ledger_that_has_not_begun_is_unavailable(
    database: object, clock: object, tmp_path: object
) -> None:
    rig = Rig.make(database, clock, tmp_path / "data")  # type: ignore[arg-type, operator]
    rig.say()
    with rig.database.reading() as db:
        assert read.newest_checkpoint(db) is None
        for ask in (read.needed_checkpoint, read.current_keys):
            with pytest.raises(Unavailable):
                ask(db)
        with pytest.raises(Unavailable):
            read.inclusion(db, 0)
        with pytest.raises(Unavailable):
            read.consistency(db, 0)


def test_entries_are_handed_out_once_they_are_signed(rig: Rig) -> None:
    stored = create(rig)
    recovery = new_id()
    opened = {"proof": "totp", "wait_seconds": 5, "account": stored.account}
    rig.say("custody invited", {"until": 5}, **stored.on(stored.contact))
    rig.say("recovery opened", opened, **stored.on(recovery=recovery))
    rig.say("custody held", **stored.on(stored.customer))
    with rig.database.reading() as db:
        assert [row.type for row in read.entries_of(db, deposit=stored.deposit)] == [
            "deposit created"
        ]
    rig.settle()
    with rig.database.reading() as db:
        whole = read.entries_of(db, deposit=stored.deposit)
        assert [row.index for row in whole] == [2, 3, 4, 5]
        contacts = read.entries_of(db, deposit=stored.deposit, custody=stored.contact)
        assert [row.type for row in contacts] == ["custody invited", "recovery opened"]
        assert [row.index for row in read.entries_of(db, recovery=recovery)] == [4]
        assert [row.index for row in read.entries_of(db, custody=stored.customer)] == [5]
        page = read.entries_of(db, deposit=stored.deposit, after=2, limit=2)
        assert [row.index for row in page] == [3, 4]
        with pytest.raises(ValueError, match="of what"):
            read.entries_of(db)
        document = read.entry_document(whole[0])
        nonce, body = (b64url_decode(str(document[name])) for name in ("nonce", "event"))
        leaf = ledger.leaf_data(nonce, body)
        ledger.Proof.parse(read.inclusion(db, 2)).verify(leaf, rig.keys.signer.verifier)
        assert ledger.Event.parse(body).deposit == stored.deposit


def test_entries_that_are_sequenced_and_not_yet_signed_are_not_handed_out(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who holds one could not prove it, and a crash may still publish it later."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    event = rig.say()
    account = str(rig.row(event).account)
    with monkeypatch.context() as patch:
        patch.setattr("escrow.custodian.service.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            rig.custodian.run_pass()
    assert rig.row(event).index == 2
    with rig.database.reading() as db:
        assert read.entry_of(db, event) is None
    with pytest.raises(read.NotSequenced):
        read.wait_sequenced(web(rig), event, timeout=0.1)
    rig.settle()
    with rig.database.reading() as db:
        found = read.entry_of(db, event)
        assert found is not None
        assert found.account == account


def test_a_signed_entry_is_found_by_its_event(rig: Rig) -> None:
    event = rig.say()
    with rig.database.reading() as db:
        assert read.entry_of(db, event) is None
    rig.settle()
    with rig.database.reading() as db:
        found = read.entry_of(db, event)
        assert found is not None
        assert found.index == 2


def test_waiting_for_an_entry(rig: Rig) -> None:
    event = rig.say()
    with pytest.raises(read.NotSequenced):
        read.wait_sequenced(web(rig), event, timeout=0.2)
    threading.Timer(0.2, rig.settle).start()
    assert read.wait_sequenced(web(rig), event) == 2
    assert read.wait_sequenced(web(rig), event, timeout=0) == 2


def test_waiting_for_a_refused_event_ends_at_once(rig: Rig) -> None:
    event = rig.say("tick")
    rig.settle()
    with pytest.raises(read.NotSequenced, match="refused"):
        read.wait_sequenced(web(rig), event, timeout=60)


def test_which_checkpoint_an_attestation_may_name(rig: Rig) -> None:
    def hash_of(size: int) -> bytes:
        with rig.database.reading() as db:
            return db.get_one(CheckpointRow, size).hash

    def recent(checkpoint_hash: bytes) -> bool:
        with rig.database.reading() as db:
            return read.checkpoint_is_recent(db, checkpoint_hash, rig.clock.now())

    first = hash_of(2)
    assert recent(first)
    assert not recent(bytes(32))
    rig.clock.move(DAY - 1)
    rig.say()
    rig.settle()
    assert recent(first)
    rig.clock.move(1)
    assert not recent(first)
    assert recent(hash_of(3))
    rig.clock.move(10 * DAY)
    assert recent(hash_of(3)), "the newest is accepted however old it is"


def test_present_and_previous_keys(rig: Rig) -> None:
    first = rig.keys
    start = rig.clock.now()
    rig.clock.move(1000)
    rig.keys = first.with_new_sealing_key(rig.clock.now()).with_new_ledger_key(rig.clock.now())
    rig.restart()
    rig.settle()
    with rig.database.reading() as db:
        keys = read.current_keys(db)
        assert keys.provider_key == rig.keys.provider_key
        assert keys.ledger_vkey == rig.keys.signer.verifier.vkey
        assert len(keys.changes) == 4
        both = [rig.keys.provider_key, first.provider_key]
        assert keys.provider_keys_since(start) == both
        assert keys.provider_keys_since(start + 999) == both
        assert keys.provider_keys_since(start + 1000) == both[:1]
        assert keys.ledger_vkeys_since(start) == [
            rig.keys.signer.verifier.vkey,
            first.signer.verifier.vkey,
        ]
        newest = read.needed_checkpoint(db).note
    for signer in (first.signer, rig.keys.signer):
        assert note.Checkpoint.verify(newest, signer.verifier).size == 4
