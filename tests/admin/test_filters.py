"""The list of keys narrowed by what an auditor asks: party, proof, age, policy, domain; views."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account.models import Address
from escrow.admin import custody
from escrow.admin.filters import Cursor, Filter
from escrow.admin.models import Admin, AdminView
from escrow.admin.sweep import sweep
from escrow.context import Web
from escrow.deposit import recoverability
from escrow.deposit.models import CustodyRow
from tests.admin.crew import Crew, hired
from tests.deposit.contact_life import DAY, invited, leave
from tests.support import statements
from tests.support.people import Customer
from tests.support.world import World


@pytest.fixture
def olga(world: World) -> Crew:
    return hired(world, "auditor")


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


def listed(crew: Crew, query: str = "") -> list[str]:
    """Return the keys on a page of the list, one for each line."""
    text = crew.page(f"/admin/custody?{query}").text
    return re.findall(r'<th scope="row"><a href="/admin/deposits/([0-9a-f]{32})"', text)


def prove(world: World, deposit: str, role: str, days_ago: int) -> None:
    """Let the last proof of a party's pieces be so many days old."""
    now = world.clock.now()
    with world.database.transaction() as db:
        query = select(CustodyRow).where(CustodyRow.deposit == deposit, CustodyRow.role == role)
        for row in db.scalars(query):
            row.last_share_at, row.last_check_at = now - days_ago * DAY, None
        recoverability.refresh(db, deposit, now, world.settings.proof_seconds)


def domain(crew: Crew, name: str) -> str:
    return str(crew.post("/admin/lookups", {"domain": name}).ok()["domain"])


def test_pieces_are_listed_by_party_and_proof_the_longest_unproven_first(
    world: World, olga: Crew, customer: Customer
) -> None:
    fresh, _ = world.enrol(customer)
    old, _ = world.enrol(customer)
    older, _ = world.enrol(customer)
    waiting, _ = invited(world, customer)
    too_old = world.settings.proof_days + 10
    prove(world, old.deposit, "contact", too_old)
    prove(world, older.deposit, "contact", too_old + 5)
    prove(world, old.deposit, "customer", 40)
    assert listed(olga, "role=contact&piece=proven") == [fresh.deposit]
    assert listed(olga, "role=contact&piece=due") == [older.deposit, old.deposit]
    assert listed(olga, "piece=due") == [older.deposit, old.deposit]
    assert listed(olga, "role=contact&piece=missing") == [waiting.deposit]
    assert listed(olga, "role=customer&piece=missing") == []
    assert listed(olga, f"days={too_old + 1}") == [older.deposit]
    assert listed(olga, "days=40&role=customer") == [old.deposit]
    assert listed(olga, "days=41&role=customer") == []
    assert listed(olga, "role=contact&piece=due&state=safe") == []
    assert len(listed(olga, "role=contact")) == 4
    text = olga.page("/admin/custody?role=contact&piece=missing").text
    assert "missing</span> invited" in text


def test_a_piece_goes_from_one_list_to_the_other_as_its_holder_says(
    world: World, olga: Crew
) -> None:
    made, _ = world.enrol(world.customer())
    assert listed(olga, "role=contact&piece=proven") == [made.deposit]
    made, contact = invited(world, world.customer())
    assert made.deposit in listed(olga, "role=contact&piece=missing")
    world.accept(contact)
    assert listed(olga, "role=contact&piece=missing") == []
    leave(world, contact, "lost")
    assert listed(olga, "role=contact&piece=missing") == [made.deposit]
    assert made.deposit not in listed(olga, "role=contact&piece=proven")


def test_nobody_asks_for_pieces_of_what_nobody_counts_on(
    world: World, olga: Crew, customer: Customer
) -> None:
    made, _ = world.enrol(customer)
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "Not needed."}).ok()
    assert made.deposit in listed(olga, "role=contact")
    for _ in range(40):
        world.wait(DAY)
    olga.sign_in().ok()
    assert listed(olga, "role=contact") == listed(olga, "piece=missing") == []
    assert listed(olga, f"account={customer.account}") == [made.deposit]
    assert listed(olga, f"account={customer.account}&piece=missing") == []


def test_keys_are_listed_by_how_many_contacts_are_needed(
    world: World, olga: Crew, customer: Customer
) -> None:
    alone, _ = world.enrol(customer, 0, 0)
    one, _ = world.enrol(customer)
    three, _ = world.enrol(customer, 2, 3)
    assert listed(olga, "policy=0-of-0") == [alone.deposit]
    assert listed(olga, "policy=1-of-1") == [one.deposit]
    assert listed(olga, "policy=2-of-3&state=safe") == [three.deposit]
    assert listed(olga, "policy=2-of-3&role=contact") == [three.deposit] * 3
    assert listed(olga, "policy=2-of-2") == []


def test_contacts_are_found_by_the_domain_of_their_mail_and_its_name_is_in_no_address(
    world: World, olga: Crew, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    name = contact.address.rpartition("@")[2]
    hashed = domain(olga, f" {name.upper()}.")
    assert hashed == domain(olga, f"anybody@{name}")
    assert listed(olga, f"domain={hashed}") == [made.deposit]
    assert listed(olga, f"domain={hashed}&role=customer") == []
    assert listed(olga, f"domain={domain(olga, f'x{name}')}") == []
    text = olga.page(f"/admin/custody?domain={hashed}").text
    assert f'value="{name}"' in text
    assert contact.address not in text
    assert all(name not in href for href in re.findall(r'href="([^"]*)"', text))


@pytest.mark.parametrize("query", ["role=contact", "days=1", "piece=missing", ""])
def test_pages_of_pieces_miss_nothing_and_repeat_nothing(
    world: World, olga: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for _ in range(2):
        world.enrol(customer, 2, 3)
        invited(world, customer)
    world.wait(DAY)
    olga.sign_in().ok()
    whole = listed(olga, query)
    monkeypatch.setattr("escrow.admin.custody.PAGE", 2)
    seen: list[str] = []
    path = f"/admin/custody?{query}"
    while path:
        text = olga.page(path).text
        seen += listed(olga, path.partition("?")[2])
        more = re.search(r'href="([^"]*after=[^"]*)"', text)
        path = more[1].replace("&amp;", "&") if more else ""
    assert seen == whole
    assert len(whole) >= 2


def pages_of(db: Session, web: Web, chosen: Filter, length: int) -> list[str]:
    """Return the pieces of a list, read page by page."""
    seen: list[str] = []
    after: Cursor | None = Cursor()
    while after is not None:
        lines, after = custody.page(db, web, chosen, after, length)
        assert len(lines) == length or after is None
        seen += [line.piece.id for line in lines if line.piece]
    return seen


@pytest.mark.databases("sqlite", "postgresql")
@pytest.mark.parametrize(
    "query",
    [
        *("policy=2-of-3&role=contact", "policy=1-of-1&days=1", "policy=3-of-5&days=1"),
        *("state=safe&days=1", "state=at_risk&days=1", "state=at_risk&role=provider"),
    ],
)
def test_a_page_looks_at_so_many_pieces_and_the_next_one_goes_on(
    world: World, olga: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    for _ in range(2):
        world.enrol(customer, 2, 3)
        world.enrol(customer)
        invited(world, customer)
    world.wait(DAY)
    olga.sign_in().ok()
    chosen = Filter.read(dict(pair.split("=") for pair in query.split("&")))
    with world.database.reading() as db:
        web = world.app.extensions["escrow"]
        whole, following = custody.page(db, web, chosen, Cursor())
        assert following is None
        pieces = [line.piece.id for line in whole if line.piece]
        assert pages_of(db, web, chosen, 2) == pieces  # by their few keys
        monkeypatch.setattr(custody, "FEW", -1)
        for length in (1, 3, 50):
            after: Cursor | None = Cursor()
            seen: list[str] = []
            pages = 0
            while after is not None:
                lines, after = custody.page(db, web, chosen, after, length, 3)
                assert len(lines) <= min(length, 3 * len(chosen.roles))
                seen += [line.piece.id for line in lines if line.piece]
                pages += 1
            assert seen == pieces
            assert pages > 1
    monkeypatch.setattr(custody, "LOOKED_AT", 2)
    text = olga.page(f"/admin/custody?{query}").text
    assert "Look further" in text
    assert "There are none." not in text
    assert "data-export" in text


@pytest.mark.parametrize(
    "query",
    [
        *("role=x", "piece=old", "days=0", "days=3651", "days=-1", "policy=2", "policy=2-of-"),
        *("domain=x", "domain=example.org", "after=1-x", "after=01-" + "a" * 32),
    ],
)
def test_what_names_no_filter_finds_no_page(olga: Crew, query: str) -> None:
    assert olga.page(f"/admin/custody?{query}").status_code == 404


def test_an_export_follows_the_filter_and_the_ledger_names_no_customer(
    world: World, olga: Crew, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    waiting, _ = invited(world, customer)
    chosen = {"role": "contact", "piece": "missing", "account": customer.account}
    document = olga.post("/admin/exports/keys", chosen).ok()
    [line] = csv.DictReader(io.StringIO(document["csv"], newline=""))
    found = (line["key"], line["piece"], line["piece_state"], line["last_proof"])
    assert found == (waiting.deposit, "contact", "missing", "")
    told = Filter(**chosen).told()
    assert told == "role contact, piece missing, account one"
    hashed = domain(olga, contact.address)
    both = olga.post("/admin/exports/keys", {"domain": hashed}).ok()["csv"]
    assert made.deposit in both
    assert hashed not in Filter(domain=hashed).told()


def test_an_export_in_parts_is_the_whole(
    world: World, olga: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enrol(customer, 2, 3)
    monkeypatch.setattr("escrow.admin.exporting.PART", 2)
    asked: dict[str, Any] = {"role": "contact"}
    first = olga.post("/admin/exports/keys", asked).ok()
    second = olga.post("/admin/exports/keys", asked | {"after": first["next"]}).ok()
    assert [first["csv"].count("\r\n"), second["csv"].count("\r\n")] == [3, 2]
    assert second["next"] is None
    assert olga.post("/admin/exports/keys", asked | {"after": "x"}).status == 400


def test_a_cursor_reads_what_it_writes() -> None:
    for cursor in (Cursor("ab" * 16), Cursor("ab" * 16, 0), Cursor("ab" * 16, 1764000000)):
        assert Cursor.read(str(cursor)) == cursor
    assert Cursor.read("") == Cursor()


def test_a_view_is_its_admins_own_and_says_nothing_to_who_reads_the_database(
    world: World, olga: Crew
) -> None:
    mark = hired(world, "auditor", "Mark")
    view = olga.post("/admin/views", {"name": "Old ones", "role": "contact", "days": "90"})
    assert view.status == 201
    link = 'href="/admin/custody?role=contact&amp;days=90"'
    assert link in olga.page("/admin/custody").text
    assert "Old ones" not in mark.page("/admin/custody").text
    path = f"/admin/views/{view.json['view']}"
    assert mark.call("DELETE", path).status == 404
    with world.database.reading() as db:
        row = db.scalars(select(AdminView)).one()
        assert b"Old" not in row.name
        assert b"contact" not in row.filter
    assert olga.call("DELETE", path).status == 204
    assert "Old ones" not in olga.page("/admin/custody").text
    assert olga.call("DELETE", path).status == 404


def test_a_view_that_somebody_put_into_the_database_is_not_shown(world: World, olga: Crew) -> None:
    made, _ = world.enrol(world.customer())
    olga.post("/admin/views", {"name": "Mine", "piece": "due"}).ok()
    assert "Mine" in olga.page("/admin/custody").text
    with world.database.transaction() as db:
        row = db.scalars(select(AdminView)).one()
        row.created_at += 1
    text = olga.page("/admin/custody").text
    assert "Mine" not in text
    assert made.deposit in text


def test_an_admin_keeps_at_most_thirty_views(olga: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("escrow.admin.saved.MOST", 2)
    codes = [olga.post("/admin/views", {"name": str(number)}).status for number in range(3)]
    assert codes == [201, 201, 409]
    for wrong in ({"name": ""}, {"name": "x" * 61}, {}, {"name": "x", "days": "0"}):
        assert olga.post("/admin/views", wrong).status == 400


def test_the_address_that_was_removed_finds_nobody(
    world: World, olga: Crew, customer: Customer
) -> None:
    with world.database.transaction() as db:
        db.scalars(select(Address).where(Address.account == customer.account)).one().removed_at = 1
    found = olga.post("/admin/lookups", {"find": customer.address}).ok()
    assert found["accounts"] == []


def test_who_looks_up_one_after_the_other_is_stopped(
    olga: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escrow.admin.support.LOOKED_UP_AN_HOUR", 2)
    asked = {"find": "nobody@example.org"}
    assert [olga.post("/admin/lookups", asked).status for _ in range(3)] == [200, 200, 429]


def test_recoveries_ask_for_all_addresses_at_once(
    world: World, olga: Crew, customer: Customer
) -> None:
    for _ in range(3):
        made, _ = world.enrol(customer, 0, 0)
        world.open_recovery(customer, made)
    with statements.asked(world.database.engine) as said:
        text = olga.page("/admin/recoveries").text
    assert text.count("/admin/deposits/") == 3
    assert sum("FROM address" in statement for statement, _ in said) == 1


def test_views_go_with_their_admin(world: World, olga: Crew) -> None:
    mark = hired(world, "auditor", "Mark")
    for crew in (olga, mark):
        crew.post("/admin/views", {"name": crew.name}).ok()
    with world.database.transaction() as db:
        gone = db.scalars(select(AdminView).order_by(AdminView.created_at)).all()[0].admin
        db.get_one(Admin, gone).state = "removed"
        sweep(db, world.clock.now())
        [left] = db.scalars(select(AdminView)).all()
    assert left.admin != gone
