"""Which keys lost a way back lately, the newest first: the auditor's first question."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.admin import views
from escrow.admin.custody import OF_KEY
from escrow.context import Web
from escrow.deposit.models import Deposit, RecoverabilityChange

PAGE = 50
DAY_SECONDS = 86400


@dataclass(frozen=True)
class Loss:
    """A key went from one state to a worse one; `today` is how it is doing now."""

    change: RecoverabilityChange
    customer: list[str]
    today: str | None


def page(db: Session, web: Web, days: int, before: int) -> tuple[list[Loss], int | None]:
    """Return a page of the losses of some days, and what the next is before (0: the newest)."""
    row = RecoverabilityChange
    query = select(row, Deposit).join(Deposit, Deposit.id == row.deposit).options(OF_KEY)
    query = query.where(row.is_loss, row.at >= web.clock.now() - days * DAY_SECONDS)
    if before:
        query = query.where(row.id < before)
    # One writer counts both up, so this is the order of the identifiers too, and of an index.
    found = db.execute(query.order_by(row.at.desc(), row.id.desc()).limit(PAGE + 1)).all()
    owners = views.customers(db, web, (deposit.account for _, deposit in found))
    losses = [
        Loss(change, owners.get(deposit.account, []), deposit.recoverability)
        for change, deposit in found[:PAGE]
    ]
    return losses, found[PAGE - 1][0].id if len(found) > PAGE else None
