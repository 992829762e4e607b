"""How the log is doing, by what stands in the database: no process is asked.

The custodian says `tick` when nothing else has happened for twelve hours. So a newest checkpoint
that is older than that, and a quarter of an hour for a start of the process, means that no
custodian works: `is_silent`. What waits is taken up within a second while one does.
"""

from dataclasses import dataclass

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.ledger import read
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.mail.models import Outbox

TICK_SECONDS = 12 * 3600
LATE_SECONDS = 15 * 60
MAIL_LATE_SECONDS = 3600
MOST = 1000  # counted to here, and "more" from there
SHOWN = 50


@dataclass(frozen=True)
class Health:
    """The log and the mail. Times are in Unix seconds, null where there is none.

    `waiting` entries have no place in the log yet; `mail_since` is when the oldest mail that waits
    was to go out.
    """

    newest: CheckpointRow | None
    tick_at: int | None
    waiting: int
    refused: list[LedgerEvent]
    mails: int
    mail_since: int | None
    is_silent: bool
    is_mail_late: bool


def look(db: Session, web: Web) -> Health:
    """Read it all, each through an index and no further than is shown."""
    now, newest, tick = web.clock.now(), read.newest_checkpoint(db), read.newest_of(db, "tick")
    pending = select(LedgerEvent.position).where(
        LedgerEvent.index.is_(None), LedgerEvent.refused.is_(None)
    )
    refused = select(LedgerEvent).where(LedgerEvent.refused.is_not(None))
    queued = select(Outbox.next_at).where(Outbox.state == "queued").order_by(Outbox.next_at)
    mail_since = db.scalar(queued.limit(1))
    return Health(
        newest,
        tick.at if tick is not None else None,
        _count(db, pending.order_by(LedgerEvent.position)),
        list(db.scalars(refused.order_by(LedgerEvent.position.desc()).limit(SHOWN))),
        _count(db, queued),
        mail_since,
        is_silent=newest is None or now - newest.at > TICK_SECONDS + LATE_SECONDS,
        is_mail_late=mail_since is not None and now - mail_since > MAIL_LATE_SECONDS,
    )


def _count(db: Session, query: Select[int]) -> int:
    return db.scalar(select(func.count()).select_from(query.limit(MOST).subquery())) or 0
