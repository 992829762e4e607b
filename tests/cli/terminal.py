"""Run a program on the pseudo-terminal that TEST_TTY names: `… terminal <program> <arguments>`."""

from __future__ import annotations

import os
import sys

if __name__ == "__main__":
    os.open(os.environ.pop("TEST_TTY"), os.O_RDWR)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606
