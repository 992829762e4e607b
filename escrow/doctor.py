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
from escrow.i18n import N_, SOURCE_LOCALE, Translator, translator
from escrow.ledger.models import LedgerEvent
from escrow.ledger.read import newest_checkpoint
from escrow.migrations.ready import require_file, require_ready

SMTP_SECONDS = 10
NEEDED_OPERATORS = 2
_ASLEEP = N_("Is `escrow server custodian` running? Look at its log.")


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


def examine(settings: Settings, clock: Clock, t: Translator | None = None) -> Iterator[Finding]:
    """Look at everything, one finding after the other, in English or as `t`; raises nothing."""
    t = t or translator(SOURCE_LOCALE)
    yield _look(settings, t, t.gettext("web keys"), lambda: _web_keys(settings, t))
    yield _look(settings, t, t.gettext("custodian's keys"), lambda: _custodian_keys(settings, t))
    yield _look(settings, t, t.gettext("database"), lambda: _database(settings, t))
    yield _look(settings, t, t.gettext("files outside the database"), lambda: _outside(settings, t))
    yield _look(settings, t, t.gettext("custodian"), lambda: _custodian(settings, clock, t))
    yield _look(settings, t, t.gettext("refused events"), lambda: _refused(settings, t))
    yield _look(settings, t, t.gettext("clock"), lambda: _clock(settings, clock, t))
    yield _look(settings, t, t.gettext("mail"), lambda: _mail(settings, t))
    yield _look(settings, t, t.gettext("help"), lambda: _help(settings, t))
    yield _look(settings, t, t.gettext("operators"), lambda: _operators(settings, t))


def _look(
    settings: Settings,
    t: Translator,
    what: str,
    at: Callable[[], tuple[str, str] | tuple[str, str, bool]],
) -> Finding:
    try:
        return Finding(what, *at())
    except ConfigurationError as error:
        advice = t.gettext(
            "Is {path} the right folder (the setting data_dir)?", path=settings.data_dir
        )
        return Finding(what, error.sentence(t), advice)
    except EscrowError as error:
        advice = t.gettext("Is the database running and reachable? Are tables there?")
        return Finding(what, error.detail, advice)
    except Exception as error:
        said = t.gettext("cannot be looked at ({why})", why=type(error).__name__)
        return Finding(what, said, t.gettext("See the log."))


def _web_keys(settings: Settings, t: Translator) -> tuple[str, str]:
    webkeyfile.load(settings.key_dir)
    return t.gettext("readable by us alone"), ""


def _custodian_keys(settings: Settings, t: Translator) -> tuple[str, str]:
    keys = CustodianKeys.load(settings.key_dir, open_keyring(settings))
    digits = keys.signer.verifier.key_digits()
    said = t.gettext(
        "open with keyring “{keyring}”; ledger {origin}, key {digits}",
        keyring=settings.keyring,
        origin=keys.origin,
        digits=digits,
    )
    return said, ""


def _database(settings: Settings, t: Translator) -> tuple[str, str]:
    if settings.database.startswith("sqlite"):
        path = Path(str(make_url(settings.database).database))
        if path.exists() and path.stat().st_mode & 0o077:
            return t.gettext("{path} is open to others", path=path), f"chmod 600 {path}"
    require_ready(settings.database)
    return t.gettext("reachable, tables up to date"), ""


@contextmanager
def _opened(settings: Settings) -> Iterator[Database]:
    """Open the database to look into it; never makes one."""
    require_file(settings.database)
    database = Database(settings.database)
    try:
        yield database
    finally:
        database.close()


def _outside(settings: Settings, t: Translator) -> tuple[str, str]:
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
    return t.gettext("{count} entries, as in the database", count=outside.size), ""


def _custodian(settings: Settings, clock: Clock, t: Translator) -> tuple[str, str]:
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
        return t.gettext("has never signed a checkpoint"), t.gettext(_ASLEEP)
    age = now - at
    if waiting and age > 60:
        said = t.gettext(
            "{count} events wait; the newest checkpoint is {age} seconds old",
            count=waiting,
            age=age,
        )
        return said, t.gettext(_ASLEEP)
    if age > QUIET_SECONDS + 600:
        said = t.gettext("the newest checkpoint is {hours} hours old", hours=age // 3600)
        return said, t.gettext(_ASLEEP)
    said = t.gettext(
        "{count} entries signed, the newest {age} seconds ago", count=size, age=max(age, 0)
    )
    return said, ""


def _refused(settings: Settings, t: Translator) -> tuple[str, str]:
    with _opened(settings) as database, database.reading() as db:
        query = (
            select(LedgerEvent.refused, func.count())
            .where(LedgerEvent.refused.is_not(None))
            .group_by(LedgerEvent.refused)
        )
        found = [f"{count} × {reason}" for reason, count in db.execute(query)]
    if not found:
        return t.gettext("none"), ""
    advice = t.gettext(
        "Somebody wrote events that the web tier may not say: find out who can write the database."
    )
    return ", ".join(sorted(found)), advice


def _clock(settings: Settings, clock: Clock, t: Translator) -> tuple[str, str]:
    at, now = Outside(settings.outside_dir).at, clock.now()
    if at and now < at - 300:
        said = t.gettext("{seconds} seconds behind the ledger", seconds=at - now)
        return said, t.gettext("Set the clock right (NTP).")
    if at and now - at > MAX_STEP_SECONDS:
        said = t.gettext("{hours} hours after the last entry", hours=(now - at) // 3600)
        advice = t.gettext(
            "If the clock is right: `escrow server custodian --accept-clock` with the time."
        )
        return said, advice
    return t.gettext(_synchronised()), ""


def _synchronised() -> str:
    """Say that the clock agrees with the ledger, and with others if the machine knows."""
    agrees = N_("agrees with the ledger")
    try:
        asked = subprocess.run(
            ["timedatectl", "show", "--property=NTPSynchronized", "--value"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return agrees
    known = {
        "yes": N_("agrees with the ledger, synchronised"),
        "no": N_("agrees with the ledger, not synchronised by NTP"),
    }
    return known.get(asked.stdout.strip(), agrees)


def _operators(settings: Settings, t: Translator) -> tuple[str, str, bool]:
    count = len(settings.operators)
    if count >= NEEDED_OPERATORS:
        return t.gettext("{count} can approve", count=count), "", False
    said = t.gettext(
        "{count} can approve, and most approvals take {needed}",
        count=count,
        needed=NEEDED_OPERATORS,
    )
    advice = t.gettext(
        "Each operator makes a key (`escrow admin keygen`); put the lines into “operators”."
    )
    return said, advice, True


def _help(settings: Settings, t: Translator) -> tuple[str, str, bool]:
    named = [text for text in (settings.provider_phone, settings.provider_support) if text]
    if settings.provider_phone:
        return ", ".join(named), "", False
    said = t.gettext("no telephone: mails cannot tell whom to call when something is not right")
    return said, t.gettext("Set provider_phone, and provider_support for an address."), True


def _mail(settings: Settings, t: Translator) -> tuple[str, str]:
    if not settings.smtp_host:
        return t.gettext("kept in the demo's mailbox"), ""
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
        said = t.gettext("{where} refuses our name or password", where=where)
        return said, t.gettext("Check smtp_user and smtp_password.")
    except (OSError, smtplib.SMTPException) as error:
        why = type(error).__name__
        said = t.gettext("{where} cannot be used ({why})", where=where, why=why)
        return said, t.gettext("Check smtp_* and the firewall.")
    return t.gettext("{where} answers", where=where), ""
