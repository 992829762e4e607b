"""The real side of the model: people who sign in and deposit, and a clock for all of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import pyotp
from sqlalchemy import func, select

from escrow.custodian.service import Custodian
from escrow.ledger.models import LedgerEvent
from escrow.protocol import slip39
from tests.admin.office import Office
from tests.model.checks import Checks
from tests.model.chronicle import Chronicle
from tests.model.deposit import Deposit
from tests.model.expected import DAY, HOUR, Account, Custody
from tests.model.tally import Tally
from tests.support.people import Contact, Customer, Deposited, Session, make_deposit
from tests.support.world import World

CODES_AN_HOUR = 5
FRESH_SECONDS = 4 * 60  # of the five minutes that a code of the authenticator counts
MAIL_SECONDS = 10 * 60  # of the fifteen that a code by mail counts
PASS_SECONDS = 30 * HOUR


@dataclass
class Completed:
    """The sign-in that completed a recovery: it may set an authenticator until `until`."""

    token: str | None
    until: int
    is_full: bool


@dataclass(eq=False)
class Someone:
    """A customer who signs in when she must. `token` is her full session's, if she has one."""

    customer: Customer
    account: Account = field(default_factory=Account)
    stepped_up_at: int = 0
    mailed_at: int = 0
    codes: deque[int] = field(default_factory=lambda: deque(maxlen=CODES_AN_HOUR))
    completed: Completed | None = None


@dataclass(eq=False)
class Pair:
    """One deposit: what the model says of it, and what is needed to act on the real one."""

    owner: Someone
    made: Deposited
    contacts: list[Contact]
    expected: Deposit
    session: Session | None = None
    recovery: str = ""
    commitments: dict[str, bytes] = field(default_factory=dict)
    vouched: dict[tuple[str, str], tuple[dict[str, str], int]] = field(default_factory=dict)
    ever_asked: list[str] = field(default_factory=list)

    @property
    def provider(self) -> str:
        return self.made.manifest.of_role("provider")[0].custody

    @property
    def kit(self) -> str:
        return self.made.payloads[0].custody

    def name_of(self, custody: str) -> str:
        """Return the model's name of a custody."""
        return {self.provider: "provider", self.kit: "kit"}.get(custody, custody)


@dataclass
class Town:
    """A world with its model: both see time pass, and are compared."""

    world: World
    tally: Tally
    pairs: list[Pair] = field(default_factory=list)
    people: list[Someone] = field(default_factory=list)
    chronicle: Chronicle = field(default_factory=Chronicle)
    alarms: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.office = Office.open(self.world)
        self.checks = Checks(self.world, self.chronicle, self.tally)
        self.listen(self.world.custodian)

    @property
    def now(self) -> int:
        return self.world.clock.now()

    # --- time ---

    def listen(self, custodian: Custodian) -> None:
        """Collect what the custodian alarms the operators with: of honest people nothing at all."""

        def alarm(message: str, **where: object) -> None:
            if message != "approval refused":
                self.alarms.append(f"{message} {where}")

        custodian.alarm = alarm  # type: ignore[method-assign]  # the log would be all that hears it

    def run(self) -> None:
        """Let the custodian and the mail do what is due.

        As in its loop the custodian acts once in any case, again while there was something to do,
        and again when mail has gone.
        """
        custodian, is_acting = self.world.custodian, True
        for _ in range(30):
            did = custodian.run_pass(is_acting=is_acting)
            sent = custodian.sender.run_once() if custodian.sender else 0
            if not did and not sent:
                return
            is_acting = did or bool(sent)
        raise AssertionError("the custodian finds something to do for ever")

    def settle(self) -> None:
        """Let everything that is due be done, in the model too; compare."""
        self.run()
        for pair in self.pairs:
            pair.expected.settle()
        for pair in self.pairs:
            pair.expected.tick(self.now)
        for someone in self.people:
            someone.account.tick(self.deposits_of(someone), self.now)
        self.check()

    def check(self) -> None:
        assert not self.alarms, self.alarms
        self.checks.hear()
        erased = self.checks.erased(self.people)
        self.people[:] = [one for one in self.people if one.customer.account not in erased]
        self.pairs[:] = [one for one in self.pairs if one.owner.customer.account not in erased]
        self.checks.compare(self.pairs, self.people)

    def written(self) -> int:
        """Return how much was ever said: what is refused must not change it."""
        with self.world.database.reading() as db:
            return int(db.scalar(select(func.max(LedgerEvent.position))) or 0)

    def advance(self, seconds: int) -> None:
        """Let time pass, stopping wherever something is to happen by itself."""
        end = self.now + seconds
        while self.now < end:
            stop = min([end, *(at for at in self._deadlines() if at > self.now)])
            step = stop - self.now
            self.world.clock.move(step)
            if step > PASS_SECONDS:  # an operator has said that the clock is right
                self.world.custodian.accepted_step = stop
            self.settle()

    def _deadlines(self) -> list[int]:
        found = [at for pair in self.pairs for at in pair.expected.deadlines()]
        return found + [s.account.closing_at for s in self.people if s.account.state == "closing"]

    def deadlines(self) -> list[int]:
        """Return the moments to come at which something happens by itself."""
        return sorted({at for at in self._deadlines() if at > self.now + 1})

    def restart_custodian(self) -> None:
        """Kill the custodian and start another; what it is to do comes with the next step."""
        accepted = self.world.custodian.accepted_step
        self.world.restart_custodian()
        self.world.custodian.accepted_step = accepted
        self.listen(self.world.custodian)

    # --- signing in ---

    def arrive(self) -> Someone:
        someone = Someone(self.world.customer())
        someone.codes.append(self.now)
        someone.stepped_up_at = self.now
        self.people.append(someone)
        self.advance(1)  # nobody changes an authenticator in the second in which it was set
        return someone

    def count_code(self, someone: Someone) -> None:
        """Ask for a mailed code, the sixth within an hour later."""
        if len(someone.codes) == CODES_AN_HOUR and self.now - someone.codes[0] < HOUR:
            self.advance(someone.codes[0] + HOUR - self.now)
        someone.codes.append(self.now)

    def sign_in(self, someone: Someone) -> None:
        """Sign in with a fresh authenticator code, unless that was done a moment ago."""
        if self.now - someone.stepped_up_at < FRESH_SECONDS:
            return
        self.count_code(someone)
        if someone.account.attempts.locked_until > self.now:
            self.advance(someone.account.attempts.locked_until - self.now)
        before = self.now
        someone.customer.sign_in()  # which waits for the next code, if this one is used
        someone.account.attempts.clear()
        someone.stepped_up_at, someone.mailed_at = self.now, 0
        if any(before < at <= self.now for at in self._deadlines()):
            self.settle()

    def sign_in_by_mail(self, someone: Someone) -> None:
        """Sign in with a mailed code alone, unless that was done a moment ago."""
        if self.now - someone.mailed_at < MAIL_SECONDS:
            return
        self.count_code(someone)
        someone.customer.mail_login()
        someone.stepped_up_at, someone.mailed_at = 0, self.now

    def change_totp(self, someone: Someone, secret: str) -> None:
        """Note that a new authenticator is in force; the other full sessions are over."""
        customer = someone.customer
        customer.totp_secret, customer._last_step = secret, self.now // 30
        someone.account.changed_at = self.now
        someone.account.attempts.clear()

    def twin_of(self, someone: Someone) -> Customer:
        """Return somebody else with the same mailbox."""
        own = someone.customer
        return Customer(self.world.http(), own.mailbox, own.address, own.account)

    def wrong_code(self, someone: Someone) -> str:
        codes = pyotp.TOTP(someone.customer.totp_secret)
        right = {codes.at(self.now + 30 * step) for step in (-1, 0, 1)}
        return next(code for code in ("000000", "111111", "222222", "333333") if code not in right)

    def code_of(self, secret: str) -> str:
        return pyotp.TOTP(secret).at(self.now)

    # --- deposits ---

    def deposits_of(self, someone: Someone) -> list[Deposit]:
        return [pair.expected for pair in self.pairs if pair.owner is someone]

    def describe(
        self,
        owner: Someone,
        policy: tuple[int, int],
        days: int,
        replaces: Pair | None = None,
        kind: str = "real",
    ) -> Pair:
        """Make a deposit as its owner's client does; nothing is sent yet."""
        needed, count = policy
        contacts = self.world.new_contacts(count)
        made = make_deposit(
            owner.customer.http,
            contacts,
            needed,
            waiting_seconds=days * DAY,
            replaces=replaces.made.deposit if replaces else None,
            kind=kind,
        )
        until = self.now + 14 * DAY
        pieces = {"kit": Custody("customer", "invited"), "provider": Custody("provider", "held")}
        pieces |= {c.custody: Custody("contact", "invited", until) for c in contacts}
        old = replaces.expected if replaces else None
        deposit = Deposit(owner.account, days * DAY, needed, pieces, kind, old)
        pair = Pair(owner, made, contacts, deposit)
        for contact in contacts:
            first = made.manifest.custody(contact.custody).contact_commitment
            pair.commitments[contact.custody] = first or b""
        return pair

    def take_in(self, pair: Pair) -> None:
        """Take a deposit that was accepted into the model."""
        self.pairs.append(pair)
        self.chronicle.manifests[pair.made.deposit] = pair.made.manifest
        if pair.expected.replaces is not None:
            pair.expected.replaces.replacements.append(pair.expected)

    def recover(self, pair: Pair) -> bytes:
        """Combine the pieces that are served now, with the kit where needed; returns the key."""
        assert pair.session is not None
        served = {line["custody"]: line for line in pair.session.releases() if line["sealed"]}
        words = [pair.session.open(served[pair.provider]).words]
        names = [c.custody for c in pair.contacts if c.custody in served]
        others = [pair.session.open(served[name]).words for name in names]
        needed = pair.expected.needed
        if 0 < needed <= len(others):
            return slip39.combine(words + others[:needed])
        return slip39.combine([*words, pair.made.payloads[0].words])
