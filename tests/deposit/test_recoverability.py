"""How a key is doing: the ways that are proven, as they age; stored, counted, and never wrong."""

from __future__ import annotations

import random
from email.utils import parsedate_to_datetime
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.deposit import recoverability
from escrow.deposit.models import CustodyRow, RecoverabilityChange
from escrow.deposit.recoverability import assess
from tests.deposit.contact_life import DAY, attest_share, subjects
from tests.deposit.test_reminders import pass_quickly
from tests.support import recount
from tests.support.people import Contact, Customer, Deposited, attest, make_deposit
from tests.support.world import World

FRESH = 180 * DAY
NOW = 2_000_000_000


@st.composite
def deposits(draw: st.DrawFn) -> tuple[Any, int, list[Any]]:
    """A deposit, how many contacts it needs, and its pieces in any state and of any age."""
    count = draw(st.integers(0, 5))
    needed = draw(st.integers(1, count)) if count else 0
    ages = st.none() | st.sampled_from([0, FRESH - 1, FRESH, FRESH + 1]) | st.integers(0, 2 * FRESH)
    lines = []
    for role in ("customer", *["contact"] * count, "provider"):
        share, check = draw(ages), draw(ages)
        state = draw(st.sampled_from(["held", "held", "invited", "declined", "lost", "withdrawn"]))
        dates = [None if age is None else NOW - age for age in (share, check)]
        if state == "held" and dates == [None, None]:
            dates[0] = NOW  # nobody holds a piece without having proven it once
        lines.append(
            SimpleNamespace(role=role, state=state, last_share_at=dates[0], last_check_at=dates[1])
        )
    state = draw(
        st.sampled_from(["pending", "active", "complete", "closing", "closed", "rejected"])
    )
    before = (
        draw(st.sampled_from(["pending", "active", "complete"])) if state == "closing" else None
    )
    kind = draw(st.sampled_from(["real", "drill"]))
    deposit = SimpleNamespace(
        kind=kind,
        state=state,
        state_before_closing=before if state == "closing" else None,
        contacts_needed=needed,
    )
    return deposit, needed, lines


@given(deposits())
def test_the_state_is_that_of_trying_every_set_of_pieces(case: tuple[Any, int, list[Any]]) -> None:
    deposit, needed, lines = case
    found = assess(deposit, lines, NOW, FRESH)
    policy: Any = SimpleNamespace(contacts_needed=needed)
    never_whole = deposit.state_before_closing == "pending"
    is_over = deposit.state not in {"active", "complete", "closing"}
    if deposit.kind == "drill" or is_over or never_whole:
        assert found == recoverability.Assessment()
        return
    held = [line for line in lines if line.state == "held"]
    young = [line for line in held if max(recount._dates(line)) > NOW - FRESH]
    ways, all_ways = recount.open_ways(young, policy), recount.open_ways(held, policy)
    assert (found.ways, found.held) == (ways, all_ways)
    assert found.state == ("safe" if ways >= 2 else "at_risk" if all_ways else "not_recoverable")


@given(deposits(), st.integers(0, 3 * FRESH))
def test_until_is_when_age_alone_changes_something_and_not_before(
    case: tuple[Any, int, list[Any]], later: int
) -> None:
    deposit, _, lines = case
    found = assess(deposit, lines, NOW, FRESH)
    then = assess(deposit, lines, NOW + later, FRESH)
    if found.until is None or NOW + later < found.until:
        assert (then.ways, then.state) == (found.ways, found.state)
    else:
        assert then.until is None or then.until > NOW + later
    if found.until is not None:
        assert NOW < found.until <= NOW + FRESH


def test_a_key_is_safe_once_a_contact_holds_a_piece_and_at_risk_when_a_piece_is_gone(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    document = customer.http.get(f"/deposits/{made.deposit}").ok()
    assert document["recoverability"] == "safe"
    listed = customer.http.get("/deposits").ok()["deposits"]
    assert [line["recoverability"] for line in listed] == ["safe"]
    until = {line["role"]: line["proven_until"] for line in document["custodies"]}
    assert all(value > world.clock.now() + 179 * DAY for value in until.values())
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    counted(world, "at_risk")
    customer.http.post(f"/custodies/{kit_of(made)}/lost").ok()
    world.run()
    counted(world, "not_recoverable")
    assert attest_share(contact) == 200
    world.run()
    counted(world, "at_risk")


def kit_of(made: Deposited) -> str:
    return made.manifest.of_role("customer")[0].custody


def counted(world: World, *states: str) -> None:
    """Check the stored states against a recount: these, and no others."""
    with world.database.reading() as db:
        found = recount.check(db, world.clock.now(), world.settings.proof_seconds)
        assert sorted(found.elements()) == sorted(states)
        kept = {state: count for state, count in stored(db, world).items() if count}
        assert kept == dict(found)


def stored(db: Session, world: World) -> dict[str, int]:
    """Return how many deposits are in each state, by what is stored."""
    today = world.clock.now() // DAY
    return {state: counts[0] for state, counts in recoverability.history(db, today, today).items()}


def test_what_is_not_counted_on_has_no_state(world: World, customer: Customer) -> None:
    made, _ = world.enrol(customer)
    world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    counted(world, "safe")
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "test"}).ok()
    world.run()
    counted(world, "safe")  # for thirty days it can still be had back
    world.wait(31 * DAY)
    counted(world)


def test_a_key_that_was_never_whole_is_not_counted_while_it_closes(
    world: World, customer: Customer
) -> None:
    world.enrol(customer)
    begun = make_deposit(customer.http, world.new_contacts(1), 1)
    customer.http.put(f"/deposits/{begun.deposit}", begun.body).ok()
    world.run()
    counted(world, "safe")
    customer.sign_in()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": "moving"}).ok()
    world.run()
    counted(world, "safe")
    assert customer.http.get(f"/deposits/{begun.deposit}").ok()["recoverability"] is None
    attest(customer.http, begun.manifest, begun.payloads[0]).ok()
    world.run()  # whole after all, if its owner changes her mind
    counted(world, "safe", "at_risk")
    customer.http.post(f"/accounts/{customer.account}/reopen").ok()
    world.run()
    counted(world, "safe", "at_risk")


def test_a_key_without_contacts_is_at_risk_from_the_first_day(
    world: World, customer: Customer
) -> None:
    world.enrol(customer, 0, 0)
    counted(world, "at_risk")


@pytest.mark.databases("sqlite")
def test_unless_it_is_checked_a_key_is_at_risk_after_half_a_year_and_safe_again_with_a_check(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    with world.database.reading() as db:
        dates = db.scalars(select(CustodyRow).where(CustodyRow.role != "provider")).all()
        end = min(max(recount._dates(line)) for line in dates) + FRESH
    pass_quickly(world, end - 1 - world.clock.now())
    counted(world, "safe")
    world.wait(1)
    counted(world, "at_risk")
    kinds = subjects(world, customer.address)
    assert kinds.count("Do you still have your kit for ") == 2
    assert len([m for m in world.mailbox.to(contact.address) if "still have" in m["Subject"]]) == 2
    pass_quickly(world, 10 * DAY)
    told = [m for m in world.mailbox.to(customer.address) if "has not shown" in m["Subject"]]
    assert len(told) == 1
    customer.sign_in()
    attest(customer.http, made.manifest, made.payloads[0], "check").ok()
    world.run()
    counted(world, "at_risk")
    assert attest_share(contact, "check") == 200
    world.run()
    counted(world, "safe")
    with world.database.reading() as db:
        changes = db.scalars(select(RecoverabilityChange).order_by(RecoverabilityChange.id)).all()
        assert [change.now for change in changes] == ["at_risk", "safe", "at_risk", "safe"]


def test_in_two_years_counts_always_equal_a_recount_and_every_letter_goes_out_once(
    world: World, customer: Customer
) -> None:
    """People check when they like, stop, lose their piece and find it again; time does the rest."""
    chance = random.Random(1)
    people: list[tuple[Deposited, list[Contact]]] = [
        world.enrol(customer, *policy, label=f"Key {number}")
        for number, policy in enumerate(((1, 1), (2, 3), (0, 0), (3, 3)))
    ]
    end = world.clock.now() + 730 * DAY
    seen = set()
    while world.clock.now() < end:
        world.wait(chance.randrange(1, 30) * DAY)
        made, contacts = chance.choice(people)
        something(world, customer, made, contacts, chance)
        world.run()
        with world.database.reading() as db:
            found = recount.check(db, world.clock.now(), world.settings.proof_seconds)
            now = {state: found[state] for state in recoverability.STATES}
            assert stored(db, world) == now
            seen |= set(found)
    assert seen == set(recoverability.STATES)
    assert asked_too_often(world) == []
    with world.database.reading() as db:
        changes = db.scalars(select(RecoverabilityChange).order_by(RecoverabilityChange.id)).all()
        first, last = changes[0].at // DAY, world.clock.now() // DAY
        told = recoverability.history(db, first + 10, last)
    tally = dict.fromkeys((*recoverability.STATES, None), 0)
    for day in range(first, last + 1):
        for change in [one for one in changes if one.at // DAY == day]:
            tally[change.was] -= 1
            tally[change.now] += 1
        if day >= first + 10:
            assert {s: told[s][day - first - 10] for s in told} == {s: tally[s] for s in told}


def something(
    world: World,
    customer: Customer,
    made: Deposited,
    contacts: list[Contact],
    chance: random.Random,
) -> None:
    """Do one of the things that holders do; the service may refuse it."""
    act = chance.choice(["check", "check", "check", "kit", "kit", "decline", "lost", "find"])
    if act == "kit":
        customer.sign_in()
        attest(customer.http, made.manifest, made.payloads[0], "share")
    elif act == "lost":
        customer.sign_in()
        customer.http.post(f"/custodies/{kit_of(made)}/lost")
    elif contacts:
        contact = chance.choice(contacts)
        if act in {"decline", "lost"}:
            contact.http.post(f"/custodies/{contact.custody}/{act}")
        else:
            attest_share(contact, "share" if act == "find" else "check")


def asked_too_often(world: World) -> list[str]:
    """Name the addresses that were asked for a proof twice within a week."""
    found = []
    by_address: dict[tuple[str, str], list[int]] = {}
    for address, mail in world.mailbox.mails:
        if "still have" in str(mail["Subject"]):
            sent = int(parsedate_to_datetime(mail["Date"]).timestamp())
            by_address.setdefault((address, str(mail["Subject"])), []).append(sent)
    for (address, _), dates in by_address.items():
        close = [b for a, b in pairwise(dates) if b - a < 7 * DAY]
        found += [address] * len(close)
    return found
