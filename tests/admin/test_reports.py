"""Reports that prove themselves: made by the service, checked where it is not to be had."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from escrow import custodyreport
from escrow.admin import reporting
from escrow.custodian.keys import CustodianKeys
from escrow.custodyreport import BadLine
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url, b64url_decode, dump_json
from escrow.protocol.errors import ProtocolError
from escrow.protocol.ledger import Event
from tests.admin.crew import Crew, hired
from tests.deposit.contact_life import DAY
from tests.support.people import Customer, Deposited
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

PROGRAM = "from escrow_cli.main import main; main()"


@dataclass
class Auditor:
    """Somebody with the file, the program, and a home of their own: no service answers."""

    home: Path

    def verify(self, data: bytes, *options: str) -> subprocess.CompletedProcess[str]:
        path = self.home / "report.json"
        path.write_bytes(data)
        return subprocess.run(
            [sys.executable, "-c", PROGRAM, "verify", "--report", str(path), *options],
            env={"HOME": str(self.home), "PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture
def auditor(tmp_path: Path) -> Auditor:
    return Auditor(tmp_path)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer("mira@example.org")


@pytest.fixture
def made(world: World, customer: Customer) -> Deposited:
    deposit, [contact] = world.enrol(customer, label="The secret diary")
    world.wait(DAY)
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    return deposit


def of_keys(crew: Crew, **wanted: Any) -> list[bytes]:
    parts: list[bytes] = []
    after = None
    while after is not None or not parts:
        part = crew.post("/admin/exports/reports", {**wanted, "after": after}).ok()
        parts.append(part["report"].encode())
        after = part["next"]
    return parts


def of_key(crew: Crew, deposit: str) -> bytes:
    text: str = crew.post(f"/admin/deposits/{deposit}/report").ok()["report"]
    return text.encode()


@pytest.mark.databases("sqlite", "postgresql")
def test_a_report_on_a_list_says_what_the_ledger_says_and_names_nobody(
    world: World, customer: Customer, made: Deposited
) -> None:
    customer.sign_in()
    other, _ = world.enrol(customer, 2, 3)
    crew = hired(world, "auditor")
    [data] = of_keys(crew)
    verdict = custodyreport.check(data, world.keys.signer.verifier.vkey)
    assert {line.deposit for line in verdict.lines} == {made.deposit, other.deposit}
    assert (verdict.by, verdict.about) == (f"admin {crew.admin}", "list of keys (all)")
    [line] = [each for each in verdict.lines if each.deposit == made.deposit]
    states = {line.roles[number]: piece.state for number, piece in line.told.pieces.items()}
    assert states == {"customer": "held", "contact": "declined", "provider": "held"}
    for private in (b"mira@", b"diary", b"Contact 0", b"contact0", made.manifest.data):
        assert private not in data
        assert b64url(private).encode()[:-2] not in data
    world.run()
    with world.database.reading() as db:
        rows = db.scalars(select(LedgerEvent).where(LedgerEvent.type == "admin exported")).all()
    said = [Event.parse(row.body or b"").data for row in rows]
    assert [row.refused for row in rows] == [None]
    assert said[0]["body_sha256"] == sha256(data).digest()
    assert said[0]["what"].startswith("report on list of keys")


def test_a_filtered_report_holds_what_was_chosen_in_parts_of_which_each_checks(
    world: World, customer: Customer, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reporting, "PART", 2)
    customer.sign_in()
    safe = {world.enrol(customer)[0].deposit for _ in range(3)}
    crew = hired(world)
    parts = of_keys(crew, state="safe")
    lines = [line.deposit for part in parts for line in custodyreport.check(part).lines]
    assert (set(lines), len(lines), len(parts)) == (safe, 3, 2)
    assert made.deposit not in lines


def test_an_auditor_proves_one_customers_history_to_a_third_person_without_the_service(
    world: World, made: Deposited, auditor: Auditor
) -> None:
    data = of_key(hired(world, "auditor"), made.deposit)
    vkey = world.keys.signer.verifier.vkey
    world.database.engine.dispose()
    answered = auditor.verify(data, "--ledger-key", vkey)
    assert answered.returncode == 0, answered.stderr
    text = answered.stdout
    assert f"{made.deposit}: complete" in text
    assert "contact: declined" in text
    for said in ("The key was cut into pieces", "Provider: the piece was shown.", "given up."):
        assert said in text
    assert "custody attested" not in text
    assert "It cannot show what was left out." in text
    assert "Compare them" not in text
    found = json.loads(auditor.verify(data, "--json").stdout)
    assert found["deposits"][0]["signatures"] is True
    assert found["entries"] == len(found["deposits"][0]["entries"]) > 5
    unpinned = auditor.verify(data).stdout
    assert f"{world.keys.signer.verifier.key_digits()[:4]} " in unpinned
    assert "Compare them with what the provider publishes" in unpinned


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            b'{\n "format": "escrow/v1/kept",\n "made_at": "2026',
            "tells what is kept about a customer",
        ),
        (b'{"format":"escrow/v1/kit","deposit":"', "it is a kit."),
        (b'{"format":"escrow/v9/other"}', "This file is not a report."),
        (b'{"deposit":"0"}', "This file is not a report."),
        (b"\x89PNG", "This file is not a report."),
        (b"{", "This file is not a report."),
        (b"", "This file is not a report."),
    ],
)
def test_another_file_is_not_called_altered_and_it_is_said_which_is_needed(
    auditor: Auditor, data: bytes, said: str
) -> None:
    answered = auditor.verify(data)
    assert answered.returncode == 3
    assert said in answered.stderr
    assert "Take the file with proofs" in " ".join(answered.stderr.split())
    assert "altered" not in answered.stderr


@pytest.mark.parametrize("kind", ["custody", "drill"])
def test_a_report_of_which_half_is_missing_is_called_damaged(auditor: Auditor, kind: str) -> None:
    answered = auditor.verify(b'{"format":"escrow/v1/%s-report","made_at":1,' % kind.encode())
    assert answered.returncode == 3
    assert "it is damaged" in answered.stderr


def test_the_earlier_ledger_key_checks_a_report_too_and_a_strangers_does_not(
    world: World, made: Deposited, auditor: Auditor
) -> None:
    old = world.keys.signer.verifier.vkey
    world.custodian.keys = world.keys.with_new_ledger_key(world.clock.now())
    world.restart_custodian()
    world.run()
    data = of_key(hired(world), made.deposit)
    assert json.loads(data)["ledger_vkey"] != old
    assert custodyreport.check(data, old).lines
    stranger = CustodianKeys.generate(world.keys.origin, world.clock.now()).signer.verifier.vkey
    answered = auditor.verify(data, "--ledger-key", stranger)
    assert (answered.returncode, answered.stdout) == (3, "")
    assert "is not signed by this key" in answered.stderr
    assert auditor.verify(data, "--ledger-key", "nonsense").returncode == 2


def test_after_the_end_the_report_says_that_our_piece_is_destroyed(
    world: World, customer: Customer, made: Deposited
) -> None:
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": ""}).ok()
    world.run()
    world.wait(31 * DAY)
    crew = hired(world)
    [line] = custodyreport.check(of_key(crew, made.deposit)).lines
    assert line.told.state == "closed"
    pieces = custodyreport.summary(line.told, line.roles)
    assert [p["state"] for p in pieces if p["role"] == "provider"] == ["destroyed"]


# What is refused

Alter = Callable[[dict[str, Any], dict[str, Any]], None]


def _in_event(change: Callable[[dict[str, Any]], None], at: int = -1) -> Alter:
    def alter(report: dict[str, Any], line: dict[str, Any]) -> None:
        entry = line["entries"][at]
        event = json.loads(b64url_decode(entry["event"]))
        change(event)
        entry["event"] = b64url(dump_json(event))

    return alter


def _piece(**values: Any) -> Alter:
    def alter(report: dict[str, Any], line: dict[str, Any]) -> None:
        line["pieces"][0] |= values

    return alter


def _later(report: dict[str, Any], line: dict[str, Any]) -> None:
    """Move an entry of one deposit to another."""
    moved = report["deposits"][1]["entries"].pop()
    line["entries"] = sorted([*line["entries"], moved], key=lambda each: int(each["index"]))


def _swapped_proofs(report: dict[str, Any], line: dict[str, Any]) -> None:
    one, two = line["entries"][1], line["entries"][3]
    one["siblings"], two["siblings"] = two["siblings"], one["siblings"]


def _without(kind: str) -> Alter:
    def alter(report: dict[str, Any], line: dict[str, Any]) -> None:
        kept = [e for e in line["entries"] if Event.parse(b64url_decode(e["event"])).type != kind]
        assert len(kept) < len(line["entries"])
        line["entries"] = kept

    return alter


def _set(**values: Any) -> Alter:
    return lambda report, line: line.update(values)


def _head(**values: Any) -> Alter:
    return lambda report, line: report.update(values)


ALTERED: dict[str, tuple[str, Alter]] = {
    "an event's time": ("wrong_proof", _in_event(lambda e: e.update(at=e["at"] + 1))),
    "an event's type": ("wrong_proof", _in_event(lambda e: e.update(type="custody lost"), 0)),
    "proofs swapped": ("wrong_proof", _swapped_proofs),
    "an index": ("wrong_proof", lambda r, line: line["entries"][-1].update(index=9999)),
    "an entry twice": (
        "wrong_history",
        lambda r, line: line["entries"].append(line["entries"][-1]),
    ),
    "entries out of order": ("wrong_history", lambda r, line: line["entries"].reverse()),
    "an entry of another deposit": ("wrong_history", _later),
    "the creation left out": ("wrong_history", _without("deposit created")),
    "the loss left out": ("wrong_summary", _without("custody declined")),
    "a proof left out": ("wrong_summary", _without("custody attested")),
    "a deposit twice": ("wrong_history", lambda r, line: r["deposits"].append(r["deposits"][1])),
    "the state": ("wrong_summary", _set(state="active")),
    "the account": ("wrong_summary", _set(account="ab" * 16)),
    "a later date": ("wrong_summary", _piece(share_at=2**40)),
    "a piece left out": ("wrong_summary", lambda r, line: line["pieces"].pop()),
    "another host": ("wrong_origin", _head(host="other.test")),
    "another checkpoint": (
        "wrong_signature",
        lambda r, line: r.update(checkpoint=r["checkpoint"].replace("\n", "\n1", 1)),
    ),
    "another field": ("malformed_report", _head(more=1)),
}


@pytest.fixture
def two(world: World, customer: Customer, made: Deposited) -> dict[str, Any]:
    """A report on two keys, of which the first has lost its contact."""
    customer.sign_in()
    world.enrol(customer)
    [data] = of_keys(hired(world))
    report: dict[str, Any] = json.loads(data)
    report["deposits"].sort(key=lambda line: line["deposit"] != made.deposit)
    custodyreport.check(dump_json(report))
    return report


def test_every_alteration_is_refused_with_its_reason(two: dict[str, Any]) -> None:
    for what, (reason, alter) in ALTERED.items():
        report = json.loads(json.dumps(two))
        alter(report, report["deposits"][0])
        with pytest.raises(ProtocolError) as refused:
            custodyreport.check(dump_json(report))
        assert refused.value.code == reason, what


def test_every_flipped_byte_of_an_entry_is_noticed(two: dict[str, Any]) -> None:
    line = two["deposits"][0]
    for name in ("nonce", "event"):
        for place in range(0, len(line["entries"][2][name]), 7):
            report = json.loads(json.dumps(two))
            text = report["deposits"][0]["entries"][2][name]
            other = "B" if text[place] == "A" else "A"
            changed = text[:place] + other + text[place + 1 :]
            report["deposits"][0]["entries"][2][name] = changed
            with pytest.raises(ProtocolError):
                custodyreport.check(dump_json(report))


def test_a_description_that_its_owner_did_not_sign_is_refused(
    world: World, customer: Customer, made: Deposited
) -> None:
    customer.sign_in()
    other, _ = world.enrol(customer)
    crew = hired(world)
    report = json.loads(of_key(crew, made.deposit))
    foreign = json.loads(of_key(crew, other.deposit))["deposits"][0]
    line = report["deposits"][0]
    for changed in (
        {"manifest_signature": foreign["manifest_signature"]},
        {"manifest": foreign["manifest"], "manifest_signature": foreign["manifest_signature"]},
    ):
        altered = report | {"deposits": [line | changed]}
        with pytest.raises(BadLine):
            custodyreport.check(dump_json(altered))


def test_the_command_names_the_deposit_that_is_wrong_and_what_to_do(
    two: dict[str, Any], made: Deposited, auditor: Auditor
) -> None:
    report = json.loads(json.dumps(two))
    report["deposits"][0]["state"] = "active"
    answered = auditor.verify(dump_json(report))
    assert (answered.returncode, answered.stdout) == (3, "")
    assert "does not follow from its entries" in answered.stderr
    assert made.deposit in answered.stderr
    for data in (dump_json(two)[:-1], b'{"format":"escrow/v1/custody-report"}'):
        answered = auditor.verify(data)
        assert answered.returncode == 3, answered.stderr
        assert "This is not an intact report." in answered.stderr


def test_a_report_leaves_only_with_a_fresh_answer_of_the_passkey_and_never_to_support(
    world: World, made: Deposited
) -> None:
    crew = hired(world)
    world.clock.move(301)
    for path in ("/admin/exports/reports", f"/admin/deposits/{made.deposit}/report"):
        refused = crew.post(path)
        assert (refused.status, refused.code) == (403, "step_up_required")
    sam = hired(world, "support", "Sam")
    for path in ("/admin/exports/reports", f"/admin/deposits/{made.deposit}/report"):
        assert sam.post(path).status == 404
    crew.step_up().ok()
    assert crew.post(f"/admin/deposits/{'ab' * 16}/report").status == 404
    world.run()
    with world.database.reading() as db:
        query = select(LedgerEvent).where(LedgerEvent.type == "admin exported")
        assert db.scalars(query).all() == []
