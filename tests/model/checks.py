"""Comparing what the tables, the model and the ledger say, after every step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import select
from sqlalchemy.orm import Session as Db

from escrow.account.models import Account as AccountRow
from escrow.account.models import Address
from escrow.custodian.entries import Entries
from escrow.deposit.models import Blob, CustodyRow
from escrow.deposit.models import Deposit as DepositRow
from escrow.recovery.models import Recovery as RecoveryRow
from escrow.recovery.models import RecoveryDraft, RecoverySession, ReleaseRow
from tests.model.chronicle import Chronicle
from tests.model.expected import DAY
from tests.model.recovery import ENDED
from tests.model.tally import Tally
from tests.support import recount
from tests.support.world import World

if TYPE_CHECKING:
    from tests.model.people import Pair, Someone


@dataclass
class Tables:
    """All that is compared, in one look."""

    accounts: dict[str, str]
    deposits: dict[str, tuple[str, int | None]]
    custodies: dict[str, tuple[str, bool]]
    recoveries: dict[str, tuple[str, int]]
    drafts: set[str]
    blobs: dict[str, set[str]]
    served: dict[str, set[str]]

    @classmethod
    def read(cls, db: Db, erased: set[str]) -> Tables:
        """Read all but what is kept a while of accounts that were erased."""
        blobs: dict[str, set[str]] = {}
        for deposit, kind in db.execute(select(Blob.deposit, Blob.kind)):
            blobs.setdefault(deposit, set()).add(kind)
        served: dict[str, set[str]] = {}
        joined = select(RecoverySession.recovery, ReleaseRow.custody).join(
            RecoverySession, RecoverySession.id == ReleaseRow.session
        )
        for recovery, custody in db.execute(joined.where(ReleaseRow.sealed.is_not(None))):
            served.setdefault(recovery, set()).add(custody)
        custodies = select(CustodyRow.id, CustodyRow.state, CustodyRow.paused)
        custodies = custodies.where(CustodyRow.account.not_in(erased))
        ends = select(DepositRow.id, DepositRow.state, DepositRow.closing_at)
        ends = ends.where(DepositRow.account.not_in(erased))
        waits = select(RecoveryRow.id, RecoveryRow.state, RecoveryRow.wait_seconds)
        waits = waits.where(RecoveryRow.account.not_in(erased))
        return cls(
            dict(db.execute(select(AccountRow.id, AccountRow.state)).all()),
            {name: (state, at) for name, state, at in db.execute(ends)},
            {name: (state, paused) for name, state, paused in db.execute(custodies)},
            {name: (state, wait) for name, state, wait in db.execute(waits)},
            set(db.scalars(select(RecoveryDraft.id))),
            blobs,
            served,
        )


@dataclass
class Checks:
    """Compares, and tells the tally what was reached."""

    world: World
    chronicle: Chronicle
    tally: Tally
    _known: dict[str, str] = field(default_factory=dict)
    _counted: recount.Known = field(default_factory=recount.Known)
    _erased: set[str] = field(default_factory=set)

    def erased(self, people: Iterable[Someone]) -> set[str]:
        """Return whose accounts were erased now: 30 days after the end, and nobody else's."""
        now = self.world.clock.now()
        with self.world.database.reading() as db:
            reached = set(db.scalars(select(Address.account)))
        found = set()
        for someone in people:
            account = someone.customer.account
            is_over = someone.account.state == "closed"
            ended = self.chronicle.ended.get(account, now)
            if account not in reached:
                assert is_over and now >= ended + 30 * DAY, "erased too early"
                self.chronicle.forget(account)
                found.add(account)
            else:
                assert not is_over or now < ended + 31 * DAY, "not erased"
        self._erased |= found
        return found

    def hear(self) -> None:
        """Take in what the ledger says more."""
        with self.world.database.reading() as db:
            size = self.world.custodian.outside.size
            for entry in Entries(db, self.world.keys).between(self.chronicle.size, size):
                assert entry is not None
                self.chronicle.take(entry)

    def compare(self, pairs: Iterable[Pair], people: Iterable[Someone]) -> None:
        with self.world.database.reading() as db:
            tables = Tables.read(db, self._erased)
            fresh = self.world.settings.proof_seconds
            recount.check(db, self.world.clock.now(), fresh, self._counted)
        self._ledger(tables)
        for someone in people:
            name = someone.customer.account
            assert tables.accounts[name] == someone.account.state
            self._reached("account", name, someone.account.state)
        for pair in pairs:
            self._deposit(tables, pair)
            self._recovery(tables, pair)

    def _ledger(self, tables: Tables) -> None:
        """No state column ever says anything else than the sequenced entries."""
        told = {name: story.state for name, story in self.chronicle.deposits.items()}
        assert {name: state for name, (state, _) in tables.deposits.items()} == told
        assert {n: state for n, (state, _) in tables.custodies.items()} == self.chronicle.custodies
        courses = self.chronicle.recoveries
        assert {n: state for n, (state, _) in tables.recoveries.items()} == {
            name: course.state for name, course in courses.items()
        }

    def _reached(self, kind: str, name: str, state: str) -> None:
        if self._known.get(name) != state:
            self._known[name] = state
            self.tally.state(f"{kind} {state}")

    def _deposit(self, tables: Tables, pair: Pair) -> None:
        expected, deposit = pair.expected, pair.made.deposit
        closing_at = expected.closing_at if expected.state == "closing" else None
        assert tables.deposits[deposit] == (expected.state, closing_at)
        self._reached("deposit", deposit, expected.state)
        for line in pair.made.manifest.custodies:
            custody = expected.custodies[pair.name_of(line.custody)]
            assert tables.custodies[line.custody] == (custody.state, custody.paused)
            self._reached("custody", line.custody, custody.state)
        kept = tables.blobs.get(deposit, set())
        assert ({"envelope", "provider_share"} <= kept) == (expected.state != "closed")
        assert not kept or expected.state != "closed"
        stand = set(expected.drafts)
        assert {draft for draft in pair.ever_asked if draft in tables.drafts} == stand

    def _recovery(self, tables: Tables, pair: Pair) -> None:
        recovery = pair.expected.recovery
        if recovery is None:
            return
        assert tables.recoveries[pair.recovery] == (recovery.state, recovery.wait)
        self._reached("recovery", pair.recovery, recovery.state)
        now = self.world.clock.now()
        expected = recovery.served(pair.provider, pair.expected.needed, now)
        assert tables.served.get(pair.recovery, set()) == expected

    def see(self, pair: Pair) -> None:
        """Compare what the signed-in customer is shown."""
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
        listed = http.get(f"/deposits/{pair.made.deposit}/recoveries").ok()
        assert {draft["recovery"] for draft in listed["drafts"]} == set(expected.drafts)

    def ledger_is_whole(self) -> None:
        """Every entry is whole, in order, and the leaf outside the database is its own."""
        outside = self.world.custodian.outside
        with self.world.database.reading() as db:
            entries = Entries(db, self.world.keys)
            entries.check_whole(outside.size)
            found = entries.between(0, outside.size)
        kept = zip(found, outside.leaves(0, outside.size), strict=True)
        assert all(entry is None or entry.leaf_hash == leaf for entry, leaf in kept)
        assert self._erased or None not in found
