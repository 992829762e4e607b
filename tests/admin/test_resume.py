"""Going on with a restored backup: only as two operators approved, whole or not at all."""

import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import delete, select

from escrow.account.models import AuthSession, MailCode, Totp
from escrow.admin import operations
from escrow.admin.operations import ACCEPT_BACKUP, Proposal
from escrow.admin.signedfile import SignedApproval
from escrow.custodian.leader import Leader
from escrow.custodian.outside import Outside
from escrow.custodian.process import go_on_with_backup
from escrow.custodian.resume import NotResumed, database_size, resume
from escrow.custodian.takeup import DatabaseBehind
from escrow.db import Database
from escrow.deposit.models import Blob, Deposit
from escrow.errors import ConfigurationError
from escrow.ledger import read
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.operators import OperatorKey
from escrow.protocol.ledger import Event, Proof, leaf_data
from escrow.recovery.models import Recovery
from tests.admin.office import DAY, Office, new_operator
from tests.custodian.test_crash import Fuse, Killed, burning
from tests.custodian.test_takeup import restore, rows
from tests.support.people import Customer, Deposited, Session

CLOSING = 30 * DAY


def restart(office: Office) -> None:
    office.world.restart_custodian()
    office.listen(office.world.custodian)


def put_back(office: Office, backup: Any) -> None:
    """Restore a backup; every custodian starts anew."""
    restore(office.world.database, backup)
    restart(office)


def proposal(office: Office, **changes: Any) -> Proposal:
    """Propose what is really there, or something else."""
    outside = Outside(office.world.settings.outside_dir)
    with office.world.database.reading() as db:
        entries = database_size(db)
    contents = {
        "nonce": secrets.token_hex(16),
        "reason": "The disk died.",
        "size": outside.checkpoint.size,
        "root": outside.checkpoint.root,
        "entries": entries,
    }
    target = changes.pop("target", outside.checkpoint.origin)
    expires = changes.pop("expires", office.world.clock.now() + DAY)
    body = operations.write_body(ACCEPT_BACKUP, contents | changes)
    return Proposal(ACCEPT_BACKUP, target, body, expires)


def signed(named: Proposal, *by: OperatorKey) -> list[bytes]:
    return [SignedApproval.make(named, key).data for key in by]


def new_types(office: Office, since: int) -> list[str | None]:
    with office.world.database.reading() as db:
        query = select(LedgerEvent.type).where(LedgerEvent.index >= since)
        return list(db.scalars(query.order_by(LedgerEvent.index)))


def wait_long(office: Office, seconds: int) -> None:
    """Let time pass in the longest steps that the custodian believes."""
    while seconds > 0:
        step = min(seconds, 35 * 3600)
        office.world.clock.move(step)
        office.world.run()
        seconds -= step


def lose_a_day(office: Office) -> tuple[Any, Customer, Deposited, str, Session]:
    """Take a backup while a recovery collects; then it is vetoed and another deposit destroyed."""
    world = office.world
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0)
    gone, _ = world.enrol(customer, 0, 0)
    customer.sign_in()
    customer.http.post(f"/deposits/{gone.deposit}/close", {"reason": "old"}).ok()
    world.run()
    wait_long(office, CLOSING - made.manifest.waiting_seconds - 3600)
    recovery = world.open_recovery(customer, made)
    wait_long(office, made.manifest.waiting_seconds)
    session = world.begin_unattended(customer, made, recovery)
    world.custodian.acts, acts = [], world.custodian.acts
    world.run()  # `begun` is sequenced, and the provider has not released
    backup = rows(world.database)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.custodian.acts = acts
    world.run()
    world.wait(7200)
    with world.database.reading() as db:
        assert db.get_one(Deposit, gone.deposit).state == "closed"
    return backup, customer, gone, recovery, session


def test_a_backup_is_accepted_with_two_approvals_and_brings_nothing_back(office: Office) -> None:
    world = office.world
    backup, customer, gone, recovery, session = lose_a_day(office)
    put_back(office, backup)
    with pytest.raises(DatabaseBehind):
        world.custodian.run_pass()
    promised = world.custodian.outside.size
    files = signed(proposal(office), office.anna, office.piet)
    assert resume(world.custodian, files)
    world.run()

    # The recovery that was vetoed does not go on, and what was destroyed is destroyed.
    assert new_types(office, promised)[:3] == [
        "backup accepted",
        "deposit destroyed",
        "recovery expired",
    ]
    with world.database.reading() as db:
        assert db.get_one(Deposit, gone.deposit).state == "closed"
        assert db.scalars(select(Blob).where(Blob.deposit == gone.deposit)).all() == []
        assert db.scalars(select(AuthSession)).all() == db.scalars(select(MailCode)).all() == []
        steps = db.scalars(select(Totp.last_step)).all()
        assert min(steps) > world.clock.now() // 30
        assert read.inclusion(db, promised)
    assert world.custodian.outside.last_line(recovery) == "cancelled"
    assert customer.http.get("/sessions").status == 401
    with pytest.raises(AssertionError, match="This code is not right"):
        customer.sign_in()  # with a code of the step after the present one
    world.clock.move(60)
    customer.sign_in()
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["state"] == "cancelled"
    assert session.releases() == []

    # The tree is whole, lost entries count as erased, and life goes on.
    with world.database.reading() as db:
        row = db.scalars(select(LedgerEvent).where(LedgerEvent.index == promised)).one()
        assert row.body is not None and row.nonce is not None
        proof = Proof.parse(read.inclusion(db, promised))
        proof.verify(leaf_data(row.nonce, row.body), world.keys.signer.verifier)
        said = Event.parse(row.body).data
    assert said["size"] == promised
    for _ in range(3):
        world.custodian.audit()
    made, _ = world.enrol(customer, 0, 0)
    assert world.open_recovery(customer, made)
    restart(office)
    assert resume(world.custodian, files) is False  # the unit file still names them
    world.run()
    assert office.alarms == []


def test_a_recovery_of_before_the_backup_is_not_released_whatever_the_tables_say(
    office: Office,
) -> None:
    world = office.world
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0)
    recovery = world.ready_recovery(customer, made)
    backup = rows(world.database)
    world.customer()
    put_back(office, backup)
    with world.database.transaction() as db:  # hidden from those who cancel what runs
        db.get_one(Recovery, recovery).ended_at = 1
    resume(world.custodian, signed(proposal(office), office.anna, office.piet))
    world.run()
    world.clock.move(60)
    with world.database.transaction() as db:
        row = db.get_one(Recovery, recovery)
        row.ended_at, row.state = None, "ready"
    session = world.begin(customer, made, recovery)
    assert [line["reason"] for line in session.releases()] == ["opened before the backup"]


def test_an_approval_of_before_the_backup_is_not_executed_again(office: Office) -> None:
    world = office.world
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0)
    closing = office.propose("close-deposit", made.deposit)
    [first] = office.approve(closing, office.anna)
    backup = rows(world.database)
    office.approve(closing, office.piet)
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/reopen").ok()
    world.run()
    put_back(office, backup)
    resume(world.custodian, signed(proposal(office), office.anna, office.piet))
    office.approve(closing, office.piet)
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).state == "complete"
    assert office.row(first).refused == "before the backup"


def in_order(tables: Any) -> list[Any]:
    return sorted(tables["ledger_event"], key=lambda row: row["position"])


def behind(office: Office) -> None:
    backup = rows(office.world.database)
    office.world.customer()
    put_back(office, backup)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"size": 1}, "another state"),
        ({"root": bytes(32)}, "another state"),
        ({"entries": 1}, "another state"),
        ({"target": "elsewhere/ledger"}, "another state"),
        ({"expires": 1}, "expired"),
        ({"expires": 2**40}, "expired"),
    ],
)
def test_an_approval_of_another_state_accepts_no_backup(
    small_office: Office, changes: dict[str, Any], reason: str
) -> None:
    behind(small_office)
    named = proposal(small_office, **changes)
    refuses(small_office, signed(named, small_office.anna, small_office.piet), reason)


def refuses(office: Office, files: list[bytes], reason: str) -> None:
    world = office.world
    before = rows(world.database)
    kept = {path.name: path.read_bytes() for path in world.settings.outside_dir.iterdir()}
    with pytest.raises(NotResumed, match=reason):
        resume(world.custodian, files)
    assert rows(world.database) == before
    assert {p.name: p.read_bytes() for p in world.settings.outside_dir.iterdir()} == kept
    with pytest.raises(DatabaseBehind):
        world.custodian.run_pass()


def test_one_operator_alone_accepts_no_backup(small_office: Office) -> None:
    office = small_office
    behind(office)
    named = proposal(office)
    refuses(office, signed(named, office.anna), "too few")
    refuses(office, signed(named, office.anna, office.anna), "one person twice")
    forged = replace(SignedApproval.make(named, office.anna), credential="operator:piet")
    refuses(office, [*signed(named, office.anna), forged.data], "wrong signature")
    refuses(office, signed(named, office.anna, new_operator("kim")), "unknown operator")
    other = signed(proposal(office), office.piet)
    refuses(office, [*signed(named, office.anna), *other], "different contents")
    refuses(office, [b"{}", b""], "malformed")
    freeze = signed(office.propose("freeze", "0" * 32), office.anna, office.piet)
    refuses(office, freeze, "another operation")


def test_a_database_that_is_not_behind_needs_no_approval(small_office: Office) -> None:
    files = signed(proposal(small_office), small_office.anna, small_office.piet)
    with pytest.raises(NotResumed, match="not behind"):
        resume(small_office.world.custodian, files)


def test_another_history_is_not_a_backup(small_office: Office) -> None:
    office, world = small_office, small_office.world
    backup = rows(world.database)
    kept = {path.name: path.read_bytes() for path in world.settings.outside_dir.iterdir()}
    world.customer()
    newer = {path.name: path.read_bytes() for path in world.settings.outside_dir.iterdir()}
    restore(world.database, backup)
    write_files(office, kept)
    world.customer()
    write_files(office, newer)
    files = signed(proposal(office), office.anna, office.piet)
    with world.database.transaction() as db:
        db.execute(delete(CheckpointRow).where(CheckpointRow.size > 2))
    with pytest.raises(NotResumed, match="another history"):
        resume(world.custodian, files)


def write_files(office: Office, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (office.world.settings.outside_dir / name).write_bytes(content)
    restart(office)


def test_killed_at_every_step_a_backup_is_accepted_whole_or_not_at_all(office: Office) -> None:
    world = office.world
    backup, customer, gone, recovery, _ = lose_a_day(office)
    outside = {path.name: path.read_bytes() for path in world.settings.outside_dir.iterdir()}
    step, finished, accepted = 0, False, set()
    while not finished:
        restore(world.database, backup)
        write_files(office, outside)
        promised = world.custodian.outside.size
        files = signed(proposal(office), office.anna, office.piet)
        try:
            with burning(Fuse(step)):
                resume(world.custodian, files)
                world.custodian.run_pass()
            finished = True
        except Killed:
            pass
        restart(office)
        before = rows(world.database)
        try:
            world.custodian.run_pass()
        except DatabaseBehind:  # nothing at all has happened
            assert before["session"] == backup["session"]
            assert in_order(before) == in_order(backup)
            accepted.add(False)
            assert resume(world.custodian, files)
        else:
            accepted.add(True)
            assert resume(world.custodian, files) is False
        world.custodian.acts = []
        world.custodian.run_pass()
        assert new_types(office, promised)[:3] == [
            "backup accepted",
            "deposit destroyed",
            "recovery expired",
        ]
        assert world.custodian.outside.last_line(recovery) == "cancelled"
        assert world.custodian.outside.last_line(gone.deposit) == "destroyed"
        step += 1
    assert accepted == {False, True}
    assert step > 8
    assert customer.account


def test_a_backup_is_not_accepted_beside_another_custodian(
    small_office: Office, tmp_path: Any
) -> None:
    office, world = small_office, small_office.world
    behind(office)
    paths = []
    for number, data in enumerate(signed(proposal(office), office.anna, office.piet)):
        paths.append(tmp_path / f"approval{number}")
        paths[-1].write_bytes(data)
    other = Database(world.database.url)
    with Leader(other, world.settings.outside_dir) as leader:
        assert leader.try_to_lead()
        with pytest.raises(ConfigurationError, match="stop it first"):
            go_on_with_backup(world.custodian, paths)
    other.close()
    assert go_on_with_backup(world.custodian, paths)
    world.run()
