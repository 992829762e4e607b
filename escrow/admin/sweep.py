"""Throwing away what is over: sessions, invitations and views of admins."""

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from escrow.admin.models import Admin, AdminChallenge, AdminSession, AdminView

KEPT_SECONDS = 30 * 86400


def sweep(db: Session, now: int) -> None:
    """Delete challenges that are too old, and what is a month old: no session lasts a day."""
    db.execute(delete(AdminChallenge).where(AdminChallenge.expires_at <= now))
    db.execute(delete(AdminSession).where(AdminSession.created_at <= now - KEPT_SECONDS))
    invited = (Admin.state == "invited") & (Admin.expires_at <= now - KEPT_SECONDS)
    db.execute(delete(Admin).where(invited))
    gone = select(Admin.id).where(Admin.state == "removed")
    db.execute(delete(AdminView).where(AdminView.admin.in_(gone)))
