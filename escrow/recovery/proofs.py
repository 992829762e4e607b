"""Proof of the person by a piece: what a recovery is opened with when the authenticator is lost.

A proof is a release key's signature over the recovery (at `begin` also over session and public key)
and a recent state of the ledger. It is checked here and kept, and the custodian checks it again.
Source: PROTOCOL.md section 10.
"""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.flow import check_checkpoint
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import Conflict, MalformedRequest, WrongState
from escrow.ledger.models import LedgerEvent
from escrow.protocol import release as releases
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import BadSignature
from escrow.protocol.manifest import Manifest
from escrow.recovery.models import RecoveryProof

AT_OPENING = ""
BY_MAIL = frozenset({"kit", "contacts"})
WITH_KIT = frozenset({"kit", "totp+kit"})
OF_CONTACTS = frozenset({"contacts", "totp+contacts"})
PAST_VETO = frozenset({"totp+kit", "totp+contacts"})


@dataclass(frozen=True)
class Piece:
    """A proof as it is sent: whose, and the signature over what `releases.Proof` says."""

    custody: str
    checkpoint_hash: bytes
    signature: bytes


def check_allowed(db: Session, deposit: Deposit, manifest: Manifest, proof: str) -> None:
    """Refuse a kind of proof that this deposit does not allow; raises WrongState, with a reason."""
    if proof in PAST_VETO and not vetoers(db, deposit.id):
        raise WrongState(
            deposit.state,
            "Two proofs at once are for after a contact has stopped a recovery, and none has. "
            "Use your authenticator app alone: that is faster.",
        )
    if proof == "contacts" and not manifest.contacts_replace_totp:
        raise WrongState(
            deposit.state,
            "The contacts of this deposit do not replace the authenticator app: its owner chose "
            "so. Use your kit.",
        )
    if proof in OF_CONTACTS and not 1 <= manifest.contacts_needed <= len(provers(db, deposit)):
        raise WrongState(deposit.state, "Too few contacts can vouch for you. Use your kit.")


def vetoers(db: Session, deposit: str) -> set[str]:
    """Return the contacts whose veto of an earlier recovery stands in the ledger."""
    query = select(LedgerEvent.custody).where(
        LedgerEvent.deposit == deposit,
        LedgerEvent.type == "recovery vetoed",
        LedgerEvent.index.is_not(None),
        LedgerEvent.custody.is_not(None),
    )
    return {custody for custody in db.scalars(query) if custody is not None}


def provers(db: Session, deposit: Deposit) -> set[str]:
    """Return the contacts who may prove: they hold their piece and have stopped nothing."""
    held = {
        row.id
        for row in custodies.custodies_of(db, deposit.id)
        if row.role == "contact" and row.state == "held"
    }
    return held - vetoers(db, deposit.id)


def check_kit(
    db: Session,
    web: Web,
    deposit: Deposit,
    recovery: str,
    piece: Piece | None,
    begun: tuple[str, bytes] | None = None,
) -> Piece:
    """Check a proof by the kit; `begun` is (session, public key) at `begin`.

    Raises MalformedRequest (piece, checkpoint_hash, signature), WrongState for a lost kit.
    """
    manifest = custodies.manifest_of(deposit)
    line = manifest.of_role("customer")[0]
    if piece is None or piece.custody != line.custody:
        raise MalformedRequest("piece", "The proof of your kit is needed.")
    check(db, web, manifest, custodies.find_custody(db, line.custody), recovery, piece, begun)
    return piece


def check(
    db: Session,
    web: Web,
    manifest: Manifest,
    row: CustodyRow,
    recovery: str,
    piece: Piece,
    begun: tuple[str, bytes] | None = None,
) -> None:
    """Check one proof of one custody; raises MalformedRequest, WrongState."""
    if row.state != "held":
        raise WrongState(row.state, "This piece does not count any more.")
    session, public_key = begun or (None, None)
    named = releases.Proof(
        manifest.deposit,
        row.id,
        recovery,
        session,
        None if public_key is None else sha256(public_key),
        piece.checkpoint_hash,
    )
    try:
        releases.verify_proof(named, piece.signature, manifest.custody(row.id).release_key)
    except BadSignature:
        raise MalformedRequest("signature", "The proof is not made with this piece.") from None
    check_checkpoint(db, piece.checkpoint_hash, web.clock.now())


def keep(db: Session, web: Web, recovery: str, piece: Piece, session: str = AT_OPENING) -> None:
    """Keep a checked proof; a repeat is harmless. Raises Conflict for another of one custody."""
    earlier = db.get(RecoveryProof, (recovery, session, piece.custody))
    if earlier is not None:
        if earlier.signature != piece.signature:
            raise Conflict
        return
    db.add(
        RecoveryProof(
            recovery=recovery,
            session=session,
            custody=piece.custody,
            checkpoint_hash=piece.checkpoint_hash,
            signature=piece.signature,
            created_at=web.clock.now(),
        )
    )
    db.flush()


def given(db: Session, recovery: str) -> list[str]:
    """Return the custodies that have proven the opening of a recovery or draft."""
    query = select(RecoveryProof.custody).where(
        RecoveryProof.recovery == recovery, RecoveryProof.session == AT_OPENING
    )
    return sorted(db.scalars(query))
