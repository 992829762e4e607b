"""Forgetting a customer, a while after the account and all its keys have ended.

30 days after the end go addresses, authenticator, names of keys and contacts, mails and what every
entry of the ledger says; only its leaf stays in the tree, so that all other entries still prove
themselves. What belongs to a recovery, its entries and the deposit that it was of, stays for a year
after the recovery's end: whoever was robbed of a key may find out only then. After that nothing is
left.

Contacts are forgotten 30 days after the end of the key whose piece they had, also while its owner
stays: nothing is asked of them any more. What remains of such a key is the owner's own history.

Decided from sequenced entries: whoever can write the tables and calls an account closed makes
nobody forget a veto.
"""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, bindparam, delete, or_, select, update
from sqlalchemy.orm import Session

from escrow.account.models import Account, Address, AuthSession, MailCode, Totp
from escrow.admin.models import Approval
from escrow.custodian.entries import Entries, Entry, erase
from escrow.custodian.service import Custodian
from escrow.db import Base
from escrow.deposit.custodies import LABEL
from escrow.deposit.models import Blob, CustodyRow, Deposit, RecoverabilityChange
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import MailToken, Outbox
from escrow.recovery.models import (
    CallRow,
    Recovery,
    RecoveryDraft,
    RecoveryProof,
    RecoverySession,
    ReleaseRow,
)

_DAY_SECONDS = 86400
ERASED_AFTER_SECONDS = 30 * _DAY_SECONDS
RECOVERY_KEPT_SECONDS = 365 * _DAY_SECONDS
BATCH = 20
# Of one account in one transaction, so that a pass is short; the next one goes on.
ENTRIES_AT_ONCE = 200
# What tells who a contact is.
_UNNAMED = dict.fromkeys(("name", "address", "address_hash", "domain_hash", "nonce", "phrase"))
DUE = select(Account.id).where(
    Account.state == "closed", Account.closing_at <= bindparam("now") - ERASED_AFTER_SECONDS
)


def act(custodian: Custodian) -> int:
    """Erase what is due; returns for how many accounts something was done."""
    with custodian.database.reading() as db:
        found = list(db.scalars(DUE.limit(BATCH), {"now": custodian.clock.now()}))

    def do(db: Session, account: str) -> bool:
        return _go_on(custodian, db, account)

    return custodian.each("erase", found, do)


def _go_on(custodian: Custodian, db: Session, account: str) -> bool:
    row = db.get(Account, account, with_for_update=True)
    if row is None or row.state != "closed":
        return False
    now = custodian.clock.now()
    entries = Entries(db, custodian.keys).of_account(account)
    ended = _ended_at(entries)
    if ended is None:
        custodian.alarm("closed without its entries", account=account)
    if ended is None or ended > now - ERASED_AFTER_SECONDS:
        # Looked at again when it is due: a recovery may have put the end off.
        row.closing_at = ended or now
        return False
    kept = _kept(entries, now)
    going = [entry for entry in entries if entry.event.recovery not in kept]
    if going:
        _erase(custodian, db, going[:ENTRIES_AT_ONCE])
    if len(going) > ENTRIES_AT_ONCE:
        return True
    _forget(custodian, db, account, kept)
    if kept:
        # Found again when the last of them is a year old.
        row.closing_at = max(kept.values()) + RECOVERY_KEPT_SECONDS - ERASED_AFTER_SECONDS
        row.record = None
    else:
        db.delete(row)
    return True


def _ended_at(entries: Sequence[Entry]) -> int | None:
    """Return when an account ended, by what is still there to be read; None while it has not.

    Its creation is the first entry that is erased: without it, the end was found before.
    """
    kinds = {entry.event.type for entry in entries}
    if "account created" in kinds and not _was_to_end(entries):
        return None
    made = {e.event.deposit for e in entries if e.event.type == "deposit created"}
    destroyed = [e for e in entries if e.event.type == "deposit destroyed"]
    if not made <= {entry.event.deposit for entry in destroyed}:
        return None
    untils: list[int] = [
        entry.event.data["until"] for entry in entries if entry.event.type == "account closing"
    ]
    return max([0, *untils[-1:], *(entry.at for entry in destroyed)])


def _was_to_end(entries: Sequence[Entry]) -> bool:
    """Tell whether the last word on an account was that it ends: a key that is kept keeps it."""
    said = [
        entry.event.type
        for entry in entries
        if entry.event.type == "account closing"
        or (entry.event.type == "deposit reopened" and entry.author == "web")
    ]
    return said[-1:] == ["account closing"]


def _kept(entries: Sequence[Entry], now: int) -> dict[str, int]:
    """Return the recoveries that ended less than a year ago, with the time of their last entry."""
    newest = {str(e.event.recovery): e.at for e in entries if e.event.recovery is not None}
    return {one: at for one, at in newest.items() if at > now - RECOVERY_KEPT_SECONDS}


def _erase(custodian: Custodian, db: Session, entries: Sequence[Entry]) -> None:
    query = select(LedgerEvent).where(LedgerEvent.index.in_([entry.index for entry in entries]))
    for row in db.scalars(query):
        erase(custodian.keys, row)


def _forget(custodian: Custodian, db: Session, account: str, kept: dict[str, int]) -> None:
    """Delete the rows of an account, but those that kept recoveries need."""
    of_kept = set(db.scalars(select(Recovery.deposit).where(Recovery.id.in_(kept))))
    deposits = set(db.scalars(select(Deposit.id).where(Deposit.account == account)))
    recoveries = set(db.scalars(select(Recovery.id).where(Recovery.deposit.in_(deposits))))
    custodies = set(db.scalars(select(CustodyRow.id).where(CustodyRow.deposit.in_(deposits))))
    gone = deposits - of_kept
    _drop(db, Address, Address.account == account)
    _drop(db, Totp, Totp.account == account)
    _drop(db, AuthSession, AuthSession.account == account)
    _drop(db, MailCode, MailCode.subject.in_({account, *custodies}))
    _drop(db, Outbox, or_(Outbox.account == account, Outbox.custody.in_(custodies)))
    _drop(db, MailToken, or_(MailToken.account == account, MailToken.deposit.in_(deposits)))
    _drop(db, Approval, Approval.target.in_({account, *deposits, *(recoveries - set(kept))}))
    _drop(db, RecoveryDraft, RecoveryDraft.deposit.in_(deposits))
    _drop_refused(db, account, deposits, kept)
    _drop_recoveries(db, recoveries - set(kept))
    _drop(db, RecoverabilityChange, RecoverabilityChange.deposit.in_(deposits))
    _drop(db, Blob, Blob.deposit.in_(deposits))
    _unname(db, CustodyRow.deposit.in_(of_kept))
    for row in db.scalars(select(Deposit).where(Deposit.id.in_(of_kept))):
        row.label = custodian.web_keys.encrypt(LABEL, row.id, account, "")
    _drop(db, CustodyRow, CustodyRow.deposit.in_(gone))
    _drop(db, Deposit, Deposit.id.in_(gone))


def _drop_refused(db: Session, account: str, deposits: set[str], kept: dict[str, int]) -> None:
    """Delete what the sequencer did not take: it is no entry, but its contents stand in its row."""
    row = LedgerEvent
    about = or_(row.account == account, row.deposit.in_(deposits))
    of_kept = and_(row.recovery.is_not(None), row.recovery.in_(kept))
    _drop(db, row, and_(row.index.is_(None), row.refused.is_not(None), about, ~of_kept))


def forget_contact(custodian: Custodian, db: Session, row: CustodyRow) -> bool:
    """Forget who had a piece of a key that has ended; tells whether its 30 days are over."""
    entries = Entries(db, custodian.keys).of_deposit(row.deposit)
    ends = [entry.at for entry in entries if entry.event.type == "deposit destroyed"]
    if not ends:  # a row says so and no entry, or none yet: the entry asks for this anew
        return False
    if custodian.clock.now() < ends[-1] + ERASED_AFTER_SECONDS:
        row.due_at = ends[-1] + ERASED_AFTER_SECONDS
        return False
    _unname(db, CustodyRow.id == row.id)
    _drop(db, MailToken, MailToken.custody == row.id)
    _drop(db, MailCode, MailCode.subject == row.id)
    return True


def _unname(db: Session, which: ColumnElement[bool]) -> None:
    db.execute(update(CustodyRow).where(which).values(**_UNNAMED))


def _drop_recoveries(db: Session, recoveries: set[str]) -> None:
    query = select(RecoverySession.id).where(RecoverySession.recovery.in_(recoveries))
    sessions = set(db.scalars(query))
    _drop(db, CallRow, CallRow.session.in_(sessions))
    _drop(db, ReleaseRow, ReleaseRow.session.in_(sessions))
    _drop(db, RecoverySession, RecoverySession.id.in_(sessions))
    _drop(db, RecoveryProof, RecoveryProof.recovery.in_(recoveries))
    _drop(db, Recovery, Recovery.id.in_(recoveries))


def _drop(db: Session, table: type[Base], which: ColumnElement[bool]) -> None:
    db.execute(delete(table).where(which).execution_options(synchronize_session=False))
