"""The clock is an object handed in. Nothing in the installed package can move it."""

import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time in integer Unix seconds."""

    def now(self) -> int:
        """Return the current time."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> int:
        """Return the machine's time."""
        return int(time.time())
