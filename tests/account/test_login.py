"""Signing in: the code by mail, and nothing that tells who has an account."""

import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select, update

from escrow.account import codes
from escrow.account.models import AuthSession, MailCode
from escrow.app import create_app
from escrow.context import Web
from escrow.mail import outbox
from escrow.mail.models import Outbox
from tests.support import statements
from tests.support.browser import API, Client, bearer, problem
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Customer

UNKNOWN = "nemo@example.org"  # as long as the customer's address


def start(client: FlaskClient, address: str) -> str:
    answer = client.post(f"{API}/logins", json={"address": address, "locale": "nl"})
    assert answer.status_code == 201, answer.text
    return str(answer.get_json()["login"])


def enter(client: FlaskClient, login: str, code: str) -> Any:
    return client.post(f"{API}/logins/{login}/code", json={"code": code})


def wrong(code: str) -> str:
    return f"{(int(code.replace(' ', '')) + 1) % 10**6:06}"


def test_a_login_is_a_code_by_mail_and_then_a_token(
    client: FlaskClient, customer: Customer, smtp: Mailbox
) -> None:
    login = start(client, "Mira@Example.ORG")
    code = smtp.code(customer.address, "login_code")
    found = enter(client, login, code).get_json()
    assert [line["account"] for line in found["accounts"]] == [customer.account]
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", found["token"])
    listed = client.get(f"{API}/sessions", headers=bearer(found["token"])).get_json()
    assert [line["level"] for line in listed["sessions"]] == ["mail"]


@pytest.mark.parametrize("written", ["{a}{b}", "{a} {b}", "{a}-{b}"])
def test_a_code_may_be_written_with_a_space_or_dash(
    client: FlaskClient, customer: Customer, smtp: Mailbox, written: str
) -> None:
    login = start(client, customer.address)
    digits = smtp.code(customer.address, "login_code").replace(" ", "")
    code = written.format(a=digits[:3], b=digits[3:])
    assert enter(client, login, code).status_code == 200


def test_a_code_works_once(client: FlaskClient, customer: Customer, smtp: Mailbox) -> None:
    login = start(client, customer.address)
    code = smtp.code(customer.address, "login_code")
    assert enter(client, login, code).status_code == 200
    problem(enter(client, login, code), 401, "unauthenticated")


def test_a_code_works_for_its_own_login_only(
    client: FlaskClient, customer: Customer, smtp: Mailbox
) -> None:
    start(client, customer.address)
    code = smtp.code(customer.address, "login_code")
    second = start(client, customer.address)
    problem(enter(client, second, code), 401, "unauthenticated")


def test_a_code_is_too_old_after_15_minutes(
    client: FlaskClient, customer: Customer, smtp: Mailbox, clock: FakeClock
) -> None:
    login = start(client, customer.address)
    code = smtp.code(customer.address, "login_code")
    clock.move(15 * 60)
    problem(enter(client, login, code), 401, "unauthenticated")


def test_five_wrong_tries_end_a_code(
    client: FlaskClient, customer: Customer, smtp: Mailbox
) -> None:
    login = start(client, customer.address)
    code = smtp.code(customer.address, "login_code")
    for left in (4, 3, 2, 1, 0):
        document = problem(enter(client, login, wrong(code)), 401, "unauthenticated")
        assert document["tries_left"] == left
    problem(enter(client, login, code), 401, "unauthenticated")


def test_a_try_is_committed_before_the_code_is_looked_at(
    client: FlaskClient, customer: Customer, smtp: Mailbox, web: Web, monkeypatch: Any
) -> None:
    """Whoever can end the request halfway, or reads the answer's time, has lost the try."""
    login = start(client, customer.address)
    smtp.to(customer.address)

    def crash(*_: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(codes, "spend", crash)
    problem(enter(client, login, "000000"), 500, "internal")
    with web.database.reading() as db:
        assert db.get_one(MailCode, login).tries == 1


def test_five_codes_an_hour_an_address_from_one_network(
    client: FlaskClient, customer: Customer, clock: FakeClock
) -> None:
    clock.move(3600)
    for _ in range(5):
        start(client, customer.address)
        clock.move(60)
    body = {"address": customer.address, "locale": "nl"}
    answer = client.post(f"{API}/logins", json=body)
    document = problem(answer, 429, "rate_limited")
    assert answer.headers["Retry-After"] == str(document["retry_after"]) == str(3600 - 300)
    clock.move(document["retry_after"])
    start(client, customer.address)


def asked_from(client: FlaskClient, address: str, remote: str) -> int:
    body = {"address": address, "locale": "nl"}
    answer = client.post(f"{API}/logins", json=body, environ_base={"REMOTE_ADDR": remote})
    return answer.status_code


def test_who_types_anothers_address_does_not_shut_her_out(
    client: FlaskClient, customer: Customer, clock: FakeClock, smtp: Mailbox
) -> None:
    clock.move(3600)
    stranger = [asked_from(client, customer.address, f"192.0.2.{i}") for i in range(7)]
    assert stranger == [201] * 5 + [429] * 2
    clock.move(60)
    body = {"address": customer.address, "locale": "nl"}
    there = {"REMOTE_ADDR": "198.51.100.1"}
    login = client.post(f"{API}/logins", json=body, environ_base=there).get_json()["login"]
    assert enter(client, login, smtp.code(customer.address, "login_code")).status_code == 200


def test_many_networks_together_get_fifteen_codes_an_hour_for_an_address(
    client: FlaskClient, customer: Customer, clock: FakeClock
) -> None:
    clock.move(3600)
    asked = [asked_from(client, customer.address, f"198.51.{i}.1") for i in range(17)]
    assert asked == [201] * 15 + [429] * 2
    clock.move(3601)
    assert asked_from(client, customer.address, "198.51.99.1") == 201


def test_only_the_keyed_hash_of_code_and_token_is_stored(
    client: FlaskClient, customer: Customer, smtp: Mailbox, web: Web
) -> None:
    login = start(client, customer.address)
    code = smtp.code(customer.address, "login_code").replace(" ", "")
    token = enter(client, login, code).get_json()["token"]
    with web.database.engine.connect() as connection:
        for table in ("mail_code", "session", "outbox"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()  # noqa: S608
            stored = repr([[bytes(v) if isinstance(v, memoryview) else v for v in r] for r in rows])
            assert token not in stored
            assert code not in stored
            assert customer.address not in stored


def test_an_unknown_address_gets_the_same_answer(
    client: FlaskClient, customer: Customer, smtp: Mailbox
) -> None:
    answers = [
        client.post(f"{API}/logins", json={"address": address, "locale": "nl"})
        for address in (customer.address, UNKNOWN)
    ]
    known, unknown = answers
    assert known.status_code == unknown.status_code == 201
    assert known.get_json().keys() == unknown.get_json().keys()
    assert [len(str(v)) for v in known.get_json().values()] == [
        len(str(v)) for v in unknown.get_json().values()
    ]
    assert list(known.headers.keys()) == list(unknown.headers.keys())
    problems = [enter(client, answer.get_json()["login"], "000000") for answer in answers]
    assert problems[0].get_json() == problems[1].get_json()
    assert not smtp.to(UNKNOWN)


def test_an_unknown_address_costs_the_same_work(
    client: FlaskClient, customer: Customer, web: Web
) -> None:
    """The same statements, the same rows of the same size: time has nothing to tell."""
    seen = []
    for address in (customer.address, UNKNOWN):
        with statements.asked(web.database.engine) as said:
            login = start(client, address)
            enter(client, login, "000000")
        with web.database.reading() as db:
            mail = db.scalars(select(Outbox).where(Outbox.key == f"code/{login}")).one()
            sizes = (len(mail.recipient or b""), len(mail.contents or b""))
        seen.append(([text for text, _ in said], sizes))
    assert seen[0] == seen[1]


def test_an_unknown_address_is_limited_like_a_known_one(client: FlaskClient) -> None:
    for _ in range(5):
        start(client, UNKNOWN)
    answer = client.post(f"{API}/logins", json={"address": UNKNOWN, "locale": "nl"})
    problem(answer, 429, "rate_limited")


def test_no_code_exists_for_an_unknown_address(client: FlaskClient, web: Web) -> None:
    """Not even the code in the mail that is never sent opens the login."""
    login = start(client, UNKNOWN)
    with web.database.reading() as db:
        mail = db.scalars(select(Outbox).where(Outbox.key == f"code/{login}")).one()
    assert mail.state == "void"
    contents = web.keys.decrypt(outbox.CONTENTS, mail.id, "", mail.contents or b"")
    code = re.findall(r"\d{3} \d{3}", contents)[0]
    problem(enter(client, login, code), 401, "unauthenticated")


def test_a_login_that_never_was_answers_like_a_spent_one(client: FlaskClient) -> None:
    problem(enter(client, "0" * 32, "123456"), 401, "unauthenticated")


def test_a_code_row_changed_in_the_database_is_not_used(
    client: FlaskClient, customer: Customer, smtp: Mailbox, web: Web
) -> None:
    """Who can write to the database cannot give himself more tries, or another's address."""
    login = start(client, customer.address)
    code = smtp.code(customer.address, "login_code")
    enter(client, login, wrong(code))
    with web.database.transaction() as db:
        db.execute(update(MailCode).where(MailCode.id == login).values(tries=0))
    problem(enter(client, login, code), 503, "unavailable")
    with web.database.reading() as db:
        count = select(func.count()).where(AuthSession.login == login)
        assert db.scalar(count) == 0


def test_an_address_of_several_accounts_lists_them_all(
    client: FlaskClient, customer: Customer, smtp: Mailbox, clock: FakeClock
) -> None:
    clock.move(3600)
    second = Customer(customer.http, smtp, customer.address)
    first_account = customer.account
    second.sign_up()
    clock.move(3600)
    found = second.mail_login()
    assert {line["account"] for line in found["accounts"]} == {first_account, second.account}
    for line, made in zip(found["accounts"], (7200, 3600), strict=True):
        assert abs(line["last_used_at"] - (clock.now() - made)) <= 60
    body = {"account": first_account, "code": customer.totp()}
    answer = client.post(
        f"{API}/logins/{second.login}/totp", json=body, headers=bearer(found["token"])
    )
    assert answer.get_json()["account"] == first_account
    body = {"account": second.account, "code": second.totp()}
    answer = client.post(
        f"{API}/logins/{second.login}/totp", json=body, headers=bearer(found["token"])
    )
    assert answer.get_json()["account"] == second.account


def test_attempts_from_one_network_are_limited(web: Web) -> None:
    settings = replace(web.settings, requests_an_hour=3)
    app = create_app(settings, web.database, web.keys, web.clock)
    app.test_client_class = Client
    client = app.test_client()
    body = {"address": "a@example.org", "locale": "en"}
    for last in (1, 2, 3):
        there = {"REMOTE_ADDR": f"192.0.2.{last}"}
        assert client.post(f"{API}/logins", json=body, environ_base=there).status_code == 201
    answer = client.post(f"{API}/logins", json=body, environ_base={"REMOTE_ADDR": "192.0.2.99"})
    problem(answer, 429, "rate_limited")
    elsewhere = {"REMOTE_ADDR": "198.51.100.1"}
    assert client.post(f"{API}/logins", json=body, environ_base=elsewhere).status_code == 201
