"""The ledger read anew, entry by entry: what it may say after what, and what states it leaves.

These are the promises once more, of the entries alone: nothing is released without its quorum and
its waits, by who does not hold a piece, or of a closed deposit; a deposit has one live recovery;
nothing is destroyed before its thirty days. The state columns are compared with what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from escrow.custodian.entries import Entry
from escrow.protocol.manifest import Manifest
from tests.model.expected import DAY, HOUR
from tests.model.recovery import BY_CONTACTS, ENDED, wait_of

# Where a recovery goes by an entry, and from where.
_STEPS = {
    "recovery noticed": ("waiting", {"opened"}),
    "recovery ready": ("ready", {"waiting"}),
    "recovery frozen": ("frozen", {"opened", "waiting", "ready", "collecting"}),
    "recovery unfrozen": ("opened", {"frozen"}),
    "recovery begun": ("collecting", {"ready", "collecting"}),
    "recovery completed": ("completed", {"collecting"}),
    "recovery vetoed": ("cancelled", {"opened", "waiting", "ready", "collecting", "frozen"}),
}
_CUSTODY = {
    f"custody {state}": state for state in ("invited", "held", "declined", "lost", "withdrawn")
}


@dataclass
class Course:
    """One recovery, as its entries tell it."""

    deposit: str
    proof: str
    state: str = "opened"
    noticed: Entry | None = None
    begun: Entry | None = None
    released: set[str] = field(default_factory=set)


@dataclass
class Story:
    """One deposit, as its entries tell it."""

    manifest: Manifest
    account: str
    state: str = "pending"
    before: str = ""
    closing: Entry | None = None
    vetoers: set[str] = field(default_factory=set)


@dataclass
class Chronicle:
    """Everything that the ledger has said so far. `manifests` knows those of the play.

    `proven` and `completed` are the indexes of the newest proof of a piece and of the newest
    completion of a deposit's recovery; `ended` is when the last key of an account was destroyed,
    or the account itself was to end.
    """

    manifests: dict[str, Manifest] = field(default_factory=dict)
    deposits: dict[str, Story] = field(default_factory=dict)
    custodies: dict[str, str] = field(default_factory=dict)
    recoveries: dict[str, Course] = field(default_factory=dict)
    proven: dict[str, int] = field(default_factory=dict)
    completed: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    size: int = 0

    def forget(self, account: str) -> None:
        """Leave out what is told of an account that was erased."""
        gone = {name for name, story in self.deposits.items() if story.account == account}
        for deposit in gone:
            story = self.deposits.pop(deposit)
            for line in story.manifest.custodies:
                del self.custodies[line.custody]
        for recovery in [n for n, course in self.recoveries.items() if course.deposit in gone]:
            del self.recoveries[recovery]

    def take(self, entry: Entry) -> None:
        """Take one more entry, or fail: it breaks a promise."""
        said, kind = entry.event, entry.event.type
        self.size = entry.index + 1
        if kind == "deposit created":
            self._created(str(said.deposit), str(said.account))
        elif kind == "account closing":
            self.ended[str(said.account)] = said.data["until"]
        elif kind.startswith("deposit "):
            self._deposit(self.deposits[str(said.deposit)], entry)
        elif kind in _CUSTODY:
            self.custodies[str(said.custody)] = _CUSTODY[kind]
        elif kind == "custody attested":
            self.proven[str(said.custody)] = entry.index
        elif kind == "recovery opened":
            self._opened(str(said.recovery), str(said.deposit), said.data)
        elif kind.startswith("recovery "):
            self._recovery(self.recoveries[str(said.recovery)], entry)
        elif kind == "release made":
            self._released(self.recoveries[str(said.recovery)], entry)
        assert kind not in {"custody rejected", "backup accepted"}

    def _created(self, deposit: str, account: str) -> None:
        manifest = self.manifests[deposit]
        self.deposits[deposit] = Story(manifest, account)
        self.custodies |= {line.custody: "invited" for line in manifest.custodies}

    def _deposit(self, story: Story, entry: Entry) -> None:
        kind = entry.event.type.removeprefix("deposit ")
        assert story.state != "closed", "something follows a destruction"
        if kind == "closing":
            story.before = story.before if story.state == "closing" else story.state
            story.state, story.closing = "closing", entry
        elif kind == "reopened":
            assert story.state == "closing"
            story.state = story.before
        elif kind == "destroyed":
            self._destroyed(story, entry)
        elif story.state == "closing":
            story.before = kind
        else:
            story.state = kind

    def _destroyed(self, story: Story, entry: Entry) -> None:
        """After thirty days; a drill, and what a whole deposit replaces by signature, at once."""
        by = str(entry.event.data["reason"]).removeprefix("replaced by ")
        if by in self.deposits:
            assert self.deposits[by].manifest.replaces == story.manifest.deposit
            assert self.deposits[by].state == "complete"
        elif story.manifest.kind != "drill":
            assert story.state == "closing" and story.closing is not None
            assert entry.at >= story.closing.at + 30 * DAY
        assert not any(course.state not in ENDED for course in self._of(story))
        story.state = "closed"
        self.ended[story.account] = max(entry.at, self.ended.get(story.account, 0))
        self.custodies[story.manifest.of_role("provider")[0].custody] = "destroyed"

    def _of(self, story: Story) -> list[Course]:
        found = self.recoveries.values()
        return [course for course in found if course.deposit == story.manifest.deposit]

    def _opened(self, recovery: str, deposit: str, data: dict[str, Any]) -> None:
        story = self.deposits[deposit]
        assert story.state in {"active", "complete", "closing"}
        assert not any(course.state not in ENDED for course in self._of(story)), "a second one"
        self.recoveries[recovery] = Course(deposit, data["proof"])

    def _recovery(self, course: Course, entry: Entry) -> None:
        kind, story = entry.event.type, self.deposits[course.deposit]
        if kind == "recovery expired":
            assert course.state not in ENDED
            course.state = "cancelled" if course.state == "frozen" else "expired"
            return
        course.state, before = _STEPS[kind][0], {course.state}
        assert before <= _STEPS[kind][1], (kind, before)
        if kind == "recovery noticed":
            course.noticed = entry
        elif kind == "recovery completed":
            self.completed[course.deposit] = entry.index
        elif kind == "recovery begun":
            course.begun, course.released = entry, set()
        elif kind == "recovery vetoed" and entry.event.custody is not None:
            assert course.proof not in {"totp+kit", "totp+contacts"}
            story.vetoers.add(entry.event.custody)

    def _released(self, course: Course, entry: Entry) -> None:
        """Nothing is released without its quorum, its waits, its piece and its session."""
        said, story, custody = entry.event.data, self.deposits[course.deposit], entry.event.custody
        assert course.state == "collecting" and story.state != "closed"
        assert course.noticed is not None and course.begun is not None
        assert said["session"] == course.begun.event.data["session"]
        assert entry.at < course.begun.at + HOUR
        wait = course.noticed.event.data["wait_seconds"]
        manifest = story.manifest
        if manifest.kind != "drill":
            assert wait >= wait_of(course.proof, manifest.waiting_seconds)
        assert entry.at >= course.noticed.at + wait
        assert custody is not None and custody not in course.released
        assert self.custodies[custody] == "held"
        is_ours = custody == manifest.of_role("provider")[0].custody
        if is_ours and course.proof in BY_CONTACTS:
            assert len(course.released) >= manifest.contacts_needed >= 1
        course.released.add(custody)
