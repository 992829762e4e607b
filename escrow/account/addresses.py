"""Addresses of an account: named, confirmed by a code, removed; who is told of a change.

A changed address is told to all addresses, to the old ones too. The ledger keeps the keyed hashes
of all confirmed ones, and the custodian sends notices to exactly those.
"""

import secrets
from collections.abc import Collection

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account.models import Account, Address
from escrow.context import Web
from escrow.errors import NotFound, WrongState
from escrow.ledger.append import append
from escrow.mail import outbox
from escrow.webkeys import WebKeys

PLACE = ("address", "address")
MAX_ADDRESSES = 8


def rows_of(db: Session, account: str) -> list[Address]:
    """Return the address rows of an account that were not removed, oldest first."""
    query = select(Address).where(Address.account == account, Address.removed_at.is_(None))
    return list(db.scalars(query.order_by(Address.created_at, Address.id)))


def confirmed(db: Session, accounts: Collection[str]) -> dict[str, list[Address]]:
    """Return the confirmed address rows of several accounts, oldest first."""
    query = select(Address).where(
        Address.account.in_(accounts),
        Address.removed_at.is_(None),
        Address.verified_at.is_not(None),
    )
    found: dict[str, list[Address]] = {}
    for row in db.scalars(query.order_by(Address.created_at, Address.id)):
        found.setdefault(row.account, []).append(row)
    return found


def lookups_of(db: Session, account: str) -> set[bytes]:
    """Return the keyed hashes of the confirmed addresses of an account."""
    query = select(Address.lookup).where(
        Address.account == account, Address.removed_at.is_(None), Address.verified_at.is_not(None)
    )
    return set(db.scalars(query))


def text_of(keys: WebKeys, row: Address) -> str:
    """Decrypt one address; raises ForgedRow."""
    return keys.decrypt(PLACE, row.id, row.account, row.address)


def find(db: Session, account: str, address_id: str) -> Address:
    """Return one address row of an account; raises NotFound."""
    row = db.get(Address, address_id, with_for_update=True)
    if row is None or row.account != account or row.removed_at is not None:
        raise NotFound
    return row


def insert(db: Session, web: Web, account: str, address: str) -> Address:
    """Insert an address that is not confirmed yet."""
    identifier = secrets.token_hex(16)
    row = Address(
        id=identifier,
        account=account,
        lookup=web.keys.lookup(address),
        address=web.keys.encrypt(PLACE, identifier, account, address),
        created_at=web.clock.now(),
        verified_at=None,
        removed_at=None,
    )
    db.add(row)
    db.flush()
    return row


def name(db: Session, web: Web, account: str, address: str) -> Address:
    """Find or insert an address; naming one twice is harmless. Raises WrongState over eight."""
    lookup = web.keys.lookup(address)
    known = rows_of(db, account)
    for row in known:
        if row.lookup == lookup:
            return row
    if len(known) >= MAX_ADDRESSES:
        raise WrongState("full", f"An account has at most {MAX_ADDRESSES} addresses.")
    return insert(db, web, account, address)


def confirm(db: Session, web: Web, account: Account, row: Address) -> None:
    """Note that an address is the customer's, say so in the ledger and tell all addresses."""
    if row.verified_at is not None:
        return
    row.verified_at = web.clock.now()
    db.flush()
    _changed(db, web, account, told=[])


def remove(db: Session, web: Web, account: Account, row: Address) -> None:
    """Remove an address; the last confirmed one stays. Raises WrongState."""
    confirmed = [other for other in rows_of(db, account.id) if other.verified_at is not None]
    if row.verified_at is not None and len(confirmed) == 1:
        raise WrongState("last_address", "This is your last address. Add another one first.")
    row.removed_at = web.clock.now()
    db.flush()
    if row.verified_at is not None:
        _changed(db, web, account, told=[row])


def _changed(db: Session, web: Web, account: Account, told: list[Address]) -> None:
    account.address_changed_at = web.clock.now()
    confirmed = [row for row in rows_of(db, account.id) if row.verified_at is not None]
    event = append(
        db,
        web.author,
        "address changed",
        {"addresses": [row.lookup for row in confirmed]},
        account=account.id,
    )
    tell(db, web, account, "address_changed", event.id, extra=told)


def tell(
    db: Session,
    web: Web,
    account: Account,
    message: str,
    occasion: str,
    *,
    contents: dict[str, str] | None = None,
    extra: list[Address] | None = None,
) -> None:
    """Mail a message to all confirmed addresses of an account, and to the `extra` rows."""
    confirmed = [row for row in rows_of(db, account.id) if row.verified_at is not None]
    for row in [*confirmed, *(extra or [])]:
        outbox.queue(
            db,
            web.keys,
            web.clock.now(),
            key=f"{message}/{occasion}/{row.id}",
            message=message,
            address=text_of(web.keys, row),
            locale=account.locale,
            contents=contents or {},
            account=account.id,
        )
