"""`escrow verify --site`: what a browser would load is what the ledger says was published."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from escrow import assets
from escrow.headers import PAGE_POLICY
from escrow_cli.errors import Refused
from escrow_cli.site import check_page
from tests.cli.desk import Desk
from tests.cli.service import Service


@pytest.fixture
def anybody(service: Service, tmp_path: Path) -> Desk:
    return Desk(service, tmp_path / "anybody")


def verified(desk: Desk, **options: Any) -> Any:
    return desk.run("verify", "--site", desk.service.url, "--json", ESCROW_HOST="", **options)


def refused(desk: Desk, reason: str, **options: Any) -> None:
    answered = verified(desk, **options)
    assert (answered.status, answered.json()["error"]) == (3, reason)
    assert answered.json()["hint"]


def test_a_site_that_is_as_published(anybody: Desk) -> None:
    answered = verified(anybody)
    assert answered.status == 0, answered.stderr
    found = answered.json()
    assert found["files_sha256"] == assets.listing_sha256().hex()
    listed = json.loads(assets.listing())["files"]
    assert found["files"] == listed
    assert found["pages"] >= 8
    assert ("GET", listed[0]["path"]) in anybody.line.sent
    said = anybody.run("verify", "--site", anybody.service.url, ESCROW_HOST="")
    assert "pages checked" in said.stdout.decode()


def test_a_changed_file(anybody: Desk) -> None:
    path = assets.url_of("act.js")
    anybody.served[path] = b"steal()"
    refused(anybody, "other_file")


def test_a_list_that_was_not_published(anybody: Desk) -> None:
    document = json.loads(assets.listing())
    document["files"][0]["sha256"] = "0" * 64
    anybody.served[assets.LISTING_PATH] = json.dumps(document).encode()
    refused(anybody, "not_published")
    anybody.served[assets.LISTING_PATH] = b"<html>"
    refused(anybody, "malformed_site")


def test_an_entry_of_something_else_is_not_taken(anybody: Desk) -> None:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path == "site":
            document["entry"]["event"] = document["entry"]["event"][:-4] + "AAAA"

    refused(anybody, "wrong_proof", tamper=tamper)


@pytest.mark.parametrize(
    ("served", "reason"),
    [
        (b"<script>steal()</script>", "own_script"),
        (b'<p onclick="steal()">', "own_script"),
        (b'<script src="/assets/other.js"></script>', "unlisted"),
        (b'<link rel="stylesheet" href="https://elsewhere.example/page.css">', "foreign_file"),
        (b'<iframe src="/veto/x"></iframe>', "unlisted"),
    ],
)
def test_a_page_that_loads_something_else(anybody: Desk, served: bytes, reason: str) -> None:
    anybody.served["/"] = served
    refused(anybody, reason)


@pytest.mark.parametrize(
    "policy",
    [
        "",
        PAGE_POLICY.replace("script-src 'self'", "script-src 'self' 'unsafe-inline'"),
        PAGE_POLICY.replace("default-src 'none'", "default-src *"),
        PAGE_POLICY.replace("script-src 'self'; ", "").replace("style-src 'self'; ", ""),
    ],
)
def test_a_page_that_does_not_forbid_other_scripts(policy: str) -> None:
    with pytest.raises(Refused) as caught:
        check_page("https://escrow.test", "/", b"<p>", policy, {})
    assert caught.value.reason == "weak_policy"


def test_pages_that_a_page_leads_to_are_found() -> None:
    html = b'<a href="/how"></a><a href="?language=nl"></a><a href="https://else.test/x"></a>'
    html += b'<a href="/api/docs"></a><a href="mailto:x@example.org"></a>'
    found = check_page("https://escrow.test", "/enrol", html, PAGE_POLICY, {})
    assert list(found) == ["/how", "/enrol"]
