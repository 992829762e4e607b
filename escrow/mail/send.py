"""Sending what is in the outbox: claim, talk to the mail server, settle.

No transaction is open while SMTP is spoken. If we crash after the claim, the mail is due again when
the claim is over; if we crash after the server's answer, it is sent a second time, with the same
Message-ID. A temporary refusal is tried again, at first after a minute, later every six hours; a
final one (5xx for this recipient) or 48 hours without success settle the mail as refused.
"""

import json
import logging
from dataclasses import dataclass, field
from email.message import EmailMessage

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from escrow.clock import Clock
from escrow.config import Settings
from escrow.db import Database, wake_custodian
from escrow.i18n import supported_locale
from escrow.mail import letter, outbox
from escrow.mail.compose import Sent, compose
from escrow.mail.models import Outbox
from escrow.mail.transport import Answer, Folder, Smtp, Transport, mailbox_of
from escrow.webkeys import ForgedRow, WebKeys

BATCH = 50
CLAIM_SECONDS = 1800  # longer than a batch at the slowest server takes
GIVE_UP_SECONDS = 48 * 3600
VOID_SECONDS = 3600
KEPT_SECONDS = 30 * 86400
REPEATED = frozenset({"check_reminder"})  # come again and again: their header says where to stop
RETRY_SECONDS = (60, 120, 300, 600, 1800, 3600, 2 * 3600, 4 * 3600, 6 * 3600)
_DUE = select(Outbox).where(Outbox.state == "queued", Outbox.next_at <= bindparam("now"))
_IS_ANY_DUE = select(_DUE.exists())
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Due:
    id: str
    message: str
    created_at: int
    attempts: int
    recipient: str = field(repr=False)
    locale: str
    contents: dict[str, str] = field(repr=False)
    thread: str


class Sender:
    """Sends what is due. The custodian runs it; it needs the web tier's column key only."""

    def __init__(self, settings: Settings, database: Database, keys: WebKeys, clock: Clock) -> None:
        self.settings = settings
        self.database = database
        self.keys = keys
        self.clock = clock

    def run_once(self) -> int:
        """Try every mail that is due, at most 50; returns how many were tried."""
        claimed = self._claim()
        if not claimed:
            return 0
        transport = self._transport()
        try:
            for due in claimed:
                self._settle(due, self._try(transport, due))
        finally:
            transport.close()
        return len(claimed)

    def _transport(self) -> Transport:
        if self.settings.smtp_host:
            return Smtp(self.settings)
        return Folder(mailbox_of(self.settings))

    def _try(self, transport: Transport, due: _Due) -> Answer:
        """Write and hand over one mail; one that cannot be written keeps no other waiting."""
        try:
            mail = self._mail(due)
        except Exception:  # an address that no header can carry, for one: anybody may type it
            _log.exception("a mail cannot be written", extra={"mail": due.id})
            return Answer("refused", "unfit")
        try:
            return transport.send(mail)
        except Exception:
            _log.exception("a mail could not be handed over", extra={"mail": due.id})
            return Answer("later", "failed")

    def _mail(self, due: _Due) -> EmailMessage:
        written = letter.write(self.settings, due.message, due.locale, due.contents)
        stop_page = due.contents["stop_link"] if due.message in REPEATED else ""
        locale = supported_locale(due.locale)
        sent = Sent(due.id, due.recipient, due.created_at, locale, due.thread, stop_page)
        return compose(self.settings, written, sent)

    def _claim(self) -> list[_Due]:
        """Take what is due; nobody else takes it until the claim is over."""
        now = self.clock.now()
        with self.database.reading() as db:  # mostly there is nothing: that takes no writer's turn
            if not db.scalar(_IS_ANY_DUE, {"now": now}):
                return []
        with self.database.transaction() as db:
            query = _DUE.order_by(Outbox.next_at, Outbox.id).limit(BATCH)
            claimed = []
            for row in db.scalars(query.with_for_update(skip_locked=True), {"now": now}).all():
                row.attempts += 1
                row.next_at = now + CLAIM_SECONDS
                due = self._open(row)
                if due is not None:
                    claimed.append(due)
            return claimed

    def _open(self, row: Outbox) -> _Due | None:
        """Decrypt a row; one that was forged or moved is refused and never sent."""
        owner = outbox.owner_of(row.account, row.custody)
        try:
            recipient = self.keys.decrypt(outbox.RECIPIENT, row.id, owner, row.recipient or b"")
            if self.keys.lookup(recipient) != row.address_hash:
                raise ForgedRow
            text = self.keys.decrypt(outbox.CONTENTS, row.id, owner, row.contents or b"")
        except ForgedRow:
            _log.error("a mail in the outbox was changed from outside", extra={"mail": row.id})
            settle(row, Answer("refused", "forged"), self.clock.now())
            return None
        document = json.loads(text)
        return _Due(
            row.id,
            row.message,
            row.created_at,
            row.attempts,
            recipient,
            document["locale"],
            document["contents"],
            document["thread"],
        )

    def _settle(self, due: _Due, answer: Answer) -> None:
        now = self.clock.now()
        with self.database.transaction() as db:
            row = db.get(Outbox, due.id, with_for_update=True)
            if row is None or row.state != "queued":
                return
            if answer.outcome == "later" and now - row.created_at < GIVE_UP_SECONDS:
                row.next_at = now + RETRY_SECONDS[min(row.attempts, len(RETRY_SECONDS)) - 1]
                row.answer = answer.code
            else:
                settle(row, answer, now)
                wake_custodian(db)  # the wait of a recovery may begin with it
        _log.info(
            "mail",
            extra={
                "mail": due.id,
                "message_name": due.message,
                "outcome": answer.outcome,
                "answer": answer.code,
                "attempts": due.attempts,
            },
        )


def settle(row: Outbox, answer: Answer, now: int) -> None:
    """Note the end of a mail and delete recipient and contents."""
    row.state = "sent" if answer.outcome == "sent" else "refused"
    row.answer = answer.code
    row.settled_at = now
    row.recipient = None
    row.contents = None


def sweep(db: Session, now: int) -> None:
    """Delete mails to unknown addresses after an hour, and settled ones after 30 days.

    Those of a recovery stay: they are counted, and its history is kept.
    """
    for state, seconds in (
        ("void", VOID_SECONDS),
        ("sent", KEPT_SECONDS),
        ("refused", KEPT_SECONDS),
    ):
        db.execute(
            delete(Outbox).where(
                Outbox.state == state, Outbox.next_at <= now - seconds, Outbox.recovery.is_(None)
            )
        )
