"""Introducing what others must know: keys, and what browsers are served.

A `key changed` entry for every kept key, each naming the one before.

The first two entries of a ledger are its own first key and the provider's. A key that was added to
the key file is said at the next start; the checkpoint that has its entry is signed by both.

A `site published` entry whenever the browser's files are others than the newest one says; going
back to an earlier version is said too.
"""

from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian


def announce_keys(custodian: "Custodian") -> None:
    """Say `key changed` for every kept key that the ledger has not, oldest first."""
    keys = custodian.keys
    kept = {
        "ledger": [signer.verifier.vkey.encode() for signer in reversed(keys.ledger)],
        "provider": [key.public_key() for key in reversed(keys.sealing)],
    }
    with custodian.database.reading() as db:
        missing = [change for use in kept for change in _unsaid(custodian, db, use, kept[use])]
    for identifier, data in missing:
        with custodian.database.transaction() as db:
            append(db, custodian.author, "key changed", data, event_id=identifier)


def _unsaid(
    custodian: "Custodian", db: Session, use: str, kept: list[bytes]
) -> list[tuple[str, dict[str, Any]]]:
    unsaid = []
    for old, new in zip([None, *kept], kept, strict=False):
        identifier = custodian.once("key changed", use, new)
        if db.scalar(select(LedgerEvent.position).where(LedgerEvent.id == identifier)) is None:
            unsaid.append((identifier, {"use": use, "old": old, "new": new}))
    return unsaid


def announce_site(custodian: "Custodian") -> None:
    """Say `site published` unless the newest one says these very files."""
    if custodian.site is None:
        return
    with custodian.database.reading() as db:
        newest = Entries(db, custodian.keys).newest("site published")
        if newest is not None and newest.event.data["files_sha256"] == custodian.site:
            return
        before = newest.event.id if newest else ""
        identifier = custodian.once("site published", custodian.site, before)
        known = select(LedgerEvent.position).where(LedgerEvent.id == identifier)
        is_said = db.scalar(known) is not None
    if not is_said:
        with custodian.database.transaction() as db:
            data = {"files_sha256": custodian.site}
            append(db, custodian.author, "site published", data, event_id=identifier)
