"""Deciding about admins, keys and the shortest wait: what approvals of owners do.

Who is an admin stands in the ledger, said by the custodian alone; the web tier's row is only what
lets a person in. The first owner needs nobody's approval: the invitation came from `escrow server
init`, and the ledger names no admin yet.
"""

from sqlalchemy import exists, select
from sqlalchemy.orm import Session

from escrow.admin import people
from escrow.admin.approvers import credential_of
from escrow.admin.models import Admin
from escrow.admin.people import person
from escrow.admin.roles import OWNER
from escrow.config import MIN_WAITING_SECONDS
from escrow.custodian.approved import Order
from escrow.custodian.crew import ADDED, REMOVED, admins, owners
from escrow.custodian.entries import Entries
from escrow.custodian.keys import MAX_KEYS
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.custodian.waits import WAIT_CHANGED
from escrow.errors import ConfigurationError
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent

LONGEST_WAIT_SECONDS = 90 * 86400
FOUNDING_DUE = (
    select(Admin.id)
    .where(
        Admin.state == "waiting",
        Admin.role == OWNER,
        ~exists().where(LedgerEvent.type == ADDED, LedgerEvent.index.is_not(None)),
    )
    .order_by(Admin.created_at, Admin.id)
    .limit(1)
)


def found(custodian: Custodian) -> int:
    """Make the first owner an admin, once; returns how many."""
    with custodian.database.reading() as db:
        waiting = list(db.scalars(FOUNDING_DUE))

    def do(db: Session, admin: str) -> bool:
        row = db.get(Admin, admin, with_for_update=True)
        known = Entries(db, custodian.keys).of_types(ADDED)
        if row is None or row.state != "waiting" or known:
            return False
        custodian.web_keys.check_row(row)
        said = {
            "admin": row.id,
            "name": people.name_of(custodian.web_keys, row),
            "role": OWNER,
            "credential": row.credential_id,
            "public_key": row.public_key,
            "approval": None,
        }
        once = custodian.once("first owner")
        # Said before, and not yet in the ledger: nobody else becomes the first meanwhile.
        if db.scalars(select(LedgerEvent.id).where(LedgerEvent.id == once)).first() is not None:
            return False
        append(db, custodian.author, ADDED, said, event_id=once)
        people.admit(db, custodian.web_keys, row, OWNER)
        return True

    return custodian.each("first owner", waiting, do)


def add_admin(order: Order) -> None:
    """Make a waiting person an admin, with exactly the passkey that was approved."""
    contents, db = order.contents, order.db
    for member in admins(order.custodian, db):
        if person(member.approver.name) == person(contents["name"]):
            raise Refusal("name taken")
    _refuse_known(order)
    row = db.get(Admin, order.proposal.target, with_for_update=True)
    if row is None or row.state != "waiting":
        raise Refusal("nobody waits")
    if (row.credential_id, row.public_key) != (contents["credential"], contents["public_key"]):
        raise Refusal("another passkey")
    said = {name: contents[name] for name in ("name", "role", "credential", "public_key")}
    said |= {"admin": row.id, "approval": order.proposal.body_sha256}
    append(db, order.custodian.author, ADDED, said)
    people.admit(db, order.custodian.web_keys, row, contents["role"], contents["name"])


def _refuse_known(order: Order) -> None:
    """Refuse a passkey or a person whom the ledger has named before, removed or not."""
    for entry in Entries(order.db, order.custodian.keys).of_types(ADDED):
        said = entry.event.data
        if (
            said["admin"] == order.proposal.target
            or said["credential"] == order.contents["credential"]
            or said["public_key"] == order.contents["public_key"]
        ):
            raise Refusal("an admin before")


def remove_admin(order: Order) -> None:
    """Let an admin be none any more: no approval counts, no session goes on."""
    custodian, db, admin = order.custodian, order.db, order.proposal.target
    present = admins(custodian, db)
    member = next((m for m in present if m.approver.credential == credential_of(admin)), None)
    if member is None:
        raise Refusal("no admin")
    if owners(present) == [member]:
        raise Refusal("last owner")
    said = {"admin": admin, "approval": order.proposal.body_sha256}
    append(db, custodian.author, REMOVED, said)
    people.remove(db, custodian.web_keys, admin, custodian.clock.now())


def rotate_key(order: Order) -> None:
    """Make a fresh key, which counts from the next pass on; the kept ones still open and verify.

    If we crash between the file and the commit, the key is announced at the next start and the
    approval counted again: one key too many harms nobody.
    """
    custodian, use = order.custodian, order.proposal.target
    keys = custodian.keys
    if len(keys.ledger if use == "ledger" else keys.sealing) >= MAX_KEYS:
        raise Refusal("too many keys")
    now = custodian.clock.now()
    fresh = keys.with_new_ledger_key(now) if use == "ledger" else keys.with_new_sealing_key(now)
    try:
        custodian.replace_keys(fresh)
    except (OSError, ConfigurationError):
        # The approval is spent, and the service goes on with the keys it has.
        custodian.alarm("a fresh key cannot be kept", use=use)
        raise Refusal("key file cannot be written") from None


def change_wait(order: Order) -> None:
    """Change the shortest wait of recoveries that are opened from now on, in seconds."""
    custodian, seconds = order.custodian, order.contents["seconds"]
    if not MIN_WAITING_SECONDS <= seconds <= LONGEST_WAIT_SECONDS:
        raise Refusal("wait out of range")
    if seconds < custodian.settings.minimum_waiting_seconds:
        raise Refusal("shorter than the settings")
    said = {"seconds": seconds, "approval": order.proposal.body_sha256}
    append(order.db, custodian.author, WAIT_CHANGED, said)
