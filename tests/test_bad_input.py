"""Whatever is sent to whichever endpoint, the answer is a problem that says where, at once.

The matrix is made from the route map, so a new endpoint is in it from its first day.
"""

import gc
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, Rule

from escrow.api import IndexConverter
from escrow.app import EscrowApp, create_app
from escrow.config import Settings
from escrow.db import Database
from escrow.strict import MAX_BODY_LENGTH_BYTES
from escrow.webkeys import WebKeys
from tests.support.browser import API, Client, bearer, problem
from tests.support.clocks import FakeClock

MAX_SECONDS = 1.0  # of processor time: what the machine does besides is not counted

BODIES: dict[str, bytes] = {
    "nothing": b"",
    "null": b"null",
    "a list": b"[]",
    "a number": b"1",
    "text": b'"x"',
    "true": b"true",
    "half an object": b'{"a":',
    "two objects": b"{}{}",
    "a comma too many": b'{"a":1,}',
    "single quotes": b"{'a':1}",
    "a comment": b"{}//",
    "not UTF-8": b'{"a":"\xff\xfe"}',
    "UTF-16": "{}".encode("utf-16"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "a NUL": b"{}\x00",
    "duplicate fields": b'{"a":1,"a":1}',
    "duplicate fields inside": b'{"a":{"b":1,"b":2}}',
    "NaN": b'{"a":NaN}',
    "Infinity": b'{"a":-Infinity}',
    "a float": b'{"a":1.0}',
    "an exponent": b'{"a":1e400}',
    "minus nought": b'{"a":-0}',
    "a long number": b'{"a":1' + b"0" * 100_000 + b"}",
    "a number beyond 2^53": b'{"a":9007199254740992}',
    "a lone surrogate": b'{"a":"\\ud800"}',
    "a lone surrogate as name": b'{"\\udfff":1}',
    "a lone surrogate inside": b'{"a":[{"b":"x\\udc00"}]}',
    "brackets": b"[" * 100_000,
    "braces": b'{"a":' * 50_000,
    "seven levels": b'{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}',
    "wide": b'{"a":[' + b",".join([b"[]"] * 40_000) + b"]}",
    "many unknown fields": json.dumps({f"f{i}": i for i in range(15_000)}).encode(),
    "many fields and one twice": b"{"
    + b",".join(b'"%d":1' % i for i in range(20_000))
    + b',"0":1}',
    "an unknown field": b'{"surprise":1}',
    "a prototype": b'{"__proto__":{}}',
    "too much": b'{"a":"' + b"x" * MAX_BODY_LENGTH_BYTES + b'"}',
}
TYPES = ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x")
# What must not show: names of our code, of its tools, and of the machine.
INSIDE = ("Traceback", "escrow.", "escrow/", ".py", "pydantic", "sqlalchemy", "SELECT", "werkzeug")


@pytest.fixture(autouse=True)
def only_our_own_garbage() -> Iterator[None]:
    """Let the collector pass over what thousands of tests before have left in this process."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, clock: FakeClock) -> EscrowApp:
    made = create_app(settings, sqlite_database, WebKeys.generate(), clock)
    made.test_client_class = Client
    return made


@pytest.fixture
def signed_in(app: EscrowApp, client: FlaskClient, clock: FakeClock) -> dict[str, str]:
    """A full, stepped-up session, so that nothing is refused for want of one."""
    from escrow.account import flow, sessions
    from escrow.context import Web

    web = app.extensions["escrow"]
    assert isinstance(web, Web)
    with web.database.transaction() as db:
        account, _, _ = flow.create_account(db, web, "mira@example.org", "en")
        account.state = "active"
        lookup = web.keys.lookup("mira@example.org")
        _, token = sessions.create(db, web, "full", lookup, account=account.id)
    return bearer(token)


def rules(app: EscrowApp, *methods: str) -> list[tuple[str, str]]:
    """Return (method, path) of every endpoint of the API, with identifiers of nothing."""
    return [
        (method, _path(rule))
        for rule in app.url_map.iter_rules()
        if rule.rule.startswith(API)
        for method in sorted(rule.methods or ())
        if method in methods
    ]


def _path(rule: Rule) -> str:
    parts = []
    for is_dynamic, data in rule._trace:
        converter = rule._converters.get(data) if is_dynamic else None
        if converter is None:
            parts.append(data)
        elif isinstance(converter, AnyConverter):
            parts.append(min(converter.items))
        else:
            parts.append("0" if isinstance(converter, IndexConverter) else "ab" * 16)
    return "".join(parts).removeprefix("|")


def check(answer: Any, started: float) -> dict[str, Any]:
    assert time.thread_time() - started < MAX_SECONDS
    assert answer.status_code in {400, 413, 415}, answer.text
    found = problem(answer, answer.status_code, answer.get_json()["code"])
    if answer.status_code != 413:
        assert found["code"] == "malformed"
        assert found["field"]
    shown = answer.text
    assert not [word for word in INSIDE if word in shown]
    assert len(shown) < 1000
    return found


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
def test_a_bad_body_is_a_problem_that_says_where(
    app: EscrowApp, client: FlaskClient, signed_in: dict[str, str], body: bytes
) -> None:
    endpoints = rules(app, "POST", "PUT", "PATCH")
    assert len(endpoints) > 25
    for method, path in endpoints:
        started = time.thread_time()
        answer = client.open(
            path,
            method=method,
            data=body,
            content_type="application/json",
            headers=signed_in,
        )
        check(answer, started)


@pytest.mark.parametrize("content_type", TYPES)
def test_another_content_type_is_refused(
    app: EscrowApp, client: FlaskClient, signed_in: dict[str, str], content_type: str
) -> None:
    for method, path in rules(app, "POST", "PUT"):
        started = time.thread_time()
        headers = {**signed_in, **({"Content-Type": content_type} if content_type else {})}
        answer = client.open(path, method=method, data=b"{}", headers=headers)
        assert answer.status_code == 415
        assert check(answer, started)["field"] == "Content-Type"


def test_an_unknown_query_parameter_is_refused(
    app: EscrowApp, client: FlaskClient, signed_in: dict[str, str]
) -> None:
    for method, path in rules(app, "GET", "POST", "PUT", "DELETE"):
        started = time.thread_time()
        body: dict[str, int] | None = {} if method in {"POST", "PUT"} else None
        answer = client.open(f"{path}?surprise=1", method=method, headers=signed_in, json=body)
        check(answer, started)


@pytest.mark.parametrize(
    "identifier", ["x", "AB" * 16, "ab" * 15, "ab" * 17, "%00" * 32, "../" * 5, "é" * 32, "-1"]
)
def test_a_malformed_identifier_names_nothing(
    app: EscrowApp, client: FlaskClient, signed_in: dict[str, str], identifier: str
) -> None:
    for method, path in rules(app, "GET", "POST", "PUT", "DELETE"):
        if "ab" * 16 in path:
            wrong = path.replace("ab" * 16, identifier)
            answer = client.open(wrong, method=method, headers=signed_in, json={})
            assert answer.status_code in {404, 405}, (method, wrong, answer.text)
            assert answer.content_type == "application/problem+json"


def test_another_method_is_refused_and_the_right_ones_are_named(
    app: EscrowApp, client: FlaskClient
) -> None:
    by_path: dict[str, set[str]] = {}
    for method, path in rules(app, "GET", "POST", "PUT", "DELETE"):
        by_path.setdefault(path, set()).add(method)
    for path, methods in by_path.items():
        for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - methods:
            answer = client.open(path, method=method)
            problem(answer, 405, "not_allowed")
            allowed = set(answer.headers["Allow"].split(", "))
            assert allowed - {"HEAD"} == methods


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Authorization", "Bearer " + "x" * 8000),
        ("Authorization", "\x7f"),
        ("Cookie", "__Host-escrow=" + "é" * 40),
        ("Cookie", "__Host-escrow=" + "A" * 43),
        ("Escrow-Custody", "zz"),
        ("Escrow-Time", "9" * 400),
        ("Escrow-Time", "-1"),
        ("Escrow-Signature", "=" * 86),
    ],
)
def test_a_malformed_header_is_no_error_of_ours(
    app: EscrowApp, client: FlaskClient, name: str, value: str
) -> None:
    signed = {
        "Escrow-Custody": "ab" * 16,
        "Escrow-Time": "1795000000",
        "Escrow-Signature": "A" * 86,
    }
    for method, path in rules(app, "GET", "DELETE"):
        headers = {**signed, name: value.encode().decode("latin-1")}
        answer = client.open(path, method=method, headers=headers)
        assert answer.status_code in {400, 401, 403, 404, 503}, (method, path, answer.text)
        assert answer.content_type == "application/problem+json"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"address": "a@example.org"}, "locale"),
        ({"address": "a@example.org", "locale": "de"}, "locale"),
        ({"address": "a@example.org", "locale": None}, "locale"),
        ({"address": 1, "locale": "nl"}, "address"),
        ({"address": "no address", "locale": "nl"}, "address"),
        ({"address": "a@example.org\n", "locale": "nl"}, "address"),
        ({"address": "a@b@example.org", "locale": "nl"}, "address"),
        ({"address": "A <a@example.org>", "locale": "nl"}, "address"),
        ({"address": "a..b@example.org", "locale": "nl"}, "address"),
        ({"address": ".a@example.org", "locale": "nl"}, "address"),
        ({"address": "a" * 250 + "@example.org", "locale": "nl"}, "address"),
        ({"address": "a@" + "example." * 40 + "org", "locale": "nl"}, "address"),
        ({"address": "a\ud800@example.org", "locale": "nl"}, "address"),
        ({"address": "a@example.org", "locale": "\udfff"}, "locale"),
        ({"address": "a@example.org", "locale": "nl", "x\ud800": 1}, "body"),
        ({"address": "a@example.org", "locale": "nl", "more": 1}, "more"),
        ({"address": "a@example.org", "locale": "nl", "\x1b[31m": 1}, r"\x1b[31m"),
    ],
)
def test_the_problem_names_the_field(client: FlaskClient, body: Any, field: str) -> None:
    found = problem(client.post(f"{API}/logins", json=body), 400, "malformed")
    assert found["field"] == field


def test_a_field_twice_is_refused_even_when_both_are_right(client: FlaskClient) -> None:
    body = b'{"address":"a@example.org","locale":"nl","locale":"nl"}'
    answer = client.post(f"{API}/logins", data=body, content_type="application/json")
    assert problem(answer, 400, "malformed")["field"] == "locale"


def test_text_without_a_utf8_form_is_refused_where_text_is_free(
    client: FlaskClient, signed_in: dict[str, str]
) -> None:
    body = b'{"reason":"x\\ud800"}'
    answer = client.post(
        f"{API}/deposits/{'ab' * 16}/close",
        data=body,
        content_type="application/json",
        headers=signed_in,
    )
    assert problem(answer, 400, "malformed")["field"] == "reason"


def test_an_error_of_ours_shows_nothing(client: FlaskClient, monkeypatch: Any) -> None:
    from escrow.account import flow

    def fail(*_: Any) -> None:
        raise ValueError("secret inside")

    monkeypatch.setattr(flow, "start_login", fail)
    body = {"address": "a@example.org", "locale": "nl"}
    answer = client.post(f"{API}/logins", json=body)
    problem(answer, 500, "internal")
    assert "secret inside" not in answer.text


def test_what_is_not_there_is_a_problem_too(client: FlaskClient) -> None:
    for path in ("/nothing", f"{API}/nothing", "/api/v1", "/%2e%2e/etc/passwd", f"{API}//logins"):
        problem(client.get(path), 404, "not_found")
