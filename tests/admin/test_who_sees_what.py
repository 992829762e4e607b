"""Every route of the admins' part by every role: a route without a row here fails."""

from __future__ import annotations

from typing import Any

import pytest

from tests.admin.crew import Crew, hired
from tests.admin.office import Office
from tests.deposit.contact_life import DAY
from tests.support.people import Contact, Customer, Deposited
from tests.support.world import World

EVERYBODY = {"support", "auditor", "operator", "owner"}
SEE_ALL = EVERYBODY - {"support"}
DELAY = {"operator", "owner"}
OWNERS = {"owner"}
ANYBODY = EVERYBODY | {"nobody", "customer"}
ID = "ab" * 16
# What each route takes, and who gets further than the door.
ROUTES: dict[tuple[str, str], set[str]] = {
    ("GET", "/admin"): EVERYBODY,
    ("GET", "/admin/you"): EVERYBODY,
    ("GET", "/admin/support"): EVERYBODY,
    ("GET", "/admin/support/<id:account>"): EVERYBODY,
    ("POST", "/api/v1/admin/support"): EVERYBODY,
    ("POST", "/api/v1/admin/support/<id:account>/instructions"): EVERYBODY,
    ("POST", "/api/v1/admin/support/<id:account>/data"): {"operator", "owner"},
    ("GET", "/admin/custody"): SEE_ALL,
    ("GET", "/admin/deposits/<id:deposit>"): SEE_ALL,
    ("GET", "/admin/recoveries"): SEE_ALL,
    ("GET", "/admin/losses"): SEE_ALL,
    ("GET", "/admin/unusual"): SEE_ALL,
    ("GET", "/admin/drills"): SEE_ALL,
    ("GET", "/admin/ledger"): SEE_ALL,
    ("GET", "/admin/approvals"): SEE_ALL,
    ("GET", "/admin/approvals/<id:proposal>"): SEE_ALL,
    ("GET", "/admin/propose/<operation>/<target>"): DELAY,
    ("GET", "/admin/people"): OWNERS,
    ("GET", "/admin/service"): OWNERS,
    ("GET", "/admin/backup"): OWNERS,
    ("GET", "/admin/mail"): SEE_ALL,
    ("GET", "/admin/sign-in"): ANYBODY,
    ("GET", "/admin/invitation"): ANYBODY,
    ("POST", "/api/v1/admin/invitations/challenge"): ANYBODY,
    ("POST", "/api/v1/admin/invitations/accept"): ANYBODY,
    ("POST", "/api/v1/admin/challenges"): ANYBODY,
    ("POST", "/api/v1/admin/sessions"): ANYBODY,
    ("POST", "/api/v1/admin/exports/keys"): SEE_ALL,
    ("POST", "/api/v1/admin/exports/reports"): SEE_ALL,
    ("POST", "/api/v1/admin/deposits/<id:deposit>/report"): SEE_ALL,
    ("POST", "/api/v1/admin/lookups"): SEE_ALL,
    ("POST", "/api/v1/admin/views"): SEE_ALL,
    ("DELETE", "/api/v1/admin/views/<id:view>"): SEE_ALL,
    ("GET", "/api/v1/admin/deposits/<id:deposit>"): SEE_ALL,
    ("GET", "/api/v1/admin/deposits/<id:deposit>/events"): SEE_ALL,
    ("POST", "/api/v1/admin/step-up/challenge"): EVERYBODY,
    ("POST", "/api/v1/admin/step-up"): EVERYBODY,
    ("POST", "/api/v1/admin/people"): OWNERS,
    ("DELETE", "/api/v1/admin/people/<id:admin>"): OWNERS,
    ("DELETE", "/api/v1/admin/people/<id:admin>/sessions"): OWNERS,
    ("GET", "/api/v1/admin/proposals/<id:proposal>"): DELAY,
    ("POST", "/api/v1/admin/proposals/<id:proposal>/reject"): DELAY,
    ("GET", "/api/v1/admin/sessions"): EVERYBODY,
    ("DELETE", "/api/v1/admin/sessions/<id:session>"): EVERYBODY,
}
# What comes in before anybody is asked who it is, and what it answers to rubbish.
BODIES = {
    "/api/v1/admin/invitations/challenge": ({"token": "x" * 43}, 410),
    "/api/v1/admin/invitations/accept": (
        {
            "token": "x" * 43,
            "name": "Eve",
            "challenge": "A" * 43,
            "client_data": "AA",
            "attestation": "AA",
        },
        410,
    ),
    "/api/v1/admin/challenges": ({}, 200),
    "/api/v1/admin/exports/keys": ({}, 200),
    "/api/v1/admin/exports/reports": ({}, 200),
    "/api/v1/admin/deposits/<id:deposit>/report": ({}, 200),
    "/api/v1/admin/lookups": ({}, 200),
    "/api/v1/admin/views": ({"name": "All"}, 201),
    "/api/v1/admin/support": ({"address": "nobody@example.org"}, 200),
    "/api/v1/admin/support/<id:account>/instructions": ({}, 202),
    "/api/v1/admin/support/<id:account>/data": ({}, 200),
    "/api/v1/admin/proposals/<id:proposal>/reject": ({}, 204),
    "/api/v1/admin/step-up/challenge": ({}, 200),
    "/api/v1/admin/people": ({"name": "Eve", "role": "owner"}, 201),
}
ANSWER = {
    "challenge": "A" * 43,
    "credential_id": "AA",
    "client_data": "AA",
    "authenticator_data": "A" * 50,
    "signature": "AA",
}


def test_every_route_has_a_row(world: World) -> None:
    served = {
        (method, rule.rule)
        for rule in world.app.url_map.iter_rules()
        if rule.rule.startswith(("/admin", "/api/v1/admin"))
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }
    assert served == set(ROUTES)


def person(world: World, who: str) -> Crew:
    """Return somebody's browser: an admin's, a customer's, or a stranger's."""
    if who in EVERYBODY:
        return hired(world, who, who)
    crew = Crew(world)
    if who == "customer":
        token = world.customer().http.token or ""
        crew.client.set_cookie("__Host-escrow", token, domain="recovery.test", secure=True)
        crew.client.set_cookie("__Host-escrow-admin", token, domain="recovery.test", secure=True)
    return crew


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("who", sorted(ANYBODY))
def test_every_route_lets_in_whom_it_must_and_nobody_else(world: World, who: str) -> None:
    customer = world.customer()
    made, _ = world.enrol(customer)
    proposal = proposed(world, made.deposit)
    crew = person(world, who)
    for (method, rule), allowed in ROUTES.items():
        path = rule.replace("<id:deposit>", made.deposit).replace("<id:session>", ID)
        path = path.replace("<id:account>", customer.account).replace("<id:admin>", ID)
        path = path.replace("<id:proposal>", proposal)
        path = path.replace("<operation>/<target>", f"close-deposit/{made.deposit}")
        path = path.replace("<id:view>", ID)
        if method == "GET" and not path.startswith("/api"):
            status = crew.page(path).status_code
            closed = 404 if who in EVERYBODY else 303
        else:
            body, _ = BODIES.get(rule, (ANSWER, 0)) if method == "POST" else (None, 0)
            status = crew.call(method, path.removeprefix("/api/v1"), body).status
            closed = 404 if who in EVERYBODY else 401
        expected = closed if who not in allowed else opened(method, rule, who)
        assert status == expected, (method, rule, who)


def proposed(world: World, deposit: str) -> str:
    """Have an operator on the host propose something; returns the proposal."""
    office = Office.open(world)
    answer = office.post(office.propose("close-deposit", deposit), office.anna).ok()
    return str(answer["proposal"])


def opened(method: str, rule: str, who: str) -> int:
    """Say what a route answers to who may use it and has nothing right to say."""
    if method == "DELETE":
        return 404
    if rule in BODIES:
        return BODIES[rule][1]
    if method == "POST":
        return 401
    return 303 if (rule, who) == ("/admin", "support") else 200


@pytest.fixture
def olga(world: World) -> Crew:
    return hired(world)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer, 2, 3, label="The secret diary")


def test_an_admin_sees_how_a_key_is_doing_and_neither_its_name_nor_whose_it_is(
    world: World, olga: Crew, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    texts = [
        olga.page(path).text
        for path in ("/admin", "/admin/custody", f"/admin/deposits/{made.deposit}")
    ]
    for text in texts:
        assert "secret diary" not in text
        assert customer.address not in text
        assert not any(contact.address in text or contact.name in text for contact in contacts)
        assert not any(payload.words in text for payload in made.payloads)
    assert made.deposit in texts[1]
    assert "3 of 3 hold a piece, 2 needed" in texts[1]
    assert texts[2].count('data-kind="good">yes') == 5


def test_keys_are_found_by_their_state_their_number_or_the_customers_address_alone(
    world: World, olga: Crew, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    other, _ = world.enrol(world.customer(), 0, 0)

    def found(query: str) -> set[str]:
        text = olga.page(f"/admin/custody?{query}").text
        return {one.deposit for one in (made, other) if one.deposit in text}

    both = {made.deposit, other.deposit}
    assert found("") == both
    assert found("state=safe") == {made.deposit}
    assert found("state=at_risk") == {other.deposit}
    assert found("state=not_recoverable") == set()
    assert found(f"account={customer.account}") == {made.deposit}
    assert found(f"account={ID}") == set()

    def looked_up(find: str) -> list[Any]:
        answer = olga.post("/admin/lookups", {"find": find}).ok()
        return [answer["accounts"], answer["deposit"], answer["domain"]]

    assert looked_up(f" {customer.address.upper()}") == [[customer.account], None, None]
    assert looked_up(made.deposit.upper()) == [[], made.deposit, None]
    assert looked_up(customer.account) == [[customer.account], None, None]
    assert looked_up(made.deposit[:8].upper()) == [[], made.deposit, None]
    assert looked_up(customer.account[:8]) == [[customer.account], None, None]
    for nothing in (contacts[0].address, "%", "", made.deposit[:7], made.deposit[:31] + "g"):
        assert looked_up(nothing) == [[], None, None]
    for wrong in ("state=x", "after=x", "account=x", f"account={customer.address}"):
        assert olga.page(f"/admin/custody?{wrong}").status_code == 404


def test_a_long_list_comes_in_pages_that_miss_nothing_and_repeat_nothing(
    world: World, olga: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("escrow.admin.custody.PAGE", 2)
    made = {world.enrol(customer, 0, 0)[0].deposit for _ in range(5)}
    seen: list[str] = []
    path = "/admin/custody?state=at_risk"
    while path:
        text = olga.page(path).text
        seen += [one for one in sorted(made) if f"/admin/deposits/{one}" in text]
        more = text.partition("&amp;after=")[2][:32]
        path = f"/admin/custody?state=at_risk&after={more}" if more else ""
    assert seen == sorted(made)


def test_the_overview_counts_what_is_there_and_follows_it_through_the_year(
    world: World, olga: Crew, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    def figures() -> list[str]:
        text = olga.page("/admin").text
        return [part.partition("</strong>")[0] for part in text.split("<strong>")[1:4]]

    assert figures() == ["1", "0", "0"]
    _, contacts = enrolled
    for contact in contacts[:2]:
        contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.wait(31 * DAY)
    olga.sign_in().ok()
    assert figures() == ["0", "1", "0"]
    text = olga.page("/admin", "nl").text
    assert "Hetzelfde in getallen" in text
    rows = text.partition("<tbody>")[2].partition("</tbody>")[0].split("<tr>")[1:3]
    assert [row.count('<td class="number">1</td>') for row in rows] == [1, 1]
    assert rows[0] != rows[1]


def test_a_recovery_under_way_is_listed_with_its_clocks(
    world: World, olga: Crew, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    assert "There are none" in olga.page("/admin/recoveries").text
    recovery = world.open_recovery(customer, made)
    text = olga.page("/admin/recoveries").text
    assert made.deposit in text
    assert "waiting" in text
    assert f"/admin/propose/freeze/{recovery}" in text
    # No number that would help anybody vouch, where it is no use.
    assert recovery not in hired(world, "auditor", "Aad").page("/admin/recoveries").text
    assert "A recovery is under way" in olga.page(f"/admin/deposits/{made.deposit}").text
