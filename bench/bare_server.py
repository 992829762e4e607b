"""Serve the peer just as `escrow.serve.serve_web` serves the service."""

from __future__ import annotations

import os
import sys

from granian import Granian
from granian.constants import HTTPModes, Interfaces
from granian.log import LogLevels

from escrow.wsgi import THREADS

if __name__ == "__main__":
    is_embedded = os.environ["BARE_DATABASE_URL"].startswith("sqlite")
    Granian(
        "bench.bare:application",
        address="127.0.0.1",
        port=int(sys.argv[1]),
        interface=Interfaces.WSGI,
        factory=True,
        workers=1 if is_embedded else min(4, os.cpu_count() or 1),
        blocking_threads=THREADS,
        http=HTTPModes.http1,
        websockets=False,
        log_level=LogLevels.error,
    ).serve()
