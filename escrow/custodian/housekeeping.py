"""Once an hour: throw away what is over."""

from typing import TYPE_CHECKING

from escrow.account.sweep import sweep
from escrow.admin.sweep import sweep as sweep_admins

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian

HOUR_SECONDS = 3600


class Housekeeping:
    """An act that remembers when it was done last; one for each custodian."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, custodian: "Custodian") -> int:
        """Sweep, if the last time is an hour ago. It never asks for another pass."""
        now = custodian.clock.now()
        if now - self._last >= HOUR_SECONDS:
            with custodian.database.transaction() as db:
                sweep(db, now)
                sweep_admins(db, now)
            self._last = now
        return 0
