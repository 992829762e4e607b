"""Who is told: addresses as the ledger has them, not as the database says.

An account's addresses are those whose keyed hashes stand in its newest `account created` or
`address changed`; a contact's must open the commitment in the manifest, or in a `custody moved`.
"""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account.models import Address
from escrow.custodian.entries import Entries
from escrow.custodian.service import Custodian
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import Unavailable
from escrow.protocol.manifest import Manifest, contact_commitment

ADDRESS = ("address", "address")
_TOLD = {"invited", "held"}


@dataclass(frozen=True)
class Recipient:
    """One address, with the custody it belongs to when it is a contact's."""

    address: str = field(repr=False)
    hash: bytes
    custody: CustodyRow | None = None
    name: str | None = None
    phrase: str | None = None


@dataclass(frozen=True)
class Told:
    """Everybody who is told: those with an address that can be trusted, and hashes of the rest."""

    recipients: list[Recipient]
    refused: list[bytes]


def customer_recipients(custodian: Custodian, db: Session, account: str) -> Told:
    """Return the customer's addresses as the ledger has them."""
    entries = Entries(db, custodian.keys).of_account(account)
    said = [e for e in entries if e.event.type in {"account created", "address changed"}]
    told = Told([], [])
    for hashed in said[-1].event.data["addresses"] if said else []:
        query = select(Address).where(Address.account == account, Address.lookup == hashed)
        address = next(
            (
                found
                for row in db.scalars(query)
                if (found := _decrypt(custodian, row)) is not None
                and custodian.web_keys.lookup(found) == hashed
            ),
            None,
        )
        if address is None:
            told.refused.append(hashed)
        else:
            told.recipients.append(Recipient(address, hashed))
    return told


def _decrypt(custodian: Custodian, row: Address) -> str | None:
    try:
        return custodian.web_keys.decrypt(ADDRESS, row.id, row.account, row.address)
    except Unavailable:
        return None


def contact_recipients(custodian: Custodian, db: Session, deposit: Deposit) -> Told:
    """Return the contacts of a deposit whose name and address open their commitment."""
    manifest = custodies.manifest_of(deposit)
    told = Told([], [])
    for row in custodies.custodies_of(db, deposit.id):
        if row.role != "contact" or row.state not in _TOLD:
            continue
        found = _checked_contact(custodian, db, manifest, row)
        if found is None:
            custodian.alarm("contact's address does not fit", deposit=deposit.id, custody=row.id)
            told.refused.append(row.contact_commitment or bytes(32))
        else:
            told.recipients.append(found)
    return told


def _checked_contact(
    custodian: Custodian, db: Session, manifest: Manifest, row: CustodyRow
) -> Recipient | None:
    try:
        details = custodies.contact_details(custodian.web_keys, row)
        phrase = row.phrase and custodian.web_keys.decrypt(
            custodies.PHRASE, row.id, row.account, row.phrase
        )
    except Unavailable:
        return None
    if details is None:
        return None
    name, address, nonce = details
    moved = [
        entry.event.data["commitment"]
        for entry in Entries(db, custodian.keys).of_deposit(manifest.deposit)
        if entry.event.type == "custody moved" and entry.event.custody == row.id
    ]
    expected = moved[-1] if moved else manifest.custody(row.id).contact_commitment
    if contact_commitment(nonce, name, address) != expected:
        return None
    return Recipient(address, custodian.web_keys.lookup(address), row, name, phrase or None)
