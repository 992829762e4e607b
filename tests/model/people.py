"""The real side of the model: people who act, and what the service then says of itself."""

from __future__ import annotations

import secrets
from collections import deque
from dataclasses import dataclass, field

import pyotp
from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from escrow.custodian.entries import Entries
from escrow.deposit.custodies import custodies_of
from escrow.deposit.models import Blob
from escrow.deposit.models import Deposit as DepositRow
from escrow.protocol import slip39
from escrow.protocol.encoding import b64url
from escrow.recovery.models import Recovery as RecoveryRow
from escrow.recovery.models import RecoverySession, ReleaseRow
from tests.model.expected import DAY, ENDED, HOUR, Custody, Deposit, Recovery
from tests.support.people import Answer, Contact, Customer, Deposited, Session, attest, make_deposit
from tests.support.world import World

CODES_AN_HOUR = 5
STEP_UP_SECONDS = 5 * 60
PASS_SECONDS = 30 * HOUR


@dataclass
class Someone:
    """A customer who signs in when she must, with what she has deposited."""

    customer: Customer
    signed_in_at: int = 0
    codes: deque[int] = field(default_factory=lambda: deque(maxlen=CODES_AN_HOUR))
    totp_changed_at: int = 0
    opened: list[int] = field(default_factory=list)

    def opened_today(self, now: int) -> int:
        return sum(at > now - DAY for at in self.opened)


@dataclass
class Pair:
    """One deposit: what the model says of it, and what is needed to act on the real one."""

    owner: Someone
    made: Deposited
    contacts: list[Contact]
    expected: Deposit
    session: Session | None = None
    recovery: str = ""

    @property
    def provider(self) -> str:
        return self.made.manifest.of_role("provider")[0].custody

    def name_of(self, custody: str) -> str:
        """Return the model's name of a custody."""
        if custody == self.provider:
            return "provider"
        if custody == self.made.payloads[0].custody:
            return "kit"
        return custody


@dataclass
class Town:
    """A world with its model: both see time pass, and are compared."""

    world: World
    pairs: list[Pair] = field(default_factory=list)

    @property
    def now(self) -> int:
        return self.world.clock.now()

    def settle(self) -> None:
        """Let the custodian and the mail do what is due, in the model too."""
        self.world.run()
        for pair in self.pairs:
            pair.expected.settle()
            pair.expected.tick(self.now)
        self.check()

    def advance(self, seconds: int) -> None:
        while seconds > 0:
            step = min(seconds, PASS_SECONDS)
            self.world.clock.move(step)
            self.settle()
            seconds -= step

    def deadlines(self) -> list[int]:
        """Return the moments to come at which something happens by itself."""
        found = {at for pair in self.pairs for at in pair.expected.deadlines()}
        return sorted(at for at in found if at > self.now + 1)

    def arrive(self) -> Someone:
        someone = Someone(self.world.customer())
        someone.codes.append(self.now)
        someone.signed_in_at = self.now
        return someone

    def sign_in(self, someone: Someone) -> None:
        """Sign in with a fresh authenticator code, unless that was done a moment ago."""
        if self.now - someone.signed_in_at < STEP_UP_SECONDS - 60:
            return
        if len(someone.codes) == CODES_AN_HOUR and self.now - someone.codes[0] <= HOUR:
            self.advance(HOUR)
        someone.codes.append(self.now)
        someone.customer.sign_in()
        someone.signed_in_at = self.now
        self.settle()

    def enrol(self, owner: Someone, needed: int, count: int, waiting_days: int) -> Pair:
        self.sign_in(owner)
        contacts = self.world.new_contacts(count)
        http = owner.customer.http
        made = make_deposit(http, contacts, needed, waiting_seconds=waiting_days * DAY)
        http.put(f"/deposits/{made.deposit}", made.body).ok()
        until = self.now + 14 * DAY
        pieces = {"kit": Custody("customer", "invited"), "provider": Custody("provider", "held")}
        pieces |= {c.custody: Custody("contact", "invited", until) for c in contacts}
        pair = Pair(owner, made, contacts, Deposit(waiting_days * DAY, needed, pieces))
        self.pairs.append(pair)
        self.settle()
        return pair

    def attest_kit(self, pair: Pair) -> Answer:
        return attest(self.world.http(), pair.made.manifest, pair.made.payloads[0])

    def accept(self, pair: Pair, contact: Contact) -> None:
        """Accept an invitation that can be; the fetch is sequenced between the two requests."""
        self.world.record_fetch(contact)
        self.world.run()
        contact.accept()

    def try_to_fetch(self, contact: Contact) -> Answer:
        assert contact.link is not None
        body = {"token": b64url(contact.link.fetch_token(contact.custody))}
        return self.world.http().post(f"/custodies/{contact.custody}/invitation", body)

    def open(self, pair: Pair) -> Answer:
        pair.recovery = secrets.token_hex(16)
        body = {"deposit": pair.made.deposit, "reason": "the model says so"}
        return pair.owner.customer.http.put(f"/recoveries/{pair.recovery}", body)

    def begin(self, pair: Pair, recovery: str) -> Answer:
        pair.session = Session(pair.owner.customer.http, pair.made, recovery)
        return pair.session.begin()

    def change_totp(self, someone: Someone) -> None:
        http, account = someone.customer.http, someone.customer.account
        secret = http.post(f"/accounts/{account}/totp").ok()["totp_secret"]
        step = self.now // 30
        code = pyotp.TOTP(secret).at(self.now)
        http.post(f"/accounts/{account}/totp/confirm", {"code": code}).ok()
        someone.customer.totp_secret, someone.customer._last_step = secret, step
        someone.totp_changed_at = self.now

    def check(self) -> None:
        """Compare every state with the model; nobody signs in for it, so the second is exact."""
        with self.world.database.reading() as db:
            for pair in self.pairs:
                self._check_deposit(db, pair)
                if pair.expected.recovery is not None:
                    self._check_recovery(db, pair, pair.expected.recovery)

    def _check_deposit(self, db: Db, pair: Pair) -> None:
        expected, deposit = pair.expected, pair.made.deposit
        assert db.get_one(DepositRow, deposit).state == expected.state
        rows = {pair.name_of(row.id): row for row in custodies_of(db, deposit)}
        states = {name: row.state for name, row in rows.items()}
        assert states == {name: custody.state for name, custody in expected.custodies.items()}
        for name, custody in expected.custodies.items():
            assert rows[name].paused == custody.paused
        kept = set(db.scalars(select(Blob.kind).where(Blob.deposit == deposit)))
        assert ({"envelope", "provider_share"} <= kept) == (expected.state != "closed")

    def _check_recovery(self, db: Db, pair: Pair, recovery: Recovery) -> None:
        row = db.get_one(RecoveryRow, pair.recovery)
        assert (row.state, row.wait_seconds) == (recovery.state, recovery.wait)
        lines = list(
            db.scalars(
                select(ReleaseRow)
                .join(RecoverySession, RecoverySession.id == ReleaseRow.session)
                .where(RecoverySession.recovery == row.id)
            )
        )
        live = recovery.state == "collecting" and self.now < recovery.begun_at + HOUR
        served = {line.custody for line in lines if line.sealed is not None}
        assert served == (recovery.released | {pair.provider} if live else set())

    def see(self, pair: Pair) -> None:
        """Compare what the customer is shown."""
        self.sign_in(pair.owner)
        http, expected = pair.owner.customer.http, pair.expected
        document = http.get(f"/deposits/{pair.made.deposit}").ok()
        assert document["state"] == expected.state
        found = {pair.name_of(c["custody"]): c["state"] for c in document["custodies"]}
        assert found == {name: custody.state for name, custody in expected.custodies.items()}
        recovery = expected.recovery
        over = recovery is None or recovery.state in ENDED
        assert document["recovery"] == (None if over else pair.recovery)
        if recovery is not None:
            shown = http.get(f"/recoveries/{pair.recovery}").ok()
            assert shown["state"] == recovery.state

    def recover(self, pair: Pair) -> bytes:
        """Combine the kit with the provider's piece as it is served now; returns the key."""
        assert pair.session is not None
        line = next(r for r in pair.session.releases() if r["custody"] == pair.provider)
        return slip39.combine([pair.made.payloads[0].words, pair.session.open(line).words])

    def check_ledger(self) -> None:
        """Every entry is whole, in order, and the leaf outside the database is its own."""
        outside = self.world.custodian.outside
        with self.world.database.reading() as db:
            entries = Entries(db, self.world.keys)
            entries.check_whole(outside.size)
            found = entries.between(0, outside.size)
        leaves = [entry.leaf_hash for entry in found if entry is not None]
        assert leaves == list(outside.leaves(0, outside.size))
