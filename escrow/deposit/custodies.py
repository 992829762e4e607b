"""Reading custodies and deposits: finding them, and who may."""

import hmac
from dataclasses import dataclass
from functools import lru_cache

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.errors import NotFound, Unauthenticated, WrongState
from escrow.protocol import request as requests
from escrow.protocol.errors import BadSignature, ProtocolError
from escrow.protocol.manifest import Manifest
from escrow.webkeys import ForgedRow, WebKeys

CLIENT_TIME_SECONDS = 300
NAME = ("custody", "name")
ADDRESS = ("custody", "address")
NONCE = ("custody", "nonce")
PHRASE = ("custody", "phrase")
LABEL = ("deposit", "label")


@dataclass(frozen=True)
class SignedRequest:
    """What a contact's request says of itself; checked by `signer_of`."""

    request: requests.Request
    signature: bytes


def find_deposit(
    db: Session, deposit: str, account: str | None = None, *, lock: bool = False
) -> Deposit:
    """Return a deposit, of `account` if given; raises NotFound.

    With `lock` nobody else changes the row before this transaction ends (SQLite has one writer).
    """
    row = db.get(Deposit, deposit, with_for_update=lock or None)
    if row is None or (account is not None and row.account != account):
        raise NotFound
    return row


def find_custody(db: Session, custody: str, *, lock: bool = False) -> CustodyRow:
    """Return a custody, locked for this transaction if asked; raises NotFound."""
    row = db.get(CustodyRow, custody, with_for_update=lock or None)
    if row is None:
        raise NotFound
    return row


def refuse_ended(db: Session, row: CustodyRow) -> None:
    """Refuse what would still be said of a piece whose deposit has ended; raises WrongState."""
    if db.get_one(Deposit, row.deposit).state == "closed":
        raise WrongState("closed")


def custodies_of(db: Session, deposit: str) -> list[CustodyRow]:
    """Return a deposit's custodies in the manifest's order."""
    query = select(CustodyRow).where(CustodyRow.deposit == deposit)
    return list(db.scalars(query.order_by(CustodyRow.group, CustodyRow.member)))


def may_stop(row: CustodyRow) -> bool:
    """Tell whether a contact may stop a recovery: who holds a piece, and who has held one.

    The customer can report a contact's piece as lost, and so can a thief in her place.
    """
    has_held = row.state == "lost" and row.last_share_at is not None
    return row.role == "contact" and (row.state == "held" or has_held)


def manifest_of(deposit: Deposit) -> Manifest:
    """Return the parsed manifest of a deposit; raises ForgedRow for what was never stored so."""
    try:
        return _parsed(deposit.manifest)
    except ProtocolError:
        raise ForgedRow from None


@lru_cache(maxsize=64)
def _parsed(data: bytes) -> Manifest:
    """Read a stored manifest; it never changes, and one request needs it more than once."""
    return Manifest.parse(data)


def signer_of(db: Session, signed: SignedRequest, now: int, *, lock: bool = False) -> CustodyRow:
    """Return the custody whose release key signed a request; raises Unauthenticated.

    An unknown custody, an old time and a wrong signature get one answer.
    """
    row = db.get(CustodyRow, signed.request.custody, with_for_update=lock or None)
    if row is None or abs(now - signed.request.time) > CLIENT_TIME_SECONDS:
        raise Unauthenticated("The request is not signed with this piece, or the clock is wrong.")
    line = manifest_of(find_deposit(db, row.deposit)).custody(row.id)
    try:
        requests.verify(signed.request, signed.signature, line.release_key)
    except BadSignature:
        raise Unauthenticated(
            "The request is not signed with this piece, or the clock is wrong."
        ) from None
    return row


def blob_of(db: Session, deposit: str, kind: str, custody: str | None = None) -> Blob | None:
    """Return one kind of bytes of a deposit or custody, or None when destroyed."""
    query = select(Blob).where(Blob.deposit == deposit, Blob.kind == kind)
    if custody is not None:
        query = query.where(Blob.custody == custody)
    return db.scalars(query).first()


def contact_details(keys: WebKeys, row: CustodyRow) -> tuple[str, str, bytes] | None:
    """Decrypt (name, address, nonce) of a contact; None for other roles and erased rows."""
    if row.name is None or row.address is None or row.nonce is None:
        return None
    return (
        keys.decrypt(NAME, row.id, row.account, row.name),
        keys.decrypt(ADDRESS, row.id, row.account, row.address),
        bytes.fromhex(keys.decrypt(NONCE, row.id, row.account, row.nonce)),
    )


def same(a: bytes, b: bytes) -> bool:
    """Compare in constant time."""
    return hmac.compare_digest(a, b)
