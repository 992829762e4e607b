"""What time alone asks for in a holder's life; `CustodyRow.due_at` says when to look.

    invited          the customer is reminded after 2, 5 and 10 days
    held             about a month before the last proof is too old, on a day within two weeks that
                     the custody's identifier chooses, the holder is asked whether the piece is
                     still there, and once more two weeks later; when the proof is too old, the
                     customer is told of a contact's silence, and what to do. So again every time
    declined, lost   30 days later the copies that were kept for the contact are deleted, if it was
                     the contact who said so: nobody else's word destroys anything
    any              30 days after the key has ended, who the contact was is forgotten

The column only says when to look: what is done is decided from sequenced entries, and a letter's
key names what it is for, so a crash or a changed column sends none twice.
"""

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from escrow.custodian import erasing
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import name_of, tell_contacts, tell_customer
from escrow.custodian.service import Custodian
from escrow.deposit.enrol import INVITATION_SECONDS
from escrow.deposit.flow import delete_blobs
from escrow.deposit.models import ASK_BEFORE_SECONDS, LEFT_SECONDS, CustodyRow, Deposit

BATCH = 50
INVITATION_REMINDERS_SECONDS = (2 * 86400, 5 * 86400, 10 * 86400)
SPREAD_SECONDS = 14 * 86400
AGAIN_SECONDS = 14 * 86400
_LATER_SECONDS = 86400
DUE = select(CustodyRow.id).where(CustodyRow.due_at <= bindparam("now")).order_by(CustodyRow.due_at)
_ENDS = ("custody held", "custody declined", "custody lost", "custody withdrawn")


def act(custodian: Custodian) -> int:
    """Do what is due for at most 50 custodies; returns for how many something was done."""
    now = custodian.clock.now()
    with custodian.database.reading() as db:
        query = DUE.limit(BATCH + len(custodian.put_off))
        found = list(db.scalars(query, {"now": now}))

    def do(db: Session, custody: str) -> bool:
        return _look(custodian, db, custody, now)

    return custodian.each("remind", found, do)


def _look(custodian: Custodian, db: Session, custody: str, now: int) -> bool:
    row = db.get(CustodyRow, custody, with_for_update=True)
    if row is None or row.due_at is None or row.due_at > now:
        return False
    deposit = db.get(Deposit, row.deposit)
    row.due_at = None
    if deposit is not None and deposit.state == "closed":
        return erasing.forget_contact(custodian, db, row)
    if deposit is None or deposit.kind == "drill" or deposit.state == "rejected":
        return False
    entries = Entries(db, custodian.keys).of_custody(custody)
    ends = [entry for entry in entries if entry.event.type in _ENDS]
    state = ends[-1].event.type if ends else "custody invited"
    if state in {"custody declined", "custody lost"}:
        return _wipe(db, row, ends[-1], now)
    if deposit.state == "closing":
        row.due_at = now + _LATER_SECONDS
        return False
    if state == "custody held":
        return _ask(custodian, db, deposit, row, entries)
    return state == "custody invited" and _remind(custodian, db, deposit, row, entries)


def _remind(
    custodian: Custodian, db: Session, deposit: Deposit, row: CustodyRow, entries: list[Entry]
) -> bool:
    """Remind the customer of an invitation that runs and that nobody has accepted."""
    now = custodian.clock.now()
    running = [e for e in entries if e.event.type in {"custody invited", "custody resumed"}]
    if not running or now >= running[-1].event.data["until"]:
        return False
    start = running[-1].event.data["until"] - INVITATION_SECONDS
    past = [days for days in INVITATION_REMINDERS_SECONDS if start + days <= now]
    coming = [days for days in INVITATION_REMINDERS_SECONDS if start + days > now]
    row.due_at = start + coming[0] if coming else None
    if not past:
        return False
    more = {"contact": name_of(custodian, db, row.id)}
    occasion = f"{row.id}/{start}/{past[-1] // 86400}"
    tell_customer(custodian, db, deposit, "invitation_reminder", more, occasion=occasion)
    return True


def _ask(
    custodian: Custodian, db: Session, deposit: Deposit, row: CustodyRow, entries: list[Entry]
) -> bool:
    """Ask for a proof before the last one is too old; tell the customer who has stayed silent."""
    proven = {"custody attested", "custody held"}
    last = max(entry.at for entry in entries if entry.event.type in proven)
    past, row.due_at = _steps(custodian, row.id, last)
    if past is None or row.role == "provider":
        return False
    at, is_over = past
    occasion = f"{row.id}/{last}/{at}"
    if row.role == "customer":
        if is_over:  # she was asked twice, and her page says it
            return False
        tell_customer(custodian, db, deposit, "kit_reminder", occasion=occasion)
    elif is_over:
        more = {"contact": name_of(custodian, db, row.id)}
        tell_customer(custodian, db, deposit, "proof_missing", more, occasion=occasion)
    else:
        tell_contacts(custodian, db, deposit, "check_reminder", only=row.id, occasion=occasion)
    return True


def _steps(custodian: Custodian, custody: str, last: int) -> tuple[tuple[int, bool] | None, int]:
    """Return the newest step that has come, as (when, proof is too old), and when the next is."""
    now, fresh = custodian.clock.now(), custodian.settings.proof_seconds
    first = last + fresh - ASK_BEFORE_SECONDS + int(custody[:8], 16) % SPREAD_SECONDS
    steps = ((first, False), (first + AGAIN_SECONDS, False), (last + fresh, True))
    rounds = range(max((now - last) // fresh - 1, 0), (now - last) // fresh + 2)
    times = [(at + number * fresh, is_over) for number in rounds for at, is_over in steps]
    past = [step for step in times if step[0] <= now]
    return max(past, default=None), min(at for at, _ in times if at > now)


def _wipe(db: Session, row: CustodyRow, end: Entry, now: int) -> bool:
    """Delete the copies kept for a contact who has left, 30 days after the entry."""
    if now < end.at + LEFT_SECONDS:
        row.due_at = end.at + LEFT_SECONDS
        return False
    if end.event.type == "custody declined" or end.event.data["by"] == row.role:
        delete_blobs(db, row.id, "wrap_share", "wrap_check", "invitation")
    return True
