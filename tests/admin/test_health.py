"""The log's own page and the clocks of recoveries: what an admin must not miss."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import update

from escrow.admin import clocks, health
from escrow.i18n import translator
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.mail import outbox
from tests.admin.crew import Crew, hired
from tests.admin.office import Office
from tests.support.world import World

HOUR = 3600
DAY = 24 * HOUR


@pytest.fixture
def olga(world: World) -> Crew:
    return hired(world, "auditor")


def page(crew: Crew) -> str:
    return crew.page("/admin/ledger").text


def test_a_custodian_that_ticks_is_at_work_and_one_that_does_not_is_told(world: World) -> None:
    world.enrol(world.customer())
    world.wait(health.TICK_SECONDS + 60)
    olga = hired(world, "auditor")
    assert "All is well: the log was signed" in page(olga)
    with world.database.reading() as db:
        found = health.look(db, world.app.extensions["escrow"])
    assert found.tick_at is not None
    assert not found.is_silent
    world.clock.move(health.TICK_SECONDS)
    olga.sign_in().ok()
    assert "All is well: the log was signed" in page(olga)
    world.clock.move(health.LATE_SECONDS + 60)
    olga.sign_in().ok()
    assert "does not run" in page(olga)


def test_entries_and_mails_that_wait_are_counted(world: World, olga: Crew) -> None:
    world.enrol(world.customer())
    world.send_mail()
    web = world.app.extensions["escrow"]
    with world.database.reading() as db:
        before = health.look(db, web)
    assert (before.waiting, before.mails) == (0, 0)
    with world.database.transaction() as db:
        for _ in range(3):
            append(db, web.author, "admin exported", {"what": "x", "body_sha256": bytes(32)})
        outbox.queue(
            db,
            world.web_keys,
            world.clock.now(),
            key="k",
            message="login_code",
            address="a@example.org",
            locale="en",
            contents={"code": "123 456"},
        )
    with world.database.reading() as db:
        found = health.look(db, web)
    assert (found.waiting, found.mails, found.is_mail_late) == (3, 1, False)
    assert "<dd>3</dd>" in page(olga)
    world.clock.move(health.MAIL_LATE_SECONDS + 60)
    olga.sign_in().ok()
    assert "Mails have waited for over an hour" in page(olga)


def test_an_entry_that_was_not_taken_is_shown_with_the_reason(world: World, olga: Crew) -> None:
    made, _ = world.enrol(world.customer())
    assert "not taken</h2>" in page(olga)
    assert "There are none." in page(olga)
    with world.database.transaction() as db:
        web = world.app.extensions["escrow"]
        event = append(db, web.author, "admin exported", {"what": "x", "body_sha256": bytes(32)})
        db.flush()
        changed = update(LedgerEvent).where(LedgerEvent.id == event.id)
        db.execute(changed.values(mac=bytes(32), deposit=made.deposit))
    world.run()
    text = page(olga)
    with world.database.reading() as db:
        [row] = health.look(db, web).refused
    assert row.refused
    assert row.refused in text
    assert f"/admin/deposits/{made.deposit}" in text


@pytest.mark.parametrize(
    ("seconds", "english", "dutch"),
    [
        (14 * DAY, "14 days", "14 dagen"),
        (2 * DAY + 1, "3 days", "3 dagen"),
        (2 * DAY - 1, "48 hours", "48 uur"),
        (2 * HOUR - 1, "120 minutes", "120 minuten"),
        (61, "2 minutes", "2 minuten"),
        (0, "1 minute", "1 minuut"),
        (-5, "1 minute", "1 minuut"),
    ],
)
def test_what_is_left_is_rounded_up(seconds: int, english: str, dutch: str) -> None:
    assert clocks.left(translator("en"), seconds) == english
    assert clocks.left(translator("nl"), seconds) == dutch


def test_a_recovery_says_why_it_is_held_and_what_comes_next(office: Office) -> None:
    world = office.world
    customer = world.customer()
    made, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    olga = hired(world, "auditor")

    def next_step() -> str:
        olga.sign_in().ok()
        text = olga.page("/admin/recoveries").text
        found = re.search(
            r"<span class=\"next\">([^<]*) <time class=\"left\" data-until=\"[0-9]+\">([^<]*)", text
        )
        assert found is not None
        return f"{found[1]} {found[2]}"

    assert next_step() == "can be finished in 3 days"
    world.wait(2 * HOUR)
    assert next_step() == "can be finished in 3 days"
    reason = "The customer says <b>it was not her</b>."
    office.approve(office.propose("freeze", recovery, reason=reason), office.anna)
    assert next_step() == "is cancelled in 30 days"
    text = olga.page("/admin/recoveries").text
    assert "frozen: “" in text
    assert "says &lt;b&gt;it was not her" in text
