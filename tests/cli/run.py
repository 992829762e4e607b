"""Start the client as a process of its own: `python -m tests.cli.run <clock file> <arguments>`.

It is the real program with another clock. TEST_TTY names a pseudo-terminal; opened first by the
leader of a new session it becomes the controlling terminal, /dev/tty.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

if terminal := os.environ.pop("TEST_TTY", None):
    os.open(terminal, os.O_RDWR)

from escrow_cli.context import Surroundings
from escrow_cli.main import report, run
from tests.cli.clock import FileClock
from tests.support import stretching

if __name__ == "__main__":
    stretching.obey()
    sys.excepthook = report
    sys.exit(run(sys.argv[2:], Surroundings(FileClock(Path(sys.argv[1])))))
