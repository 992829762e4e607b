"""The provider's part of a drill: a fresh proof of its real piece, and a letter to the contacts.

The web tier names the drill; the custodian decides from sequenced entries: both deposits of one
account, the drill a drill, completed within a day, and the completion signed with the key that only
combining gives. Once a drill: a proof that follows the completion is not repeated.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian import deposits
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import send
from escrow.custodian.recipients import contact_recipients, manifest_of
from escrow.custodian.service import Custodian
from escrow.custodian.shares import Refusal, open_share, provider_row
from escrow.deposit.models import Deposit
from escrow.deposit.replacing import DRILL_SECONDS
from escrow.protocol import release as releases
from escrow.protocol.errors import BadSignature

BATCH = 100
DUE = select(Deposit.id).where(Deposit.drill.is_not(None))


def act(custodian: Custodian) -> int:
    """Prove the provider's piece of every deposit whose drill asks for it."""
    with custodian.database.reading() as db:
        found = list(db.scalars(DUE.limit(BATCH + len(custodian.put_off))))

    def do(db: Session, deposit: str) -> bool:
        row = db.get(Deposit, deposit, with_for_update=True)
        if row is None or row.drill is None:
            return False
        drill, row.drill = row.drill, None
        try:
            _prove(custodian, db, row, drill)
            row.drilled_at = custodian.clock.now()
        except Refusal as refusal:
            custodian.alarm("drill refused", deposit=row.id, reason=refusal.reason)
        return True

    return custodian.each("drill", found, do)


def _prove(custodian: Custodian, db: Session, row: Deposit, drill: str) -> None:
    """Attest anew and ask the contacts; raises Refusal, ForgedRow."""
    entries = Entries(db, custodian.keys).of_deposit(row.id)
    completed = _completed(custodian, db, _account(entries), drill)
    manifest = manifest_of(row, entries)
    if manifest.kind != "real":
        raise Refusal("not a real deposit")
    line = provider_row(db, row.id)
    if line.state != "held":
        raise Refusal("share destroyed")
    if not any(
        e.event.type == "custody attested"
        and e.event.custody == line.id
        and e.index > completed.index
        for e in entries
    ):
        deposits.attest(custodian, db, line, open_share(db, custodian.keys, manifest))
    _ask_contacts(custodian, db, row, entries, drill)


def _account(entries: list[Entry]) -> str | None:
    return next((e.event.account for e in entries if e.event.type == "deposit created"), None)


def _completed(custodian: Custodian, db: Session, account: str | None, drill: str) -> Entry:
    """Return the newest entry that says that a drill of this account was completed.

    The newest, because a dummy may be brought back twice: then the proofs follow twice. Raises
    Refusal.
    """
    row = db.get(Deposit, drill)
    entries = Entries(db, custodian.keys).of_deposit(drill)
    if row is None or account is None or _account(entries) != account:
        raise Refusal("another account")
    manifest = manifest_of(row, entries)
    if manifest.kind != "drill":
        raise Refusal("not a drill")
    since = custodian.clock.now() - DRILL_SECONDS
    for entry in reversed(entries):
        if entry.event.type != "recovery completed" or entry.at <= since:
            continue
        data = entry.event.data
        try:
            releases.verify_complete(
                manifest.owner_key,
                data["signature"],
                drill,
                str(entry.event.recovery),
                manifest.hash,
                data["time"],
            )
        except BadSignature:
            continue
        return entry
    raise Refusal("not completed")


def _ask_contacts(
    custodian: Custodian, db: Session, row: Deposit, entries: list[Entry], drill: str
) -> None:
    """Ask every contact who holds a piece to prove it with the piece itself."""
    held = {e.event.custody for e in entries if e.event.type == "custody held"}
    lost = {e.event.custody for e in entries if e.event.type == "custody lost"}
    for recipient in contact_recipients(custodian, db, row).recipients:
        if recipient.custody is not None and recipient.custody.id in held - lost:
            send(custodian, db, row, recipient, "drill_contact", occasion=drill)
