"""Replace a deposit, also right after a recovery; undo a closing as a contact."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from escrow.protocol.kit import Kit
from tests.cli.conftest import SECRET, Enrol, Enrolled
from tests.cli.desk import Answered, Desk
from tests.cli.person import Person
from tests.cli.service import DAY_SECONDS
from tests.cli.test_more_ways_back import answers

NEW = b"another secret altogether"
WAIT_SECONDS = 3 * DAY_SECONDS + 60


def states(desk: Desk) -> dict[str, str]:
    answered = desk.run("status", "--json")
    assert answered.status == 0, answered.stderr
    return {line["deposit"]: line["state"] for line in answered.json()["deposits"]}


def replace(made: Enrolled, *options: str, **how: Any) -> Answered:
    Path(made.mira.path("new")).write_bytes(NEW)
    totp = made.mira.customer.totp() if made.mira.customer else ""
    return made.mira.run(
        *("replace", "--secret-file", made.mira.path("new"), "--json"),
        *("--kit", made.mira.path("kit2.escrow.json"), "--deposit", made.deposit),
        *options,
        ESCROW_TOTP=totp,
        **how,
    )


def new_kit(made: Enrolled) -> Kit:
    return Kit.parse(Path(made.mira.path("kit2.escrow.json")).read_bytes())


def accept_new(made: Enrolled, document: dict[str, Any]) -> None:
    again = Enrolled(made.service, made.mira, made.anna, document)
    again.anna = Desk(made.service, made.anna.home / "new")
    again.accept()
    made.service.settle()


def test_what_the_old_deposit_had_is_proposed_and_it_stays_until_the_new_one_is_complete(
    enrol: Enrol,
) -> None:
    made = enrol(accepted=True)
    answered = replace(made)
    assert answered.status == 0, answered.stderr
    old = Kit.parse(Path(made.kit).read_bytes()).manifest
    new = new_kit(made).manifest
    assert new.replaces == made.deposit
    assert (new.label, new.waiting_seconds) == (old.label, old.waiting_seconds)
    assert [c.name for c in new_kit(made).contacts] == ["Anna"]
    assert "Contacts as before: Anna <" in answered.stderr
    assert states(made.mira)[made.deposit] == "complete"
    accept_new(made, answered.json())
    assert states(made.mira)[made.deposit] == "closing"
    reopened = made.anna.run("reopen", "--card", made.card, "--json")
    assert reopened.status == 0, reopened.stderr
    assert states(made.mira) == {made.deposit: "complete", new.deposit: "complete"}
    again = made.mira.run(
        *("close", "--deposit", made.deposit, "--json"),
        ESCROW_CONFIRM="y",
        ESCROW_TOTP=made.mira.customer.totp() if made.mira.customer else "",
    )
    assert again.status == 0, again.stderr
    refused = made.anna.run("reopen", "--card", made.card, "--json")
    assert (refused.status, refused.json()["error"]) == (4, "undone_before")


def test_another_contact_wait_and_name(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    answered = replace(
        made, "--contact", "Bo <bo@example.net>", "--waiting-days", "7", "--label", "Laptop 2"
    )
    assert answered.status == 0, answered.stderr
    new = new_kit(made)
    assert (new.manifest.label, new.manifest.waiting_seconds) == ("Laptop 2", 7 * DAY_SECONDS)
    assert [contact.address for contact in new.contacts] == ["bo@example.net"]
    assert "ends after 30 days" in answered.stderr


def recover(made: Enrolled, desk: Desk, *options: str, **how: Any) -> Answered:
    Path(desk.path("new")).write_bytes(NEW)
    return desk.run(
        *("recover", "--deposit", made.deposit, "--kit", made.kit),
        *("--output", desk.path("got"), "--replace-with", desk.path("new"), "--json"),
        *options,
        **how,
    )


def unsecret(desk: Desk) -> None:
    """No secret, recovery key or share stands in what the client remembers."""
    text = desk.state_path.read_text()
    assert NEW.decode() not in text
    assert "words" not in text


@pytest.mark.parametrize("cut", ["", "put", "replaced"])
def test_a_recovery_ends_with_a_new_deposit_signed_for_by_the_old_key(
    enrol: Enrol, cut: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = enrol("--no-contact")
    desk = made.open()
    monkeypatch.chdir(desk.home)
    made.service.pass_time(WAIT_SECONDS)

    def stop(method: str, path: str, _document: dict[str, Any]) -> None:
        new = method == "PUT" and path.startswith("deposits/")
        if (cut == "put" and new) or (cut == "replaced" and path.endswith("/replaced")):
            raise KeyboardInterrupt

    answered = recover(made, desk, tamper=stop)
    assert Path(desk.path("got")).read_bytes() == SECRET
    if cut:
        assert answered.status == 130
        assert "`escrow enrol --resume` goes on from here" in answered.stderr
        unsecret(desk)
        [kept] = [e for e in desk.state()["deposits"].values() if "replaces" in e]
        assert kept["replaces"]["deposit"] == made.deposit
        [kit] = desk.home.glob("escrow-kit-*.json")
        digits = Kit.parse(kit.read_bytes()).manifest.code()[-4:]
        totp = made.mira.customer.totp() if made.mira.customer else ""
        answered = desk.run(
            "replace", "--resume", "--json", ESCROW_KIT_DIGITS=digits, ESCROW_TOTP=totp
        )
    assert answered.status == 0, answered.stderr
    document = answered.json()
    if not cut:
        assert document["recovered"] == made.deposit
    made.service.settle()
    made.service.pass_time(120)
    assert states(desk) == {document["deposit"]: "complete"}  # the old one is gone at once
    assert not any("replaces" in entry for entry in desk.state()["deposits"].values())
    unsecret(desk)


def test_after_a_recovery_json_names_the_command_that_replaces(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    desk = made.open()
    made.service.pass_time(WAIT_SECONDS)
    answered = desk.run(
        *("recover", "--deposit", made.deposit, "--kit", made.kit),
        *("--output", desk.path("got"), "--json"),
    )
    assert answered.status == 0, answered.stderr
    assert answered.json()["replace"] == f"escrow replace --deposit {made.deposit}"


def test_a_replacement_that_fails_does_not_make_the_recovery_fail(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    desk = made.open()
    made.service.pass_time(WAIT_SECONDS)
    answered = desk.run(
        *("recover", "--deposit", made.deposit, "--kit", made.kit, "--json"),
        *("--output", desk.path("got"), "--replace-with", desk.path("nowhere")),
    )
    assert answered.status == 0, answered.stderr
    assert "nowhere cannot be read" in answered.stderr
    assert json.loads(answered.stdout)["replace"].startswith("escrow replace")


def test_at_the_terminal_a_recovery_offers_the_new_deposit_at_once(
    enrol: Enrol, tmp_path: Path
) -> None:
    made = enrol("--no-contact")
    made.open()
    made.service.pass_time(WAIT_SECONDS)
    assert made.mira.customer is not None
    mira = Person(tmp_path / "desk", made.service.clock.path, made.service.url)
    process = mira.start("recover", "--deposit", made.deposit, "--kit", made.kit)

    def digits() -> str:
        [kit] = mira.home.glob("escrow-kit-*.json")
        return Kit.parse(kit.read_bytes()).manifest.code()[-4:]

    process.answers = [
        ("Write it to which file", "got"),
        ("new deposit in its place now", "y"),
        ("Contact, like Anna", ""),
        ("keep safe (not shown)", NEW.decode()),
        ("Once more", NEW.decode()),
        ("last four digits", digits),
        *answers(made.service, made.mira.customer),
    ]
    ended = process.finish()
    assert ended.status == 0, ended.stderr
    assert (mira.home / "got").read_bytes() == SECRET
    made.service.settle()
    made.service.pass_time(120)
    assert made.deposit not in states(made.mira)
