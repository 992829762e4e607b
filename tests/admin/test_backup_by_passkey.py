"""A restored backup is accepted by two owners' passkeys, whom the ledger of that day names."""

from __future__ import annotations

from typing import Any

import pytest

from escrow.admin.approvers import credential_of
from escrow.admin.operations import Proposal
from escrow.admin.signedfile import SignedApproval
from escrow.custodian.resume import NotResumed, resume
from tests.admin import test_resume as backups
from tests.admin.crew import Crew, hired
from tests.admin.office import Office
from tests.admin.test_four_eyes import appointed, approve, propose, signature_of
from tests.custodian.test_takeup import restore, rows


def file_of(crew: Crew, proposal: Proposal) -> bytes:
    signature = signature_of(crew, proposal)
    return SignedApproval(proposal, credential_of(crew.admin), signature).data


@pytest.fixture
def owners(office: Office) -> tuple[Office, Crew, Crew]:
    olga = hired(office.world)
    office.employ()
    return office, olga, appointed(office.world, "owner", "Piet", olga)


def lose_something(office: Office, backup: Any = None) -> None:
    """Take a backup, go on, and put the backup back."""
    world = office.world
    kept = backup or rows(world.database)
    world.customer()
    restore(world.database, kept)
    backups.restart(office)


def test_two_owners_accept_a_backup_with_their_passkeys(
    owners: tuple[Office, Crew, Crew],
) -> None:
    office, olga, piet = owners
    lose_something(office)
    named = backups.proposal(office)
    assert resume(office.world.custodian, [file_of(olga, named), file_of(piet, named)])
    office.world.run()


def test_one_owner_twice_or_one_who_is_no_owner_accepts_nothing(
    owners: tuple[Office, Crew, Crew],
) -> None:
    office, olga, piet = owners
    otto = appointed(office.world, "operator", "Otto", olga, piet)
    lose_something(office)
    named = backups.proposal(office)
    for files, reason in (
        ([file_of(olga, named)] * 2, "one person twice"),
        ([file_of(olga, named), file_of(otto, named)], "not for this role"),
        ([file_of(olga, named)], "too few"),
        (
            [file_of(olga, named), file_of(piet, backups.proposal(office))],
            "different contents",
        ),
    ):
        with pytest.raises(NotResumed) as refused:
            resume(office.world.custodian, files)
        assert refused.value.reason == reason


def test_an_owner_who_was_removed_after_the_backup_does_not_accept_it(
    owners: tuple[Office, Crew, Crew],
) -> None:
    office, olga, piet = owners
    world = office.world
    carla = appointed(world, "owner", "Carla", olga, piet)
    backup = rows(world.database)
    removal = propose(world, "remove-admin", carla.admin)
    approve(olga, removal)
    approve(piet, removal)
    assert world.custodian.outside.last_line(carla.admin) == "removed"
    lose_something(office, backup)
    named = backups.proposal(office)
    with pytest.raises(NotResumed) as refused:
        resume(world.custodian, [file_of(olga, named), file_of(carla, named)])
    assert refused.value.reason == "unknown operator"
