"""Who asks about a recovery: its customer, or a contact of its deposit."""

from sqlalchemy.orm import Session

from escrow.account import auth
from escrow.account import flow as accounts
from escrow.context import Web
from escrow.deposit import asking, contact
from escrow.deposit.custodies import find_deposit
from escrow.deposit.models import CustodyRow
from escrow.errors import NotFound, Unauthenticated
from escrow.recovery import bodies, flow, proofs
from escrow.recovery.models import Recovery


def customers(db: Session, recovery: str) -> Recovery:
    """Return a recovery of who is asking; after the mail code alone, one opened without the app.

    Raises NotFound and what `require` raises.
    """
    actor = auth.require(db, level="mail")
    row = db.get(Recovery, recovery)
    if actor.account is not None:
        if row is None or row.account != actor.account:
            raise NotFound
        return row
    if row is None or row.proof not in proofs.BY_MAIL:
        raise Unauthenticated
    accounts.check_owner(db, actor.lookup, row.account)
    return row


def owner(db: Session, deposit: str) -> str:
    """Return the account of a deposit that is the asker's, by session or by mailed code."""
    actor = auth.require(db, level="mail")
    account = find_deposit(db, deposit, actor.account).account
    if actor.account is None:
        accounts.check_owner(db, actor.lookup, account)
    return account


def contacts(
    db: Session, context: Web, recovery: str, custody: str | None = None
) -> tuple[Recovery, CustodyRow]:
    """Return a recovery and the contact of its deposit who signed the request."""
    signer = contact.signer(db, context, custody)
    row = flow.find_recovery(db, recovery)
    if row.deposit != signer.deposit:
        raise NotFound
    return row, signer


def anyones(db: Session, context: Web, recovery: str) -> tuple[Recovery, CustodyRow | None]:
    """Return a recovery of who is asking, and the contact that it is: None for the customer."""
    if contact.is_signed():
        return contacts(db, context, recovery)
    return customers(db, recovery), None


def who_stops(
    db: Session, context: Web, recovery: str, token: str | None
) -> tuple[Recovery, CustodyRow | None]:
    """Return a recovery, and the contact who stops it: None for the customer."""
    row, custody = asking.who_undoes(
        db,
        context,
        token,
        lambda found: found.recovery == recovery,
        "veto",
        find=lambda: flow.find_recovery(db, recovery),
        find_own=lambda: customers(db, recovery),
    )
    if custody is not None and custody.deposit != row.deposit:
        raise NotFound
    return row, custody


def piece(given: bodies.PieceIn | None) -> proofs.Piece | None:
    """Return the proof by a piece that a body holds."""
    return None if given is None else proofs.Piece(**dict(given))
