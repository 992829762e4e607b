"""Throwing away what is over: counts, codes, sessions, accounts that nobody confirmed, mails.

Nothing here is needed for anything any more; nothing that was confirmed or stands in the ledger is
touched. The custodian does it once an hour.
"""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.account.models import Account, Address, AuthSession, MailCode, Totp
from escrow.mail import send, tokens

KEPT_SECONDS = 86400
BATCH = 500


def sweep(db: Session, now: int) -> None:
    """Delete what ended over a day ago; at most 500 accounts that nobody confirmed."""
    limits.sweep(db, now)
    tokens.sweep(db, now)
    send.sweep(db, now)
    over = now - KEPT_SECONDS
    db.execute(delete(MailCode).where(MailCode.expires_at <= over))
    db.execute(delete(AuthSession).where(AuthSession.expires_at <= over))
    pending = (
        select(Account.id)
        .where(Account.state == "pending", Account.created_at <= over)
        .order_by(Account.created_at)
        .limit(BATCH)
    )
    accounts = list(db.scalars(pending))
    for table in (Address, Totp):
        db.execute(delete(table).where(table.account.in_(accounts)))
    db.execute(delete(Account).where(Account.id.in_(accounts), Account.state == "pending"))
