"""Saved views: a name for a filter of the list of keys, an admin's own and nobody else's."""

import logging
import secrets
from dataclasses import dataclass
from urllib.parse import urlencode

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.admin.filters import Filter
from escrow.admin.models import AdminView
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.errors import NotFound, WrongState
from escrow.webkeys import ForgedRow

MOST = 30
_NAME = ("admin_view", "name")
_FILTER = ("admin_view", "filter")
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class View:
    """A saved view; `query` is what stands behind the “?” of the page's address."""

    id: str
    name: str
    query: str


def of_admin(db: Session, web: Web, admin: str) -> list[View]:
    """Return an admin's views, the oldest first; one that somebody else wrote is left out."""
    query = select(AdminView).where(AdminView.admin == admin)
    found = db.scalars(query.order_by(AdminView.created_at, AdminView.id).limit(MOST))
    return [view for row in found if (view := _opened(web, row)) is not None]


def _opened(web: Web, row: AdminView) -> View | None:
    try:
        web.keys.check_row(row)
        name = web.keys.decrypt(_NAME, row.id, row.admin, row.name)
        return View(row.id, name, web.keys.decrypt(_FILTER, row.id, row.admin, row.filter))
    except ForgedRow:  # it is no reason to keep an auditor from the list
        _log.warning("a view was changed from outside", extra={"view": row.id})
        return None


def save(db: Session, web: Web, actor: Actor, name: str, chosen: Filter) -> str:
    """Keep a view and return its identifier; raises WrongState over thirty."""
    count = select(func.count()).select_from(AdminView).where(AdminView.admin == actor.admin)
    if (db.scalar(count) or 0) >= MOST:
        raise WrongState("full", f"You have {MOST} views. Delete one first.")
    identifier = secrets.token_hex(16)
    written = urlencode(chosen.query())
    row = AdminView(
        id=identifier,
        admin=actor.admin,
        name=web.keys.encrypt(_NAME, identifier, actor.admin, name),
        filter=web.keys.encrypt(_FILTER, identifier, actor.admin, written),
        created_at=web.clock.now(),
    )
    rows.add(db, web.keys, row)
    return identifier


def delete(db: Session, actor: Actor, identifier: str) -> None:
    """Delete a view of one's own; raises NotFound."""
    row = db.get(AdminView, identifier)
    if row is None or row.admin != actor.admin:
        raise NotFound
    db.delete(row)
