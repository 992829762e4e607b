"""What `escrow server doctor` looks at: each finding says what is wrong and what to do."""

import smtplib
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, make_url, select

from escrow import webkeyfile
from escrow.clock import Clock
from escrow.config import Settings
from escrow.custodian.keyring import open_keyring
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside, OutsideDamaged
from escrow.custodian.sequencer import MAX_STEP_SECONDS
from escrow.custodian.service import QUIET_SECONDS
from escrow.custodian.takeup import check
from escrow.db import Database
from escrow.errors import ConfigurationError, EscrowError
from escrow.ledger.models import LedgerEvent
from escrow.ledger.read import newest_checkpoint
from escrow.migrations.ready import require_file, require_ready

SMTP_SECONDS = 10
NEEDED_OPERATORS = 2
_ASLEEP = "Is `escrow server custodian` running? Look at its log."


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `advice` is empty when there is nothing to do.

    A warning is about what is not needed every day: the service runs as it should.
    """

    what: str
    said: str
    advice: str = ""
    is_warning: bool = False

    @property
    def is_well(self) -> bool:
        """Tell whether the service runs as it should."""
        return not self.advice or self.is_warning


def examine(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look at everything, one finding after the other; raises nothing."""
    yield _look(settings, "web keys", lambda: _web_keys(settings))
    yield _look(settings, "custodian's keys", lambda: _custodian_keys(settings))
    yield _look(settings, "database", lambda: _database(settings))
    yield _look(settings, "files outside the database", lambda: _outside(settings))
    yield _look(settings, "custodian", lambda: _custodian(settings, clock))
    yield _look(settings, "refused events", lambda: _refused(settings))
    yield _look(settings, "clock", lambda: _clock(settings, clock))
    yield _look(settings, "mail", lambda: _mail(settings))
    yield _look(settings, "operators", lambda: _operators(settings))


def _look(
    settings: Settings, what: str, at: Callable[[], tuple[str, str] | tuple[str, str, bool]]
) -> Finding:
    try:
        return Finding(what, *at())
    except ConfigurationError as error:
        return Finding(
            what, str(error), f"Is {settings.data_dir} the right folder (the setting data_dir)?"
        )
    except EscrowError as error:
        return Finding(
            what, error.detail, "Is the database running and reachable? Are tables there?"
        )
    except Exception as error:
        return Finding(what, f"cannot be looked at ({type(error).__name__})", "See the log.")


def _web_keys(settings: Settings) -> tuple[str, str]:
    webkeyfile.load(settings.key_dir)
    return "readable by us alone", ""


def _custodian_keys(settings: Settings) -> tuple[str, str]:
    keys = CustodianKeys.load(settings.key_dir, open_keyring(settings))
    digits = keys.signer.verifier.key_digits()
    return f"open with keyring “{settings.keyring}”; ledger {keys.origin}, key {digits}", ""


def _database(settings: Settings) -> tuple[str, str]:
    if settings.database.startswith("sqlite"):
        path = Path(str(make_url(settings.database).database))
        if path.exists() and path.stat().st_mode & 0o077:
            return f"{path} is open to others", f"chmod 600 {path}"
    require_ready(settings.database)
    return "reachable, tables up to date", ""


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """Open the database to look into it; never makes one."""
    require_file(settings.database)
    database = Database(settings.database)
    try:
        yield database
    finally:
        database.close()


def _outside(settings: Settings) -> tuple[str, str]:
    keys = CustodianKeys.load(settings.key_dir, open_keyring(settings))
    with _opened(settings) as database:
        outside = Outside(settings.outside_dir)
        for tries_left in (2, 1, 0):
            try:
                check(database, keys, outside)
                break
            except OutsideDamaged:  # it was signing while we looked
                if not tries_left:
                    raise
    return f"{outside.size} entries, as in the database", ""


def _custodian(settings: Settings, clock: Clock) -> tuple[str, str]:
    """Its heartbeat is the ledger: nothing waits for long, and no half day passes quietly."""
    now = clock.now()
    with _opened(settings) as database, database.reading() as db:
        newest = newest_checkpoint(db)
        size, at = (newest.size, newest.at) if newest else (0, 0)
        query = select(func.count()).where(
            LedgerEvent.index.is_(None), LedgerEvent.refused.is_(None)
        )
        waiting = int(db.execute(query).scalar_one())
    if not size:
        return "has never signed a checkpoint", _ASLEEP
    age = now - at
    if waiting and age > 60:
        return f"{waiting} events wait; the newest checkpoint is {age} seconds old", _ASLEEP
    if age > QUIET_SECONDS + 600:
        return f"the newest checkpoint is {age // 3600} hours old", _ASLEEP
    return f"{size} entries signed, the newest {max(age, 0)} seconds ago", ""


def _refused(settings: Settings) -> tuple[str, str]:
    with _opened(settings) as database, database.reading() as db:
        query = (
            select(LedgerEvent.refused, func.count())
            .where(LedgerEvent.refused.is_not(None))
            .group_by(LedgerEvent.refused)
        )
        found = [f"{count} × {reason}" for reason, count in db.execute(query)]
    if not found:
        return "none", ""
    return (
        ", ".join(sorted(found)),
        "Somebody wrote events that the web tier may not say: find out who can write the database.",
    )


def _clock(settings: Settings, clock: Clock) -> tuple[str, str]:
    at, now = Outside(settings.outside_dir).at, clock.now()
    if at and now < at - 300:
        return f"{at - now} seconds behind the ledger", "Set the clock right (NTP)."
    if at and now - at > MAX_STEP_SECONDS:
        return (
            f"{(now - at) // 3600} hours after the last entry",
            "If the clock is right: `escrow server custodian --accept-clock` with the time.",
        )
    return ("agrees with the ledger" + _synchronised()), ""


def _synchronised() -> str:
    try:
        asked = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return {"yes": ", synchronised", "no": ", not synchronised by NTP"}.get(
        asked.stdout.strip(), ""
    )


def _operators(settings: Settings) -> tuple[str, str, bool]:
    count = len(settings.operators)
    if count >= NEEDED_OPERATORS:
        return f"{count} can approve", "", False
    return (
        f"{count} can approve, and most approvals take {NEEDED_OPERATORS}",
        "Each operator makes a key (`escrow admin keygen`); put the lines into “operators”.",
        True,
    )


def _mail(settings: Settings) -> tuple[str, str]:
    if not settings.smtp_host:
        return "kept in the demo's mailbox", ""
    where = f"{settings.smtp_host}:{settings.smtp_port}"
    make = smtplib.SMTP_SSL if settings.smtp_security == "tls" else smtplib.SMTP
    try:
        with make(settings.smtp_host, settings.smtp_port, timeout=SMTP_SECONDS) as server:
            if settings.smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.smtp_user:
                server.login(settings.smtp_user, settings.smtp_password)
            server.noop()
    except smtplib.SMTPAuthenticationError:
        return f"{where} refuses our name or password", "Check smtp_user and smtp_password."
    except (OSError, smtplib.SMTPException) as error:
        return f"{where} cannot be used ({type(error).__name__})", "Check smtp_* and the firewall."
    return f"{where} answers", ""
