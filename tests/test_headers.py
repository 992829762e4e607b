"""What every response carries, which host answers, and the page that shows the API."""

import base64
import hashlib
import re
from dataclasses import replace
from typing import Any

import pytest
from flask import Blueprint, Response
from flask.testing import FlaskClient

from escrow.app import EscrowApp, create_app
from escrow.config import Settings
from escrow.db import Database
from escrow.webkeys import WebKeys
from tests.support.browser import API, PUBLIC_URL, Client, problem
from tests.support.clocks import FakeClock

ALWAYS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PAGE = "<!doctype html><html><head><title>x</title></head><body class=a><p>x</p></body></html>"


@pytest.fixture
def app(sqlite_database: Database, settings: Settings, clock: FakeClock) -> EscrowApp:
    return make(sqlite_database, settings, clock)


def make(database: Database, settings: Settings, clock: FakeClock) -> EscrowApp:
    app = create_app(settings, database, WebKeys.generate(), clock)
    app.test_client_class = Client
    pages = Blueprint("pages_of_the_test", __name__)
    pages.add_url_rule("/page", "page", lambda: Response(PAGE, content_type="text/html"))
    app.register_blueprint(pages)
    return app


@pytest.mark.parametrize(
    "path", ["/healthz", "/api/openapi.json", "/api/docs", f"{API}/sessions", "/nothing", "/page"]
)
def test_every_response_carries_the_headers(client: FlaskClient, path: str) -> None:
    headers = client.get(path).headers
    for name, value in ALWAYS.items():
        assert headers[name] == value
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000")
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "base-uri 'none'" in policy
    assert "unsafe" not in policy
    assert "Server" not in headers or "Werkzeug" not in headers["Server"]


def test_pages_run_no_script_but_their_own(client: FlaskClient) -> None:
    policy = client.get("/page").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert not re.search(r"https?:|\*", policy)


@pytest.mark.parametrize("host", ["evil.test", "recovery.test.evil.test", "127.0.0.1", ""])
def test_another_host_name_gets_no_answer(client: FlaskClient, host: str) -> None:
    answer = client.get("/healthz", base_url=f"https://{host or 'x'}", headers={"Host": host})
    problem(answer, 400, "malformed")


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
    ],
)
def test_an_unsafe_method_from_another_site_is_refused(
    client: FlaskClient, headers: dict[str, str]
) -> None:
    body = {"address": "a@example.org", "locale": "nl"}
    problem(client.post(f"{API}/logins", json=body, headers=headers), 403, "cross_site")


def test_a_program_without_a_browser_is_not_refused(client: FlaskClient) -> None:
    body = {"address": "a@example.org", "locale": "nl"}
    assert client.post(f"{API}/logins", json=body).status_code == 201


def test_the_page_of_the_api_shows_every_operation_and_loads_nothing(
    client: FlaskClient,
) -> None:
    answer = client.get("/api/docs")
    document = client.get("/api/openapi.json").get_json()
    text = answer.text
    for path, operations in document["paths"].items():
        assert path in text
        for operation in operations.values():
            assert f'id="{operation["operationId"]}"' in text
    assert "<script" not in text
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", text)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)
    assert style is not None
    hashed = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"'sha256-{hashed}'" in answer.headers["Content-Security-Policy"]


def test_every_endpoint_of_the_api_is_described(app: EscrowApp, client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    operations = [
        operation for methods in document["paths"].values() for operation in methods.values()
    ]
    rules = [rule for rule in app.url_map.iter_rules() if rule.rule.startswith(API)]
    methods = [m for rule in rules for m in rule.methods or () if m not in {"HEAD", "OPTIONS"}]
    assert len(operations) == len(methods) + 1  # healthz
    names = [operation["operationId"] for operation in operations]
    assert len(names) == len(set(names))
    for operation in operations:
        assert operation["summary"]
        assert {"400", "500", "503"} <= set(operation["responses"])
        for status, response in operation["responses"].items():
            if status.startswith(("4", "5")):
                assert list(response["content"]) == ["application/problem+json"]
        if "requestBody" in operation:
            assert operation["requestBody"]["required"] is True


def test_every_post_and_put_takes_a_body(client: FlaskClient) -> None:
    document = client.get("/api/openapi.json").get_json()
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            assert ("requestBody" in operation) == (method in {"post", "put"}), (method, path)


@pytest.fixture
def demo(sqlite_database: Database, settings: Settings, clock: FakeClock) -> FlaskClient:
    shown = replace(settings, demo=True, smtp_host="", public_url="http://localhost:8080").check()
    client = make(sqlite_database, shown, clock).test_client()
    client.environ_base["HTTP_HOST"] = "localhost:8080"
    return client


def open_demo(client: FlaskClient, path: str, **options: Any) -> Any:
    return client.open(path, base_url="http://localhost:8080", **options)


def test_a_demo_says_so_on_every_page(demo: FlaskClient) -> None:
    for path in ("/page", "/api/docs", "/demo/mailbox"):
        text = open_demo(demo, path).text
        assert text.count('class="demo-banner"') == 1
        assert text.index("<body") < text.index("demo-banner")
    assert "demo-banner" not in open_demo(demo, "/healthz").text
    dutch = open_demo(demo, "/", headers={"Accept-Language": "nl"}).text
    assert "Bewaar hier niets echts." in dutch
    assert "Keep nothing real here." not in dutch


def test_a_demo_on_http_keeps_its_session_in_a_cookie_without_the_prefix(
    demo: FlaskClient,
) -> None:
    document = open_demo(demo, "/api/openapi.json").get_json()
    assert document["components"]["securitySchemes"]["cookie"]["name"] == "escrow"
    assert "Strict-Transport-Security" not in open_demo(demo, "/healthz").headers


def test_no_demo_page_outside_a_demo(client: FlaskClient) -> None:
    problem(client.get("/demo/mailbox"), 404, "not_found")
    assert "demo" not in client.get("/page").text


def test_behind_a_proxy_the_network_is_the_visitors(
    sqlite_database: Database, settings: Settings, clock: FakeClock
) -> None:
    behind = replace(settings, proxies=1, requests_an_hour=1)
    client = make(sqlite_database, behind, clock).test_client()
    body = {"address": "a@example.org", "locale": "nl"}
    forged = "203.0.113.9"
    for last, status in ((1, 201), (1, 429), (2, 201)):
        headers = {"X-Forwarded-For": f"{forged}, 192.0.{last}.1", "X-Forwarded-Proto": "https"}
        answer = client.post(f"{API}/logins", json=body, headers=headers, base_url=PUBLIC_URL)
        assert answer.status_code == status
