"""The OpenAPI document is true: schemathesis finds no answer that the document does not describe.

Its whole engine with all of its checks runs against the application over HTTP, signed in and not,
on data that the document allows and on data that it does not. It is bounded in time;
`ESCROW_SCHEMATHESIS_SECONDS` makes it search longer.
"""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from werkzeug.serving import WSGIRequestHandler, make_server

from escrow.app import EscrowApp, create_app
from escrow.db import Database
from tests.support.mailbox import Mailbox
from tests.support.world import World

SECONDS = int(os.environ.get("ESCROW_SCHEMATHESIS_SECONDS", "20"))
USUAL = ("2xx", "401", "403", "404", "409", "410", "429", "5xx")
# What these take is checked against keys, hashes and the clock: no schema can say it. Malformed is
# then a right answer to data that the schema allows.
CHECKED_FURTHER = (
    "deposit_put_deposit",
    "deposit_attest",
    "recovery_complete",
    "recovery_collecting_begin",
    "recovery_put_recovery",
    "recovery_collecting_reveal",
    "deposit_closing_replaced",
    "admin_post_approval",
)


@dataclass
class Service:
    """A running service, a token, and identifiers of things that exist."""

    url: str
    token: str
    known: dict[str, str]


class _Quiet(WSGIRequestHandler):
    def log_request(self, *args: Any) -> None:
        pass


@contextmanager
def serving(app: EscrowApp) -> Iterator[str]:
    """Serve an application on a free port, under the service's own host name."""

    def at_public_url(environ: dict[str, Any], start_response: Any) -> Any:
        environ |= {"HTTP_HOST": "recovery.test", "wsgi.url_scheme": "https"}
        return app(environ, start_response)

    server = make_server("127.0.0.1", 0, at_public_url, threaded=True, request_handler=_Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def service(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> Iterator[Service]:
    world = World.make(sqlite_database, tmp_path, mail_server)
    customer = world.customer()
    made, contacts = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    settings = replace(world.settings, requests_an_hour=10**9)
    app = create_app(settings, sqlite_database, world.web_keys, world.clock)
    known = {
        "account": customer.account,
        "deposit": made.deposit,
        "custody": contacts[0].custody,
        "recovery": recovery,
    }
    with serving(app) as url:
        yield Service(url, str(customer.http.token), known)


def search(service: Service, token: str | None, seconds: int) -> dict[str, str]:
    """Run the engine; returns what it found, by operation and check."""
    config = SchemathesisConfig.from_dict(
        {
            "headers": {"Authorization": f"Bearer {token}"} if token else {},
            "max-time": seconds,
            "seed": 1,
            "cache": {"enabled": False},
            "generation": {"database": "none"},
            "checks": _accepting(*USUAL),
            "operations": [
                {"include-operation-id": name, "checks": _accepting(*USUAL, "400")}
                for name in CHECKED_FURTHER
            ],
        }
    )
    schema = schemathesis.openapi.from_url(f"{service.url}/api/openapi.json", config=config)

    @schema.hook
    def map_path_parameters(context: Any, path_parameters: dict[str, Any] | None) -> Any:
        named = (path_parameters or {}).items()
        return {name: _known(service, name, value) for name, value in named} or path_parameters

    @schema.hook
    def map_body(context: Any, body: Any) -> Any:
        return _without_floats(body)

    found: dict[str, str] = {}
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            found[str(event)] = "the engine failed"
        if isinstance(event, events.ScenarioFinished) and event.status is not Status.SUCCESS:
            found.update(_failures(event.recorder))
    return found


def _accepting(*statuses: str) -> dict[str, Any]:
    refused = ["400", "401", "403", "404", "405", "409", "410", "413", "415", "429", "5xx"]
    return {
        "positive_data_acceptance": {"expected-statuses": list(statuses)},
        "negative_data_rejection": {"expected-statuses": refused},  # 410: a token that is no more
    }


def _known(service: Service, name: str, value: Any) -> Any:
    """Name something that exists half of the time."""
    if isinstance(value, str) and len(value) == 32 and value[0] < "8":
        return service.known.get(name, value)
    return value


def _without_floats(value: Any) -> Any:
    """JSON Schema takes 1.0 for an integer; the protocol has one way to write a number."""
    if isinstance(value, dict):
        return {name: _without_floats(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_without_floats(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _failures(recorder: ScenarioRecorder) -> dict[str, str]:
    found = {}
    for case, checks in recorder.checks.items():
        for check in checks:
            if check.failure_info is not None:
                answer = recorder.interactions[case].response
                found[f"{recorder.label}: {check.name}"] = (
                    f"{check.failure_info.failure.message}\n"
                    f"{answer.content[:300] if answer else None!r}\n"
                    f"{check.failure_info.code_sample[:800]}"
                )
    return found


def _report(found: dict[str, str]) -> str:
    return "\n\n".join(f"{name}\n{text}" for name, text in found.items())


def test_every_answer_is_described_when_signed_in(service: Service) -> None:
    found = search(service, service.token, SECONDS)
    assert not found, _report(found)


def test_every_answer_is_described_when_not_signed_in(service: Service) -> None:
    found = search(service, None, SECONDS // 2)
    assert not found, _report(found)
