"""Whose approvals count: operators of the settings, and admins whom the ledger names.

The web tier's table of admins is not asked. A removed admin stays removed when a backup from before
is restored: the removal stands outside the database too.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from escrow.admin.approvers import Approver, KeyHolder, PasskeyHolder
from escrow.admin.passkeys import Site
from escrow.admin.roles import OWNER
from escrow.custodian.entries import Entries
from escrow.custodian.service import Custodian

ADDED, REMOVED = "admin added", "admin removed"


@dataclass(frozen=True)
class Member:
    """An approver, and since which entry of the ledger (−1: always)."""

    approver: Approver
    since: int


Crew = dict[str, Member]


def members(custodian: Custodian, db: Session) -> Crew:
    """Return everybody whose approvals count now, by credential, in the order of the credentials.

    Raises ForgedEntry.
    """
    found = [Member(KeyHolder(operator), -1) for operator in custodian.settings.operators]
    found += admins(custodian, db)
    return {m.approver.credential: m for m in sorted(found, key=_credential)}


def _credential(member: Member) -> str:
    return member.approver.credential


def admins(custodian: Custodian, db: Session) -> list[Member]:
    """Return the admins of the ledger who were not removed."""
    site = Site.of(custodian.settings)
    found: dict[str, Member] = {}
    for entry in Entries(db, custodian.keys).of_types(ADDED, REMOVED):
        said = entry.event.data
        if entry.event.type == REMOVED:
            found.pop(said["admin"], None)
            continue
        holder = PasskeyHolder(
            said["admin"],
            said["name"],
            said["role"],
            said["credential"],
            said["public_key"],
            site,
        )
        found[said["admin"]] = Member(holder, entry.index)
    outside = custodian.outside
    return [member for admin, member in found.items() if outside.last_line(admin) != "removed"]


def owners(found: Iterable[Member]) -> list[Member]:
    """Return those who decide about admins and keys."""
    return [member for member in found if member.approver.role == OWNER]
