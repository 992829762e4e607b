"""The web tier as a WSGI application, for granian, gunicorn or any other server.

Settings come from the file that ESCROW_CONFIG names and from the environment; keys from
`<key_dir>/web.json`. This process never sees a key of the custodian.
"""

import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from escrow import config, headers, log, webkeyfile
from escrow.clock import Clock, SystemClock
from escrow.db import Database
from escrow.hardening import end_with_parent, no_core_dumps
from escrow.migrations.ready import require_ready

if TYPE_CHECKING:
    from flask import Flask

THREADS = 16


def application() -> "Flask":
    """Make the application (granian: `escrow.wsgi:application` as a factory)."""
    return make(SystemClock())


def make(clock: Clock) -> "Flask":
    """Make the application with a clock; raises ConfigurationError.

    It is made in a worker, which ends with the server that started it.
    """
    from escrow.app import create_app

    end_with_parent()
    no_core_dumps()
    log.configure()
    path = os.environ.get("ESCROW_CONFIG")
    settings = config.load(Path(path) if path else None)
    if not settings.log_requests:
        logging.getLogger(headers.REQUEST_LOG).setLevel(logging.WARNING)
    require_ready(settings.database)
    keys = webkeyfile.load(settings.key_dir)
    return create_app(settings, Database(settings.database, pool_size=THREADS), keys, clock)
