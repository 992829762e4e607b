"""Who is told: addresses as the ledger has them, not as the database says.

An account's addresses are those whose keyed hashes stand in its newest `account created` or
`address changed`. The contacts are those of the manifest that the ledger names, but who declined
or was never given a piece; their addresses must open the commitment in it, or that of the newest
`custody moved` that counts: each must follow the one before and be signed with the piece itself
(see `escrow.protocol.move`), so the web tier's word moves nobody. What the tables say of a
custody's state counts for nothing: who can write it, or is signed in as the customer and reports
pieces as lost, would otherwise choose who is told.
"""

from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account.models import Address
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal, checked_manifest
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import Unavailable
from escrow.protocol import manifest as manifests
from escrow.protocol.manifest import Manifest
from escrow.protocol.move import Move, Moved, newest
from escrow.webkeys import ForgedRow

ADDRESS = ("address", "address")
_SAID = ("account created", "address changed")
_LEFT = ("custody declined", "custody withdrawn")


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


def customer_recipients(
    custodian: Custodian, db: Session, account: str, since: int | None = None
) -> Told:
    """Return the customer's addresses as the ledger has them; also those of `since` or later."""
    said = Entries(db, custodian.keys).of_account(account, *_SAID)
    counting = len(said) - 1
    while since is not None and counting > 0 and said[counting].at > since:
        counting -= 1
    hashes = [hashed for e in reversed(said[max(counting, 0) :]) for hashed in _addresses(e)]
    told = Told([], [])
    for hashed in dict.fromkeys(hashes):
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


def _addresses(entry: Entry) -> list[bytes]:
    found: list[bytes] = entry.event.data["addresses"]
    return found


def contact_recipients(
    custodian: Custodian,
    db: Session,
    deposit: Deposit,
    *,
    only: str | None = None,
    holders: bool = False,
) -> Told:
    """Return the contacts of a deposit whose name and address open their newest commitment.

    Those who left are not among them, unless it is the one whom `only` names; with `holders`
    neither are those who never held a piece. Raises ForgedRow when the stored manifest is not the
    one that the ledger names.
    """
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    left = left_by(entries, *_LEFT)
    had = {entry.event.custody for entry in entries if entry.event.type == "custody held"}
    rows = {row.id: row for row in custodies.custodies_of(db, deposit.id)}
    told = Told([], [])
    for line in manifest_of(deposit, entries).of_role("contact"):
        if line.custody != only and (only is not None or line.custody in left):
            continue
        if holders and line.custody not in had:
            continue
        moved = newest_move(line, entries)
        found = _checked_contact(custodian, line, moved, rows.get(line.custody))
        if found is None:
            custodian.alarm(
                "contact's address does not fit", deposit=deposit.id, custody=line.custody
            )
            commitment = moved.commitment if moved else line.contact_commitment
            told.refused.append(commitment or bytes(32))
        else:
            told.recipients.append(found)
    return told


def left_by(entries: list[Entry], *types: str) -> set[str | None]:
    """Return the custodies of which one of these was said last, and not `custody held` since."""
    left: set[str | None] = set()
    for entry in entries:
        if entry.event.type in types:
            left.add(entry.event.custody)
        elif entry.event.type == "custody held":
            left.discard(entry.event.custody)
    return left


def newest_move(line: manifests.Custody, entries: list[Entry]) -> Moved | None:
    """Return the newest move of a contact that counts, None while the manifest's address does."""
    moves = [
        Moved(custody=line.custody, **entry.event.data)
        for entry in entries
        if entry.event.type == "custody moved" and entry.event.custody == line.custody
    ]
    return newest(line.contact_commitment or b"", moves, line.release_key)


def manifest_of(deposit: Deposit, entries: list[Entry]) -> Manifest:
    """Return the manifest that the ledger names; raises ForgedRow when another is stored."""
    for entry in entries:
        if entry.event.type == "deposit created":
            try:
                return checked_manifest(deposit, entry.event.data["manifest_hash"])
            except Refusal:
                break
    raise ForgedRow


def _checked_contact(
    custodian: Custodian, line: manifests.Custody, moved: Moved | None, row: CustodyRow | None
) -> Recipient | None:
    if row is None:
        return None
    try:
        details = custodies.contact_details(custodian.web_keys, row)
        phrase = row.phrase and custodian.web_keys.decrypt(
            custodies.PHRASE, row.id, row.account, row.phrase
        )
    except (Unavailable, ValueError):
        return None
    if details is None:
        return None
    name, address, nonce = details
    if moved is not None:
        if not moved.is_of(Move(name, address, nonce, moved.previous)):
            return None
    elif manifests.contact_commitment(nonce, name, address) != line.contact_commitment:
        return None
    return Recipient(address, custodian.web_keys.lookup(address), row, name, phrase or None)
