"""The custodian: one pass is sequence, sign, act; it never waits inside a transaction.

Passes are made by one leading process (`leader`). A pass that fails leaves nothing half done that
the next one does not complete: it begins by taking the ledger up again from the files outside the
database. While the ledger is stopped (damage, a jump of the clock) nothing is sequenced, signed or
released, and the alarm is repeated every half minute.
"""

import hmac
import logging
import threading
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from sqlalchemy.orm import Session

from escrow.clock import Clock
from escrow.config import Settings
from escrow.custodian.acts import all_acts, due
from escrow.custodian.announce import announce_keys, announce_site
from escrow.custodian.entries import Entries, LedgerDamaged, LedgerStopped
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.keystore import KeyStore
from escrow.custodian.loop import run_forever
from escrow.custodian.outside import Outside
from escrow.custodian.sequencer import Sequencer, has_pending
from escrow.custodian.signing import publish
from escrow.custodian.takeup import first_wrong, take_up
from escrow.db import Database
from escrow.errors import Unavailable
from escrow.ledger.append import Author, append
from escrow.protocol.encoding import pae
from escrow.webkeys import ForgedRow, WebKeys

QUIET_SECONDS = 12 * 3600
AUDITED_ENTRIES = 200
CLOCK_BEHIND_SECONDS = 300
RETRY_SECONDS = 60
_log = logging.getLogger(__name__)


class MailSender(Protocol):
    """Sends what is due; see `escrow.mail.send`."""

    def run_once(self) -> int:
        """Send what is due; returns how many mails were tried."""
        ...


class Custodian:
    """The provider's custodian service, as acts see it."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        keys: CustodianKeys,
        web_keys: WebKeys,
        clock: Clock,
        outside: Outside,
        sender: MailSender | None = None,
        *,
        accepted_step: int = 0,
        site: bytes | None = None,
        store: KeyStore | None = None,
    ) -> None:
        """Hold what the service works with; nothing is read or written before the first pass.

        `accepted_step`: an operator has said that the clock is right up to this time. `site`: the
        32 bytes to say of what browsers are served, None to say nothing of it. `store`: where the
        keys are kept; without one no fresh key can be made.
        """
        self.settings = settings
        self.database = database
        self.keys = keys
        self.web_keys = web_keys
        self.clock = clock
        self.outside = outside
        self.sender = sender
        self.accepted_step = accepted_step
        self.site = site
        self._store = store
        self.acts = all_acts()
        self.postponed: dict[int, int] = {}
        self.put_off: dict[tuple[str, str], int] = {}
        self._sequencer = Sequencer(keys, web_keys)
        self._is_taken_up = False
        self._audited = 0

    @property
    def author(self) -> Author:
        """The custodian as an author of ledger events."""
        return self.keys.author

    def once(self, *parts: str | bytes | int) -> str:
        """Return the identifier of an event that must not be said twice. Only we can make it."""
        message = pae("escrow/v1/event/once", *parts)
        return hmac.digest(self.keys.mac_key, message, "sha256")[:16].hex()

    def alarm(self, message: str, **where: str | int | None) -> None:
        """Tell the operators. Never a secret, an address or a name in it."""
        told = "".join(f" {name}={value}" for name, value in where.items())
        _log.critical("ALARM %s%s", message, told)

    def guarded(self, do: Callable[..., Any], *arguments: Any, name: str = "") -> int:
        """Do one thing of many: a failure is logged and does not stop the others.

        Calls `do(custodian, *arguments)`; returns what it says it did, 1 for nothing, 0 when it
        failed. A stopped ledger and a database that is away are passed on.
        """
        name = name or getattr(do, "__qualname__", "act")
        try:
            done = do(self, *arguments)
        except LedgerStopped:
            raise
        except ForgedRow as error:
            # One changed row must not keep everybody else from recovering.
            self.alarm("a record was changed from outside", act=name)
            _log.warning("forged row: %s", error.detail)
            return 0
        except Unavailable:
            raise
        except Exception:
            _log.exception("%s failed", name)
            self.alarm("an act failed", act=name)
            return 0
        return 1 if done is None else int(done)

    def each(
        self, act: str, found: Iterable[str], do: Callable[[Session, str], bool | None]
    ) -> int:
        """Do something for every identifier, each in a transaction of its own.

        One that fails is put off for a minute, so that it keeps nobody else waiting. Returns for
        how many `do` did not say False.
        """
        now = self.clock.now()
        done = 0
        for identifier in found:
            if self.put_off.get((act, identifier), 0) > now:
                continue
            outcome = self.guarded(_one, do, identifier, name=act)
            if outcome:
                self.put_off.pop((act, identifier), None)
                done += outcome - 1
            else:
                self.put_off[act, identifier] = now + RETRY_SECONDS
        return done

    def run_pass(self, *, is_acting: bool = True) -> bool:
        """Sequence, sign, act; tells whether there was anything to do.

        Raises LedgerStopped, ConfigurationError (files and database do not fit) and Unavailable.
        """
        try:
            if not self._is_taken_up:
                take_up(self.database, self.keys, self.outside)
                self._is_taken_up = True
                announce_keys(self)
                announce_site(self)
            did = self._sequence_and_sign()
            if is_acting or did:
                did = self._act() or did
        except BaseException:
            self._is_taken_up = False
            raise
        return did

    def _sequence_and_sign(self) -> bool:
        now = self.clock.now()
        with self.database.reading() as db:
            is_pending = has_pending(db)
        if not is_pending:
            if not self.outside.at or now - self.outside.at < QUIET_SECONDS:
                return False
            with self.database.transaction() as db:
                append(db, self.author, "tick")
        if now + CLOCK_BEHIND_SECONDS < self.outside.at:
            self.alarm("the clock is behind the ledger", now=now, ledger=self.outside.at)
        with self.database.transaction() as db:
            batch = self._sequencer.run(db, self.outside, now, self.accepted_step)
        # If we crash here, the entries are in the database alone: take-up publishes them.
        for identifier, reason in batch.refused:
            self.alarm("event refused", event=identifier, reason=reason)
        if batch.leaves:
            publish(self.database, self.keys, self.outside, batch)
        return True

    def _act(self) -> bool:
        done = [self.guarded(act) for act in due(self, self.acts)]
        return any(done)

    def audit(self) -> None:
        """Check the next 200 signed entries, round and round; raises LedgerDamaged.

        So a row that was deleted or changed long after it was sequenced stops the ledger too.
        """
        start = self._audited if self._audited < self.outside.size else 0
        stop = min(start + AUDITED_ENTRIES, self.outside.size)
        try:
            with self.database.reading() as db:
                wrong = first_wrong(Entries(db, self.keys), self.outside, start, stop)
            if wrong is not None:
                raise LedgerDamaged(f"Entry {wrong} is not the one that was signed.")
        except BaseException:
            self._is_taken_up = False
            raise
        self._audited = stop

    def forget(self) -> None:
        """Take keys and ledger up from the disk: another process may have led.

        Raises ConfigurationError.
        """
        if self._store is not None:
            self._use(self._store.load())
        self._is_taken_up = False

    def replace_keys(self, keys: CustodianKeys) -> None:
        """Keep fresh keys with the earlier ones; the next pass says so in the ledger.

        Raises OSError or ConfigurationError when they cannot be kept: nothing has changed then.
        """
        if self._store is None:
            raise FileNotFoundError("The custodian was started without a place for its keys.")
        self._store.save(keys)
        self._use(keys)
        self._is_taken_up = False

    def _use(self, keys: CustodianKeys) -> None:
        self.keys = keys
        self._sequencer = Sequencer(keys, self.web_keys)

    def run_forever(self, stop: threading.Event) -> None:
        """Lead when nobody else does, and make passes until `stop` is set.

        Raises ConfigurationError when files and database do not fit: an operator is needed.
        """
        run_forever(self, stop)


def _one(custodian: Custodian, do: Callable[[Session, str], bool | None], identifier: str) -> int:
    """Do it in one transaction; 1 for nothing done, 2 otherwise."""
    with custodian.database.transaction() as db:
        return 1 if do(db, identifier) is False else 2
