"""What each approved operation does: state, ledger events and letters, in the caller's transaction.

Whoever calls has verified the approvals (`approvals`). Each raises Refusal or another error of the
service when the operation is not possible now, and the caller then undoes all of it.
"""

import secrets
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import addresses
from escrow.account import flow as accounts
from escrow.account.models import Account, Address
from escrow.admin.operations import Proposal
from escrow.admin.views import masked
from escrow.context import Web
from escrow.custodian import freezing
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import tell_contacts
from escrow.custodian.recipients import customer_recipients
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal
from escrow.deposit import closing, custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.append import Author, append
from escrow.mail import outbox
from escrow.recovery import machine
from escrow.webkeys import canonical_address

MAX_ADDRESSES = 16


@dataclass(frozen=True)
class Order:
    """One approved operation, with the entry of the approval that completed it."""

    custodian: Custodian
    db: Session
    proposal: Proposal
    contents: dict[str, Any]
    entry: Entry

    @property
    def reason(self) -> str:
        """Why, as both operators signed it; it stands in the ledger."""
        return str(self.contents["reason"])


@dataclass(frozen=True)
class _Desk(Web):
    """What the verbs of the domains work with, so that they speak as the custodian."""

    speaker: Author

    @property
    def author(self) -> Author:
        """The custodian: only it may say what an approval does."""
        return self.speaker


def _desk(custodian: Custodian) -> _Desk:
    return _Desk(
        custodian.settings,
        custodian.database,
        custodian.web_keys,
        custodian.clock,
        custodian.author,
    )


def freeze(order: Order) -> None:
    """Put a recovery on hold."""
    approval = order.proposal.body_sha256
    freezing.freeze(order.custodian, order.db, order.proposal.target, order.reason, approval)


def unfreeze(order: Order) -> None:
    """Start a frozen recovery again."""
    approval = order.proposal.body_sha256
    freezing.unfreeze(order.custodian, order.db, order.proposal.target, approval)


def close_deposit(order: Order) -> None:
    """Schedule a deposit's destruction in 30 days; the customer can undo it."""
    deposit = custodies.find_deposit(order.db, order.proposal.target, lock=True)
    created = [
        entry
        for entry in Entries(order.db, order.custodian.keys).of_deposit(deposit.id)
        if entry.event.type == "deposit created"
    ]
    if not created or created[0].event.account != deposit.account:
        raise Refusal("another account")
    if deposit.state == "closing":
        raise Refusal("closing")
    closing.close(order.db, _desk(order.custodian), deposit, order.reason)


def close_account(order: Order) -> None:
    """Schedule the closing of an account and its deposits in 30 days; the customer can undo it."""
    account = _account(order)
    if account.state == "closing":
        raise Refusal("closing")
    accounts.close(order.db, _desk(order.custodian), account.id, order.reason)


def _account(order: Order) -> Account:
    """Return an account that the ledger knows and that is not closed."""
    account = order.db.get(Account, order.proposal.target, with_for_update=True)
    known = Entries(order.db, order.custodian.keys)
    if account is None or not known.of_account(account.id, "account created"):
        raise Refusal("no account")
    if account.state not in accounts.LIVE_STATES:
        raise Refusal(account.state)
    return account


def move_account(order: Order) -> None:
    """Move an account to another customer record; addresses and authenticator stay as they are.

    Which record it has stands in the ledger, in its newest `account moved`; none before the first.
    """
    account = _account(order)
    moved = Entries(order.db, order.custodian.keys).of_account(account.id, "account moved")
    present = moved[-1].event.data["to"] if moved else ""
    if order.contents["from"] != present or order.contents["to"] == present:
        raise Refusal("another customer record")
    keys = order.custodian.web_keys
    account.record = keys.encrypt(accounts.RECORD, account.id, account.id, order.contents["to"])
    said = {
        "from": present,
        "to": order.contents["to"],
        "approval": order.proposal.body_sha256,
    }
    append(order.db, order.custodian.author, "account moved", said, account=account.id)
    _tell(order, account, "account_moved")


def set_address(order: Order) -> None:
    """Add a confirmed address, when the customer has lost all others.

    The old ones stay and are told of everything, now and later; the ledger lists all of them, and
    for seven days a recovery takes seven days longer.
    """
    account = _account(order)
    keys = order.custodian.web_keys
    address = canonical_address(order.contents["address"])
    lookup = keys.lookup(address)
    hashes = _told_until_now(order, account)
    if lookup in hashes:
        raise Refusal("an address already")
    if len(hashes) >= MAX_ADDRESSES:
        raise Refusal("too many addresses")
    mine = select(Deposit.id).where(Deposit.account == account.id)
    held = select(CustodyRow.id).where(
        CustodyRow.deposit.in_(mine), CustodyRow.address_hash == lookup
    )
    if order.db.scalars(held).first() is not None:
        raise Refusal("address of a contact")
    _tell(order, account, "address_set", {"address": masked(address)}, also=address)
    _confirm(order, account, address, lookup)
    account.address_changed_at = order.custodian.clock.now()
    said = {"addresses": [*hashes, lookup]}
    append(order.db, order.custodian.author, "address changed", said, account=account.id)


def _told_until_now(order: Order, account: Account) -> list[bytes]:
    said = Entries(order.db, order.custodian.keys).of_account(
        account.id, "account created", "address changed"
    )
    return list(said[-1].event.data["addresses"])


def _confirm(order: Order, account: Account, address: str, lookup: bytes) -> None:
    now = order.custodian.clock.now()
    for row in addresses.rows_of(order.db, account.id):
        if row.lookup == lookup:
            row.verified_at = now
            return
    identifier = secrets.token_hex(16)
    sealed = order.custodian.web_keys.encrypt(addresses.PLACE, identifier, account.id, address)
    order.db.add(
        Address(
            id=identifier,
            account=account.id,
            lookup=lookup,
            address=sealed,
            created_at=now,
            verified_at=now,
        )
    )


def _tell(
    order: Order,
    account: Account,
    message: str,
    contents: dict[str, str] | None = None,
    *,
    also: str = "",
) -> None:
    """Write to all addresses, those of the last seven days too, and to every contact.

    `contents` are for the customer alone.
    """
    occasion = order.entry.event.id
    since = order.entry.at - machine.CHANGED_LATELY_SECONDS
    told = customer_recipients(order.custodian, order.db, account.id, since)
    for address in [*(found.address for found in told.recipients), *([also] if also else [])]:
        lookup = order.custodian.web_keys.lookup(address)
        outbox.queue(
            order.db,
            order.custodian.web_keys,
            order.custodian.clock.now(),
            key=f"{message}/{occasion}/{lookup.hex()}",
            message=message,
            address=address,
            locale=account.locale,
            contents=contents or {},
            account=account.id,
        )
    query = select(Deposit).where(Deposit.account == account.id, Deposit.state != "closed")
    for deposit in order.db.scalars(query):
        tell_contacts(order.custodian, order.db, deposit, f"{message}_contact", entry=order.entry)
