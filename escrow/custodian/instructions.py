"""What to do with each key, once more, because support was asked for it on the telephone.

Of each key goes the mail that fits how it is doing. It says nothing that its customer was not told
before, and it goes to her own addresses: whoever persuades support gains nothing by it.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian.closing import letter_about, scheduled
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import name_of, reason_of, send
from escrow.custodian.recipients import customer_recipients
from escrow.custodian.service import Custodian
from escrow.deposit import custodies, recoverability
from escrow.deposit.models import Deposit
from escrow.recovery.models import Recovery

KEYS = 20
_OF_RECOVERY = {
    "opened": "recovery_opened_customer",
    "waiting": "recovery_opened_customer",
    "ready": "recovery_ready",
    "collecting": "recovery_ready",
    "frozen": "recovery_frozen",
}
# By role and state of a piece that is amiss; the first that is found is what to do first.
_OF_PIECES = {
    ("provider", "rejected"): "custody_rejected",
    ("customer", "lost"): "kit_lost",
    ("contact", "lost"): "custody_lost",
    ("contact", "declined"): "custody_declined",
    ("contact", "invited"): "invitation_reminder",
    ("contact", "held"): "proof_missing",
    ("customer", "held"): "kit_reminder",
}


def send_again(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `admin resent`: a mail for each of the customer's keys, at most 20."""
    account = str(entry.event.account)
    query = select(Deposit).where(
        Deposit.account == account, Deposit.kind == "real", Deposit.state != "closed"
    )
    newest = query.order_by(Deposit.created_at.desc(), Deposit.id).limit(KEYS)
    recipients = customer_recipients(custodian, db, account).recipients
    for deposit in db.scalars(newest):
        running = select(Recovery).where(
            Recovery.deposit == deposit.id, Recovery.ended_at.is_(None)
        )
        recovery = db.scalars(running).first()
        message, extra = _fitting(custodian, db, deposit, recovery)
        for recipient in recipients:
            occasion = entry.event.id
            send(
                custodian, db, deposit, recipient, message, recovery, occasion=occasion, extra=extra
            )


def _fitting(
    custodian: Custodian, db: Session, deposit: Deposit, recovery: Recovery | None
) -> tuple[str, dict[str, str]]:
    """Return the mail that says what to do now, and what else stands in it."""
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    if recovery is not None:
        frozen = [e for e in entries if e.event.type == "recovery frozen"]
        held = [entry for entry in frozen if entry.event.recovery == recovery.id]
        return _OF_RECOVERY[recovery.state], reason_of(held[-1]) if held else {}
    if deposit.state == "closing":
        closing = scheduled(entries)
        return letter_about(closing) if closing is not None else ("deposit_closing", {})
    if deposit.state in {"pending", "rejected"}:
        return {"pending": "deposit_pending", "rejected": "custody_rejected"}[deposit.state], {}
    return _of_pieces(custodian, db, deposit)


def _of_pieces(custodian: Custodian, db: Session, deposit: Deposit) -> tuple[str, dict[str, str]]:
    now, fresh = custodian.clock.now(), custodian.settings.proof_seconds
    pieces = custodies.custodies_of(db, deposit.id)
    state = recoverability.assess(deposit, pieces, now, fresh).state
    if state == recoverability.NOT_RECOVERABLE:
        return "no_way_back", {}
    amiss = {
        (piece.role, piece.state): piece.id
        for piece in pieces
        if (recoverability.proven_until(piece, fresh) or 0) <= now
    }
    for kind, message in _OF_PIECES.items():
        if kind in amiss:
            more = {"contact": name_of(custodian, db, amiss[kind])} if kind[0] == "contact" else {}
            return message, more
    if deposit.contacts_needed == 0:
        return "deposit_alone", {}
    return "deposit_complete" if state == recoverability.SAFE else "deposit_active", {}
