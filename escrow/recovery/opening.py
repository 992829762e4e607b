"""Opening a recovery: what it is asked for with, the proof, the wait (PROTOCOL.md section 10)."""

from dataclasses import astuple, dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.account.models import Account
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import Deposit
from escrow.errors import Conflict, RateLimited, WrongState
from escrow.ledger.read import shortest_wait
from escrow.protocol import release as releases
from escrow.protocol.encoding import pae_hash
from escrow.recovery import machine, proofs
from escrow.recovery.flow import say
from escrow.recovery.models import Recovery

REASON = ("recovery", "reason")
MAX_OPENED_A_DAY = 10
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Asked:
    """What a recovery is asked for with: deposit, reason, kind of proof, the kit's proof."""

    deposit: str
    reason: str
    proof: str = "totp"
    piece: proofs.Piece | None = None

    def body_sha256(self) -> bytes:
        """Hash it, to tell a repeat from another request."""
        given = astuple(self.piece) if self.piece else ()
        return pae_hash("escrow/v1/body/recovery", self.deposit, self.reason, self.proof, *given)


def wait_of(db: Session, web: Web, deposit: Deposit, proof: str, now: int) -> int:
    """Return the waiting time in seconds of a recovery opened now with this kind of proof."""
    manifest = custodies.manifest_of(deposit)
    if manifest.kind == "drill":
        return 0
    least = releases.shortest_wait(proof, manifest.waiting_seconds)
    wait = max(least, shortest_wait(db, web.settings.minimum_waiting_seconds))
    account = db.get(Account, deposit.account)
    changes = [account.address_changed_at, account.totp_changed_at] if account else []
    created = account.created_at if account else 0
    if any(at and at > created and now - at < machine.CHANGED_LATELY_SECONDS for at in changes):
        wait += machine.CHANGED_LATELY_SECONDS
    return wait


def open_recovery(
    db: Session, web: Web, account: str, recovery: str, said: Asked
) -> tuple[Recovery, bool]:
    """Open a recovery of a deposit with authenticator or kit. Returns (recovery, is new).

    Raises Conflict, NotFound, WrongState (with the state of the deposit, or of the recovery that
    is under way), MalformedRequest (piece, signature, checkpoint_hash), RateLimited.
    """
    earlier = db.get(Recovery, recovery)
    if earlier is not None:
        if earlier.account != account or earlier.body_sha256 != said.body_sha256():
            raise Conflict
        return earlier, False
    deposit = recoverable(db, said, account)
    if said.proof in proofs.WITH_KIT:
        piece = proofs.check_kit(db, web, deposit, recovery, said.piece)
        proofs.keep(db, web, recovery, piece)
    return insert(db, web, account, recovery, said), True


def recoverable(db: Session, said: Asked, account: str) -> Deposit:
    """Return the deposit, locked, if this proof may be tried; raises NotFound, WrongState."""
    deposit = custodies.find_deposit(db, said.deposit, account, lock=True)
    if deposit.state not in {"active", "complete", "closing"}:
        raise WrongState(deposit.state, "This deposit cannot be recovered through the service.")
    proofs.check_allowed(db, deposit, custodies.manifest_of(deposit), said.proof)
    return deposit


def insert(db: Session, web: Web, account: str, recovery: str, said: Asked) -> Recovery:
    """Insert a recovery whose proof is checked, and say it; raises NotFound, WrongState."""
    deposit = custodies.find_deposit(db, said.deposit, account, lock=True)
    _refuse_second(db, deposit)
    now = web.clock.now()
    _refuse_flood(db, deposit, now)
    row = Recovery(
        id=recovery,
        deposit=deposit.id,
        account=account,
        state=machine.next_state(machine.NONE, "open"),
        proof=said.proof,
        reason=seal_reason(web, recovery, account, said.reason),
        body_sha256=said.body_sha256(),
        wait_seconds=wait_of(db, web, deposit, said.proof, now),
        opened_at=now,
    )
    db.add(row)
    db.flush()
    say(
        db,
        web,
        row,
        "opened",
        {"proof": row.proof, "wait_seconds": row.wait_seconds, "account": account},
    )
    return row


def seal_reason(web: Web, recovery: str, account: str, reason: str) -> bytes | None:
    """Encrypt a reason for its column; None for none."""
    return web.keys.encrypt(REASON, recovery, account, reason) if reason else None


def reason_of(web: Web, recovery: str, account: str, reason: bytes | None) -> str:
    """Decrypt a reason; empty for none."""
    return web.keys.decrypt(REASON, recovery, account, reason) if reason else ""


def _refuse_second(db: Session, deposit: Deposit) -> None:
    query = select(Recovery).where(Recovery.deposit == deposit.id, Recovery.ended_at.is_(None))
    running = db.scalars(query).first()
    if running is not None:
        raise WrongState(running.state, "A recovery of this deposit is under way already.")


def _refuse_flood(db: Session, deposit: Deposit, now: int) -> None:
    """Refuse too many a day; those of drills are counted apart: they never block a real one."""
    query = (
        select(func.count())
        .select_from(Recovery)
        .join(Deposit, Deposit.id == Recovery.deposit)
        .where(
            Recovery.account == deposit.account,
            Recovery.opened_at > now - _DAY_SECONDS,
            Deposit.kind == deposit.kind,
        )
    )
    if (db.scalar(query) or 0) >= MAX_OPENED_A_DAY:
        raise RateLimited(_DAY_SECONDS, "Too many recoveries were opened today.")
