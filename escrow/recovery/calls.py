"""Calls and the contacts' releases within one session of a recovery."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select, update
from sqlalchemy.orm import Session, load_only

from escrow.context import Web
from escrow.db import changed
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import Conflict, Gone, MalformedRequest, NotFound, RateLimited, WrongState
from escrow.ledger.append import append_all, new_event
from escrow.protocol import call as protocol
from escrow.protocol import release as releases
from escrow.protocol import seal
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import BadSignature, Mismatch
from escrow.recovery.models import CallRow, Recovery, RecoverySession, ReleaseRow
from escrow.sql import new_row


def current_session(
    db: Session, row: Recovery, session: str, now: int, *, lock: bool = False
) -> RecoverySession:
    """Return the session if it is the recovery's current one.

    Raises NotFound, WrongState when the recovery is not collecting, Gone when it is void or over.
    """
    found = find_session(db, row, session)
    if lock:
        db.refresh(row, with_for_update=True)
    if row.state != "collecting":
        raise WrongState(row.state)
    if row.session != session or found.voided_at is not None or now >= found.expires_at:
        raise Gone("This session is over. Begin again with a fresh code.")
    return found


@dataclass(frozen=True)
class Found:
    """What `look_up` has read: while this is held, the session need not read those rows again."""

    rows: Row[*tuple[Any, ...]] | None = field(repr=False)

    @property
    def is_locked(self) -> bool:
        """Whether the recovery and its session are locked."""
        return self.rows is not None

    @property
    def is_new(self) -> bool:
        """Whether there is no such release yet."""
        return self.rows is not None and self.rows[-1] is None


_RELEASE = (
    select(CustodyRow, Deposit, Recovery, RecoverySession, ReleaseRow)
    .join(Deposit, Deposit.id == CustodyRow.deposit)
    .join(Recovery, Recovery.deposit == Deposit.id)
    .join(RecoverySession, RecoverySession.recovery == Recovery.id)
    .outerjoin(
        ReleaseRow,
        and_(ReleaseRow.session == RecoverySession.id, ReleaseRow.custody == CustodyRow.id),
    )
    .where(
        CustodyRow.id == bindparam("custody"),
        Recovery.id == bindparam("recovery"),
        RecoverySession.id == bindparam("session"),
    )
    .with_for_update(of=[Recovery, RecoverySession])
    .options(
        load_only(CustodyRow.deposit, CustodyRow.role, CustodyRow.state),
        load_only(Deposit.account, Deposit.manifest),
        load_only(Recovery.deposit, Recovery.account, Recovery.state, Recovery.session),
    )
)


def look_up(db: Session, recovery: str, session: str, custody: str) -> Found:
    """Read all that a release is checked against in one query; what is not there is found later."""
    named = {"recovery": recovery, "session": session, "custody": custody}
    return Found(db.execute(_RELEASE, named).first())


def find_session(db: Session, row: Recovery, session: str) -> RecoverySession:
    """Return a session of a recovery; raises NotFound."""
    found = db.get(RecoverySession, session)
    if found is None or found.recovery != row.id:
        raise NotFound
    return found


def find_call(db: Session, session: str, call: str) -> CallRow:
    """Return a call of a session; raises NotFound."""
    found = db.get(CallRow, call)
    if found is None or found.session != session:
        raise NotFound
    return found


def calls_of(db: Session, session: str) -> Sequence[CallRow]:
    """Return the calls of a session, oldest first."""
    query = select(CallRow).where(CallRow.session == session)
    return db.scalars(query.order_by(CallRow.created_at, CallRow.id)).all()


def put_call(
    db: Session, web: Web, session: RecoverySession, call: str, said: tuple[str, bytes]
) -> CallRow:
    """Start a call; `said` is (custody, commitment). Raises Conflict, RateLimited, NotFound."""
    custody, commitment = said
    earlier = db.get(CallRow, call)
    if earlier is not None:
        same = (session.id, custody, commitment)
        if (earlier.session, earlier.custody, earlier.commitment) != same:
            raise Conflict
        return earlier
    line = custodies.find_custody(db, custody)
    if line.deposit != session.deposit or line.role != "contact":
        raise NotFound
    if line.state != "held":
        raise WrongState(line.state, "This contact holds no piece.")
    count = db.scalar(select(func.count()).where(CallRow.session == session.id)) or 0
    if count >= protocol.MAX_CALLS_A_SESSION:
        raise RateLimited(60, "Too many calls in this session. Begin again with a fresh code.")
    row = CallRow(
        id=call,
        session=session.id,
        custody=custody,
        commitment=commitment,
        created_at=web.clock.now(),
    )
    db.add(row)
    db.flush()
    return row


def put_nonce(
    db: Session, row: CallRow, custody: CustodyRow, said: tuple[bytes, bytes, bytes]
) -> CallRow:
    """Fix the contact's nonce, once; `said` is (commitment, nonce, signature).

    Raises NotFound for another custody's call, Conflict for another commitment or a second nonce,
    MalformedRequest("signature").
    """
    commitment, nonce, signature = said
    if row.custody != custody.id:
        raise NotFound
    if row.commitment != commitment:
        raise Conflict("The other side committed to something else. Stop, and call again.")
    try:
        protocol.verify_nonce(custody.release_key, signature, row.id, custody.id, commitment, nonce)
    except BadSignature:
        raise MalformedRequest("signature") from None
    statement = (
        update(CallRow)
        .where(CallRow.id == row.id, CallRow.nonce.is_(None))
        .values(nonce=nonce, nonce_signature=signature)
    )
    changed(db, statement)
    db.refresh(row)
    if row.nonce != nonce:
        raise Conflict("This call has had its answer. A reload needs a new call.")
    return row


def reveal(
    db: Session, recovery: Recovery, row: CallRow, public_key: bytes, random: bytes
) -> CallRow:
    """Publish what the commitment hides, only after the nonce is fixed.

    Raises WrongState before the nonce, Conflict for a second, other reveal,
    MalformedRequest("random") for what does not open the commitment.
    """
    if row.nonce is None:
        raise WrongState("committed", "The contact has not answered yet.")
    named = protocol.Call(recovery.deposit, recovery.id, row.session, row.id, row.custody)
    try:
        protocol.check_reveal(named, row.commitment, public_key, random)
    except Mismatch:
        raise MalformedRequest("random", "This does not open the commitment.") from None
    statement = (
        update(CallRow)
        .where(CallRow.id == row.id, CallRow.random.is_(None))
        .values(public_key=public_key, random=random)
    )
    changed(db, statement)
    db.refresh(row)
    if (row.public_key, row.random) != (public_key, random):
        raise Conflict
    return row


def put_release(
    db: Session,
    web: Web,
    recovery: Recovery,
    session: RecoverySession,
    custody: CustodyRow,
    said: tuple[bytes, bytes, int],
    *,
    is_new: bool,
) -> ReleaseRow:
    """Store a contact's release; `said` is (sealed, signature, time). One a session and custody.

    The event comes with it in one transaction; sealed bytes are served once it is in a signed
    checkpoint. Raises NotFound, WrongState, Conflict, MalformedRequest.
    """
    sealed, signature, time = said
    if custody.deposit != recovery.deposit or custody.role != "contact":
        raise NotFound
    earlier = None if is_new else db.get(ReleaseRow, (session.id, custody.id))
    if earlier is not None:
        if (earlier.sealed, earlier.signature, earlier.time) != (sealed, signature, time):
            raise Conflict
        return earlier
    if custody.state != "held":
        raise WrongState(custody.state)
    _check_release(db, web, recovery, session, custody, said)
    event = new_event(
        web.author,
        "release made",
        {
            "session": session.id,
            "public_key_sha256": sha256(session.public_key),
            "sealed_sha256": sha256(sealed),
            "signature": signature,
            "time": time,
        },
        account=recovery.account,
        deposit=recovery.deposit,
        custody=custody.id,
        recovery=recovery.id,
    )
    row = new_row(
        ReleaseRow,
        session=session.id,
        custody=custody.id,
        state="made",
        sealed=sealed,
        signature=signature,
        time=time,
        event=event.id,
    )
    append_all(db, [event], [row])
    return row


def _check_release(
    db: Session,
    web: Web,
    recovery: Recovery,
    session: RecoverySession,
    custody: CustodyRow,
    said: tuple[bytes, bytes, int],
) -> None:
    sealed, signature, time = said
    if abs(web.clock.now() - time) > custodies.CLIENT_TIME_SECONDS:
        raise MalformedRequest("time", "Set this device's clock.")
    smallest = seal.ENC_LENGTH_BYTES + seal.TAG_LENGTH_BYTES
    if not smallest < len(sealed) <= seal.MAX_SEALED_LENGTH_BYTES:
        raise MalformedRequest("sealed")
    manifest = custodies.manifest_of(custodies.find_deposit(db, recovery.deposit))
    named = releases.Release(
        recovery.deposit,
        custody.id,
        recovery.id,
        session.id,
        manifest.hash,
        sha256(session.public_key),
        sha256(sealed),
        time,
    )
    try:
        releases.verify(named, signature, manifest.custody(custody.id).release_key)
    except BadSignature:
        raise MalformedRequest("signature", "The release is not signed for this session.") from None
