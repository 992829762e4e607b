"""What the provider's custodian checks before it releases: one attack a check, none succeeds.

The attacker writes to the database, or runs the web tier with its keys. Each test asserts the named
reason, so that taking out one check turns its test red even where another one would still stop it.
"""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select, update

from escrow.custodian import notices
from escrow.deposit.closing import CLOSING_SECONDS
from escrow.deposit.models import Blob, Deposit
from escrow.protocol import keys
from escrow.protocol.encoding import b64url_decode
from escrow.protocol.seal import PrivateKey
from escrow.recovery import machine, opening
from escrow.recovery.models import Recovery, RecoverySession
from tests.support.people import Customer, Deposited, Session, new_id
from tests.support.world import World

DAY = 86400


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def made(world: World, customer: Customer) -> Deposited:
    return world.enrol(customer, 0, 0)[0]


def change(world: World, kind: Any, identifier: str, **values: Any) -> None:
    with world.database.transaction() as db:
        db.execute(update(kind).where(kind.id == identifier).values(**values))


def refused(session: Session) -> str:
    """Return the reason of the provider's refusal; fails if anything was released."""
    lines = session.releases()
    assert [line["state"] for line in lines] == ["refused"], lines
    assert lines[0]["sealed"] is None
    return str(lines[0]["reason"])


def provider_share(world: World, deposit: str) -> Blob:
    with world.database.reading() as db:
        query = select(Blob).where(Blob.deposit == deposit, Blob.kind == "provider_share")
        return db.scalars(query).one()


def test_a_share_copied_from_another_deposit_is_not_released(
    world: World, customer: Customer, made: Deposited
) -> None:
    victim, _ = world.enrol(world.customer(), 0, 0)
    stolen = provider_share(world, victim.deposit).data
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    change(world, Blob, provider_share(world, made.deposit).id, data=stolen)
    world.run()
    assert refused(session) == "share does not open"


def test_a_destroyed_share_is_not_released(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    with world.database.transaction() as db:
        db.delete(db.get(Blob, provider_share(world, made.deposit).id))
    world.run()
    assert refused(session) == "share destroyed"


def test_a_manifest_without_its_owners_signature_releases_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    change(world, Deposit, made.deposit, manifest_signature=bytes(64))
    world.run()
    assert refused(session) == "manifest signature"


def test_a_manifest_that_the_ledger_does_not_name_releases_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    owner = keys.owner_key(bytes(32), made.deposit)
    other = replace(made.manifest, owner_key=keys.public_bytes(owner), waiting_seconds=DAY)
    values = {"manifest": other.data, "manifest_hash": other.hash}
    change(world, Deposit, made.deposit, manifest_signature=other.sign(owner), **values)
    world.run()
    assert refused(session) == "manifest hash"


def forge_recovery(world: World, customer: Customer, made: Deposited, **values: Any) -> str:
    """Write a recovery that is ready straight into the database."""
    row = {
        "id": new_id(),
        "deposit": made.deposit,
        "account": customer.account,
        "state": "ready",
        "proof": "totp",
        "body_sha256": bytes(32),
        "wait_seconds": 0,
        "opened_at": 1,
        "notices_written_at": 1,
        "noticed_at": 1,
        "ready_at": world.clock.now(),
    }
    with world.database.transaction() as db:
        db.add(Recovery(**{**row, **values}))
    return str(row["id"])


def test_a_recovery_that_is_not_in_the_ledger_gets_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    session = world.begin_unattended(customer, made, forge_recovery(world, customer, made))
    world.run()
    assert refused(session) == "recovery opened not in the ledger"


def test_a_recovery_of_which_nobody_was_told_gets_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = new_id()
    customer.sign_in()
    world.mailbox.refuse[customer.address] = "451 later"
    body = {"deposit": made.deposit, "reason": ""}
    customer.http.put(f"/recoveries/{recovery}", body).ok()
    world.run()
    values = {"state": "ready", "noticed_at": 1, "ready_at": world.clock.now()}
    change(world, Recovery, recovery, **values)
    session = Session(customer.http, made, recovery)
    session.begin().ok()
    world.run()
    assert refused(session) == "recovery noticed not in the ledger"


def test_a_deposit_moved_to_another_account_in_the_database_is_not_released_to_it(
    world: World, made: Deposited
) -> None:
    thief = world.customer()
    change(world, Deposit, made.deposit, account=thief.account)
    recovery = new_id()
    thief.sign_in()
    body = {"deposit": made.deposit, "reason": ""}
    thief.http.put(f"/recoveries/{recovery}", body).ok()
    world.run()  # the notices cannot be written: the label's encryption names its owner
    assert thief.http.get(f"/recoveries/{recovery}").ok()["state"] == "opened"
    values = {"state": "ready", "noticed_at": 1, "ready_at": world.clock.now()}
    change(world, Recovery, recovery, **values)
    session = world.begin_unattended(thief, made, recovery)
    world.run()
    assert refused(session) == "another account"


def test_a_destroyed_deposit_put_back_from_a_backup_is_not_released(
    world: World, customer: Customer, made: Deposited
) -> None:
    kept = provider_share(world, made.deposit)
    copy = {"deposit": kept.deposit, "kind": kept.kind, "custody": kept.custody, "data": kept.data}
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "moved"}).ok()
    world.run()  # the thirty days count from its entry
    world.wait(CLOSING_SECONDS + 60)
    with world.database.transaction() as db:
        db.add(Blob(id=new_id(), **copy))
    change(world, Deposit, made.deposit, state="active", closing_at=None)
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.run()
    assert refused(session) == "deposit destroyed"


@pytest.mark.parametrize("word", ["frozen", "cancelled", "destroyed"])
@pytest.mark.parametrize("what", ["recovery", "deposit"])
def test_what_is_stopped_outside_the_database_stays_stopped(
    world: World, customer: Customer, made: Deposited, word: str, what: str
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    stopped = recovery if what == "recovery" else made.deposit
    world.custodian.outside.write_line(stopped, word)
    world.run()
    assert refused(session) == "stopped outside the database"


def test_a_wait_shortened_in_the_database_makes_nothing_ready(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.open_recovery(customer, made)
    change(world, Recovery, recovery, wait_seconds=1)
    world.clock.move(3600)
    world.run()
    with world.database.reading() as db:
        assert db.get_one(Recovery, recovery).state == "waiting"


def test_a_state_column_set_to_ready_does_not_shorten_the_wait(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.open_recovery(customer, made)
    values = {"state": "ready", "noticed_at": 1, "wait_seconds": 0, "ready_at": world.clock.now()}
    change(world, Recovery, recovery, **values)
    session = world.begin_unattended(customer, made, recovery)
    world.run()
    assert refused(session) == "too early"


def test_a_web_tier_that_says_a_shorter_wait_is_not_believed(
    world: World, customer: Customer, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "wait_of", lambda *_: 60)
    recovery = world.open_recovery(customer, made)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["wait_seconds"] == made.manifest.waiting_seconds


def test_a_shorter_wait_in_the_ledger_releases_nothing(
    world: World, customer: Customer, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "wait_of", lambda *_: 60)
    monkeypatch.setattr(notices, "_wait", lambda *_, **__: 60)
    recovery = world.open_recovery(customer, made)
    world.wait(120)
    session = world.begin_unattended(customer, made, recovery)
    world.run()
    assert refused(session) == "wait shortened"


def test_a_clock_behind_the_newest_checkpoint_releases_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    world.wait(DAY)
    session = world.begin_unattended(customer, made, recovery)
    world.clock.move(-600)
    world.run()
    assert refused(session) == "clock behind the ledger"


def test_a_public_key_swapped_in_the_database_gets_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    swapped = PrivateKey.generate().public_key()
    change(world, RecoverySession, session.session, public_key=swapped)
    world.run()
    assert refused(session) == "another public key"


def test_a_session_of_over_an_hour_gets_nothing(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.run_pass()
    world.clock.move(machine.SESSION_SECONDS)
    world.run()
    assert refused(session) == "session over"


def test_a_veto_after_the_intent_wins_even_if_its_state_is_undone_in_the_database(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.run_pass()
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    undone = {"state": "collecting", "session": session.session, "ended_at": None}
    change(world, Recovery, recovery, **undone)
    change(world, RecoverySession, session.session, voided_at=None)
    world.run()
    assert refused(session) in {"recovery ended", "stopped outside the database"}


def test_a_veto_after_the_intent_wins(world: World, customer: Customer, made: Deposited) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.run_pass()
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    assert session.releases() == []


def test_a_custodian_killed_after_the_intent_releases_once_after_its_restart(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.run_pass()
    world.restart_custodian()
    world.run()
    assert [line["state"] for line in session.releases()] == ["made"]
    events = customer.http.get(f"/deposits/{made.deposit}/events").ok()["events"]
    said = [b64url_decode(line["event"]) for line in events]
    assert sum(b'"release made"' in body for body in said) == 1
    assert sum(b'"release intended"' in body for body in said) == 1


def test_the_provider_releases_only_to_the_newest_session(
    world: World, customer: Customer, made: Deposited
) -> None:
    recovery = world.ready_recovery(customer, made)
    first = world.begin_unattended(customer, made, recovery)
    second = world.begin_unattended(customer, made, recovery)
    world.run()
    assert [line["state"] for line in second.releases()] == ["made"]
    assert all(line["sealed"] is None for line in first.releases())
