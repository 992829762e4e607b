"""The month in numbers: once, whatever stops and starts, with the numbers that are true."""

from __future__ import annotations

import calendar
import threading
from typing import Any

import pytest
from sqlalchemy import delete, select

from escrow.config import Settings
from escrow.custodian.monthly import Month, Monthly
from escrow.deposit import recoverability
from escrow.deposit.models import CustodyRow
from escrow.errors import ConfigurationError
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import Outbox
from escrow.protocol.ledger import Event
from tests.admin.crew import hired
from tests.admin.office import Office
from tests.support.mailbox import text_of
from tests.support.world import World

DAY = 86400
TO = ("ann@provider.test", "bob@provider.test")


@pytest.fixture
def told(world: World) -> World:
    """A service that tells two people, in the middle of a month."""
    world.with_settings(report_to=TO)
    restart(world)
    return world


def restart(world: World) -> None:
    world.restart_custodian()
    world.custodian.settings = world.settings


def to(world: World, address: str = TO[0]) -> list[Any]:
    return world.mailbox.to(address)


def next_month(world: World, days_in: int = 1) -> None:
    """Go to a day of the next month."""
    end = Month.before(world.clock.now()).end
    after = Month.before(end + 40 * DAY).end
    world.wait(after + (days_in - 1) * DAY + 7200 - world.clock.now())


@pytest.mark.parametrize(
    ("now", "name", "start", "end"),
    [
        ((2026, 12, 1, 0, 0, 0), "2026-11", (2026, 11, 1), (2026, 12, 1)),
        ((2026, 11, 30, 23, 59, 59), "2026-10", (2026, 10, 1), (2026, 11, 1)),
        ((2027, 1, 1, 0, 0, 0), "2026-12", (2026, 12, 1), (2027, 1, 1)),
        ((2028, 3, 15, 0, 0, 0), "2028-02", (2028, 2, 1), (2028, 3, 1)),
    ],
)
def test_the_month_before_is_a_whole_calendar_month(
    now: Any, name: str, start: Any, end: Any
) -> None:
    found = Month.before(calendar.timegm(now))
    seconds = [calendar.timegm((*day, 0, 0, 0)) for day in (start, end)]
    assert (found.name, found.start, found.end) == (name, *seconds)


def test_the_month_is_told_once_to_everybody_with_its_numbers(told: World) -> None:
    customer = told.customer("mira@example.org")
    made, [contact] = told.enrol(customer)
    told.enrol(customer, 0, 0)
    recovery = told.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    told.run()
    assert to(told) == []
    next_month(told)
    for address in TO:
        [mail] = to(told, address)
    text = text_of(mail)
    assert "At risk: 2 (before: 0)" in text
    assert "Safe: 0 (before: 0)" in text
    assert "Lost a way back: 1" in text
    assert "asked for: 1, finished: 0, stopped: 1, run out: 0" in text
    assert "mira" not in text and contact.name not in text
    with told.database.reading() as db:
        rows = db.scalars(select(LedgerEvent).where(LedgerEvent.type == "admin exported")).all()
        [said] = [Event.parse(row.body or b"").data["what"] for row in rows]
        assert [row.refused for row in rows] == [None]
    assert said.startswith("monthly report 20")
    with told.database.transaction() as db:  # the mail itself is forgotten after a while
        db.execute(delete(Outbox).where(Outbox.message == "monthly_report"))
    for _ in range(4):
        restart(told)
        told.wait(DAY)
    assert len(to(told)) == 1
    next_month(told)
    assert len(to(told)) == 2


def test_the_month_says_what_is_due_and_what_admins_did(told: World) -> None:
    office = Office.open(told)
    customer = told.customer()
    gone, _ = told.enrol(customer)
    told.enrol(customer)
    office.approve(office.propose("close-deposit", gone.deposit), office.anna, office.piet)
    other = told.customer("piet@example.org")
    made, _ = told.enrol(other)
    recovery = told.open_recovery(other, made)
    office.approve(office.propose("freeze", recovery), office.anna)
    olga = hired(told)
    olga.post(f"/admin/support/{customer.account}/instructions").ok()
    olga.post("/admin/exports/keys").ok()
    now, fresh = told.clock.now(), told.settings.proof_seconds
    with told.database.transaction() as db:
        for row in db.scalars(select(CustodyRow).where(CustodyRow.deposit == made.deposit)):
            if row.role == "contact":
                row.last_share_at = row.last_check_at = now - fresh - DAY
        recoverability.refresh(db, made.deposit, now, fresh)
    told.run()
    next_month(told)
    [mail] = to(told)
    text = " ".join(text_of(mail).split())
    assert "Due for a check when this was written: kits 0, contacts 1" in text
    assert "carried out: 2 (End a key: 1; Put a recovery on hold: 1)" in text
    assert "Instructions sent again: 1" in text
    assert "Lists, reports and data taken out: 1" in text
    next_month(told)
    assert "carried out: 0" in " ".join(text_of(to(told)[-1]).split())


def test_a_month_in_which_nothing_ran_is_told_late_and_no_earlier_one(told: World) -> None:
    told.custodian.acts = [act for act in told.custodian.acts if not isinstance(act, Monthly)]
    next_month(told, 12)
    next_month(told, 9)
    assert to(told) == []
    restart(told)
    told.run()
    assert len(to(told)) == 1


def test_two_processes_tell_a_month_once(told: World) -> None:
    told.custodian.acts = [act for act in told.custodian.acts if not isinstance(act, Monthly)]
    next_month(told)
    acts = [Monthly(), Monthly()]
    failed: list[BaseException] = []

    def run(act: Monthly) -> None:
        try:
            act(told.custodian)
        except Exception as error:  # the loser's transaction is refused by the database
            failed.append(error)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.run()
    assert len(failed) <= 1
    assert [len(to(told, address)) for address in TO] == [1, 1]


def test_nobody_is_told_unless_the_settings_say_so_nor_of_a_month_before_the_service(
    world: World,
) -> None:
    next_month(world)
    assert to(world) == []
    young = Month.before(world.clock.now())
    with world.database.transaction() as db:
        first = db.scalars(select(LedgerEvent).where(LedgerEvent.index == 0)).one()
        first.at = young.end + 5
    world.with_settings(report_to=TO)
    restart(world)
    Monthly()(world.custodian)
    world.send_mail()
    assert to(world) == []


def test_the_mail_speaks_the_language_of_the_settings(world: World) -> None:
    world.with_settings(report_to=TO[:1], report_language="nl")
    restart(world)
    next_month(world)
    [mail] = to(world)
    assert "in getallen" in str(mail["Subject"])
    assert "Niet terug te halen: 0" in text_of(mail)


@pytest.mark.parametrize(
    "wrong", [{"report_to": ("nobody",)}, {"report_to": ("a@b c@d",)}, {"report_language": "fr"}]
)
def test_wrong_settings_of_the_report_are_refused_at_the_start(
    settings: Settings, wrong: dict[str, Any]
) -> None:
    from dataclasses import replace

    with pytest.raises(ConfigurationError):
        replace(settings, **wrong).check()
