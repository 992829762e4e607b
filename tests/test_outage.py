"""A database that is away, or dies halfway: 503, and nothing half-written."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from escrow.app import EscrowApp, create_app
from escrow.context import Web
from escrow.db import Base, Database
from escrow.headers import admin_cookie_name
from tests.support.browser import API, Client, problem
from tests.support.mailbox import free_port
from tests.support.people import Customer
from tests.test_bad_input import rules


def counts(web: Web) -> dict[str, int]:
    """Return how many rows each table has."""
    with web.database.reading() as db:
        return {
            table: db.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()  # noqa: S608
            for table in Base.metadata.tables
        }


@pytest.fixture(params=["sqlite", "postgresql"])
def away(request: pytest.FixtureRequest, tmp_path: Path) -> Database:
    if request.param == "sqlite":
        return Database(f"sqlite:///{tmp_path / 'not' / 'there.db'}")
    return Database(f"postgresql+psycopg://escrow@127.0.0.1:{free_port()}/escrow")


def test_without_a_database_every_endpoint_says_so(web: Web, away: Database) -> None:
    app = create_app(web.settings, away, web.keys, web.clock)
    app.test_client_class = Client
    client = app.test_client()
    name, host = admin_cookie_name(web.settings), urlsplit(web.settings.public_url).hostname
    client.set_cookie(name, "A" * 43, domain=str(host), secure=True)
    problem(client.get("/healthz"), 503, "unavailable")
    token = {
        "Authorization": f"Bearer {'A' * 43}",
        "Escrow-Custody": "ab" * 16,
        "Escrow-Time": str(web.clock.now()),
        "Escrow-Signature": "A" * 86,
        "Sec-Fetch-Site": "same-origin",
    }
    for method, path in rules(app, "GET", "DELETE"):
        answer = client.open(path, method=method, headers=token)
        if answer.status_code == 400:  # a query parameter that must be there
            answer = client.open(f"{path}?old=0", method=method, headers=token)
        document = problem(answer, 503, "unavailable")
        assert answer.headers["Retry-After"] == str(document["retry_after"])
    for path, body in (
        ("/logins", {"address": "a@example.org", "locale": "nl"}),
        ("/accounts", {"address": "a@example.org", "locale": "nl"}),
        (f"/logins/{'ab' * 16}/code", {"code": "123456"}),
        (f"/accounts/{'ab' * 16}/totp", {}),
    ):
        problem(client.post(API + path, json=body, headers=token), 503, "unavailable")


def _cut(web: Web, table: str) -> Callable[[], None]:
    """End the database's connection at the next write to a table; returns how to undo it."""

    def cut(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if not statement.startswith((f"INSERT INTO {table}", f"UPDATE {table}")):
            return
        if web.database.is_sqlite:
            raise OperationalError(statement, {}, Exception("disk I/O error"))
        other = Database(web.database.url)
        with other.engine.connect() as connection:
            connection.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        other.close()

    event.listen(web.database.engine, "before_cursor_execute", cut)
    return lambda: event.remove(web.database.engine, "before_cursor_execute", cut)


@pytest.mark.parametrize(
    "table", ["rate_count", "account", "address", "mail_code", "outbox", "session"]
)
def test_an_account_is_made_whole_or_not_at_all(client: FlaskClient, web: Web, table: str) -> None:
    before = counts(web)
    undo = _cut(web, table)
    body = {"address": "new@example.org", "locale": "nl"}
    problem(client.post(f"{API}/accounts", json=body), 503, "unavailable")
    undo()
    assert counts(web) == before
    assert client.post(f"{API}/accounts", json=body).status_code == 201


@pytest.mark.parametrize("table", ["account", "ledger_event", "outbox"])
def test_an_account_closes_whole_or_not_at_all(customer: Customer, web: Web, table: str) -> None:
    before = counts(web)
    undo = _cut(web, table)
    path = f"/accounts/{customer.account}/close"
    assert customer.http.post(path, {"reason": "x"}).status == 503
    undo()
    assert counts(web) == before
    assert customer.http.get(f"/accounts/{customer.account}").ok()["state"] == "active"
    assert customer.http.post(path, {"reason": "x"}).status == 202


def test_a_locked_database_says_so(
    app: EscrowApp, web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite has one writer; whoever waits too long gets 503, not an error of ours."""
    if not web.database.is_sqlite:
        return
    monkeypatch.setattr("escrow.db.BUSY_TIMEOUT_MILLISECONDS", 100)
    client = app.test_client()
    body = {"address": "a@example.org", "locale": "nl"}
    with web.database.transaction():
        problem(client.post(f"{API}/logins", json=body), 503, "unavailable")
    assert client.post(f"{API}/logins", json=body).status_code == 201


def test_the_service_works_again_when_the_database_is_back(client: FlaskClient, web: Web) -> None:
    undo = _cut(web, "mail_code")
    body = {"address": "a@example.org", "locale": "nl"}
    problem(client.post(f"{API}/logins", json=body), 503, "unavailable")
    undo()
    assert client.get("/healthz").get_json() == {"status": "ok"}


def test_settings_do_not_show_secrets(web: Web) -> None:
    shown = repr(replace(web.settings, smtp_password="swordfish")) + repr(web.keys)
    assert "swordfish" not in shown
    assert web.keys.mac_key.hex() not in shown
