"""What the sequencer takes up, what it refuses, and what stops it (PROTOCOL.md section 12)."""

import secrets
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from escrow.custodian.entries import Entries, ForgedEntry, LedgerDamaged, erase
from escrow.custodian.rules import CUSTODIAN_ONLY
from escrow.custodian.service import Custodian
from escrow.custodian.takeup import DatabaseBehind
from escrow.ledger.append import Author
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import DATA, Event, event_mac, sequenced_mac
from tests.custodian.deposits import Stored, create, store
from tests.custodian.rig import Rig, new_id

KEY = secrets.token_bytes(32)


def test_the_ledger_begins_with_its_keys(rig: Rig) -> None:
    ledger, provider = rig.entries()
    assert {ledger.event.type, provider.event.type} == {"key changed"}
    assert ledger.event.data == {
        "use": "ledger",
        "old": None,
        "new": rig.keys.signer.verifier.vkey.encode(),
    }
    assert provider.event.data == {"use": "provider", "old": None, "new": rig.keys.provider_key}
    rig.check()


def test_keys_come_first_even_behind_a_web_tier_that_was_faster(
    database: Any, clock: Any, tmp_path: Any
) -> None:
    rig = Rig.make(database, clock, tmp_path / "data")
    said = [rig.say() for _ in range(3)]
    rig.settle()
    assert [entry.event.type for entry in rig.entries()[:2]] == ["key changed"] * 2
    assert [entry.event.id for entry in rig.entries()[2:]] == said


def test_new_keys_are_chained_to_the_ones_before(rig: Rig) -> None:
    first = rig.keys
    rig.clock.move(60)
    rig.keys = first.with_new_ledger_key(rig.clock.now()).with_new_sealing_key(rig.clock.now())
    rig.restart()
    rig.settle()
    changes = [entry.event.data for entry in rig.entries()[2:]]
    assert [(change["use"], change["old"], change["new"]) for change in changes] == [
        ("ledger", first.signer.verifier.vkey.encode(), rig.keys.signer.verifier.vkey.encode()),
        ("provider", first.provider_key, rig.keys.provider_key),
    ]
    rig.restart()
    rig.settle()
    assert len(rig.entries()) == 4


def test_events_get_index_time_nonce_and_the_mac_that_counts(rig: Rig) -> None:
    said = [rig.say() for _ in range(5)]
    inserted = [rig.row(event) for event in said]
    rig.settle()
    for index, (event, before) in enumerate(zip(said, inserted, strict=True), 2):
        row = rig.row(event)
        assert (row.index, row.at, row.author) == (index, rig.clock.now(), "web")
        assert row.mac == sequenced_mac(
            rig.keys.mac_key, index, "web", row.nonce or b"", row.body or b""
        )
        assert Event.parse(row.body or b"").at == rig.clock.now()
        assert Event.parse(before.body or b"").at == 0
    assert len({rig.row(event).nonce for event in said}) == 5
    rig.check()


def test_more_than_one_batch(rig: Rig) -> None:
    said = [rig.say() for _ in range(600)]
    rig.settle()
    assert [entry.event.id for entry in rig.entries()[2:]] == said
    rig.check()


# --- events that are not taken up -------------------------------------------------------


def refused(rig: Rig, event: str, reason: str) -> None:
    """Check that an event is refused, with an alarm, and that others go on."""
    before = len(rig.entries())
    after = rig.say()
    rig.settle()
    row = rig.row(event)
    assert (row.refused, row.index, row.at) == (reason, None, 0)
    assert rig.alarms == ["event refused"]
    assert rig.entries()[-1].event.id == after
    assert len(rig.entries()) == before + 1
    rig.alarms.clear()
    rig.settle()
    assert rig.alarms == []
    rig.check()


def edited(rig: Rig, event: str, **changes: Any) -> bytes:
    body = Event.parse(rig.row(event).body or b"")
    return Event(**{**body.__dict__, **changes}).bytes


def test_a_forged_event_is_refused(rig: Rig) -> None:
    """Who writes the database has no MAC key."""
    event = rig.say()
    rig.change(event, mac=event_mac(KEY, rig.row(event).body or b""))
    refused(rig, event, "wrong mac")


def test_an_edited_event_is_refused(rig: Rig) -> None:
    event, account = rig.say(), new_id()
    rig.change(event, body=edited(rig, event, account=account), account=account)
    refused(rig, event, "wrong mac")


def test_an_event_of_nobody_is_refused(rig: Rig) -> None:
    refused(rig, rig.say(author=Author("nobody", rig.web_keys.mac_key)), "unknown author")


def test_the_web_cannot_speak_as_the_custodian(rig: Rig) -> None:
    refused(rig, rig.say(author=Author("custodian", rig.web_keys.mac_key)), "wrong mac")


def test_the_custodians_key_does_not_speak_for_the_web(rig: Rig) -> None:
    refused(rig, rig.say(author=Author("web", rig.keys.mac_key)), "wrong mac")


def test_a_back_dated_event_is_refused(rig: Rig) -> None:
    """Even with the web tier's key nobody chooses the time of an event."""
    event = rig.say()
    body = edited(rig, event, at=rig.clock.now() - 7 * 86400)
    rig.change(event, body=body, mac=event_mac(rig.web_keys.mac_key, body))
    refused(rig, event, "time set")


def test_a_back_dated_column_is_refused(rig: Rig) -> None:
    event = rig.say()
    rig.change(event, at=1)
    rig.custodian.run_pass()
    assert rig.row(event).refused == "time set"


@pytest.mark.parametrize("column", ["account", "deposit", "custody", "recovery"])
def test_a_moved_event_is_refused(rig: Rig, column: str) -> None:
    """Columns by which entries are found say what the authenticated bytes say."""
    event = rig.say()
    rig.change(event, **{column: new_id()})
    refused(rig, event, "columns differ")


def test_a_renamed_event_is_refused(rig: Rig) -> None:
    event = rig.say()
    rig.change(event, type="account closing")
    refused(rig, event, "columns differ")


def test_a_replayed_event_is_refused(rig: Rig) -> None:
    """A copy of an event under another row's id is not a second event."""
    event = rig.say()
    row = rig.row(event)
    copy = new_id()
    with rig.database.transaction() as db:
        db.add(
            LedgerEvent(
                id=copy,
                author="web",
                type=row.type,
                account=row.account,
                body=row.body,
                mac=row.mac,
            )
        )
    rig.custodian.run_pass()
    assert rig.row(copy).refused == "columns differ"
    assert rig.row(event).index == 2


def test_a_known_id_is_refused_without_the_databases_help(
    rig: Rig,
) -> None:
    """The unique constraint is the first line; who can write the database can drop it."""
    from escrow.custodian.rules import Refused, Rules

    event = rig.say()
    row = rig.row(event)
    with rig.database.reading() as db, pytest.raises(Refused) as caught:
        Rules(rig.keys, rig.web_keys).check(db, row, {event})
    assert caught.value.reason == "known id"
    with rig.database.reading() as db:
        assert Rules.known(db, [row]) == set()


def test_malformed_bytes_with_a_good_mac_are_refused(rig: Rig) -> None:
    event = rig.say()
    body = (rig.row(event).body or b"") + b" "
    rig.change(event, body=body, mac=event_mac(rig.web_keys.mac_key, body))
    refused(rig, event, "malformed")


def test_a_second_deposit_created_is_refused(rig: Rig) -> None:
    """Nobody gives a deposit another owner or another manifest."""
    stored = create(rig)
    thief = {**stored.on(), "account": new_id()}
    event = rig.say("deposit created", {"manifest_hash": bytes(32)}, **thief)
    refused(rig, event, "second deposit created")


def test_a_second_deposit_created_in_one_batch_is_refused(rig: Rig) -> None:
    stored = store(rig)
    data = {"manifest_hash": stored.manifest_hash}
    first = rig.say("deposit created", data, **stored.on())
    event = rig.say("deposit created", data, **stored.on())
    rig.settle()
    assert rig.row(first).index == 2
    assert rig.row(event).refused == "second deposit created"


def _sample(kind: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Make valid data and subjects for a type that only the custodian may say."""
    account, deposit = {"account": new_id()}, {"deposit": new_id()}
    recovery = {**account, **deposit, "recovery": new_id()}
    custody = {**account, **deposit, "custody": new_id()}
    session = {"session": new_id(), "public_key_sha256": bytes(32)}
    added = {"admin": new_id(), "name": "Anna", "role": "owner", "credential": b"x"}
    added |= {"public_key": b"x", "approval": None}
    samples: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "account moved": ({"from": "a", "to": "b", "approval": bytes(32)}, account),
        "deposit active": ({}, {**account, **deposit}),
        "deposit complete": ({}, {**account, **deposit}),
        "deposit destroyed": ({"reason": "closed"}, {**account, **deposit}),
        "custody rejected": ({"reason": "x"}, custody),
        "recovery noticed": ({"wait_seconds": 0, "refused": []}, recovery),
        "recovery ready": ({}, recovery),
        "recovery unfrozen": ({"approval": bytes(32)}, recovery),
        "recovery expired": ({}, recovery),
        "release intended": (session, {**recovery, "custody": new_id()}),
        "admin executed": ({"operation": "x", "body_sha256": bytes(32)}, {}),
        "admin added": (added, {}),
        "admin removed": ({"admin": new_id(), "approval": bytes(32)}, {}),
        "wait changed": ({"seconds": 86400, "approval": bytes(32)}, {}),
        "site published": ({"files_sha256": bytes(32)}, {}),
        "key changed": ({"use": "ledger", "old": None, "new": b"x"}, {}),
        "backup accepted": ({"size": 1, "root": bytes(32), "reason": "x"}, {}),
        "tick": ({}, {}),
    }
    return samples[kind]


@pytest.mark.parametrize("kind", sorted(CUSTODIAN_ONLY))
def test_the_web_may_not_say_what_only_the_custodian_may(rig: Rig, kind: str) -> None:
    data, on = _sample(kind)
    refused(rig, rig.say(kind, data, **on), "not for the web")


@pytest.mark.parametrize("kind", sorted(CUSTODIAN_ONLY - {"key changed"}))
def test_the_custodian_may(rig: Rig, kind: str) -> None:
    data, on = _sample(kind)
    event = rig.say(kind, data, author=rig.keys.author, **on)
    rig.settle()
    assert rig.row(event).index == 2


def test_the_list_of_the_custodians_types_is_the_specifications() -> None:
    assert set(DATA) >= CUSTODIAN_ONLY
    needed = {"recovery noticed", "recovery ready", "recovery expired", "recovery unfrozen"}
    needed |= {"account moved", "deposit active", "deposit complete", "deposit destroyed"}
    assert needed | {"key changed", "tick", "release intended", "admin executed"} <= CUSTODIAN_ONLY
    assert {"site published", "admin added", "admin removed", "wait changed"} <= CUSTODIAN_ONLY


def _custody_events(stored: Stored, custody: str) -> list[tuple[str, Any, dict[str, Any]]]:
    attested = {"means": "share", "checkpoint_hash": bytes(32), "time": 1, "signature": bytes(64)}
    made = {
        "session": new_id(),
        "public_key_sha256": bytes(32),
        "sealed_sha256": bytes(32),
        "signature": bytes(64),
        "time": 1,
    }
    on = stored.on(custody)
    return [
        ("custody held", {}, on),
        ("custody attested", attested, on),
        ("custody lost", {"by": "provider"}, on),
        ("release made", made, stored.on(custody, new_id())),
    ]


def test_the_web_says_nothing_of_the_providers_custody(rig: Rig) -> None:
    stored = create(rig)
    said = [
        rig.say(kind, data, **on) for kind, data, on in _custody_events(stored, stored.provider)
    ]
    rig.settle()
    assert [rig.row(event).refused for event in said] == ["not for the web"] * len(said)


def test_the_role_of_a_custody_is_the_manifests_and_not_a_columns(rig: Rig) -> None:
    """A web tier that also writes the database cannot call the provider's custody a contact's."""
    from escrow.deposit.models import CustodyRow

    stored = create(rig)
    with rig.database.transaction() as db:
        db.add(
            CustodyRow(
                id=stored.provider,
                deposit=stored.deposit,
                account=stored.account,
                role="contact",
                group=1,
                member=0,
                state="invited",
                attest_key=bytes(32),
                release_key=bytes(32),
            )
        )
    refused(rig, rig.say("custody held", {}, **stored.on(stored.provider)), "not for the web")


def test_the_web_says_all_of_a_contacts_custody(rig: Rig) -> None:
    stored = create(rig)
    said = [rig.say(kind, data, **on) for kind, data, on in _custody_events(stored, stored.contact)]
    said.append(rig.say("custody held", {}, **stored.on(stored.customer)))
    rig.settle()
    assert all(rig.row(event).index for event in said)
    rig.check()


def test_a_custody_of_another_deposit_is_refused(rig: Rig) -> None:
    stored, other = create(rig), create(rig)
    refused(rig, rig.say("custody held", {}, **stored.on(other.contact)), "no such custody")


def test_a_custody_of_no_deposit_is_refused(rig: Rig) -> None:
    stored = store(rig)
    refused(rig, rig.say("custody held", {}, **stored.on(stored.contact)), "no such deposit")


def test_a_swapped_manifest_changes_no_role(rig: Rig) -> None:
    from escrow.deposit.models import Deposit

    stored, other = create(rig), store(rig)
    with rig.database.transaction() as db:
        swapped = db.get_one(Deposit, other.deposit).manifest
        db.execute(update(Deposit).where(Deposit.id == stored.deposit).values(manifest=swapped))
    refused(rig, rig.say("custody held", {}, **stored.on(stored.contact)), "another manifest")


# --- damage to what is sequenced --------------------------------------------------------


def stops(rig: Rig) -> None:
    """Check that the ledger is stopped: nothing sequenced, nothing signed, nothing done."""
    did: list[int] = []

    def act(_: Custodian) -> int:
        did.append(1)
        return 0

    rig.custodian.acts = [act]
    size = rig.outside.size
    waiting = rig.say()
    for _ in range(3):
        with pytest.raises((LedgerDamaged, DatabaseBehind)):
            rig.custodian.run_pass()
    assert rig.row(waiting).index is None
    assert rig.outside.size == size
    assert did == []


@pytest.fixture
def said(rig: Rig) -> list[str]:
    found = [rig.say() for _ in range(6)]
    rig.settle()
    return found


@pytest.mark.parametrize("which", [0, 3, 5])
def test_a_deleted_entry_stops_the_ledger(rig: Rig, said: list[str], which: int) -> None:
    with rig.database.transaction() as db:
        db.execute(delete(LedgerEvent).where(LedgerEvent.id == said[which]))
    with pytest.raises(LedgerDamaged):
        rig.custodian.audit()
    stops(rig)


@pytest.mark.parametrize("which", [0, 3, 5])
def test_an_edited_entry_stops_the_ledger(rig: Rig, said: list[str], which: int) -> None:
    rig.change(said[which], body=edited(rig, said[which], at=rig.clock.now() - 1))
    with pytest.raises(LedgerDamaged):
        rig.custodian.audit()
    stops(rig)


def test_an_entry_that_says_something_else_is_not_used(rig: Rig, said: list[str]) -> None:
    """Its columns still fit; only the MAC tells."""
    rig.change(said[3], body=edited(rig, said[3], data={"addresses": [bytes(32)]}))
    with pytest.raises(ForgedEntry):
        rig.entries()


def test_an_entry_of_another_author_is_not_used(rig: Rig, said: list[str]) -> None:
    """What the web tier said does not become the custodian's own word."""
    rig.change(said[3], author="custodian")
    with pytest.raises(ForgedEntry):
        rig.entries()


def test_swapped_entries_stop_the_ledger(rig: Rig, said: list[str]) -> None:
    first, second = rig.row(said[1]), rig.row(said[2])
    rig.change(said[1], index=10**6)
    rig.change(said[2], index=first.index)
    rig.change(said[1], index=second.index)
    with pytest.raises(LedgerDamaged):
        rig.custodian.audit()
    stops(rig)


def test_an_inserted_entry_stops_the_ledger(rig: Rig, said: list[str]) -> None:
    """A row with an index that the sequencer did not give."""
    event = rig.say()
    rig.change(event, index=rig.outside.size, at=rig.clock.now())
    stops(rig)


def test_an_entry_put_back_to_unsequenced_stops_the_ledger(rig: Rig, said: list[str]) -> None:
    """… even when the author's MAC was kept from before it was sequenced."""
    row = rig.row(said[5])
    body = edited(rig, said[5], at=0)
    rig.change(said[5], index=None, at=0, body=body, mac=event_mac(rig.web_keys.mac_key, body))
    assert row.index == rig.outside.size - 1
    stops(rig)


@pytest.mark.parametrize("column", ["account", "deposit", "custody", "recovery"])
def test_an_entry_moved_away_by_its_columns_is_noticed(
    rig: Rig, said: list[str], column: str
) -> None:
    rig.change(said[3], **{column: new_id()})
    with pytest.raises(ForgedEntry):
        rig.entries()
    with pytest.raises(ForgedEntry):
        rig.custodian.audit()


def test_nobody_but_the_custodian_empties_an_entry(rig: Rig, said: list[str]) -> None:
    rig.change(said[3], body=None, nonce=None)
    with pytest.raises(ForgedEntry):
        rig.entries()
    with pytest.raises(ForgedEntry):
        rig.custodian.audit()


def test_the_custodian_erases_an_entry_and_the_tree_stands(rig: Rig, said: list[str]) -> None:
    row = rig.row(said[3])
    with rig.database.transaction() as db:
        erase(rig.keys, db.scalars(select(LedgerEvent).where(LedgerEvent.id == said[3])).one())
    rig.custodian.audit()
    rig.restart()
    rig.settle()
    assert len(rig.entries()) == 7
    with rig.database.reading() as db:
        assert Entries(db, rig.keys).of_account(str(row.account)) == []
        assert Entries(db, rig.keys).between(0, 8)[5] is None
    rig.change(said[3], account=new_id())
    with pytest.raises(ForgedEntry):
        rig.custodian.audit()


def test_the_audit_goes_round(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from escrow.custodian import service

    monkeypatch.setattr(service, "AUDITED_ENTRIES", 3)
    said = [rig.say() for _ in range(8)]
    rig.settle()
    for _ in range(9):
        rig.custodian.audit()
    with rig.database.transaction() as db:
        db.execute(delete(LedgerEvent).where(LedgerEvent.id == said[4]))
    with pytest.raises(LedgerDamaged):
        for _ in range(4):
            rig.custodian.audit()


def test_a_gap_is_found_before_something_is_decided(rig: Rig, said: list[str]) -> None:
    with rig.database.transaction() as db:
        Entries(db, rig.keys).check_whole(8)
        db.execute(delete(LedgerEvent).where(LedgerEvent.id == said[2]))
        with pytest.raises(LedgerDamaged):
            Entries(db, rig.keys).check_whole(8)


def test_entries_are_found_by_their_subjects(rig: Rig) -> None:
    stored, other = create(rig), create(rig)
    recovery = new_id()
    data = {"proof": "totp", "wait_seconds": 5, "account": stored.account}
    rig.say("recovery opened", data, **stored.on(recovery=recovery))
    rig.say("custody held", {}, **stored.on(stored.contact))
    rig.say("custody held", {}, **other.on(other.contact))
    rig.settle()
    with rig.database.reading() as db:
        entries = Entries(db, rig.keys)
        kinds = [entry.event.type for entry in entries.of_deposit(stored.deposit)]
        assert kinds == ["deposit created", "recovery opened", "custody held"]
        assert [e.event.type for e in entries.of_recovery(recovery)] == ["recovery opened"]
        assert [e.index for e in entries.of_custody(stored.contact)] == [5]
        assert len(entries.of_account(stored.account)) == 3
        assert entries.of_deposit(new_id()) == []
