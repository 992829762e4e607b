"""Replacement: the old deposit closes once a new one stands in its place, and never before.

Everything is decided from sequenced entries and signed manifests. A new deposit counts when its
manifest says `replaces`, both were created by one account, and both are real. It stands in the old
one's place while it is whole: the ledger said `complete`, customer, provider and enough contacts
hold their piece, it is not closing, and its provider's piece opens here and now. Then the old one
closes: at once with the old owner key's signature over the new manifest's hash, otherwise in 30
days. When the new one stops being whole before that, the old one is kept.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian.closing import (
    destroy_one,
    has_open_recovery,
    keep,
    scheduled,
    successor,
)
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.recipients import manifest_of
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal, open_share
from escrow.deposit import custodies
from escrow.deposit.closing import CLOSING_SECONDS, replaced_by, replaced_reason, schedule
from escrow.deposit.models import Deposit
from escrow.ledger.append import append
from escrow.protocol import release as releases
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import BadSignature
from escrow.protocol.manifest import Manifest
from escrow.webkeys import ForgedRow

BATCH = 100
WEAKENS = frozenset(
    {
        "deposit closing",
        "deposit destroyed",
        "custody rejected",
        "custody declined",
        "custody lost",
        "custody withdrawn",
    }
)
DUE = select(Deposit.id).where(Deposit.replaced_signature.is_not(None))
_CUSTODY_STATES = {f"custody {s}" for s in ("held", "rejected", "declined", "lost", "withdrawn")}


class _Known:
    """A deposit by what the ledger says of it. Raises ForgedRow when another manifest is stored."""

    def __init__(self, custodian: Custodian, db: Session, row: Deposit) -> None:
        self.row = row
        self.entries = Entries(db, custodian.keys).of_deposit(row.id)
        self.manifest: Manifest = manifest_of(row, self.entries)

    @property
    def account(self) -> str | None:
        """The account that created it; None where the row says another."""
        created = next(e for e in self.entries if e.event.type == "deposit created")
        return created.event.account if created.event.account == self.row.account else None


def take_over(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `deposit complete`: close what the deposit replaces."""
    row = db.get(Deposit, entry.event.deposit, with_for_update=True)
    if row is not None:
        replace(custodian, db, row)


def act(custodian: Custodian) -> int:
    """Take up owners' signatures: those that came later, or had to wait for a recovery's end."""
    with custodian.database.reading() as db:
        found = list(db.scalars(DUE.limit(BATCH + len(custodian.put_off))))

    def do(db: Session, deposit: str) -> bool:
        row = db.get(Deposit, deposit, with_for_update=True)
        return row is not None and replace(custodian, db, row)

    return custodian.each("replace", found, do)


def replace(custodian: Custodian, db: Session, row: Deposit) -> bool:
    """Close the deposit that a whole one replaces; tells whether anything was done."""
    new = _Known(custodian, db, row)
    if new.manifest.replaces is None:
        return _forget_signature(row)
    found = db.get(Deposit, new.manifest.replaces, with_for_update=True)
    if found is None or found.state == "closed":
        return _forget_signature(row)
    old = _Known(custodian, db, found)
    if not _counts(new, old):
        custodian.alarm("replacement does not count", deposit=row.id)
        return _forget_signature(row)
    if not _is_whole(custodian, db, new):
        return False
    if _is_signed(custodian, new, old):
        if has_open_recovery(db, found.id, old.entries):
            return False
        reason = replaced_reason(row.id)
        destroy_one(custodian, db, found, reason, "deposit_replaced")
        return _forget_signature(row)
    if found.state != "closing" and not _was_undone(old, row.id):
        _schedule(custodian, db, found, row.id)
        return True
    return False


def _forget_signature(row: Deposit) -> bool:
    had = row.replaced_signature is not None
    row.replaced_signature = None
    return had


def _counts(new: _Known, old: _Known) -> bool:
    """Both of one account by the ledger, both real: a drill stands in nobody's place."""
    same = new.account is not None and new.account == old.account
    return same and (new.manifest.kind, old.manifest.kind) == ("real", "real")


def _is_signed(custodian: Custodian, new: _Known, old: _Known) -> bool:
    """Check the old owner key's signature anew; one that does not hold is thrown away."""
    signature = new.row.replaced_signature
    if signature is None:
        return False
    owner_key = old.manifest.owner_key
    try:
        releases.verify_replaced(owner_key, signature, old.row.id, new.manifest.hash)
    except BadSignature:
        custodian.alarm("replacement not signed by the owner", deposit=new.row.id)
        new.row.replaced_signature = None
        return False
    return True


def _was_undone(old: _Known, by: str) -> bool:
    """Tell whether this very replacement has closed the old one before, and somebody undid it."""
    reasons = [e.event.data["reason"] for e in old.entries if e.event.type == "deposit closing"]
    return by in {replaced_by(reason) for reason in reasons}


def _schedule(custodian: Custodian, db: Session, old: Deposit, by: str) -> None:
    schedule(old, custodian.clock.now() + CLOSING_SECONDS)
    append(
        db,
        custodian.author,
        "deposit closing",
        {"until": old.closing_at, "reason": replaced_reason(by)},
        account=old.account,
        deposit=old.id,
    )


def _is_whole(custodian: Custodian, db: Session, new: _Known) -> bool:
    """Tell whether a deposit can be brought back by every way it promises, now."""
    said = {e.event.type for e in new.entries}
    if "deposit complete" not in said or "deposit destroyed" in said:
        return False
    if new.row.state != "complete" or scheduled(new.entries) is not None:
        return False
    states = {e.event.custody: e.event.type for e in new.entries if e.event.type in _CUSTODY_STATES}
    held = {custody for custody, state in states.items() if state == "custody held"}
    for role, needed in (
        ("customer", 1),
        ("provider", 1),
        ("contact", new.manifest.contacts_needed),
    ):
        if len({line.custody for line in new.manifest.of_role(role)} & held) < needed:
            return False
    return _opens(custodian, db, new)


def _opens(custodian: Custodian, db: Session, new: _Known) -> bool:
    envelope = custodies.blob_of(db, new.row.id, "envelope")
    if envelope is None or sha256(envelope.data) != new.manifest.envelope_sha256:
        return False
    try:
        open_share(db, custodian.keys, new.manifest)
    except Refusal:
        return False
    return True


def is_covered(custodian: Custodian, db: Session, old: str) -> bool:
    """Tell whether a whole deposit stands in an old one's place, directly or down the chain.

    A replacement that is itself replaced passes the question on.
    """
    waiting, seen = [old], {old}
    while waiting:
        row = db.get(Deposit, waiting.pop())
        if row is None:
            continue
        known = _Known(custodian, db, row)
        for found in db.scalars(select(Deposit).where(Deposit.replaces == row.id)):
            try:
                new = _Known(custodian, db, found)
            except ForgedRow:
                continue
            if found.id in seen or new.manifest.replaces != row.id or not _counts(new, known):
                continue
            if _is_whole(custodian, db, new):
                return True
            if _is_replaced(new.entries):
                seen.add(found.id)
                waiting.append(found.id)
    return False


def _is_replaced(entries: list[Entry]) -> bool:
    """Tell whether a deposit is closing, or was destroyed, because another took its place."""
    said = {"deposit closing", "deposit reopened", "deposit destroyed"}
    ends = [entry for entry in entries if entry.event.type in said]
    if ends and ends[-1].event.type == "deposit destroyed" and successor(ends[-1]) is None:
        ends.pop()  # as scheduled: the closing before it says why
    newest = ends[-1] if ends else None
    if newest is None or newest.event.type == "deposit reopened":
        return False
    return successor(newest) is not None


def keep_old(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to what makes a deposit worth less: keep what is closing because of it.

    Up the chain: what a destroyed replacement had replaced may still be closing.
    """
    row = db.get(Deposit, entry.event.deposit)
    while row is not None and row.replaces is not None:
        row = db.get(Deposit, row.replaces, with_for_update=True)
        if row is None or row.state == "closing":
            break
        if row.state != "closed":
            return
    if row is None or row.id == entry.event.deposit or row.state != "closing":
        return
    closing = scheduled(Entries(db, custodian.keys).of_deposit(row.id))
    if closing is None or successor(closing) is None or is_covered(custodian, db, row.id):
        return
    keep(custodian, db, row)
