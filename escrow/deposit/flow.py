"""Verbs on custodies after enrolment. Each does one thing in one transaction."""

import secrets

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.account.flow import addresses_of
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.enrol import INVITATION_SECONDS
from escrow.deposit.models import (
    ASK_BEFORE_SECONDS,
    FIRST_REMINDER_SECONDS,
    LEFT,
    Blob,
    CustodyRow,
)
from escrow.errors import Gone, MalformedRequest, Unauthenticated, WrongState
from escrow.ledger.append import append
from escrow.ledger.models import CheckpointRow, LedgerEvent
from escrow.mail import tokens
from escrow.protocol import attestation as attestations
from escrow.protocol.attestation import Attestation
from escrow.protocol.encoding import pae_hash, sha256
from escrow.protocol.errors import BadSignature

# Each of these writes to the ledger for ever, or mails to people: nobody needs more in an hour.
ATTESTATIONS_AN_HOUR = 30
RESUMED_AN_HOUR = 10
MAX_WRAPS = 16
CHECKPOINT_AGE_SECONDS = 86400
_FETCH_WINDOW_SECONDS = 600
_GONE = {"withdrawn", "destroyed", "rejected"}


def event_id(purpose: str, *parts: str | bytes | int) -> str:
    """Return an identifier that is the same for a repeat, so that it is said once."""
    return pae_hash(f"escrow/v1/event-id/{purpose}", *parts)[:16].hex()


def say(db: Session, web: Web, row: CustodyRow, what: str, **data: object) -> None:
    """Append an event of one custody."""
    append(
        db,
        web.author,
        f"custody {what}",
        dict(data),
        account=row.account,
        deposit=row.deposit,
        custody=row.id,
    )


def fetch_invitation(db: Session, web: Web, custody: str, token: bytes) -> str:
    """Record that an invitation is fetched; returns the event to wait for.

    Raises Unauthenticated for a wrong token, Gone once it is accepted or withdrawn, WrongState
    when fetching is paused. A repeat within ten minutes is the same event.
    """
    row = custodies.find_custody(db, custody, lock=True)
    if row.role != "contact" or row.fetch_sha256 is None or row.state != "invited":
        raise Gone(
            "This invitation was accepted or withdrawn. Ask for a new one if it was not you."
        )
    if not custodies.same(sha256(token), row.fetch_sha256):
        raise Unauthenticated("The invitation's link is not right. Copy the whole link.")
    now = web.clock.now()
    if row.paused or now >= (row.invited_until or 0):
        raise WrongState("paused", "The invitation is too old. Ask the sender to renew it.")
    identifier = event_id("fetched", custody, now // _FETCH_WINDOW_SECONDS)
    if db.scalar(select(LedgerEvent.id).where(LedgerEvent.id == identifier)) is None:
        row.fetched_at = now
        append(
            db,
            web.author,
            "custody fetched",
            account=row.account,
            deposit=row.deposit,
            custody=row.id,
            event_id=identifier,
        )
    return identifier


def invitation_of(db: Session, web: Web, custody: str) -> tuple[bytes, str]:
    """Return the sealed invitation and the customer's first address; raises Gone.

    For who has shown the fetch token alone: by the custody's number nobody learns an address.
    """
    row = custodies.find_custody(db, custody)
    blob = custodies.blob_of(db, row.deposit, "invitation", custody)
    if blob is None:
        raise Gone("This invitation was accepted or withdrawn.")
    own = addresses_of(db, web, row.account)
    return blob.data, own[0][1] if own else ""


def attest(
    db: Session,
    web: Web,
    custody: str,
    said: tuple[str, bytes, int],
    signature: bytes,
    *,
    locale: str | None = None,
) -> CustodyRow:
    """Record a custodian's proof; `said` is (means, checkpoint hash, time).

    A contact's `locale` is the language of mails to it from now on; a repeat changes nothing.
    The first `share` attestation makes an invited custody held and ends its invitation; one that
    was declined or reported lost comes back with it, for 30 days. Raises WrongState,
    MalformedRequest (time, checkpoint_hash, signature), RateLimited.
    """
    means, checkpoint_hash, time = said
    row = custodies.find_custody(db, custody, lock=True)
    _check_may_attest(web, row, means)
    deposit = custodies.find_deposit(db, row.deposit)
    if deposit.state in {"closed", "rejected"}:
        raise WrongState(deposit.state)
    manifest = custodies.manifest_of(deposit)
    proof = Attestation(deposit.id, custody, manifest.hash, means, checkpoint_hash, time)
    try:
        attestations.verify(proof, signature, manifest)
    except BadSignature:
        raise MalformedRequest("signature", "The proof is not made with this piece.") from None
    identifier = event_id("attested", signature)
    if db.scalar(select(LedgerEvent.id).where(LedgerEvent.id == identifier)) is not None:
        return row
    _check_freshness(db, web, checkpoint_hash, time)
    limits.spend(db, web, "attestation", row.id, ATTESTATIONS_AN_HOUR)
    append(
        db,
        web.author,
        "custody attested",
        {
            "means": means,
            "checkpoint_hash": checkpoint_hash,
            "time": time,
            "signature": signature,
        },
        account=row.account,
        deposit=row.deposit,
        custody=row.id,
        event_id=identifier,
    )
    _note_proof(db, web, row, means)
    if locale is not None and row.role == "contact":
        row.locale = locale
    return row


def _check_may_attest(web: Web, row: CustodyRow, means: str) -> None:
    if row.role == "provider" or row.state in _GONE:
        raise WrongState(row.state)
    if row.state == "invited" and means != "share":
        raise WrongState(row.state, "Accept with the piece itself first.")
    if row.state in LEFT:
        if web.clock.now() >= (row.due_at or 0):
            raise WrongState(row.state, "More than 30 days ago: ask for a new invitation.")
        if means != "share":
            raise WrongState(row.state, "Prove with the piece itself that it is there.")


def _check_freshness(db: Session, web: Web, checkpoint_hash: bytes, time: int) -> None:
    now = web.clock.now()
    if abs(now - time) > custodies.CLIENT_TIME_SECONDS:
        raise MalformedRequest("time", "Set this computer's clock.")
    check_checkpoint(db, checkpoint_hash, now)


def check_checkpoint(db: Session, checkpoint_hash: bytes, now: int) -> None:
    """Refuse what was signed for a state of the ledger over a day old; raises MalformedRequest."""
    seen = db.scalars(select(CheckpointRow).where(CheckpointRow.hash == checkpoint_hash)).first()
    newest = db.scalars(select(CheckpointRow).order_by(CheckpointRow.size.desc()).limit(1)).first()
    if seen is None or newest is None:
        raise MalformedRequest("checkpoint_hash", "There is no such state of the ledger.")
    if seen.size != newest.size and seen.at <= now - CHECKPOINT_AGE_SECONDS:
        raise MalformedRequest("checkpoint_hash", "The state of the ledger is over a day old.")


def _note_proof(db: Session, web: Web, row: CustodyRow, means: str) -> None:
    now = web.clock.now()
    if means == "check":
        row.last_check_at = now
        return
    row.last_share_at = now
    if row.state == "invited" or row.state in LEFT:
        tokens.revoke(db, row.id, "decline", "lost")
        row.state = "held"
        row.fetch_sha256 = None
        row.invited_until = None
        row.due_at = now + web.settings.proof_seconds - ASK_BEFORE_SECONDS
        delete_blobs(db, row.id, "invitation")
        say(db, web, row, "held")


def delete_blobs(db: Session, custody: str, *kinds: str) -> None:
    """Destroy some kinds of bytes kept for a custody."""
    db.execute(delete(Blob).where(Blob.custody == custody, Blob.kind.in_(kinds)))


def resume(db: Session, web: Web, account: str, custody: str) -> CustodyRow:
    """Let an invitation be fetched for 14 days more; raises NotFound, WrongState."""
    row = own_custody(db, account, custody)
    if row.role != "contact" or row.state != "invited":
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    limits.spend(db, web, "resume", row.id, RESUMED_AN_HOUR)
    row.paused = False
    row.invited_until = web.clock.now() + INVITATION_SECONDS
    row.due_at = web.clock.now() + FIRST_REMINDER_SECONDS
    say(db, web, row, "resumed", until=row.invited_until)
    return row


def withdraw(db: Session, web: Web, account: str, custody: str) -> CustodyRow:
    """Take an invitation back; the sealed invitation is destroyed. NotFound, WrongState."""
    row = own_custody(db, account, custody)
    if row.state == "withdrawn":
        return row
    if row.role != "contact" or row.state != "invited":
        raise WrongState(row.state)
    custodies.refuse_ended(db, row)
    row.state = "withdrawn"
    row.due_at = None
    row.fetch_sha256 = None
    delete_blobs(db, row.id, "invitation")
    say(db, web, row, "withdrawn")
    return row


def own_custody(db: Session, account: str, custody: str) -> CustodyRow:
    """Return a custody of a deposit of the account's, locked; raises NotFound."""
    row = custodies.find_custody(db, custody, lock=True)
    custodies.find_deposit(db, row.deposit, account)
    return row


def put_wrap(
    db: Session, web: Web, row: CustodyRow, part: str, credential_id: bytes, data: bytes
) -> None:
    """Keep a passkey-wrapped copy of a contact's share or check seed."""
    if row.role != "contact" or row.state not in {"invited", "held"}:
        raise WrongState(row.state)
    kind, hashed = f"wrap_{part}", sha256(credential_id)
    query = delete(Blob).where(
        Blob.custody == row.id, Blob.kind == kind, Blob.credential_hash == hashed
    )
    db.execute(query)
    kept = select(func.count()).where(Blob.custody == row.id, Blob.kind == kind)
    if (db.scalar(kept) or 0) >= MAX_WRAPS:
        raise WrongState("full", f"At most {MAX_WRAPS} passkeys keep a copy.")
    db.add(
        Blob(
            id=secrets.token_hex(16),
            deposit=row.deposit,
            kind=kind,
            custody=row.id,
            credential_id=credential_id,
            credential_hash=hashed,
            data=data,
        )
    )
