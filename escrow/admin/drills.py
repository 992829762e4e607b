"""Which keys were practised with, and which never: a way back that nobody has walked is a hope."""

from dataclasses import dataclass

from sqlalchemy import and_, select, tuple_
from sqlalchemy.orm import Session

from escrow.admin import views
from escrow.admin.custody import OF_KEY
from escrow.context import Web
from escrow.deposit.models import Deposit

PAGE = 50


@dataclass(frozen=True)
class Drilled:
    """A key and its customer, masked."""

    deposit: Deposit
    customer: list[str]


def page(
    db: Session, web: Web, after: tuple[int, str], *, is_done: bool
) -> tuple[list[Drilled], tuple[int, str] | None]:
    """Return a page of the living keys that were practised with, or never, the longest ago first.

    `after` is the date (Unix seconds, 0 for never) and number of the last one of the page before.
    """
    row = Deposit
    # One bound and not two: PostgreSQL would begin at the weaker one, with all those at 0.
    done = tuple_(row.drilled_at, row.id) > max(after, (1, ""))
    which = done if is_done else and_(row.drilled_at == 0, row.id > after[1])
    query = select(row).options(OF_KEY).where(which, row.kind == "real", row.state != "closed")
    found = list(db.scalars(query.order_by(row.drilled_at, row.id).limit(PAGE + 1)))
    owners = views.customers(db, web, (deposit.account for deposit in found[:PAGE]))
    lines = [Drilled(deposit, owners.get(deposit.account, [])) for deposit in found[:PAGE]]
    last = found[PAGE - 1] if len(found) > PAGE else None
    return lines, (last.drilled_at, last.id) if last is not None else None
