"""What admins look for, turned into what the list of keys is narrowed by.

An address or a domain is typed into a body and answered with an identifier or a keyed hash, which
says nothing to who reads a browser's history or a server's log.
"""

import re

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute, Session

from escrow.account.models import Account
from escrow.admin import support
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.deposit.models import Deposit
from escrow.webkeys import canonical_address

_NUMBER = re.compile(r"[0-9a-f]{8,32}\Z")


def find(db: Session, web: Web, actor: Actor, wanted: str) -> tuple[list[str], str | None]:
    """Return the accounts and the key of an address or number; nothing else is searched.

    Of a number the first eight characters are enough, as lists show them, where one alone begins
    so. Raises RateLimited, as support is limited.
    """
    wanted = canonical_address(wanted)
    if "@" in wanted:
        return support.find(db, web, actor, wanted), None
    if not _NUMBER.match(wanted):
        return [], None
    accounts, deposits = _begin(db, Account.id, wanted), _begin(db, Deposit.id, wanted)
    return accounts, deposits[0] if len(deposits) == 1 else None


def _begin(db: Session, column: InstrumentedAttribute[str], wanted: str) -> list[str]:
    """Return the numbers that begin so, two at most; the range is read from the index."""
    query = select(column).where(column >= wanted, column < f"{wanted}g")
    return list(db.scalars(query.order_by(column).limit(2)))


def domain(web: Web, name: str) -> str | None:
    """Return what stands for a mail domain in a filter, None for no name."""
    return web.keys.domain(name).hex() if name.strip() else None
