"""A lock that is handed on in the order of asking.

`threading.Lock` lets whoever comes by take it again before those who wait; here each is woken by
the one before, once, and nobody sleeps longer than needed.
"""

import threading
from collections import deque


class Turns:
    """One thread has the turn; the others wait in a line."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._line: deque[threading.Lock] = deque()
        self._is_taken = False

    def take(self, timeout_seconds: float) -> bool:
        """Wait for the turn; False when it did not come in time."""
        with self._mutex:
            if not self._is_taken:
                self._is_taken = True
                return True
            mine = self._stand_in_line()
        if mine.acquire(timeout=timeout_seconds):
            return True
        with self._mutex:
            if mine not in self._line:
                return True  # it came at the very last moment
            self._line.remove(mine)
            return False

    def give(self) -> None:
        """Hand the turn to who has waited longest."""
        with self._mutex:
            if self._line:
                self._line.popleft().release()
            else:
                self._is_taken = False

    def step_back(self) -> None:
        """Let all who wait now have their turn first; returns when it is ours again."""
        with self._mutex:
            if not self._line:
                return
            mine = self._stand_in_line()
            self._line.popleft().release()
        mine.acquire()

    def _stand_in_line(self) -> threading.Lock:
        mine = threading.Lock()
        mine.acquire()
        self._line.append(mine)
        return mine
