"""Every (state, event) pair through the real verbs: what the table has happens, nothing else does.

States are reached as people reach them. What is refused leaves state, ledger and sessions alone, so
all refusals of a state are tried on one recovery; each edge of the table gets its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from escrow.custodian import freezing, notices, timed
from escrow.custodian.shares import Refusal
from escrow.db import Database
from escrow.errors import EscrowError
from escrow.recovery import flow, machine
from escrow.recovery.models import Recovery
from tests.support.mailbox import Mailbox
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

DAY = 86400
STATES = ("opened", "waiting", "ready", "collecting", "frozen", "cancelled", "completed", "expired")
EVENTS = machine.EVENTS
EDGES = [edge for edge in machine.TABLE if edge.state]


@dataclass
class Story:
    """One recovery and the people around it."""

    world: World
    customer: Customer
    made: Deposited
    contact: Contact
    recovery: str = ""
    session: Session | None = None

    @property
    def state(self) -> str:
        with self.world.database.reading() as db:
            return db.get_one(Recovery, self.recovery).state

    def reach(self, state: str) -> None:
        {
            "opened": self._open,
            "waiting": self._wait,
            "ready": self._ready,
            "collecting": self._collect,
            "frozen": self._freeze,
            "cancelled": self._cancel,
            "completed": self._finish,
            "expired": self._let_expire,
        }[state]()
        assert self.state == state

    def _open(self) -> None:
        self.customer.sign_in()
        self.world.mailbox.refuse[self.contact.address] = "451 later"
        self.recovery = new_id()
        body = {"deposit": self.made.deposit, "reason": "one"}
        self.customer.http.put(f"/recoveries/{self.recovery}", body).ok()
        self.world.run()

    def _wait(self) -> None:
        self.recovery = self.world.open_recovery(self.customer, self.made)

    def _ready(self) -> None:
        self.recovery = self.world.ready_recovery(self.customer, self.made)
        self.customer.sign_in()

    def _collect(self) -> None:
        self._ready()
        self.session = self.world.begin(self.customer, self.made, self.recovery)

    def _freeze(self) -> None:
        self._wait()
        self.event("freeze")
        self.world.run()

    def _cancel(self) -> None:
        self._wait()
        self.event("veto")
        self.world.run()

    def _finish(self) -> None:
        self._collect()
        self.event("complete")
        self.world.run()

    def _let_expire(self) -> None:
        self._ready()
        self.world.wait(machine.READY_EXPIRES_SECONDS)
        self.customer.sign_in()

    def event(self, event: str) -> bool:
        """Try an event by its real verb; tells whether somebody said that it was done."""
        verbs: dict[str, Callable[[], object]] = {
            "open": self._open_again,
            "noticed": self._count,
            "ready": lambda: timed.make_ready(self.world.custodian) > 0,
            "expire": lambda: timed.expire(self.world.custodian) > 0,
            "veto": lambda: self._post("veto", {}),
            "freeze": self._try_freeze,
            "unfreeze": self._try_unfreeze,
            "begin": lambda: self._new_session().begin().status < 300,
            "release": self._release,
            "complete": lambda: self._session().complete(self.made.recovery_key).status < 300,
        }
        try:
            return bool(verbs[event]())
        except (Refusal, EscrowError):
            return False

    def _open_again(self) -> bool:
        body = {"deposit": self.made.deposit, "reason": "another"}
        return self.customer.http.put(f"/recoveries/{self.recovery}", body).status < 300

    def _count(self) -> bool:
        with self.world.database.transaction() as db:
            return notices._count_one(self.world.custodian, db, self.recovery)

    def _post(self, verb: str, body: dict[str, object]) -> bool:
        return self.customer.http.post(f"/recoveries/{self.recovery}/{verb}", body).status < 300

    def _try_freeze(self) -> bool:
        with self.world.database.transaction() as db:
            freezing.freeze(self.world.custodian, db, self.recovery, "looks odd", None)
        return True

    def _try_unfreeze(self) -> bool:
        with self.world.database.transaction() as db:
            freezing.unfreeze(self.world.custodian, db, self.recovery, bytes(32))
        return True

    def _new_session(self) -> Session:
        return Session(self.customer.http, self.made, self.recovery)

    def _session(self) -> Session:
        return self.session or self._new_session()

    def _release(self) -> bool:
        session = self._session()
        key = session.key.public_key()
        return self.contact.release(self.recovery, session.session, key).status < 300

    def let_pass(self, edge: machine.Edge) -> None:
        """Let the mail be taken, or the time pass, to the second, that an edge needs."""
        if edge.event == "noticed":
            self.world.mailbox.refuse.clear()
            self.world.clock.move(DAY // 2)
            self.world.send_mail()
        elif edge.event in {"ready", "expire"}:
            with self.world.database.reading() as db:
                times = flow.times_of(db.get_one(Recovery, self.recovery))
            at = times.ready_at if edge.event == "ready" else times.expires_at
            assert at is not None
            self.world.clock.time = at - 1
            assert not self.event(edge.event), "a second too early"
            assert self.state == edge.state
            self.world.clock.time = at


@pytest.fixture
def story(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> Story:
    world = World.make(sqlite_database, tmp_path, mail_server)
    customer = world.customer()
    made, [contact] = world.enrol(customer, waiting_seconds=DAY)
    return Story(world, customer, made, contact)


@pytest.mark.parametrize("edge", EDGES, ids=lambda edge: f"{edge.state}-{edge.event}")
def test_what_the_table_has_happens(story: Story, edge: machine.Edge) -> None:
    story.reach(edge.state)
    if edge.event == "unfreeze":
        story.world.run()
    story.let_pass(edge)
    assert story.event(edge.event)
    assert story.state == edge.next


@pytest.mark.parametrize("state", STATES)
def test_what_the_table_does_not_have_changes_nothing(story: Story, state: str) -> None:
    story.reach(state)
    allowed = {edge.event for edge in EDGES if edge.state == state}
    # A repeat of what made it final is answered as the first one was, and does nothing.
    repeats = {"cancelled": "veto", "completed": "complete"}
    now, size = story.world.clock.now(), story.world.custodian.outside.size
    for event in EVENTS:
        if event in allowed:
            continue
        if event in {"ready", "expire"}:
            story.world.clock.move(60 * DAY)
        was_done = story.event(event)
        story.world.clock.time = now
        assert story.state == state, event
        assert not was_done or repeats.get(state) == event, event
    story.world.run()
    assert story.world.custodian.outside.size == size, "the ledger says something new"


def test_only_what_does_not_exist_is_opened(story: Story) -> None:
    story.recovery = new_id()
    for path in ("veto", "complete"):
        assert not story._post(path, {"time": 1, "signature": "A" * 86} if path != "veto" else {})
    for event in ("freeze", "unfreeze", "begin", "release"):
        assert not story.event(event)
    story.customer.sign_in()
    assert story.event("open")
    assert story.state == "opened"
