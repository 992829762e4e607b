"""The month in numbers, by mail to those whom the settings name: no customer is named in it.

Once for each month, also across restarts and two processes: that it was sent is an entry of the
ledger, which can be said once. A month that passed while nothing ran is told when it runs again.
"""

import calendar
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.admin.operations import TITLES
from escrow.custodian.entries import Entries
from escrow.deposit import recoverability
from escrow.deposit.models import CustodyRow, RecoverabilityChange
from escrow.i18n import Translator, translator
from escrow.ledger import daily
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.mail import outbox
from escrow.mail.models import Outbox
from escrow.protocol.encoding import dump_json, sha256

if TYPE_CHECKING:
    from escrow.custodian.service import Custodian

HOUR_SECONDS, DAY_SECONDS = 3600, 86400
_COUNTED = {
    "opened": "recovery opened",
    "completed": "recovery completed",
    "vetoed": "recovery vetoed",
    "expired": "recovery expired",
    "resent": "admin resent",
    "exported": "admin exported",
}
_PROOFS = ("custody attested customer", "custody attested contact")


@dataclass(frozen=True)
class Month:
    """A calendar month (UTC): its name as "2026-11", its first second and that of the next."""

    name: str
    start: int
    end: int

    @classmethod
    def before(cls, now: int) -> "Month":
        """Return the last whole month before `now`, in Unix seconds."""
        today = datetime.fromtimestamp(now, UTC)
        year, month = (today.year, today.month - 1) if today.month > 1 else (today.year - 1, 12)
        end = calendar.timegm((today.year, today.month, 1, 0, 0, 0))
        return cls(f"{year}-{month:02}", calendar.timegm((year, month, 1, 0, 0, 0)), end)


class Monthly:
    """An act that looks once an hour whether last month was told; one for each custodian."""

    def __init__(self) -> None:
        self._last = 0

    def __call__(self, custodian: "Custodian") -> int:
        """Tell last month, if that was not done; returns whether it was done now."""
        now = custodian.clock.now()
        if not custodian.settings.report_to or now - self._last < HOUR_SECONDS:
            return 0
        self._last = now
        month = Month.before(now)
        with custodian.database.transaction() as db:
            return int(_is_due(custodian, db, month) and _tell(custodian, db, month))


def _is_due(custodian: "Custodian", db: Session, month: Month) -> bool:
    """Whether the month was lived through and not told yet."""
    first = db.scalar(select(LedgerEvent.at).where(LedgerEvent.index == 0))
    said = select(LedgerEvent.id).where(LedgerEvent.id == _identifier(custodian, month))
    return first is not None and first < month.end and db.scalars(said).first() is None


def _identifier(custodian: "Custodian", month: Month) -> str:
    return custodian.once("monthly report", month.name)


def _tell(custodian: "Custodian", db: Session, month: Month) -> bool:
    contents = numbers(custodian, db, month)
    settings = custodian.settings
    for address in settings.report_to:
        outbox.queue(
            db,
            custodian.web_keys,
            custodian.clock.now(),
            key=f"monthly_report/{month.name}/{custodian.web_keys.lookup(address).hex()}",
            message="monthly_report",
            address=address,
            locale=settings.report_language,
            contents=contents,
            is_customer=False,
        )
    append(
        db,
        custodian.author,
        "admin exported",
        {
            "what": f"monthly report {month.name} by mail",
            "body_sha256": sha256(dump_json(contents)),
        },
        event_id=_identifier(custodian, month),
    )
    return True


def numbers(custodian: "Custodian", db: Session, month: Month) -> dict[str, str]:
    """Return what stands in the mail, as text in its language."""
    t = translator(custodian.settings.report_language, custodian.settings.zone)
    first, last = month.start // DAY_SECONDS, month.end // DAY_SECONDS - 1
    states = recoverability.history(db, first - 1, last)
    days = daily.history(db, [*_COUNTED.values(), *_PROOFS], first, last)
    signed = custodian.outside.checkpoint
    found = {name: t.number(sum(days[kind])) for name, kind in _COUNTED.items()}
    for state, values in states.items():
        found |= {state: t.number(values[-1]), f"{state}_before": t.number(values[0])}
    return found | {
        "month": month.name,
        "lost": t.number(_lost(db, month)),
        "proofs": t.number(sum(sum(days[kind]) for kind in _PROOFS)),
        "due_kits": t.number(_due(custodian, db, "customer")),
        "due_contacts": t.number(_due(custodian, db, "contact")),
        "decided": _decided(custodian, db, month, t),
        "refused": t.number(_refused(db, month)),
        "size": t.number(signed.size),
        "root": signed.root.hex(),
        "admin_link": f"{custodian.settings.public_url}/admin",
    }


def _lost(db: Session, month: Month) -> int:
    row = RecoverabilityChange
    query = select(func.count()).where(row.is_loss, row.at >= month.start, row.at < month.end)
    return db.scalar(query) or 0


def _due(custodian: "Custodian", db: Session, role: str) -> int:
    """Count the pieces of a party that are held and whose last proof is too old, as of now."""
    fresh_since = custodian.clock.now() - custodian.settings.proof_seconds
    at = CustodyRow.proven_at
    query = select(func.count()).where(CustodyRow.role == role, at > 0, at <= fresh_since)
    return db.scalar(query) or 0


def _decided(custodian: "Custodian", db: Session, month: Month, t: Translator) -> str:
    """Say how many decisions of admins were carried out, and of each kind how many."""
    entries = Entries(db, custodian.keys).of_types("admin executed")
    kinds = Counter(
        entry.event.data["operation"] for entry in entries if month.start <= entry.at < month.end
    )
    if not kinds:
        return t.number(0)
    titles = {kind: t.gettext(TITLES.get(kind, kind)) for kind in kinds}
    named = sorted(f"{titles[kind]}: {t.number(count)}" for kind, count in kinds.items())
    return f"{t.number(kinds.total())} ({'; '.join(named)})"


def _refused(db: Session, month: Month) -> int:
    """Count mails that no server took; they are kept for thirty days, or as long as a recovery."""
    query = select(func.count()).where(
        Outbox.state == "refused", Outbox.settled_at >= month.start, Outbox.settled_at < month.end
    )
    return db.scalar(query) or 0
