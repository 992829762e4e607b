"""What admins look for, turned into what the list of keys is narrowed by.

An address or a domain is typed into a body and answered with an identifier or a keyed hash, which
says nothing to who reads a browser's history or a server's log.
"""

import re

from sqlalchemy.orm import Session

from escrow.account.models import Account
from escrow.admin import support
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.deposit.models import Deposit
from escrow.webkeys import canonical_address

_ID = re.compile(r"[0-9a-f]{32}\Z")


def find(db: Session, web: Web, actor: Actor, wanted: str) -> tuple[list[str], str | None]:
    """Return the accounts and the key of an address or identifier; nothing else is searched.

    Raises RateLimited, as support is limited.
    """
    wanted = canonical_address(wanted)
    if "@" in wanted:
        return support.find(db, web, actor, wanted), None
    if not _ID.match(wanted):
        return [], None
    account, deposit = db.get(Account, wanted), db.get(Deposit, wanted)
    return [account.id] if account is not None else [], deposit.id if deposit is not None else None


def domain(web: Web, name: str) -> str | None:
    """Return what stands for a mail domain in a filter, None for no name."""
    return web.keys.domain(name).hex() if name.strip() else None
