"""A service that cheats during a recovery: both sides notice, no piece leaves, no key is shown."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import seal
from escrow.protocol.encoding import b64url, b64url_decode
from tests.cli.conftest import SECRET, Enrol, Enrolled
from tests.cli.desk import Answered, Desk, Tamper
from tests.cli.person import Person, Process
from tests.cli.service import DAY_SECONDS, Service

WAIT_SECONDS = 3 * DAY_SECONDS + 60


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


@pytest.fixture
def ready(enrol: Enrol, service: Service, shared: dict[str, Enrolled]) -> Enrolled:
    """One deposit whose recovery can be finished; no test here may finish it."""
    if "made" not in shared:
        for name in ("made", "other"):
            made = shared[name] = enrol(accepted=name == "made")
            made.open()
        service.pass_time(WAIT_SECONDS)
    return shared["made"]


@pytest.fixture
def other(ready: Enrolled, shared: dict[str, Enrolled]) -> Enrolled:
    """Another customer's, just as far."""
    return shared["other"]


@pytest.fixture
def calling(ready: Enrolled, service: Service, tmp_path: Path) -> Iterator[Process]:
    """Mira's computer, waiting for Anna in a fresh session."""
    customer = ready.mira.customer
    assert customer is not None
    customer.make_room()
    seen = [len(service.mailbox.mails)]

    def code() -> str:
        found = service.mailbox.code(customer.address, after=seen[0])
        seen[0] = len(service.mailbox.mails)
        return found

    mira = Person(tmp_path / "caller", service.clock.path, service.url)
    mira.answers = [
        ("mail address", customer.address),
        ("from the mail", code),
        ("authenticator app", customer.totp),
    ]
    process = mira.start("recover", "--contact", "Anna", "--print")
    process.until_said("Call Anna now")
    yield process
    if process.child.poll() is None:
        process.kill()


def _release(ready: Enrolled, tamper: Tamper | None = None, **extra: str) -> Answered:
    return ready.anna.run("release", "--card", ready.card, "--json", tamper=tamper, **extra)


def _released(ready: Enrolled) -> list[str]:
    return [line for line in ready.anna.line.changes_sent() if "/releases/" in line]


def _without(*types: str) -> Tamper:
    """Leave entries of some types out."""

    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path.endswith("/events"):
            document["events"] = [
                entry
                for entry in document["events"]
                if json.loads(b64url_decode(entry["event"]))["type"] not in types
            ]

    return tamper


@pytest.mark.parametrize(
    ("missing", "status", "reason"),
    [
        ("recovery opened", 3, "not_opened"),
        ("recovery noticed", 3, "not_noticed"),
        ("recovery begun", 4, "not_begun"),
    ],
)
def test_a_recovery_that_the_ledger_does_not_announce(
    ready: Enrolled, calling: Process, missing: str, status: int, reason: str
) -> None:
    answered = _release(ready, _without(missing))
    assert (answered.status, answered.json()["error"]) == (status, reason), answered.stderr
    assert ready.anna.line.changes_sent() == []


def test_another_session_than_the_ledgers(ready: Enrolled, calling: Process) -> None:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path.startswith("custodies/") and document.get("recovery"):
            document["recovery"]["session"] = "0" * 32

    answered = _release(ready, tamper)
    assert (answered.status, answered.json()["error"]) == (3, "other_session")
    assert ready.anna.line.changes_sent() == []


def test_a_reveal_that_does_not_open_what_was_fixed(ready: Enrolled, calling: Process) -> None:
    """The digits are not even asked for."""

    def tamper(method: str, path: str, document: dict[str, Any]) -> None:
        if method == "GET" and "/calls/" in path and document["random"] is not None:
            document["public_key"] = b64url(seal.PrivateKey.generate().public_key())

    answered = _release(ready, tamper, ESCROW_CALL_DIGITS="0000 0000 0000")
    assert (answered.status, answered.json()["error"]) == (3, "wrong_commitment")
    assert "digits do not fit" not in answered.stderr
    assert _released(ready) == []


def test_wrong_digits_end_the_call(ready: Enrolled, calling: Process) -> None:
    answered = _release(ready, ESCROW_CALL_DIGITS="0000 0000 0000")
    assert (answered.status, answered.json()["error"]) == (3, "wrong_call_digits")
    assert _released(ready) == []
    sent = b"".join(ready.anna.line.bodies)
    assert b"000000000000" not in sent.replace(b" ", b"")


def test_three_wrong_tries_end_the_call_on_the_terminal(
    ready: Enrolled, calling: Process, service: Service, tmp_path: Path
) -> None:
    anna = Person(tmp_path / "anna", service.clock.path, None)
    anna.answers = [("12 digits", "0000 0000 0000")]
    ended = anna.run("release", "--card", ready.card)
    assert ended.status == 3
    assert ended.tty.count("The 12 digits that the other person reads out") == 3


def _kit_recovery(ready: Enrolled, tmp_path: Path, tamper: Tamper) -> tuple[Desk, Answered]:
    desk = Desk(ready.service, tmp_path / "fresh", ready.mira.customer)
    output = desk.path("got")
    answered = desk.run("recover", "--kit", ready.kit, "--output", output, "--json", tamper=tamper)
    assert not Path(output).exists()
    assert not any("complete" in line for line in desk.line.changes_sent())
    return desk, answered


def test_a_false_piece_of_the_provider(ready: Enrolled, tmp_path: Path) -> None:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            if release["sealed"] is not None:
                other = b64url_decode(release["sealed"])
                release["sealed"] = b64url(other[:-1] + bytes([other[-1] ^ 1]))

    _, answered = _kit_recovery(ready, tmp_path, tamper)
    assert (answered.status, answered.json()["error"]) == (3, "release_not_in_ledger")


def test_a_release_whose_entry_is_another(ready: Enrolled, tmp_path: Path) -> None:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            if release["sealed"] is not None:
                event = json.loads(b64url_decode(release["entry"]["event"]))
                event["data"]["session"] = "0" * 32
                text = json.dumps(event, separators=(",", ":"))
                release["entry"]["event"] = b64url(text.encode())

    _, answered = _kit_recovery(ready, tmp_path, tamper)
    assert (answered.status, answered.json()["error"]) == (3, "wrong_proof")


def test_a_release_that_its_custodian_did_not_sign(ready: Enrolled, tmp_path: Path) -> None:
    """It stands in the ledger, but whoever holds the piece has not signed for this session."""

    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            if release["sealed"] is not None:
                release["signature"] = b64url(Ed25519PrivateKey.generate().sign(b"a release"))

    _, answered = _kit_recovery(ready, tmp_path, tamper)
    assert (answered.status, answered.json()["error"]) == (3, "wrong_signature")


@pytest.mark.parametrize("of", ["an earlier session", "another recovery"])
def test_a_release_that_was_made_before(
    ready: Enrolled, other: Enrolled, tmp_path: Path, of: str
) -> None:
    """Real to the last byte, entry and signature too: but it was not made for this session."""
    seen: dict[str, Any] = {}

    def keep(_method: str, path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            if release["sealed"] is not None:
                seen.update(release)

    made = other if of == "another recovery" else ready
    desk = Desk(made.service, tmp_path / "first", made.mira.customer)
    honest = desk.run("recover", "--kit", made.kit, "--print", tamper=keep)
    assert honest.stdout == SECRET + b"\n", honest.stderr

    def replay(_method: str, path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            release.update(seen, custody=release["custody"])

    _, answered = _kit_recovery(ready, tmp_path, replay)
    assert (answered.status, answered.json()["error"]) == (3, "release_not_in_ledger")


def test_the_deposit_is_unharmed_by_all_that(ready: Enrolled, tmp_path: Path) -> None:
    """Last in this file: after every attack above the key comes back."""
    desk = Desk(ready.service, tmp_path / "fresh", ready.mira.customer)
    answered = desk.run("recover", "--kit", ready.kit, "--print")
    assert answered.status == 0, answered.stderr
    assert answered.stdout == SECRET + b"\n"
