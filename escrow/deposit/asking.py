"""Who undoes something: the customer by session, a contact by piece, either by a mail's link."""

from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import contact, custodies
from escrow.deposit.models import CustodyRow
from escrow.errors import NotFound
from escrow.mail import tokens
from escrow.mail.models import MailToken

Row = TypeVar("Row")


def who_undoes(
    db: Session,
    web: Web,
    token: str | None,
    named: Callable[[MailToken], bool],
    purpose: str,
    *,
    find: Callable[[], Row],
    find_own: Callable[[], Row],
) -> tuple[Row, CustodyRow | None]:
    """Return what is undone, and the contact who asks: None for the customer.

    `named` tells whether a token is of this very thing. `find` looks it up for a token or a piece,
    and whoever acts then refuses a contact of another deposit; `find_own` for a session, whose
    account it must be of. Raises Gone, NotFound, Unauthenticated.
    """
    if token is not None:
        found = tokens.peek(db, web.keys, web.clock.now(), purpose, token)
        if not named(found):
            raise NotFound
        return find(), custodies.find_custody(db, found.custody) if found.custody else None
    if contact.is_signed():
        signer = contact.signer(db, web)
        return find(), signer
    return find_own(), None
