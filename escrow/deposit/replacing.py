"""What the web tier takes in for a replacement and for a drill; the custodian decides on both."""

from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.context import Web
from escrow.db import wake_custodian
from escrow.deposit import custodies
from escrow.deposit.models import Deposit
from escrow.errors import MalformedRequest, WrongState
from escrow.ledger import read
from escrow.protocol import release as releases
from escrow.protocol.errors import BadSignature

REPLACED_AN_HOUR = 20
DRILLED_AN_HOUR = 5
DRILL_SECONDS = 86400
_USABLE = ("active", "complete", "closing")


def replaced(db: Session, web: Web, account: str, old: Deposit, said: tuple[str, bytes]) -> Deposit:
    """Keep the old owner key's signature; `said` is (new deposit, signature). Returns the old one.

    It says that the old one may be destroyed as soon as the new one is complete. Harmless when
    repeated, and when the old one is closed already. Raises MalformedRequest, NotFound,
    RateLimited, WrongState (of the new one).
    """
    by, signature = said
    new = custodies.find_deposit(db, by, account, lock=True)
    if new.replaces != old.id:
        raise MalformedRequest("by", "That deposit does not say that it replaces this one.")
    if new.state not in {"pending", "active", "complete"}:
        raise WrongState(new.state)
    owner_key = custodies.manifest_of(old).owner_key
    try:
        releases.verify_replaced(owner_key, signature, old.id, new.manifest_hash)
    except BadSignature:
        raise MalformedRequest("signature", "This is not signed with the old key.") from None
    limits.spend(db, web, "replaced", old.id, REPLACED_AN_HOUR)
    if old.state != "closed":
        new.replaced_signature = signature
        wake_custodian(db)
    return old


def drilled(db: Session, web: Web, row: Deposit, drill: str) -> Deposit:
    """Ask for fresh proofs of a real deposit, after a drill: of the provider and the contacts.

    Raises MalformedRequest for a deposit that is no drill, NotFound, RateLimited, and WrongState
    while the drill's completion does not stand in a signed checkpoint.
    """
    if row.kind != "real" or row.state not in _USABLE:
        raise WrongState(row.state if row.kind == "real" else row.kind)
    found = custodies.find_deposit(db, drill, row.account)
    if found.kind != "drill":
        raise MalformedRequest("drill", "This is not a drill.")
    since = web.clock.now() - DRILL_SECONDS
    entries = read.entries_of(db, deposit=drill)
    if not any(entry.type == "recovery completed" and entry.at > since for entry in entries):
        raise WrongState("not_completed", "Bring the drill's key back first.")
    limits.spend(db, web, "drill", row.id, DRILLED_AN_HOUR)
    row.drill = drill
    wake_custodian(db)
    return row
