"""Give a program a terminal of its own to ask on: `python -m tests.e2e.terminal <program> …`.

TEST_TTY names a pseudo-terminal; opened first by the leader of a new session it becomes the
controlling terminal, /dev/tty, of the program and of whatever that starts.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.open(os.environ.pop("TEST_TTY"), os.O_RDWR)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
