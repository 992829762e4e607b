"""What happens by day: each entry counted once, whatever crashes, whoever else counts."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from escrow.account.models import Account
from escrow.custodian import counting, reactions
from escrow.custodian.service import Custodian
from escrow.db import Database
from escrow.deposit.models import Deposit
from escrow.ledger import daily
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from tests.support import recount
from tests.support.people import Customer
from tests.support.world import World

DAY = 86400


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


def another(world: World) -> Custodian:
    """Make a custodian as a second process would: its own connections, its own memory."""
    first = world.custodian
    database = Database(first.database.url)
    return Custodian(
        first.settings, database, first.keys, first.web_keys, first.clock, first.outside
    )


@contextmanager
def sequenced_only(world: World) -> Iterator[None]:
    """Let a pass sequence, and react to nothing."""
    acts, world.custodian.acts = world.custodian.acts, []
    yield
    world.custodian.acts = acts


def same(world: World) -> dict[tuple[str, int], int]:
    """Check what is stored against a recount from the ledger; returns it."""
    with world.database.reading() as db:
        stored = recount.counted(db)
        assert stored == dict(recount.happened(db))
        return stored


def ended(stored: dict[tuple[str, int], int]) -> int:
    """Count what came of recoveries, drills included: the provider proves its piece meanwhile."""
    return sum(number for (kind, _), number in stored.items() if "recovery " in kind)


# Entries as the ledger takes them: the type, and what it says; the last is not counted.
SAID: tuple[tuple[str, dict[str, Any]], ...] = (
    ("recovery expired", {}),
    ("recovery vetoed", {"by": "customer"}),
    ("recovery frozen", {"reason": "Strange.", "approval": None}),
    ("recovery completed", {"time": 0, "signature": bytes(64)}),
    ("recovery ready", {}),
)
Happening = tuple[int, bool, int]
HAPPENINGS = st.lists(
    st.tuples(st.integers(0, len(SAID) - 1), st.booleans(), st.sampled_from([1, 60, DAY - 1, DAY])),
    min_size=1,
    max_size=8,
)


def test_counts_equal_a_recount_from_the_ledger_whatever_crashes_between(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = world.enrol(customer, 0, 0)
    dummy, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    add = daily.add
    left = iter([False])

    def cut(*arguments: Any) -> None:
        add(*arguments)
        if next(left, False):
            raise RuntimeError("power cut")

    monkeypatch.setattr(counting.daily, "add", cut)

    def say(number: int, deposit: str) -> None:
        kind, data = SAID[number]
        on = {"account": customer.account, "deposit": deposit}
        with world.database.transaction() as db:
            author = world.custodian.author
            append(db, author, kind, data, recovery=secrets.token_hex(16), **on)

    @settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
    @given(HAPPENINGS, st.lists(st.booleans(), max_size=12))
    def play(happenings: list[Happening], cuts: list[bool]) -> None:
        nonlocal left
        before = ended(same(world))
        left = iter(cuts)
        for number, is_real, later in happenings:
            say(number, made.deposit if is_real else dummy.deposit)
            world.wait(later)
        same(world)  # what failed is not acted upon yet, nor counted
        world.restart_custodian()
        left = iter(())
        world.run()
        counted = [number for number, _, _ in happenings if SAID[number][0] in counting.COUNTED]
        assert ended(same(world)) == before + len(counted)

    play()


def test_two_custodians_count_an_entry_once(world: World, customer: Customer) -> None:
    before = sum(same(world).values())
    with sequenced_only(world):
        with world.database.transaction() as db:
            for number in range(20):
                data = {"what": f"list {number}", "body_sha256": bytes(32)}
                append(db, world.custodian.author, "admin exported", data)
        world.run()
        both = [another(world) for _ in range(2)]
        ready = threading.Barrier(len(both))

        def act(custodian: Custodian) -> None:
            ready.wait()
            while reactions.act(custodian):
                pass

        threads = [threading.Thread(target=act, args=(custodian,)) for custodian in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for custodian in both:
            custodian.database.close()
    world.run()
    assert sum(same(world).values()) == before + 20


def test_what_is_erased_stays_counted(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "Enough."}).ok()
    world.run()
    world.wait(32 * DAY)
    before = same(world)
    assert sum(n for (kind, _), n in before.items() if kind == "recovery vetoed") == 1
    world.wait(31 * DAY, at_once=30 * 3600)
    world.wait(365 * DAY, at_once=35 * 3600)
    with world.database.reading() as db:
        assert db.get(Account, customer.account) is None
        assert recount.counted(db) == before


def test_a_theft_that_a_column_calls_a_drill_is_counted(world: World, customer: Customer) -> None:
    """Who writes the tables, but has no key, hides no recovery from the admins' numbers."""
    made, _ = world.enrol(customer)
    with sequenced_only(world):
        recovery = world.open_recovery(customer, made)
        with world.database.transaction() as db:
            db.execute(update(Deposit).where(Deposit.id == made.deposit).values(kind="drill"))
    world.run()
    with world.database.reading() as db:
        assert db.query(LedgerEvent).filter_by(recovery=recovery, acted=True).count() > 0
        kinds = {kind for kind, _ in recount.counted(db)}
    assert "recovery opened" in kinds
    assert "drill recovery opened" not in kinds


def test_proofs_of_a_drills_pieces_are_no_proofs_in_the_chart(
    world: World, customer: Customer
) -> None:
    world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    kinds = {kind for kind, _ in same(world)}
    assert {kind for kind in kinds if "attested" in kind} == {
        "drill custody attested customer",
        "drill custody attested provider",
    }
