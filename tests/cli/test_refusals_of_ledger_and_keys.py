"""A service that shows other keys, another history, another deposit: exit 3, nothing sent."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import note, seal
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.kit import Kit
from escrow.protocol.manifest import Manifest
from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Answered, Desk, Tamper
from tests.cli.service import DAY_SECONDS, Service

OTHER_LEDGER = Ed25519PrivateKey.generate()


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


@pytest.fixture
def enrolled(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    """One accepted deposit for the whole file: nothing here may change it."""
    if "made" not in shared:
        shared["made"] = enrol(accepted=True)
    return shared["made"]


def _refused(desk: Desk, answered: Answered, reason: str) -> None:
    assert answered.status == 3, (answered.status, answered.stderr)
    assert "error: " in answered.stderr
    assert answered.json()["error"] == reason
    assert desk.line.changes_sent() == []


def _keys(**changes: Any) -> Tamper:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path == "keys":
            document.update(changes)

    return tamper


def _checkpoints(change: Callable[[str], str]) -> Tamper:
    """Change every checkpoint, in whatever document it stands."""

    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if "checkpoint" in document:
            document["checkpoint"] = change(document["checkpoint"])
        if isinstance(document.get("proof"), str):
            head, _, signed = document["proof"].partition("\n\n")
            document["proof"] = head + "\n\n" + change(signed)

    return tamper


def _enrol(desk: Desk, tamper: Tamper) -> Answered:
    Path(desk.path("key2")).write_bytes(b"another")
    return desk.run(
        *("enrol", "--label", "Two", "--secret-file", desk.path("key2"), "--no-contact"),
        *("--kit", desk.path("kit2.escrow.json"), "--json"),
        tamper=tamper,
    )


def test_a_swapped_provider_key(enrolled: Enrolled) -> None:
    """What is sealed to it could be read by whoever swapped it."""
    other = b64url(seal.PrivateKey.generate().public_key())
    answered = _enrol(enrolled.mira, _keys(provider_key=other))
    _refused(enrolled.mira, answered, "other_provider_key")
    assert not Path(enrolled.mira.path("kit2.escrow.json")).exists()


def test_a_swapped_provider_key_with_an_entry_that_is_not_in_the_ledger(
    enrolled: Enrolled,
) -> None:
    from escrow.protocol.ledger import Event

    key = seal.PrivateKey.generate().public_key()
    forged = Event("0" * 32, "key changed", {"use": "provider", "old": None, "new": key}, at=1)

    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path == "keys":
            document["provider_key"] = b64url(key)
            last = document["changes"][-1]
            document["changes"].append({**last, "event": b64url(forged.bytes)})

    _refused(enrolled.mira, _enrol(enrolled.mira, tamper), "wrong_proof")


def test_another_ledger_key_than_the_one_seen(enrolled: Enrolled) -> None:
    vkey = note.Verifier(
        f"{enrolled.service.netloc}/ledger", OTHER_LEDGER.public_key().public_bytes_raw()
    ).vkey
    answered = _enrol(enrolled.mira, _keys(ledger_vkey=vkey))
    _refused(enrolled.mira, answered, "other_ledger_key")


def test_another_ledger_key_on_the_first_look(enrolled: Enrolled, tmp_path: Path) -> None:
    """Nothing is known yet, but what it signed does not fit what it is said to be."""
    vkey = note.Verifier("other/ledger", OTHER_LEDGER.public_key().public_bytes_raw()).vkey
    desk = Desk(enrolled.service, tmp_path / "fresh", enrolled.mira.customer)
    answered = desk.run("verify", "--json", tamper=_keys(ledger_vkey=vkey))
    _refused(desk, answered, "unverified_note")


def _resigned(service: Service, text: Callable[[note.Checkpoint], str]) -> Callable[[str], str]:
    """Make a checkpoint that the real ledger key has signed, as a corrupt custodian could."""
    signer = service.custodian.keys.ledger[0]

    def change(signed: str) -> str:
        checkpoint = note.Checkpoint.parse(note.split_note(signed)[0])
        return note.sign(text(checkpoint), [signer])

    return change


def test_a_checkpoint_without_the_ledgers_signature(enrolled: Enrolled) -> None:
    def change(signed: str) -> str:
        text = note.split_note(signed)[0]
        return note.sign(text, [note.Signer(text.split("\n")[0], OTHER_LEDGER)])

    answered = enrolled.mira.run("verify", "--json", tamper=_checkpoints(change))
    _refused(enrolled.mira, answered, "unverified_note")


def test_a_checkpoint_whose_signature_is_false(enrolled: Enrolled) -> None:
    def change(signed: str) -> str:
        first, rest = signed.split("\n", maxsplit=1)
        return f"{first}\n{rest.replace(rest.splitlines()[0], '999', 1)}"

    answered = enrolled.mira.run("verify", "--json", tamper=_checkpoints(change))
    _refused(enrolled.mira, answered, "wrong_signature")


def test_a_rewound_ledger(enrolled: Enrolled) -> None:
    change = _resigned(enrolled.service, lambda old: replace(old, size=1, root=b"\1" * 32).text)
    answered = enrolled.mira.run("verify", "--json", tamper=_checkpoints(change))
    _refused(enrolled.mira, answered, "rewound")


@pytest.mark.parametrize("more", [0, 1000])
def test_a_forked_ledger(enrolled: Enrolled, more: int) -> None:
    """Another history, shown to this person alone, signed with the ledger's own key."""
    assert enrolled.mira.run("verify").status == 0
    change = _resigned(
        enrolled.service, lambda old: replace(old, size=old.size + more, root=b"\1" * 32).text
    )
    kept = enrolled.mira.state()["checkpoint"]
    answered = enrolled.mira.run("verify", "--json", tamper=_checkpoints(change))
    _refused(enrolled.mira, answered, "forked")
    assert enrolled.mira.state()["checkpoint"] == kept


def test_a_ledger_that_contradicts_the_card(enrolled: Enrolled, tmp_path: Path) -> None:
    """A new computer knows nothing, but the card carries a checkpoint."""
    desk = Desk(enrolled.service, tmp_path / "fresh")
    change = _resigned(enrolled.service, lambda old: replace(old, root=b"\1" * 32).text)
    answered = desk.run("check", "--piece", enrolled.card, "--json", tamper=_checkpoints(change))
    _refused(desk, answered, "forked")


def test_an_entry_that_was_changed(enrolled: Enrolled) -> None:
    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if path.endswith("/events"):
            entry = document["events"][-1]
            event = json.loads(b64url_decode(entry["event"]))
            event["at"] += 1
            text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
            entry["event"] = b64url(text.encode())

    _refused(enrolled.mira, enrolled.mira.run("verify", "--json", tamper=tamper), "wrong_proof")


def _manifest(change: Callable[[Manifest], tuple[Manifest, bytes]]) -> Tamper:
    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if "manifest" in document:
            made, signature = change(Manifest.parse(b64url_decode(document["manifest"])))
            document["manifest"] = b64url(made.data)
            document["manifest_signature"] = b64url(signature)

    return tamper


def _taken_over(manifest: Manifest) -> tuple[Manifest, bytes]:
    """A description that is consistent in itself, but another owner's."""
    owner = Ed25519PrivateKey.generate()
    made = replace(
        manifest, waiting_seconds=DAY_SECONDS, owner_key=owner.public_key().public_bytes_raw()
    )
    return made, made.sign(owner)


def _unsigned(manifest: Manifest) -> tuple[Manifest, bytes]:
    return replace(manifest, waiting_seconds=DAY_SECONDS), b"\0" * 64


@pytest.mark.parametrize(
    ("change", "reason"), [(_taken_over, "wrong_manifest"), (_unsigned, "wrong_signature")]
)
def test_an_altered_description(
    enrolled: Enrolled,
    tmp_path: Path,
    change: Callable[[Manifest], tuple[Manifest, bytes]],
    reason: str,
) -> None:
    """Customer with her kit, customer with her state file, contact with his card."""
    tamper = _manifest(change)
    desk = Desk(enrolled.service, tmp_path / "fresh", enrolled.mira.customer)
    answered = desk.run("recover", "--kit", enrolled.kit, "--json", tamper=tamper)
    _refused(desk, answered, reason)
    answered = enrolled.mira.run("recover", "--deposit", enrolled.deposit, "--json", tamper=tamper)
    _refused(enrolled.mira, answered, reason)
    for verb in (("check", "--piece"), ("check", "--share", "--piece"), ("release", "--card")):
        answered = enrolled.anna.run(*verb, enrolled.card, "--json", tamper=tamper)
        _refused(enrolled.anna, answered, reason)


def test_an_altered_envelope(enrolled: Enrolled) -> None:
    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if document.get("envelope"):
            document["envelope"] = b64url(b64url_decode(document["envelope"]) + b"x")

    answered = enrolled.mira.run("recover", "--deposit", enrolled.deposit, "--json", tamper=tamper)
    _refused(enrolled.mira, answered, "wrong_envelope")


def test_an_invitation_whose_description_is_not_the_services(enrol: Enrol) -> None:
    made = enrol()
    answered = made.anna.run(
        *("accept", "--save", made.anna.path("card"), "--json"),
        tamper=_manifest(_taken_over),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS=made.digits,
        ESCROW_CONFIRM="y",
    )
    assert (answered.status, answered.json()["error"]) == (3, "wrong_manifest")
    assert [line for line in made.anna.line.changes_sent() if "invitation" not in line] == []
    assert not Path(made.anna.path("card")).exists()


def test_a_rejected_piece_is_said_at_once(enrolled: Enrolled) -> None:
    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        for line in document.get("custodies", []):
            if line["role"] == "provider":
                line["state"] = "rejected"

    answered = _enrol(enrolled.mira, tamper)
    assert (answered.status, answered.json()["error"]) == (3, "rejected")
    kit = Kit.parse(Path(enrolled.mira.path("kit2.escrow.json")).read_bytes())
    assert f"PUT deposits/{kit.manifest.deposit}" in enrolled.mira.line.changes_sent()
    assert not any("attestations" in line for line in enrolled.mira.line.changes_sent())


def test_a_new_ledger_key_is_followed_only_through_the_old_one(
    enrolled: Enrolled, tmp_path: Path
) -> None:
    """Last in this file: the service really changes its key."""
    service, mira, anna = enrolled.service, enrolled.mira, enrolled.anna
    old = service.custodian.keys.signer.verifier.vkey
    service.rotate_ledger_key()
    new = service.custodian.keys.signer.verifier.vkey
    assert old != new

    def forget(_method: str, path: str, document: dict[str, Any]) -> None:
        if path == "keys":
            document["changes"] = document["changes"][:2]

    assert mira.run("verify", "--json", tamper=forget).json()["error"] == "other_ledger_key"
    check = ("check", "--piece", enrolled.card, "--json")
    assert anna.run(*check, tamper=forget).json()["error"] == "other_ledger_key"
    fresh = Desk(service, tmp_path / "fresh")
    assert fresh.run(*check, tamper=forget).json()["error"] == "other_ledger_key"
    assert fresh.line.changes_sent() == []
    for desk in (fresh, anna):
        answered = desk.run(*check)
        assert answered.status == 0, answered.stderr
    verified = mira.run("verify", "--json")
    assert verified.status == 0, verified.stderr
    assert verified.json()["first_look"] is False
