"""What follows when a contact accepts, moves, stops, or when a piece is lost or found again.

The contact is always told too: whoever holds a stolen mailbox, or a taken-over web tier, must not
make a contact stop without the contact's knowing. Who is told is decided as in `recipients`.
"""

from sqlalchemy.orm import Session

from escrow.custodian import deposits
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import tell_contacts, tell_customer
from escrow.custodian.recipients import left_by, manifest_of, newest_move
from escrow.custodian.service import Custodian
from escrow.deposit.models import LEFT_SECONDS, Deposit
from escrow.i18n import translator
from escrow.protocol.manifest import Manifest

_GONE = ("custody declined", "custody lost", "custody withdrawn")


def held(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `custody held`: count the piece, thank the contact, tell the customer."""
    deposits.count_in(custodian, db, entry)
    deposit = db.get(Deposit, entry.event.deposit)
    if deposit is None:
        return
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    manifest = manifest_of(deposit, entries)
    custody = str(entry.event.custody)
    came_back = any(
        found.event.custody == custody
        and found.event.type == "custody held"
        and found.index < entry.index
        for found in entries
    )
    if manifest.custody(custody).role == "contact":
        message = "contact_back" if came_back else "contact_thanks"
        tell_contacts(custodian, db, deposit, message, only=custody, entry=entry)
        accepted = {e.event.custody for e in entries if e.event.type == "custody held"}
        contacts = {line.custody for line in manifest.of_role("contact")}
        if came_back or len(accepted & contacts) != manifest.contacts_needed:
            message = "custody_back" if came_back else "custody_held"
            tell_customer(custodian, db, deposit, message, entry=entry)
    elif came_back and manifest.custody(custody).role == "customer":
        tell_customer(custodian, db, deposit, "kit_back", entry=entry)


def declined(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `custody declined`: the customer needs another contact."""
    deposit = db.get(Deposit, entry.event.deposit)
    if deposit is not None:
        tell_customer(custodian, db, deposit, _gone(custodian, db, deposit, entry), entry=entry)
        _tell_who_left(custodian, db, deposit, "contact_stopped", entry)


def lost(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `custody lost`: the customer is told what works meanwhile, and what to do."""
    deposit = db.get(Deposit, entry.event.deposit)
    if deposit is not None:
        tell_customer(custodian, db, deposit, _gone(custodian, db, deposit, entry), entry=entry)
        _tell_who_left(custodian, db, deposit, "contact_lost", entry)


def moved(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `custody moved`: if the holder of the piece signed it, tell both at the new address.

    (The old address was told by the web tier, before it was overwritten.)
    """
    deposit = db.get(Deposit, entry.event.deposit)
    if deposit is None:
        return
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    until_now = [found for found in entries if found.index <= entry.index]
    line = manifest_of(deposit, entries).custody(str(entry.event.custody))
    counted = newest_move(line, until_now)
    if counted is None or counted.signature != entry.event.data["signature"]:
        custodian.alarm("a move was not signed", deposit=deposit.id, custody=line.custody)
        return
    tell_contacts(custodian, db, deposit, "contact_moved", only=line.custody, entry=entry)
    tell_customer(custodian, db, deposit, "custody_moved", entry=entry)


def _tell_who_left(
    custodian: Custodian, db: Session, deposit: Deposit, message: str, entry: Entry
) -> None:
    """Write to the contact whose piece it is, with the day until which it can be undone."""
    until = entry.at + LEFT_SECONDS

    def extra(locale: str) -> dict[str, str]:
        return {"until": translator(locale, custodian.settings.zone).date(until)}

    only = entry.event.custody
    tell_contacts(custodian, db, deposit, message, only=only, entry=entry, extra=extra)


def _gone(custodian: Custodian, db: Session, deposit: Deposit, entry: Entry) -> str:
    """Choose the customer's letter by what can still bring the key back."""
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    manifest = manifest_of(deposit, entries)
    role = manifest.custody(str(entry.event.custody)).role
    if not has_way_back(manifest, entries):
        return "no_way_back"
    if role == "customer":
        return "kit_lost"
    return "custody_declined" if entry.event.type == "custody declined" else "custody_lost"


def has_way_back(manifest: Manifest, entries: list[Entry]) -> bool:
    """Tell whether our piece and the kit, or our piece and enough contacts, are there."""
    gone = left_by(entries, *_GONE)
    held_by = {entry.event.custody for entry in entries if entry.event.type == "custody held"}
    kit = {line.custody for line in manifest.of_role("customer")} - gone
    contacts = {line.custody for line in manifest.of_role("contact")} & held_by - gone
    return bool(kit) or 0 < manifest.contacts_needed <= len(contacts)
