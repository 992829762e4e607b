"""Sessions: levels, ends, cookies, step-up, and whose account it is."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import update

from escrow.account.models import AuthSession
from escrow.context import Web
from tests.support.browser import API, bearer, problem
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Customer, Http

SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def stranger(customer: Customer, smtp: Mailbox) -> Customer:
    """Another customer, signed in."""
    http = Http(customer.http.client, customer.http.clock, customer.http.base_url)
    made = Customer(http, smtp, "else@example.org")
    made.sign_up()
    return made


def account(customer: Customer) -> Any:
    return customer.http.get(f"/accounts/{customer.account}")


@pytest.mark.parametrize(
    ("level", "lifetime"), [("new", 60 * 60), ("mail", 15 * 60), ("full", 12 * 60 * 60)]
)
def test_a_session_ends_by_itself(
    client: FlaskClient, customer: Customer, clock: FakeClock, level: str, lifetime: int
) -> None:
    token = str(customer.http.token)
    if level == "new":
        body = {"address": "new@example.org", "locale": "nl"}
        token = client.post(f"{API}/accounts", json=body).get_json()["token"]
    if level == "mail":
        token = customer.mail_login()["token"]
    clock.move(lifetime - 60)
    assert client.get(f"{API}/sessions", headers=bearer(token)).status_code == 200
    clock.move(60)
    problem(client.get(f"{API}/sessions", headers=bearer(token)), 401, "unauthenticated")


def test_a_session_can_be_ended(customer: Customer, client: FlaskClient) -> None:
    token = str(customer.http.token)
    listed = customer.http.get("/sessions").ok()["sessions"]
    present = next(line for line in listed if line["is_current"])
    path = f"{API}/sessions/{present['session']}"
    assert client.get(path, headers=bearer(token)).get_json() == present
    assert client.delete(path, headers=bearer(token)).status_code == 204
    problem(client.get(path, headers=bearer(token)), 401, "unauthenticated")


def test_another_session_of_the_account_can_be_ended(
    customer: Customer, clock: FakeClock, client: FlaskClient
) -> None:
    """A phone that was lost is signed out from the laptop."""
    phone = str(customer.http.token)
    clock.move(600)
    customer.sign_in()
    listed = customer.http.get("/sessions").ok()["sessions"]
    assert [line["is_current"] for line in listed] == [True, False]
    old = listed[1]["session"]
    assert customer.http.call("DELETE", f"/sessions/{old}").status == 204
    assert client.get(f"{API}/sessions", headers=bearer(phone)).status_code == 401
    assert customer.http.get(f"/sessions/{old}").status == 404


def test_sessions_of_others_are_not_there(customer: Customer, stranger: Customer) -> None:
    theirs = stranger.http.get("/sessions").ok()["sessions"][0]["session"]
    assert customer.http.get(f"/sessions/{theirs}").status == 404
    assert customer.http.call("DELETE", f"/sessions/{theirs}").status == 404
    assert stranger.http.get("/sessions").status == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "", None),
        ("POST", "/totp", {}),
        ("POST", "/totp/confirm", {"code": "123456"}),
        ("POST", "/addresses", {"address": "x@example.org"}),
        ("POST", "/close", {"reason": ""}),
        ("POST", "/reopen", {}),
    ],
)
def test_the_account_of_somebody_else_is_not_there(
    customer: Customer, stranger: Customer, method: str, path: str, body: Any
) -> None:
    """The same answer as for an account that never was."""
    answers = [
        customer.http.call(method, f"/accounts/{name}{path}", body)
        for name in (stranger.account, "0" * 32)
    ]
    assert [answer.status for answer in answers] == [404, 404]
    assert answers[0].json == answers[1].json


def test_the_mail_code_alone_opens_no_account(customer: Customer, clock: FakeClock) -> None:
    clock.move(600)
    customer.mail_login()
    assert account(customer).status == 401
    assert customer.http.post(f"/accounts/{customer.account}/totp").status == 401


def test_the_mail_code_of_one_opens_no_authenticator_of_another(
    customer: Customer, stranger: Customer, clock: FakeClock
) -> None:
    clock.move(600)
    customer.mail_login()
    body = {"account": stranger.account, "code": stranger.totp()}
    assert customer.http.post(f"/logins/{customer.login}/totp", body).status == 404


def test_a_session_belongs_to_its_own_login(
    customer: Customer, stranger: Customer, clock: FakeClock
) -> None:
    clock.move(600)
    customer.mail_login()
    stranger.mail_login()
    body = {"account": customer.account, "code": customer.totp()}
    assert customer.http.post(f"/logins/{stranger.login}/totp", body).status == 404


def test_step_up_is_over_after_five_minutes(customer: Customer, clock: FakeClock) -> None:
    body = {"address": "second@example.org"}
    clock.move(300)
    answer = customer.http.post(f"/accounts/{customer.account}/addresses", body)
    assert (answer.status, answer.code) == (403, "step_up_required")
    login = customer.http.get("/sessions").ok()["sessions"][0]["login"]
    code = {"account": customer.account, "code": customer.totp()}
    found = customer.http.post(f"/logins/{login}/totp", code).ok()
    assert found["token"] is None
    assert found["step_up_until"] == clock.now() + 300
    assert customer.http.post(f"/accounts/{customer.account}/addresses", body).status == 201


@pytest.mark.parametrize(
    "changes", [{"step_up_until": 2**40}, {"expires_at": 2**40}, {"level": "full"}]
)
def test_a_session_changed_in_the_database_is_not_used(
    customer: Customer, web: Web, changes: dict[str, Any], clock: FakeClock
) -> None:
    """Who can write to the database cannot raise a session's level or lengthen it."""
    clock.move(600)
    customer.mail_login()
    with web.database.transaction() as db:
        db.execute(update(AuthSession).values(**changes))
    answer = customer.http.get("/sessions")
    assert (answer.status, answer.code) == (503, "unavailable")


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic {}",
        "Bearer {} ",
        "Bearer {}x",
        "Bearer x",
        "{}",
        "Bearer \t",
    ],
)
def test_a_malformed_header_is_nobody(client: FlaskClient, customer: Customer, header: str) -> None:
    headers = {"Authorization": header.format(customer.http.token)}
    answer = client.get(f"{API}/sessions", headers=headers)
    if header == "Bearer {} ":  # white space around a header's value does not belong to it
        assert answer.status_code in {200, 401}
        return
    problem(answer, 401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


@pytest.fixture
def set_cookie(client: FlaskClient, customer: Customer, clock: FakeClock) -> str:
    """The header that gives a page its session."""
    clock.move(600)
    found = customer.mail_login()
    body = {"account": customer.account, "code": customer.totp(), "cookie": True}
    answer = client.post(
        f"{API}/logins/{customer.login}/totp", json=body, headers=bearer(found["token"])
    )
    assert answer.get_json()["token"] is None
    return answer.headers["Set-Cookie"]


@pytest.fixture
def cookie(set_cookie: str) -> str:
    """What the browser then sends."""
    return set_cookie.partition(";")[0]


def test_no_script_and_no_other_site_gets_the_cookie(set_cookie: str) -> None:
    parts = set_cookie.split("; ")
    assert parts[0].startswith("__Host-escrow=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Strict"} <= set(parts)
    assert "Domain" not in set_cookie


def test_pages_keep_the_token_in_a_cookie(client: FlaskClient, cookie: str) -> None:
    answer = client.get(f"{API}/sessions", headers={"Cookie": cookie})
    assert answer.status_code == 200
    present = next(line for line in answer.get_json()["sessions"] if line["is_current"])
    ended = client.delete(
        f"{API}/sessions/{present['session']}",
        headers={"Cookie": cookie, **SAME_ORIGIN},
    )
    assert ended.status_code == 204
    assert "Max-Age=0" in ended.headers["Set-Cookie"]
    assert client.get(f"{API}/sessions", headers={"Cookie": cookie}).status_code == 401


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "http://recovery.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "https://recovery.test"},
    ],
)
def test_another_site_cannot_use_the_cookie(
    client: FlaskClient, customer: Customer, cookie: str, headers: dict[str, str]
) -> None:
    path = f"{API}/accounts/{customer.account}/close"
    sent = {"Cookie": cookie, **headers}
    problem(client.post(path, json={"reason": "x"}, headers=sent), 403, "cross_site")
    assert account(customer).status == 401  # the customer's own client has no token now


@pytest.mark.parametrize("headers", [SAME_ORIGIN, {"Origin": "https://recovery.test"}])
def test_the_own_page_can_use_the_cookie(
    client: FlaskClient, customer: Customer, cookie: str, headers: dict[str, str]
) -> None:
    path = f"{API}/accounts/{customer.account}/close"
    sent = {"Cookie": cookie, **headers}
    assert client.post(path, json={"reason": "x"}, headers=sent).status_code == 202
