"""A contact's life after acceptance: move, stop, lose a piece, choose a phrase.

Declining and reporting a loss take effect at once and destroy nothing: for 30 days a `share`
attestation, which only the holder of the piece can make, brings the custody back to held. So
whoever has stolen a mailbox and uses the links in its mails destroys nothing by it. What is left
of the custody is deleted afterwards, by the custodian (`escrow.custodian.reminders`).
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import addresses
from escrow.account.models import Account
from escrow.context import Web
from escrow.deposit import custodies, reaching
from escrow.deposit.flow import delete_blobs, event_id, own_custody, say
from escrow.deposit.models import LEFT, LEFT_SECONDS, CustodyRow
from escrow.errors import MalformedRequest, NotFound, WrongState
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.mail import outbox, tokens
from escrow.protocol.encoding import sha256
from escrow.protocol.ledger import Event
from escrow.protocol.move import Move, Moved

_MOVING = {"held", "lost"}  # who is said to have lost a piece, and signs with it, still has it


def by_token(db: Session, web: Web, custody: str, purpose: str, token: str) -> CustodyRow:
    """Return the custody that a mail link's token may stop or report; raises Gone, NotFound.

    The token is not used up, so that a repeat is harmless; it ends when the contact comes back or
    moves (`tokens.revoke`): the mailbox that it was sent to may not be the contact's any more.
    """
    found = tokens.peek(db, web.keys, web.clock.now(), purpose, token)
    if found.custody != custody:
        raise NotFound
    return custodies.find_custody(db, custody, lock=True)


def decline(db: Session, web: Web, row: CustodyRow) -> CustodyRow:
    """A contact stops; nothing of the deposit changes, the customer is told. WrongState."""
    if row.state == "declined":
        return row
    if row.role != "contact" or row.state not in {"invited", "held"}:
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    _leave(web, row, "declined")
    row.fetch_sha256 = None
    delete_blobs(db, row.id, "invitation")
    say(db, web, row, "declined")
    return row


def lost(db: Session, web: Web, row: CustodyRow, by: str) -> CustodyRow:
    """Record that a piece is lost, as its holder or the customer says. WrongState."""
    if row.state == "lost":
        return row
    if row.role == "provider" or row.state not in {"invited", "held"}:
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    _leave(web, row, "lost")
    say(db, web, row, "lost", by=by)
    return row


def _leave(web: Web, row: CustodyRow, state: str) -> None:
    row.state = state
    row.due_at = web.clock.now() + LEFT_SECONDS


def lost_by_customer(db: Session, web: Web, account: str, custody: str) -> CustodyRow:
    """Record that the customer says a piece of hers is lost. NotFound, WrongState."""
    return lost(db, web, own_custody(db, account, custody), "customer")


def set_phrase(
    db: Session, web: Web, row: CustodyRow, phrase: str | None, locale: str | None
) -> None:
    """Keep the phrase that the contact will see in every mail, and their language. WrongState."""
    if row.role != "contact" or row.state not in {"invited", "held", *LEFT}:
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    if phrase is not None:
        row.phrase = web.keys.encrypt(custodies.PHRASE, row.id, row.account, phrase)
    row.locale = locale or row.locale


def ask_to_move(db: Session, web: Web, row: CustodyRow, address: str) -> bool:
    """Mail a code to where a contact wants to move; False where it is the address already.

    Raises MalformedRequest (address), RateLimited, WrongState.
    """
    if _may_move(db, web, row)[1] == address:
        return False
    _check_address(db, web, row, address)
    locale = row.locale or db.get_one(Account, row.account).locale
    reaching.send_code(db, web, row, address, locale)
    return True


def _may_move(db: Session, web: Web, row: CustodyRow) -> tuple[str, str, bytes]:
    """Return name, address and nonce of a contact that may move; raises WrongState."""
    details = custodies.contact_details(web.keys, row)
    if row.role != "contact" or row.state not in _MOVING or details is None:
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    return details


def move(
    db: Session, web: Web, row: CustodyRow, to: Move, signed: custodies.SignedRequest
) -> CustodyRow:
    """Take a contact's new name and address; the old address is told here, before it is gone.

    A new address counts once a code has come back from it. The custodian checks the signature
    again before it tells anybody anything there. The same move once more changes nothing. Raises
    MalformedRequest (address, body, previous, time), WrongState.
    """
    details = _may_move(db, web, row)
    if details == (to.name, to.address, to.nonce):
        return row
    moved = _moved(to, signed)
    _check_follows(db, row, moved)
    _check_address(db, web, row, to.address)
    if to.address != details[1]:
        reaching.check(db, web, row, to.address)
    identifier = event_id("moved", moved.signature)
    _tell_old_address(db, web, row, details, identifier)
    row.name = web.keys.encrypt(custodies.NAME, row.id, row.account, to.name)
    row.address = web.keys.encrypt(custodies.ADDRESS, row.id, row.account, to.address)
    row.address_hash = web.keys.lookup(to.address)
    row.domain_hash = web.keys.domain(to.address)
    row.nonce = web.keys.encrypt(custodies.NONCE, row.id, row.account, to.nonce.hex())
    tokens.revoke(db, row.id, "decline", "lost")
    said = {name: value for name, value in moved.__dict__.items() if name != "custody"}
    append(
        db,
        web.author,
        "custody moved",
        said,
        account=row.account,
        deposit=row.deposit,
        custody=row.id,
        event_id=identifier,
    )
    return row


def _moved(to: Move, signed: custodies.SignedRequest) -> Moved:
    """Return what the ledger keeps; raises MalformedRequest for a body in another serialisation."""
    named = to.request(signed.request.custody, signed.request.time)
    if named != signed.request:
        raise MalformedRequest("body", "The body is not in the one serialisation.")
    return Moved(
        named.custody,
        to.previous,
        to.commitment(),
        sha256(named.body),
        named.time,
        signed.signature,
    )


def _check_follows(db: Session, row: CustodyRow, moved: Moved) -> None:
    """Refuse a move that the custodian would not count; see `escrow.protocol.move`."""
    query = select(LedgerEvent.body).where(
        LedgerEvent.custody == row.id,
        LedgerEvent.type == "custody moved",
        LedgerEvent.refused.is_(None),
        LedgerEvent.body.is_not(None),
    )
    body = db.scalars(query.order_by(LedgerEvent.position.desc()).limit(1)).first()
    last = Event.parse(body).data if body else None
    if moved.previous != (last["commitment"] if last else row.contact_commitment):
        raise MalformedRequest("previous", "The contact has moved since. Look, and try again.")
    if last and moved.time <= last["time"]:
        raise MalformedRequest("time", "Two moves in one second. Try again.")


def _check_address(db: Session, web: Web, row: CustodyRow, address: str) -> None:
    """Refuse the customer's and other contacts' addresses: one hand, two pieces."""
    hashed = web.keys.lookup(address)
    if hashed in addresses.lookups_of(db, row.account):
        raise MalformedRequest("address", "A contact must be someone else than the customer.")
    others = [line for line in custodies.custodies_of(db, row.deposit) if line.id != row.id]
    if hashed in {line.address_hash for line in others}:
        raise MalformedRequest("address", "Another contact has this address.")


def _tell_old_address(
    db: Session, web: Web, row: CustodyRow, old: tuple[str, str, bytes], occasion: str
) -> None:
    name, address, _ = old
    account = db.get_one(Account, row.account)
    deposit = custodies.find_deposit(db, row.deposit)
    own = addresses.rows_of(db, row.account)
    phrase = row.phrase and web.keys.decrypt(custodies.PHRASE, row.id, row.account, row.phrase)
    contents = {
        "label": web.keys.decrypt(custodies.LABEL, deposit.id, row.account, deposit.label),
        "customer": addresses.text_of(web.keys, own[0]) if own else "",
        "name": name,
        "phrase": phrase or "",
        "custody_link": f"{web.settings.public_url}/contact/{row.id}",
    }
    outbox.queue(
        db,
        web.keys,
        web.clock.now(),
        key=f"contact_moved_away/{occasion}",
        message="contact_moved_away",
        address=address,
        locale=row.locale or account.locale,
        contents=contents,
        account=row.account,
        custody=row.id,
        is_customer=False,
        thread=f"deposit/{row.deposit}",
    )
