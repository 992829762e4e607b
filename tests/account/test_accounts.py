"""Accounts and addresses: made, changed, closed; in the ledger and told to all addresses."""

from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from escrow.account import addresses, flow
from escrow.account.models import Account, Address
from escrow.context import Web
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from tests.support.browser import API, bearer, problem
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Customer

SECOND = "second@example.org"


def events(web: Web, account: str) -> list[Event]:
    with web.database.reading() as db:
        query = select(LedgerEvent.body).where(LedgerEvent.account == account)
        bodies = db.scalars(query.order_by(LedgerEvent.position)).all()
    return [Event.parse(body) for body in bodies if body is not None]


def document(customer: Customer) -> Any:
    return customer.http.get(f"/accounts/{customer.account}").ok()


def add_address(customer: Customer, address: str = SECOND) -> str:
    path = f"/accounts/{customer.account}/addresses"
    identifier = str(customer.http.post(path, {"address": address}).ok()["id"])
    code = customer.mailbox.code(address, "address_code")
    customer.http.post(f"{path}/{identifier}/code", {"code": code}).ok()
    return identifier


def subjects(smtp: Mailbox, address: str) -> list[str]:
    return [str(mail["Subject"]) for mail in smtp.to(address)]


def test_an_account_is_an_address_and_an_authenticator(customer: Customer, web: Web) -> None:
    found = document(customer)
    assert (found["state"], found["locale"]) == ("active", "en")
    assert [line["address"] for line in found["addresses"]] == [customer.address]
    said = events(web, customer.account)
    assert [event.type for event in said] == ["account created", "totp changed"]
    assert said[0].data == {"addresses": [web.keys.lookup(customer.address)]}
    assert said[1].data == {"reason": "enrolled"}


def test_a_pending_account_is_nothing_yet(client: FlaskClient, web: Web, smtp: Mailbox) -> None:
    body = {"address": "new@example.org", "locale": "nl"}
    made = client.post(f"{API}/accounts", json=body).get_json()
    headers = bearer(made["token"])
    path = f"{API}/accounts/{made['account']}"
    problem(client.get(path, headers=headers), 401, "unauthenticated")
    problem(client.post(f"{path}/totp", json={}, headers=headers), 401, "unauthenticated")
    confirm = client.post(f"{path}/totp/confirm", json={"code": "123456"}, headers=headers)
    problem(confirm, 409, "wrong_state")
    assert events(web, made["account"]) == []
    with web.database.reading() as db:
        assert flow.accounts_of(db, web.keys.lookup("new@example.org")) == []
    assert subjects(smtp, "new@example.org")[0].startswith("Uw code om te beginnen")


def test_a_code_for_a_new_account_can_be_asked_for_again(
    client: FlaskClient, smtp: Mailbox
) -> None:
    body = {"address": "new@example.org", "locale": "nl"}
    made = client.post(f"{API}/accounts", json=body).get_json()
    first = smtp.code("new@example.org", "account_code")
    headers = bearer(made["token"])
    path = f"{API}/accounts/{made['account']}/code"
    assert client.post(f"{path}/resend", json={}, headers=headers).status_code == 202
    second = smtp.code("new@example.org", "account_code")
    assert len(subjects(smtp, "new@example.org")) == 2
    if first != second:
        assert client.post(path, json={"code": first}, headers=headers).status_code == 401
    answer = client.post(path, json={"code": second}, headers=headers)
    assert answer.status_code == 200
    assert answer.get_json()["totp_secret"] in answer.get_json()["otpauth_uri"]
    assert answer.get_json()["otpauth_qr"].startswith("data:image/svg+xml")


def test_naming_a_known_address_for_a_new_account_tells_nothing(
    client: FlaskClient, customer: Customer
) -> None:
    known = client.post(f"{API}/accounts", json={"address": customer.address, "locale": "nl"})
    unknown = client.post(f"{API}/accounts", json={"address": "nemo@example.org", "locale": "nl"})
    assert known.status_code == unknown.status_code == 201
    assert known.get_json().keys() == unknown.get_json().keys()


def test_an_address_is_stored_encrypted_and_found_by_a_keyed_hash(
    customer: Customer, web: Web
) -> None:
    with web.database.reading() as db:
        row = db.scalars(select(Address).where(Address.account == customer.account)).one()
        assert customer.address.encode() not in row.address
        assert row.lookup == web.keys.lookup(customer.address.upper())
        assert addresses.text_of(web.keys, row) == customer.address


def test_a_second_address_is_confirmed_by_its_own_code(
    customer: Customer, web: Web, clock: FakeClock, smtp: Mailbox
) -> None:
    clock.move(10)
    add_address(customer)
    found = document(customer)
    assert [line["address"] for line in found["addresses"]] == [customer.address, SECOND]
    assert found["address_changed_at"] == clock.now()
    said = events(web, customer.account)[-1]
    assert said.type == "address changed"
    hashes = {web.keys.lookup(customer.address), web.keys.lookup(SECOND)}
    assert set(said.data["addresses"]) == hashes
    for address in (customer.address, SECOND):
        assert "The addresses of your account were changed" in subjects(smtp, address)


def test_an_address_that_was_not_confirmed_counts_for_nothing(
    customer: Customer, web: Web, clock: FakeClock
) -> None:
    path = f"/accounts/{customer.account}/addresses"
    customer.http.post(path, {"address": SECOND}).ok()
    assert len(events(web, customer.account)) == 2
    with web.database.reading() as db:
        told = [address for _, address, _ in flow.addresses_of(db, web, customer.account)]
        assert told == [customer.address]
        assert flow.accounts_of(db, web.keys.lookup(SECOND)) == []


def test_naming_an_address_twice_is_harmless(customer: Customer, web: Web) -> None:
    path = f"/accounts/{customer.account}/addresses"
    first = customer.http.post(path, {"address": SECOND}).ok()
    assert customer.http.post(path, {"address": SECOND.upper()}).ok() == first
    customer.mailbox.to(SECOND)
    identifier = add_address(customer)
    assert {"id": identifier} == first
    before = len(events(web, customer.account))
    assert customer.http.post(path, {"address": SECOND}).ok() == first
    assert customer.http.post(f"{path}/{identifier}/code", {"code": "000000"}).status == 200
    assert len(events(web, customer.account)) == before


def test_a_removed_address_is_told_too(
    customer: Customer, web: Web, smtp: Mailbox, clock: FakeClock
) -> None:
    identifier = add_address(customer)
    smtp.to(SECOND)
    smtp.mails.clear()
    path = f"/accounts/{customer.account}/addresses/{identifier}"
    assert customer.http.call("DELETE", path).status == 204
    for address in (customer.address, SECOND):
        assert subjects(smtp, address) == ["The addresses of your account were changed"]
    said = events(web, customer.account)[-1]
    assert said.data == {"addresses": [web.keys.lookup(customer.address)]}
    assert customer.http.call("DELETE", path).status == 404
    with web.database.reading() as db:
        assert flow.accounts_of(db, web.keys.lookup(SECOND)) == []


def test_the_last_confirmed_address_stays(customer: Customer) -> None:
    customer.http.post(f"/accounts/{customer.account}/addresses", {"address": SECOND}).ok()
    lines = document(customer)["addresses"]
    only = next(line["id"] for line in lines if line["verified_at"] is not None)
    answer = customer.http.call("DELETE", f"/accounts/{customer.account}/addresses/{only}")
    assert (answer.status, answer.json["state"]) == (409, "last_address")


def test_an_account_has_at_most_eight_addresses(customer: Customer) -> None:
    path = f"/accounts/{customer.account}/addresses"
    for i in range(7):
        assert customer.http.post(path, {"address": f"a{i}@example.org"}).status == 201
    assert customer.http.post(path, {"address": "more@example.org"}).json["state"] == "full"


def test_an_address_copied_from_another_row_is_not_used(customer: Customer, web: Web) -> None:
    """A ciphertext is bound to its row and account (PROTOCOL.md section 13)."""
    add_address(customer)
    with web.database.transaction() as db:
        first, second = addresses.rows_of(db, customer.account)
        first.address = second.address
    assert customer.http.get(f"/accounts/{customer.account}").status == 503


@pytest.fixture
def hooks() -> Iterator[list[tuple[Any, ...]]]:
    """What other domains are told when an account closes or is kept."""
    calls: list[tuple[Any, ...]] = []
    closing = lambda _db, _web, *rest: calls.append(("close", *rest))  # noqa: E731
    keeping = lambda _db, _web, *rest: calls.append(("reopen", *rest))  # noqa: E731
    flow.ON_CLOSE.append(closing)
    flow.ON_REOPEN.append(keeping)
    yield calls
    flow.ON_CLOSE.remove(closing)
    flow.ON_REOPEN.remove(keeping)


def test_an_account_closes_after_30_days_and_one_button_undoes_it(
    customer: Customer, web: Web, smtp: Mailbox, clock: FakeClock, hooks: list[Any]
) -> None:
    smtp.mails.clear()
    path = f"/accounts/{customer.account}"
    until = clock.now() + 30 * 86400
    assert customer.http.post(f"{path}/close", {"reason": "moved"}).ok() == {"until": until}
    clock.move(60)
    assert customer.http.post(f"{path}/close", {"reason": "again"}).ok() == {"until": until}
    assert (document(customer)["state"], document(customer)["closing_at"]) == ("closing", until)
    said = events(web, customer.account)[-1]
    assert (said.type, said.data) == ("account closing", {"until": until, "reason": "moved"})
    assert hooks == [("close", customer.account, until, "moved")]
    kept = customer.http.post(f"{path}/reopen").ok()
    assert (kept["state"], kept["closing_at"]) == ("active", None)
    assert customer.http.post(f"{path}/reopen").status == 200
    assert hooks[1:] == [("reopen", customer.account, until, "")]
    assert [subject.split(" on ")[0] for subject in subjects(smtp, customer.address)] == [
        "Your account closes",
        "Your account stays open",
    ]


def test_a_closing_account_can_still_sign_in(customer: Customer, clock: FakeClock) -> None:
    """Her helpdesk cancelled the contract: she still gets her key back."""
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""}).ok()
    clock.move(600)
    customer.sign_in()
    assert document(customer)["state"] == "closing"


def test_a_closed_account_cannot_sign_in(customer: Customer, web: Web, clock: FakeClock) -> None:
    with web.database.transaction() as db:
        db.get_one(Account, customer.account).state = "closed"
    assert customer.http.get("/sessions").status == 401
    clock.move(600)
    body = {"address": customer.address, "locale": "en"}
    started = customer.http.call("POST", "/logins", body)
    assert started.status == 201


def test_closing_needs_a_fresh_authenticator_code(customer: Customer, clock: FakeClock) -> None:
    clock.move(301)
    answer = customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""})
    assert (answer.status, answer.code) == (403, "step_up_required")
