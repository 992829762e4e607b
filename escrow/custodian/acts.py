"""What the custodian does after each signed checkpoint, in this order.

An act decides from sequenced entries and from rows, works in transactions of its own, waits for
nothing and returns how much it did; what it leaves for later is found again in the rows. It should
be done within a fifth of a second: the ledger stands still meanwhile.

What most acts look for is a statement of their own (`DUE`). A pass asks all of these in one, and
calls those acts alone that would find something: mostly none.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Select, select

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian

Act = Callable[["Custodian"], int]


def all_acts() -> list[Act]:
    """Return the acts. They are imported late, because they name `Custodian`."""
    from escrow.custodian import (
        aging,
        approvals,
        closing,
        drilling,
        erasing,
        governing,
        notices,
        reactions,
        reminders,
        replacing,
        timed,
    )
    from escrow.custodian.housekeeping import Housekeeping
    from escrow.custodian.monthly import Monthly

    acts = (reactions.act, notices.count, timed.make_ready, timed.expire, timed.drop_drafts)
    more = (timed.wipe_sessions, timed.pause, closing.destroy, timed.close_accounts, timed.verify)
    last = (erasing.act, replacing.act, drilling.act, reminders.act, aging.act)
    return [*acts, *more, *last, governing.found, approvals.Audit(), Monthly(), Housekeeping()]


@cache
def _looked_for() -> dict[Act, Select[Any]]:
    """Return what acts look for; one that is not here is called in every pass."""
    from escrow.custodian import (
        aging,
        closing,
        drilling,
        erasing,
        governing,
        notices,
        reactions,
        reminders,
        replacing,
        timed,
    )
    from escrow.recovery import drafts

    return {
        reactions.act: reactions.DUE,
        notices.count: notices.DUE,
        timed.make_ready: timed.READY_DUE,
        timed.expire: timed.EXPIRED_DUE,
        timed.drop_drafts: drafts.EXPIRED,
        timed.wipe_sessions: timed.SEALED_DUE,
        timed.pause: timed.PAUSED_DUE,
        closing.destroy: closing.DUE,
        timed.close_accounts: timed.CLOSED_DUE,
        erasing.act: erasing.DUE,
        timed.verify: timed.VERIFIED_DUE,
        replacing.act: replacing.DUE,
        drilling.act: drilling.DUE,
        reminders.act: reminders.DUE,
        aging.act: aging.DUE,
        governing.found: governing.FOUNDING_DUE,
    }


@cache
def _asking(acts: tuple[Act, ...]) -> Select[*tuple[Any, ...]]:
    return select(*(_looked_for()[act].exists() for act in acts))


def due(custodian: "Custodian", acts: Sequence[Act]) -> list[Act]:
    """Return those of the acts that would find something now, in their order."""
    asked = tuple(act for act in acts if act in _looked_for())
    if not asked:
        return list(acts)
    with custodian.database.reading() as db:
        found = db.execute(_asking(asked), {"now": custodian.clock.now()}).one()
    idle = {act for act, is_due in zip(asked, found, strict=True) if not is_due}
    return [act for act in acts if act not in idle]
