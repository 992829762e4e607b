"""The custodian as a process, with a movable clock: `python -m tests.e2e.custodian`."""

from __future__ import annotations

import os
from pathlib import Path

from escrow import config
from escrow.custodian import process
from escrow.hardening import end_with_parent
from tests.cli.clock import FileClock

if __name__ == "__main__":
    end_with_parent()
    process.run(config.load(None), FileClock(Path(os.environ["TEST_CLOCK"])))
