"""Drafts: requests that contacts prove before they are recoveries (PROTOCOL.md section 10).

A draft has no effect: it stands in no ledger, nobody is mailed, and another recovery of the deposit
may be opened beside it. The last proof that is needed opens it under its own identifier; after
seven days it is gone. Several may stand, of which a thief's may be one: customer and contact
compare the number on the telephone.
"""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow
from escrow.errors import Conflict, NotFound, RateLimited, WrongState
from escrow.recovery import opening, proofs
from escrow.recovery.models import Recovery, RecoveryDraft, RecoveryProof

DRAFT_SECONDS = 7 * 86400
MAX_DRAFTS = 5


def ask(
    db: Session, web: Web, account: str, recovery: str, said: opening.Asked
) -> tuple[RecoveryDraft, bool]:
    """Write a draft; returns (it, is new). Raises Conflict, NotFound, WrongState, RateLimited."""
    earlier = db.get(RecoveryDraft, recovery)
    if earlier is not None:
        if earlier.account != account or earlier.body_sha256 != said.body_sha256():
            raise Conflict
        return earlier, False
    deposit = opening.recoverable(db, said, account)
    now = web.clock.now()
    standing = of_deposit(db, deposit.id, now)
    if len(standing) >= MAX_DRAFTS:
        raise RateLimited(
            standing[0].expires_at - now,
            "Five requests stand already. Withdraw one that is not yours.",
        )
    row = RecoveryDraft(
        id=recovery,
        deposit=deposit.id,
        account=account,
        proof=said.proof,
        reason=opening.seal_reason(web, recovery, account, said.reason),
        body_sha256=said.body_sha256(),
        created_at=now,
        expires_at=now + DRAFT_SECONDS,
    )
    db.add(row)
    db.flush()
    return row, True


def of_deposit(db: Session, deposit: str, now: int) -> Sequence[RecoveryDraft]:
    """Return the drafts of a deposit that stand, oldest first."""
    query = select(RecoveryDraft).where(
        RecoveryDraft.deposit == deposit, RecoveryDraft.expires_at > now
    )
    return db.scalars(query.order_by(RecoveryDraft.created_at, RecoveryDraft.id)).all()


def find(db: Session, recovery: str, now: int, *, lock: bool = False) -> RecoveryDraft | None:
    """Return a draft that stands, or None."""
    row = db.get(RecoveryDraft, recovery, with_for_update=lock)
    return row if row is not None and now < row.expires_at else None


def prove(
    db: Session, web: Web, recovery: str, signer: CustodyRow, piece: proofs.Piece
) -> Recovery | RecoveryDraft:
    """Keep a contact's proof; the last one needed opens the recovery. A repeat is harmless.

    Raises NotFound, Conflict, MalformedRequest, and WrongState: for a contact who has stopped a
    recovery, and when another recovery is under way by now.
    """
    draft = find(db, recovery, web.clock.now(), lock=True)
    if draft is None:
        return _proven_before(db, recovery, signer, piece)
    if signer.deposit != draft.deposit or signer.role != "contact":
        raise NotFound
    said = opening.Asked(draft.deposit, "", draft.proof)
    deposit = opening.recoverable(db, said, draft.account)
    manifest = custodies.manifest_of(deposit)
    provers = proofs.provers(db, deposit)
    if signer.id not in provers:
        raise WrongState(signer.state, "You have stopped a recovery: your proof does not count.")
    proofs.check(db, web, manifest, signer, recovery, piece)
    proofs.keep(db, web, recovery, piece)
    # Who has stopped a recovery since, or left, has withdrawn the proof by it: the custodian would
    # not count it either.
    if len(provers.intersection(proofs.given(db, recovery))) < manifest.contacts_needed:
        return draft
    return _open(db, web, draft)


def _proven_before(db: Session, recovery: str, signer: CustodyRow, piece: proofs.Piece) -> Recovery:
    """Answer the repeat of a proof whose draft has become a recovery; raises NotFound."""
    row = db.get(Recovery, recovery)
    if row is None or row.deposit != signer.deposit:
        raise NotFound("There is no such request any more. It may be over a week old.")
    kept = db.get(RecoveryProof, (recovery, proofs.AT_OPENING, signer.id))
    if kept is None or kept.signature != piece.signature:
        raise WrongState(row.state, "Enough contacts have vouched already.")
    return row


def _open(db: Session, web: Web, draft: RecoveryDraft) -> Recovery:
    reason = opening.reason_of(web, draft.id, draft.account, draft.reason)
    said = opening.Asked(draft.deposit, reason, draft.proof)
    db.delete(draft)
    db.flush()
    return opening.insert(db, web, draft.account, draft.id, said)


def withdraw(db: Session, draft: RecoveryDraft) -> None:
    """Drop a draft and the proofs given to it."""
    db.delete(draft)
    db.execute(delete(RecoveryProof).where(RecoveryProof.recovery == draft.id))


EXPIRED = select(RecoveryDraft).where(RecoveryDraft.expires_at <= bindparam("now"))


def drop_expired(db: Session, now: int) -> int:
    """Drop the drafts whose week is over; returns how many."""
    rows = db.scalars(EXPIRED.limit(100), {"now": now}).all()
    for row in rows:
        withdraw(db, row)
    return len(rows)
