"""The custodian's process: keys from the keyring, one leader, clean end on SIGTERM."""

import signal
import threading
from collections.abc import Sequence
from pathlib import Path

from escrow import assets, log, webkeyfile
from escrow.clock import Clock, SystemClock
from escrow.config import Settings
from escrow.custodian import resume
from escrow.custodian.keystore import KeyStore
from escrow.custodian.leader import Leader
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.db import Database
from escrow.errors import ConfigurationError
from escrow.hardening import lock_memory, no_core_dumps
from escrow.i18n import N_
from escrow.mail.send import Sender
from escrow.migrations.ready import require_ready


def make(settings: Settings, clock: Clock, accepted_step: int = 0) -> Custodian:
    """Make the custodian of an installation; raises ConfigurationError."""
    store = KeyStore(settings)
    web_keys = webkeyfile.load(settings.key_dir)
    require_ready(settings.database)
    database = Database(settings.database)
    return Custodian(
        settings,
        database,
        store.load(),
        web_keys,
        clock,
        Outside(settings.outside_dir),
        Sender(settings, database, web_keys, clock),
        accepted_step=accepted_step,
        site=assets.listing_sha256(),
        store=store,
    )


def run(
    settings: Settings,
    clock: Clock | None = None,
    accepted_step: int = 0,
    approvals: Sequence[Path] = (),
) -> None:
    """Run until SIGTERM or SIGINT; raises ConfigurationError.

    `approvals`: files of signed approvals, to go on with a restored backup.
    """
    no_core_dumps()
    lock_memory()
    log.configure()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: stop.set())
    custodian = make(settings, clock or SystemClock(), accepted_step)
    try:
        if approvals:
            go_on_with_backup(custodian, approvals)
        custodian.run_forever(stop)
    finally:
        custodian.database.close()


def go_on_with_backup(custodian: Custodian, paths: Sequence[Path]) -> bool:
    """Accept a restored backup, as the files say, while nobody else leads.

    Tells whether it was accepted now; False when it was before. Raises ConfigurationError.
    """
    try:
        files = [path.read_bytes() for path in paths]
    except OSError as error:
        raise ConfigurationError(
            N_("{path} cannot be read: {why}"), path=error.filename, why=error.strerror
        ) from None
    with Leader(custodian.database, custodian.outside.directory) as leader:
        if not leader.try_to_lead():
            raise ConfigurationError(N_("Another custodian runs on these files: stop it first."))
        return resume.resume(custodian, files)
