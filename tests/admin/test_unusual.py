"""Numbers that want a look: the rule at its edges, and counts that no crash doubles."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import select

from escrow.admin import overview, unusual
from escrow.custodian import counting
from escrow.ledger import daily
from escrow.ledger.models import DailyCount
from tests.admin.crew import hired
from tests.support import recount
from tests.support.people import Customer
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


def happened(world: World, kind: str, ago: int, count: int) -> None:
    with world.database.transaction() as db:
        for _ in range(count):
            daily.add(db, kind, world.clock.now() - ago * DAY)


def unusual_kinds(world: World) -> set[str]:
    with world.database.reading() as db:
        found = unusual.look(db, world.clock.now())
    return {number.kind for number in found if number.is_unusual}


@pytest.mark.parametrize(
    ("lately", "before", "is_unusual"),
    [(4, 0, False), (5, 0, True), (5, 13, True), (6, 16, False), (7, 16, True), (60, 160, False)],
)
def test_what_is_unusual_is_over_three_times_the_usual_week_and_at_least_five(
    lately: int, before: int, is_unusual: bool
) -> None:
    assert unusual.Number("recovery opened", lately, before).is_unusual == is_unusual


@pytest.mark.databases("sqlite", "postgresql")
def test_the_last_seven_days_are_held_against_the_eight_weeks_before(world: World) -> None:
    happened(world, "recovery opened", 6, 3)
    happened(world, "recovery opened", 0, 2)
    assert unusual_kinds(world) == {"recovery opened"}
    happened(world, "recovery opened", 7, 8)  # the usual week begins here
    happened(world, "recovery opened", 62, 6)
    assert unusual_kinds(world) == set()
    happened(world, "custody lost", 63, 99)  # and is over there
    happened(world, "custody lost", 1, 5)
    assert unusual_kinds(world) == {"custody lost"}


def test_the_page_and_the_overview_name_what_is_unusual(world: World) -> None:
    olga = hired(world, "auditor")
    happened(world, "recovery vetoed", 2, 7)
    row = re.search(r"recoveries stopped.*?</tr>", olga.page("/admin/unusual").text, re.S)
    assert row is not None
    assert '<td class="number">7</td><td class="number">0</td>' in row[0]
    assert "yes" in row[0]
    overviewed = olga.page("/admin").text
    assert re.search(r'href="/admin/unusual">1</a>', overviewed)
    assert "meer dan 3 keer" in olga.page("/admin/unusual", "nl").text


@pytest.mark.databases("sqlite", "postgresql")
def test_each_entry_is_counted_once_whatever_crashes(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    add = daily.add
    with monkeypatch.context() as patched:

        def cut(*arguments: Any) -> None:
            add(*arguments)
            raise RuntimeError("power cut")

        patched.setattr(counting.daily, "add", cut)
        world.run()
    world.restart_custodian()
    world.clock.move(120)
    world.run()
    world.run()
    with world.database.reading() as db:
        days = recount.counted(db)
        assert days == dict(recount.happened(db))
        assert days[("recovery vetoed", (world.clock.now() - 120) // DAY)] == 1


def test_drills_are_no_recoveries_in_the_charts(world: World, customer: Customer) -> None:
    dummy, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    recovery = world.open_recovery(customer, dummy)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    with world.database.reading() as db:
        kinds = set(db.scalars(select(DailyCount.kind)))
    assert "drill recovery opened" in kinds
    assert "recovery opened" not in kinds


@pytest.mark.databases("sqlite", "postgresql")
def test_the_overview_shows_proofs_by_day_and_outcomes_by_week(world: World) -> None:
    olga = hired(world)
    for kind, ago, count in (
        ("custody attested contact", 0, 2),
        ("custody attested contact", 89, 1),
        ("custody attested contact", 90, 50),
        ("recovery completed", 6, 1),
        ("recovery completed", 7, 4),
        ("recovery frozen", 1, 3),
        ("recovery expired", 363, 9),
        ("recovery expired", 364, 70),
    ):
        happened(world, kind, ago, count)
    with world.database.reading() as db:
        today = world.clock.now() // DAY
        attested = overview._attested(db, today)
        outcomes = overview._outcomes(db, today)
    assert (attested["contact"][0], attested["contact"][-1], sum(attested["contact"])) == (1, 2, 3)
    assert (outcomes["completed"][-1], outcomes["completed"][-2]) == (1, 4)
    assert (outcomes["expired"][0], sum(outcomes["expired"])) == (9, 9)
    text = olga.page("/admin").text
    assert text.count("<svg") >= 3
    said = re.sub(r"<[^>]*>", "", text)
    assert "contacts: 3" in said
    assert "put on hold: 3" in said
    assert "The highest column: 9." in said


@pytest.fixture
def in_amsterdam(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The zone of the machine, an hour or two ahead of the days that are counted."""
    monkeypatch.setenv("TZ", "Europe/Amsterdam")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_a_day_is_named_by_the_date_that_it_was_counted_under(
    world: World, in_amsterdam: None
) -> None:
    late = world.clock.now() // DAY * DAY + DAY - 60
    world.clock.move(late - world.clock.now())
    assert time.localtime(late).tm_hour < 3  # there it is tomorrow
    happened(world, "custody attested contact", 0, 5)
    text = hired(world).page("/admin").text
    row = r'row">([^<]*)</th><td class="number">0</td><td class="number">5</td>'
    assert re.findall(row, text) == [datetime.fromtimestamp(late, UTC).strftime("%-d %B %Y")]
