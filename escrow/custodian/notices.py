"""Notices of a recovery: written from the sequenced event, counted when mail servers took them.

An address that does not match the ledger (see `recipients`) counts as a refused notice and raises
an alarm.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian import proofs, waits
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.freezing import is_frozen
from escrow.custodian.letters import send
from escrow.custodian.recipients import contact_recipients, customer_recipients, manifest_of
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.deposit import custodies
from escrow.deposit.models import Deposit
from escrow.ledger.append import append
from escrow.mail.models import Outbox
from escrow.protocol import release as releases
from escrow.recovery import machine
from escrow.recovery.flow import swap_state
from escrow.recovery.models import Recovery
from escrow.recovery.proofs import PAST_VETO


@dataclass(frozen=True)
class Messages:
    """What customer and contacts are sent as notices."""

    customer: str
    contact: str


MESSAGES = {
    "recovery opened": Messages("recovery_opened_customer", "recovery_opened_contact"),
    "recovery unfrozen": Messages("recovery_unfrozen", "recovery_unfrozen_contact"),
}
# A dummy has no contacts; the second is for one that was given some without our clients.
DRILL = Messages("drill_opened_customer", "recovery_opened_contact")
DUE = select(Recovery.id).where(
    Recovery.state == "opened", Recovery.notices_written_at.is_not(None)
)
# A contact's veto counts once: whom it is spent for is told, and gets no button.
INFORMED = "recovery_opened_contact_informed"


@dataclass(frozen=True)
class Opening:
    """The entry that opened a recovery, and the newest that began its notices anew."""

    opened: Entry
    newest: Entry


def write(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `recovery opened` and `unfrozen`: a notice to every address, with a button to stop.

    Each of the two entries has notices of its own, and only those of the newest count.
    """
    row = db.get(Recovery, entry.event.recovery, with_for_update=True)
    deposit = db.get(Deposit, entry.event.deposit)
    opening = _opening(custodian, db, str(entry.event.recovery))
    if row is None or deposit is None or row.notices_written_at is not None:
        return
    if opening is None or opening.newest.index != entry.index:
        return
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    try:
        # What the signed description says of its kind: the column is the web tier's, and whoever
        # writes there must not make a theft look like a drill.
        manifest = manifest_of(deposit, entries)
        proofs.check_opened(db, manifest, opening.opened, entries)
    except Refusal as refusal:
        custodian.alarm("opened without its proof", recovery=row.id, reason=refusal.reason)
        return
    message = _messages(opening, is_drill=manifest.kind == "drill")
    since = entry.at - machine.CHANGED_LATELY_SECONDS
    account = opening.opened.event.data["account"]
    customer = customer_recipients(custodian, db, account, since)
    contacts = contact_recipients(custodian, db, deposit)
    occasion = entry.event.id
    for recipient in customer.recipients:
        send(custodian, db, deposit, recipient, message.customer, row, occasion=occasion)
    for recipient in contacts.recipients:
        send(custodian, db, deposit, recipient, message.contact, row, occasion=occasion)
    for hashed in [*customer.refused, *contacts.refused]:
        _note_refused(custodian, db, row, hashed, occasion)
    row.notices_written_at = custodian.clock.now()


def _messages(opening: Opening, *, is_drill: bool) -> Messages:
    found = DRILL if is_drill else MESSAGES[opening.newest.event.type]
    is_past_veto = opening.opened.event.data["proof"] in PAST_VETO
    return Messages(found.customer, INFORMED) if is_past_veto else found


def _note_refused(
    custodian: Custodian, db: Session, row: Recovery, hashed: bytes, occasion: str
) -> None:
    """Keep an address that cannot be trusted as a refused notice."""
    now = custodian.clock.now()
    identifier = custodian.once("refused", row.id, hashed, occasion)
    db.add(
        Outbox(
            id=identifier,
            key=f"refused/{identifier}/{occasion}",
            message="recovery_opened_customer",
            state="refused",
            account=row.account,
            recovery=row.id,
            is_customer=False,
            address_hash=hashed,
            created_at=now,
            next_at=now,
            settled_at=now,
            answer="unfit",
        )
    )


def count(custodian: Custodian) -> int:
    """Say `noticed` for recoveries all of whose notices are accepted or finally refused."""
    with custodian.database.reading() as db:
        waiting = db.scalars(DUE).all()

    def do(db: Session, recovery: str) -> bool:
        return _count_one(custodian, db, recovery)

    return custodian.each("count notices", waiting, do)


def _count_one(custodian: Custodian, db: Session, recovery: str) -> bool:
    row = db.get(Recovery, recovery, with_for_update=True)
    if row is None or row.state != "opened":
        return False
    opening = _opening(custodian, db, recovery)
    if opening is None:
        return False
    query = select(Outbox).where(
        Outbox.recovery == recovery, Outbox.key.endswith(f"/{opening.newest.event.id}")
    )
    mails = db.scalars(query).all()
    if any(mail.state == "queued" for mail in mails):
        return False
    if not any(mail.state == "sent" and mail.is_customer for mail in mails):
        return False
    refused = sorted({mail.address_hash for mail in mails if mail.state == "refused"})
    wait = _wait(custodian, db, opening, is_refused=bool(refused))
    if not swap_state(db, row, "noticed", wait_seconds=wait):
        return False
    append(
        db,
        custodian.author,
        "recovery noticed",
        {"wait_seconds": wait, "refused": refused[:64]},
        account=row.account,
        deposit=row.deposit,
        recovery=row.id,
    )
    return True


def _wait(custodian: Custodian, db: Session, opening: Opening, *, is_refused: bool) -> int:
    """Compute the wait from the ledger; the web tier may have said a longer one, never a shorter.

    Raises ForgedRow when the stored manifest is not the one that the ledger names.
    """
    entries = Entries(db, custodian.keys)
    opened = opening.opened
    deposit = custodies.find_deposit(db, str(opened.event.deposit))
    manifest = manifest_of(deposit, entries.of_deposit(deposit.id))
    if manifest.kind == "drill":
        return 0
    least = releases.shortest_wait(opened.event.data["proof"], manifest.waiting_seconds)
    wait: int = max(least, waits.shortest_wait(custodian, db))
    changes = entries.of_account(opened.event.data["account"], "address changed", "totp changed")
    if any(_is_late_change(change, opening.newest) for change in changes):
        wait += machine.CHANGED_LATELY_SECONDS
    wait = max(wait, opened.event.data["wait_seconds"])
    if is_refused:
        wait += min(manifest.waiting_seconds, machine.REFUSED_NOTICE_SECONDS)
    return wait


def _is_late_change(change: Entry, opened: Entry) -> bool:
    """Tell whether an address or authenticator was changed in the seven days before an opening."""
    age = opened.at - change.at
    is_first = change.event.data.get("reason") == "enrolled"
    return change.index < opened.index and age < machine.CHANGED_LATELY_SECONDS and not is_first


def _opening(custodian: Custodian, db: Session, recovery: str) -> Opening | None:
    """Return what opened a recovery, and what began its notices; None for one that is on hold."""
    entries = Entries(db, custodian.keys).of_recovery(recovery)
    begun = [entry for entry in entries if entry.event.type in MESSAGES]
    if not begun or is_frozen(entries) or begun[0].event.type != "recovery opened":
        return None
    return Opening(begun[0], begun[-1])


def start_waiting(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `recovery noticed`: the wait counts from the entry's own time."""
    row = db.get(Recovery, entry.event.recovery, with_for_update=True)
    if row is not None and row.state == "waiting":
        row.noticed_at = entry.at
        row.wait_seconds = entry.event.data["wait_seconds"]
