"""What the custodian does after each signed checkpoint, in this order.

An act decides from sequenced entries and from rows, works in transactions of its own, waits for
nothing and returns how much it did; what it leaves for later is found again in the rows. It should
be done within a fifth of a second: the ledger stands still meanwhile.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian

Act = Callable[["Custodian"], int]


def all_acts() -> list[Act]:
    """Return the acts. They are imported late, because they name `Custodian`."""
    from escrow.custodian import (
        approvals,
        drilling,
        notices,
        reactions,
        reminders,
        replacing,
        timed,
    )
    from escrow.custodian.housekeeping import Housekeeping

    acts = (reactions.act, notices.count, timed.act, replacing.act, drilling.act, reminders.act)
    return [*acts, approvals.Audit(), Housekeeping()]
