"""One customer, as who answers the telephone sees her: masked, with what to say in plain words."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import limits
from escrow.account.models import Account, Address
from escrow.admin import views
from escrow.admin.signin import Actor
from escrow.context import Web
from escrow.deposit import custodies, recoverability
from escrow.deposit.models import CustodyRow, Deposit
from escrow.deposit.recoverability import Assessment
from escrow.errors import NotFound
from escrow.ledger.append import append
from escrow.mail.models import Outbox
from escrow.recovery.flow import times_of
from escrow.recovery.models import Recovery

LOOKED_UP_AN_HOUR = 120
RESENT_AN_HOUR = 2
INSTRUCTIONS = "instructions"
MAILS = 20
KEYS = 100


def find(db: Session, web: Web, actor: Actor, address: str) -> list[str]:
    """Return the accounts that have this address confirmed now, the newest first.

    Counted for each admin and hour, so that nobody reads all customers: raises RateLimited.
    """
    limits.spend(db, web, "admin support", actor.admin, LOOKED_UP_AN_HOUR)
    query = (
        select(Account.id)
        .join(Address, Address.account == Account.id)
        .where(
            Address.lookup == web.keys.lookup(address),
            Address.removed_at.is_(None),
            Address.verified_at.is_not(None),
        )
    )
    return list(db.scalars(query.order_by(Account.created_at.desc(), Account.id)))


def send_again(db: Session, web: Web, actor: Actor, account: str) -> None:
    """Have the custodian mail the customer what to do with each key; the ledger says who asked.

    Raises NotFound, also for an account without a key that lives; RateLimited for a third time in
    an hour.
    """
    living = select(Deposit.id).where(
        Deposit.account == account, Deposit.kind == "real", Deposit.state != "closed"
    )
    if db.scalars(living.limit(1)).first() is None:
        raise NotFound
    limits.spend(db, web, "instructions again", account, RESENT_AN_HOUR)
    said = {"admin": actor.admin, "what": INSTRUCTIONS}
    append(db, web.author, "admin resent", said, account=account)


@dataclass(frozen=True)
class Key:
    """One of the customer's keys; `ready_at` and `expires_at` are of a recovery under way."""

    deposit: Deposit
    ways: Assessment
    pieces: list[CustodyRow]
    recovery: Recovery | None
    ready_at: int | None
    expires_at: int | None

    @property
    def step(self) -> str:
        """Name what to tell the customer next."""
        if self.recovery is not None:
            return f"recovery {self.recovery.state}"
        if self.deposit.state in {"closing", "pending", "rejected"}:
            return self.deposit.state
        return self.ways.state or "over"


@dataclass(frozen=True)
class Customer:
    """An account with its keys and the mails that went out lately."""

    account: Account
    addresses: list[str]
    keys: list[Key]
    mails: list[Outbox]

    @property
    def living(self) -> bool:
        """Whether there is a key of which something could be said again."""
        return any(key.deposit.state != "closed" for key in self.keys)


def look(db: Session, web: Web, account: str) -> Customer:
    """Return one customer; raises NotFound."""
    row = db.get(Account, account)
    if row is None:
        raise NotFound
    owned = select(Deposit).where(Deposit.account == account, Deposit.kind == "real")
    newest = owned.order_by(Deposit.created_at.desc(), Deposit.id).limit(KEYS)
    mails = select(Outbox).where(Outbox.account == account)
    return Customer(
        row,
        views.customer(db, web, account),
        [_key(db, web, deposit) for deposit in db.scalars(newest)],
        list(db.scalars(mails.order_by(Outbox.created_at.desc()).limit(MAILS))),
    )


def _key(db: Session, web: Web, deposit: Deposit) -> Key:
    pieces = custodies.custodies_of(db, deposit.id)
    now, fresh = web.clock.now(), web.settings.proof_seconds
    ways = recoverability.assess(deposit, pieces, now, fresh)
    running = select(Recovery).where(Recovery.deposit == deposit.id, Recovery.ended_at.is_(None))
    recovery = db.scalars(running).first()
    times = times_of(recovery) if recovery is not None else None
    return Key(
        deposit,
        ways,
        pieces,
        recovery,
        times.ready_at if times is not None else None,
        times.expires_at if times is not None else None,
    )
