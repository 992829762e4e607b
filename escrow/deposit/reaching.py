"""Proof that mail reaches a contact at a new address, before the contact moves there.

A typo would lose the contact: the old address is told that it is not written to any more, and
whoever owns the new one gets the notices. So a code is mailed there first. A code that was right
stands as a row of purpose `reached` for an hour, sealed with the web tier's MAC like every code.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import codes, limits, rows
from escrow.account.models import MailCode
from escrow.context import Web
from escrow.deposit.models import CustodyRow
from escrow.errors import WrongCode, WrongState

PURPOSE = "contact"
REACHED = "reached"
REACHED_SECONDS = 3600
CODES_AN_HOUR = 10


def send_code(db: Session, web: Web, row: CustodyRow, address: str, locale: str) -> None:
    """Mail a code to where a contact wants to move; raises RateLimited."""
    limits.spend(db, web, "contact codes", row.id, CODES_AN_HOUR)
    codes.issue(db, web, PURPOSE, address, locale, subject=row.id)


def pending_code(db: Session, web: Web, row: CustodyRow, address: str) -> str | None:
    """Return the newest code that was mailed for a move to an address."""
    return codes.newest(db, PURPOSE, web.keys.lookup(address), row.id)


def confirm(db: Session, web: Web, code_id: str | None, code: str, tries_left: int) -> None:
    """Note that a code came back from the address; raises WrongCode. The try was debited before."""
    spent = codes.spend(db, web, code_id, PURPOSE, code, tries_left)
    if not rows.swap(db, web.keys, spent, purpose=REACHED):
        raise WrongCode


def check(db: Session, web: Web, row: CustodyRow, address: str) -> None:
    """Refuse an address from which no code has come back within the hour; raises WrongState."""
    query = select(MailCode).where(
        MailCode.lookup == web.keys.lookup(address),
        MailCode.purpose == REACHED,
        MailCode.subject == row.id,
        MailCode.used_at > web.clock.now() - REACHED_SECONDS,
    )
    found = db.scalars(query.limit(1)).first()
    if found is None:
        raise WrongState("unreached", "First confirm the new address with the code mailed to it.")
    web.keys.check_row(found)
