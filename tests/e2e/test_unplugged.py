"""The plug is pulled: custodian, database, disk, mail server. Nothing is lost, doubled or early."""

from __future__ import annotations

import contextlib
import resource
import threading
from collections import Counter
from collections.abc import Callable, Iterator

import httpx
import pytest
from sqlalchemy import func, make_url, select

from escrow.db import Base
from escrow.protocol import slip39
from tests.e2e.databases import Server
from tests.e2e.installation import Installation, until
from tests.e2e.wire import Party
from tests.support.people import make_deposit, new_id

# What an enrolment with one contact, and a recovery up to the provider's release, leave behind.
ENROLLED = Counter(
    {
        "deposit created": 1,
        "custody invited": 1,
        "custody attested": 3,
        "custody fetched": 1,
        "custody held": 3,
        "deposit active": 1,
        "deposit complete": 1,
    }
)
RELEASED = Counter(
    {
        "recovery opened": 1,
        "recovery noticed": 1,
        "recovery ready": 1,
        "recovery begun": 1,
        "release intended": 1,
        "release made": 1,
    }
)


def test_the_custodian_is_killed_in_the_middle_of_an_enrolment(service: Installation) -> None:
    party = Party(service, "killed.enrolling@unplugged.test")
    party.customer.sign_up()
    party.made = make_deposit(party.wire, [party.contact], 1)
    with service.without("custodian"):
        party.wire.is_patient = False
        answer = party.wire.put(f"/deposits/{party.made.deposit}", party.made.body)
        assert answer.status < 300 or answer.code == "unavailable"
        party.wire.is_patient = True
    party.put()
    with service.without("custodian"):
        pass
    party.finish_enrolment()
    assert party.events() == ENROLLED


def test_the_custodian_is_killed_between_begin_and_release(service: Installation) -> None:
    party = Party(service, "killed.releasing@unplugged.test")
    party.enrol()
    party.open()
    party.wait()
    session = party.session()
    with service.without("custodian"):  # `begin` is written, nobody sequences it
        session.begin().ok()
        assert not any(found["sealed"] for found in session.releases())
    value = party.provider_share(session)
    share = party.made.payloads[0].share()
    assert value == party.made.payloads[-1].share().value
    assert slip39.combine_shares([share, party.made.payloads[-1].share()])
    again = party.provider_share(session)
    assert again == value
    assert party.events() == ENROLLED + RELEASED
    session.complete(party.made.recovery_key).ok()


def test_killed_at_any_moment_it_releases_once(service: Installation) -> None:
    """Two moments around the release; tests/soak has a hundred."""
    for moment in (0.05, 0.3):
        kill_while_releasing(service, moment)


def kill_while_releasing(service: Installation, seconds: float) -> None:
    """Kill the custodian some time after `begin`, start it, and count."""
    party = Party(service, f"{new_id()}@unplugged.test")
    party.enrol()
    party.open()
    party.wait()
    session = party.session()
    session.begin().ok()
    threading.Event().wait(seconds)
    with service.without("custodian"):
        pass
    assert party.provider_share(session) == party.made.payloads[-1].share().value
    assert party.events() == ENROLLED + RELEASED
    session.complete(party.made.recovery_key).ok()


# --- the database is away ---------------------------------------------------------------


@contextlib.contextmanager
def _postgresql_is_stopped(_: Installation, request: pytest.FixtureRequest) -> Iterator[None]:
    server: Server = request.getfixturevalue("postgresql")
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextlib.contextmanager
def _disk_is_full(service: Installation, _: pytest.FixtureRequest) -> Iterator[None]:
    """No file of the service's processes may grow, nor be written at all beyond a byte."""
    pids = service.pids("web") + service.pids("custodian")
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_soft, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))
    try:
        yield
    finally:
        for pid, limits in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def _counted(service: Installation) -> dict[str, int]:
    """Count the rows of every table."""
    database = service.database()
    try:
        with database.reading() as db:
            return {
                table.name: db.scalar(select(func.count()).select_from(table)) or 0
                for table in Base.metadata.sorted_tables
            }
    finally:
        database.close()


def test_without_its_database_it_says_so_and_writes_nothing(
    service: Installation, request: pytest.FixtureRequest
) -> None:
    party = Party(service, f"{new_id()}@unplugged.test")
    party.enrol()
    party.customer.sign_in()
    later = make_deposit(party.wire, [party.contact], 1)
    recovery = new_id()
    is_sqlite = make_url(service.settings.database).get_backend_name() == "sqlite"
    unplugged = _disk_is_full if is_sqlite else _postgresql_is_stopped
    requests: list[Callable[[], httpx.Response]] = [
        lambda: party.wire.once("PUT", f"/deposits/{later.deposit}", later.body),
        lambda: party.wire.once(
            "PUT", f"/recoveries/{recovery}", {"deposit": party.made.deposit, "reason": ""}
        ),
        lambda: party.wire.once("POST", "/logins", {"address": "a@b.test", "locale": "en"}),
        lambda: party.wire.once("POST", "/accounts", {"address": "a@b.test", "locale": "en"}),
    ]
    if not is_sqlite:
        requests.append(lambda: party.wire.once("GET", f"/deposits/{party.made.deposit}"))
    until(lambda: "ledger_event" in _counted(service), "the database answers")
    before = _counted(service)
    with unplugged(service, request):
        for send in requests:
            answer = send()
            assert answer.status_code == 503, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert answer.json()["code"] == "unavailable"
    service.wait_until_up("web")
    after = _counted(service)
    assert after == before, "something was half-written"
    party.wire.put(f"/deposits/{later.deposit}", later.body).ok()
    party.made = later
    party.finish_enrolment()
    assert party.events() == ENROLLED


# --- the mail server is away ------------------------------------------------------------


def test_while_no_mail_leaves_the_wait_does_not_run(service: Installation) -> None:
    party = Party(service, f"{new_id()}@unplugged.test")
    party.enrol()
    party.customer.sign_in()
    service.office.stop()
    try:
        party.recovery = new_id()
        body = {"deposit": party.made.deposit, "reason": "crash"}
        party.wire.put(f"/recoveries/{party.recovery}", body).ok()
        service.pass_time(40 * 3600)
        found = party.recovery_document()
        assert found["state"] == "opened"
        assert "recovery noticed" not in party.events()
    finally:
        service.office.start()
    service.clock.move(6 * 3600)  # the longest pause before a mail is tried again
    started = service.clock.now()
    assert party.until_noticed() >= started + party.made.manifest.waiting_seconds
    service.pass_time(party.made.manifest.waiting_seconds - 3600)
    assert party.recovery_state() == "waiting", "the hours without mail did not count"
    service.pass_time(3700)
    party.until_recovery("ready")
