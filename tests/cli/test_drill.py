"""The drill: a dummy through the same code, every real piece proven, a report that stands alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import func, select

from escrow.deposit.models import Deposit
from escrow.protocol import note
from escrow.protocol.encoding import b64url, b64url_decode, dump_json
from escrow.protocol.ledger import Event, Proof
from escrow_cli.report import Report
from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Desk


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


def drill(made: Enrolled, *options: str) -> Any:
    totp = made.mira.customer.totp() if made.mira.customer else ""
    return made.mira.run("drill", "--kit", made.kit, "--json", *options, ESCROW_TOTP=totp)


@pytest.fixture
def drilled(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    """A drill whose contact has not proven yet: its report says so."""
    if "made" not in shared:
        made = shared["made"] = enrol(accepted=True)
        made.service.clock.move(1)
        answered = drill(made, "--report", made.mira.path("first.pdf"))
        assert answered.status == 0, answered.stderr
        (made.mira.home / "answer").write_bytes(answered.stdout)
        made.service.settle()
    return shared["made"]


def test_a_drill_brings_a_dummy_back_and_says_what_is_missing(drilled: Enrolled) -> None:
    document = json.loads((drilled.mira.home / "answer").read_text())
    assert document["recoverable"] is True
    assert document["deposit"] == drilled.deposit
    proven = {one["role"]: one["at"] is not None for one in document["custodians"]}
    assert proven == {"customer": True, "contact": False, "provider": True}
    assert "you and Test provider could have brought this key back" in document["sentence"]
    assert len(drilled.service.mailbox.wait_for("drill_contact")) == 1


def test_a_drill_is_no_way_back_in_the_list(drilled: Enrolled) -> None:
    listed = drilled.mira.run("status", "--json").json()["deposits"]
    assert [line["deposit"] for line in listed] == [drilled.deposit]


def test_nothing_secret_of_a_drill_is_kept(drilled: Enrolled) -> None:
    state = drilled.mira.state_path.read_text()
    drills = [e["drill"] for e in json.loads(state)["deposits"].values() if "drill" in e]
    assert [sorted(drill) for drill in drills] == [["deposit", "recovery"]]
    assert "words" not in state


def test_the_report_is_written_anew_with_the_proofs_that_came_later(drilled: Enrolled) -> None:
    drilled.service.clock.move(2)
    proven = drilled.anna.run("check", "--share", "--piece", drilled.card)
    assert proven.status == 0, proven.stderr
    drilled.service.settle()
    path = drilled.mira.path("later.json")
    answered = drill(drilled, "--last", "--report", path)
    assert answered.status == 0, answered.stderr
    assert drilled.mira.line.changes_sent() == []
    offline = Desk(drilled.service, drilled.mira.home / "auditor").run(
        "verify", "--report", path, "--json", ESCROW_HOST=""
    )
    assert offline.status == 0, offline.stderr
    assert "you, Anna and Test provider could have brought" in offline.json()["sentence"]
    again = drill(drilled, "--last", "--report", path)
    assert (again.status, again.json()["error"]) == (2, "file_exists")


def test_a_report_is_verified_without_the_service(drilled: Enrolled, tmp_path: Path) -> None:
    auditor = Desk(drilled.service, tmp_path / "auditor")
    answered = auditor.run("verify", "--report", drilled.mira.path("first.json"))
    assert answered.status == 0, answered.stderr
    text = answered.stdout.decode()
    assert "Anna: NOT proven in this drill" in text
    assert "not covered by signatures" in text
    assert auditor.line.sent == []
    pdf = auditor.run("verify", "--report", drilled.mira.path("first.pdf"))
    assert pdf.status == 2


def test_the_pdf_says_what_the_report_shows(drilled: Enrolled) -> None:
    document = pypdfium2.PdfDocument(drilled.mira.path("first.pdf"))
    text = " ".join("".join(page.get_textpage().get_text_range() for page in document).split())
    assert "could have brought this key back" in text
    assert "NOT proven in this drill" in text
    assert "escrow verify --report" in text


def _event(name: str, change: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Return an alteration of the first entry of a type."""

    def alter(report: dict[str, Any]) -> None:
        for entry in report["entries"]:
            found = json.loads(b64url_decode(entry["event"]))
            if found["type"] == name:
                change(found)
                entry["event"] = b64url(dump_json(found))
                return
        raise AssertionError(name)

    return alter


def _without(name: str) -> Callable[[dict[str, Any]], None]:
    def alter(report: dict[str, Any]) -> None:
        kept = [e for e in report["entries"] if Event.parse(b64url_decode(e["event"])).type != name]
        assert len(kept) < len(report["entries"])
        report["entries"] = kept

    return alter


def _flip(text: str) -> str:
    data = bytearray(b64url_decode(text))
    data[-1] ^= 1
    return b64url(bytes(data))


def _forged(report: dict[str, Any]) -> None:
    """Have a checkpoint signed by another key of the same name."""
    proof = Proof.parse(report["entries"][0]["proof"])
    text, _ = note.split_note(proof.checkpoint)
    name = note.Checkpoint.parse(text).origin
    signer = note.Signer(name, Ed25519PrivateKey.generate())
    forged = replace(proof, checkpoint=note.sign(text, [signer]))
    report["entries"][0]["proof"] = forged.text


ALTERED: dict[str, tuple[str, Callable[[dict[str, Any]], None]]] = {
    "the time of a proof": (
        "wrong_proof",
        _event("custody attested", lambda event: event.update(at=event["at"] + 86400)),
    ),
    "another custody's proof": (
        "wrong_proof",
        _event("custody attested", lambda event: event.update(custody="0" * 32)),
    ),
    "the signature of the manifest": (
        "wrong_signature",
        lambda report: report.update(manifest_signature=_flip(report["manifest_signature"])),
    ),
    "the signature of the dummy's manifest": (
        "wrong_signature",
        lambda report: report.update(
            drill_manifest_signature=_flip(report["drill_manifest_signature"])
        ),
    ),
    "a contact's name": (
        "wrong_contact",
        lambda report: report["contacts"][0].update(name="Mallory"),
    ),
    "no completion": ("drill_incomplete", _without("recovery completed")),
    "no release": ("drill_incomplete", _without("release made")),
    "no creation": ("wrong_manifest", _without("deposit created")),
    "the dummy as the deposit": (
        "wrong_kind",
        lambda report: report.update(
            manifest=report["drill_manifest"],
            manifest_signature=report["drill_manifest_signature"],
        ),
    ),
    "the text of a checkpoint": (
        "wrong_signature",
        lambda report: report["entries"][0].update(
            proof=report["entries"][0]["proof"].replace("/ledger\n", "/ledgers\n", 1)
        ),
    ),
    "a checkpoint of somebody else": ("unverified_note", _forged),
    "the host": ("wrong_origin", lambda report: report.update(host="other.example")),
    "nothing": ("empty_report", lambda report: report.update(entries=[])),
}


@pytest.mark.parametrize("what", ALTERED, ids=lambda name: name.replace(" ", "-"))
def test_an_altered_report_is_refused_with_the_reason(
    drilled: Enrolled, tmp_path: Path, what: str
) -> None:
    reason, alter = ALTERED[what]
    report = json.loads(Path(drilled.mira.path("first.json")).read_text())
    alter(report)
    altered = tmp_path / "altered.json"
    altered.write_bytes(dump_json(report))
    answered = drilled.mira.run("verify", "--report", str(altered), "--json")
    assert (answered.status, answered.json()["error"]) == (3, reason), answered.stderr


def test_a_report_in_another_serialisation_is_refused(drilled: Enrolled, tmp_path: Path) -> None:
    data = Path(drilled.mira.path("first.json")).read_bytes()
    assert Report.parse(data).data == data
    spaced = tmp_path / "spaced.json"
    spaced.write_bytes(json.dumps(json.loads(data), indent=1).encode())
    answered = drilled.mira.run("verify", "--report", str(spaced), "--json")
    assert (answered.status, answered.json()["error"]) == (3, "malformed_report")


def test_a_contacts_card_starts_no_drill_and_a_first_drill_must_be_there(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    made.service.settle()
    wrong = made.mira.run("drill", "--kit", made.card, "--json")
    assert wrong.status == 7
    none = made.mira.run("drill", "--kit", made.kit, "--last", "--json")
    assert (none.status, none.json()["error"]) == (4, "no_drill")
    ending = made.mira.run("drill", "--kit", made.kit, "--report", "x.txt", "--json")
    assert ending.status == 2
    assert made.mira.line.changes_sent() == []


def test_without_a_code_of_the_app_no_dummy_is_made(
    drilled: Enrolled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(drilled.mira, "customer", None)  # her phone is not at hand
    drilled.service.clock.move(400)  # the code of the last sign-in is no longer fresh
    before = dummies(drilled)
    answered = drilled.mira.run("drill", "--kit", drilled.kit, "--json")
    assert (answered.status, "ESCROW_TOTP" in answered.stderr) == (2, True), answered.stderr
    assert drilled.mira.line.changes_sent() == []
    assert dummies(drilled) == before


def dummies(made: Enrolled) -> int:
    with made.service.database.reading() as db:
        query = select(func.count()).select_from(Deposit).where(Deposit.kind == "drill")
        return db.scalar(query) or 0


def test_no_drill_begins_while_the_key_is_brought_back_in_earnest(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    made.service.clock.move(60)
    opened = made.mira.run("recover", "--deposit", made.deposit, ESCROW_REASON="crash")
    assert opened.status == 4, opened.stderr  # opened; it cannot be finished yet
    made.service.settle()
    before = dummies(made)
    answered = drill(made)
    assert (answered.status, answered.json()["error"]) == (4, "wrong_state"), answered.stderr
    assert "in earnest" in answered.stderr
    assert dummies(made) == before
