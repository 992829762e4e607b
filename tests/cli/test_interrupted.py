"""A power cut in the middle of enrolling: nothing is lost, nothing is doubled."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyotp
import pytest

from escrow.account.flow import accounts_of_address
from escrow.protocol.kit import Kit
from tests.cli.conftest import SECRET, Enrol
from tests.cli.desk import Desk
from tests.cli.person import Person, Process
from tests.cli.service import Service

ARGUMENTS = (
    *("enrol", "--label", "Laptop", "--secret-file", "key", "--kit", "kit.escrow.json", "--json"),
    *("--contact", "Anna <anna@example.com>"),
)


class Mira(Person):
    """A customer whose codes are all at hand."""

    def prepare(self, service: Service, address: str) -> Mira:
        self.service, self.address = service, address
        self.secret, self.seen, self.last_step = "", len(service.mailbox.mails), 0
        (self.home / "key").write_bytes(SECRET)
        return self

    def answer(self, process: Process) -> Process:
        process.answers = [
            ("from the mail", self.mail_code),
            ("app shows now", lambda: self.confirm(process)),
            ("authenticator app", self.totp),
            ("mail address", self.address),
            ("last four digits", lambda: self.kit().manifest.code()[-4:]),
        ]
        return process

    def mail_code(self) -> str:
        found = self.service.mailbox.code(self.address, after=self.seen)
        self.seen = len(self.service.mailbox.mails)
        return found

    def confirm(self, process: Process) -> str:
        self.secret = re.findall(r"type this key into it: ([A-Z2-7 ]+)", process.stderr)[-1]
        return self.totp()

    def totp(self) -> str:
        if self.service.clock.now() // 30 <= self.last_step:
            self.service.clock.move(30)
        self.last_step = self.service.clock.now() // 30
        return pyotp.TOTP(self.secret.replace(" ", "")).at(self.service.clock.now())

    def kit(self) -> Kit:
        return Kit.parse((self.home / "kit.escrow.json").read_bytes())

    def finished(self, *arguments: str) -> dict[str, Any]:
        ended = self.answer(self.start(*arguments)).finish()
        assert ended.status == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found


@pytest.fixture
def mira(service: Service, tmp_path: Path, request: pytest.FixtureRequest) -> Mira:
    person = Mira(tmp_path / "mira", service.clock.path, service.url)
    number = abs(hash(request.node.name)) % 10**8
    return person.prepare(service, f"mira{number}@example.com")


@pytest.mark.parametrize(
    "moment",
    [
        "Add this account",
        "Splitting the key",
        "Sending the encrypted key",
        "The provider checks its piece",
        "Your kit:",
        "Proving that your piece",
        "1. Send this link",
    ],
)
def test_enrolling_goes_on_after_a_power_cut(mira: Mira, moment: str) -> None:
    first = (*ARGUMENTS, "--new-account", "--address", mira.address)
    process = mira.answer(mira.start(*first))
    process.until_said(moment)
    process.kill()
    document = mira.finished(*ARGUMENTS, "--resume")
    deposits = json.loads(mira.answer(mira.start("status", "--json")).finish().stdout)["deposits"]
    assert [line["deposit"] for line in deposits] == [document["deposit"]]
    kit = mira.kit()
    assert kit.manifest.deposit == document["deposit"]
    states = {line["role"]: line["state"] for line in deposits[0]["custodies"]}
    assert states == {"customer": "held", "contact": "invited", "provider": "held"}
    [invitation] = document["invitations"]
    again = json.loads(mira.answer(mira.start("invite", "--json")).finish().stdout)
    assert [line["digits"] for line in again["invitations"]] == [invitation["digits"]]


@pytest.mark.parametrize("moment", ["Add this account", "Splitting the key"])
def test_the_same_command_once_more_goes_on_with_the_account_that_was_begun(
    mira: Mira, moment: str
) -> None:
    first = (*ARGUMENTS, "--new-account", "--address", mira.address)
    process = mira.answer(mira.start(*first))
    process.until_said(moment)
    process.kill()
    begun = json.loads(next(mira.state.glob("*.json")).read_text())["bearer"]["account"]
    (mira.home / "kit.escrow.json").unlink(missing_ok=True)
    mira.finished(*first)
    assert (
        json.loads(mira.answer(mira.start("status", "--json")).finish().stdout)["account"] == begun
    )
    with mira.service.database.reading() as db:
        lookup = mira.service.custodian.web_keys.lookup(mira.address)
        assert accounts_of_address(db, lookup) == [begun]


def test_of_several_accounts_each_says_what_it_holds_and_when_it_was_used(
    enrol: Enrol, service: Service, tmp_path: Path
) -> None:
    made = enrol("--no-contact")
    assert made.mira.customer is not None
    service.account(made.mira.customer.address)
    asked = Desk(service, tmp_path / "elsewhere", made.mira.customer).run("status", "--json")
    assert (asked.status, asked.json()["error"]) == (2, "no_terminal"), asked.stderr
    told = " ".join(asked.stderr.split())
    assert re.search(r" 1\. “Laptop backup”; made on [^;]*; last used on [^;]*:\d\d 2\. ", told)
    assert re.search(r" 2\. empty: no deposits; made on ", told)


def test_a_script_enrols_in_two_runs(service: Service, tmp_path: Path) -> None:
    """Without a terminal the kit must have been printed before its digits can be known."""
    customer = service.account("script@example.com")
    desk = Desk(service, tmp_path / "script", customer, reads_kit=False)
    Path(desk.path("key")).write_bytes(SECRET)
    arguments = (
        *("enrol", "--label", "x", "--secret-file", desk.path("key"), "--no-contact"),
        *("--kit", desk.path("kit.escrow.json"), "--json"),
    )
    first = desk.run(*arguments)
    assert (first.status, first.json()["error"]) == (2, "no_terminal")
    assert "ESCROW_KIT_DIGITS" in first.stderr
    wrong = desk.run(*arguments, "--resume", ESCROW_KIT_DIGITS="abcd")
    assert (wrong.status, wrong.json()["error"]) == (6, "wrong_kit_digits")
    assert not any("attestations" in line for line in desk.line.changes_sent())
    kit = Kit.parse(Path(desk.path("kit.escrow.json")).read_bytes())
    second = desk.run(*arguments, "--resume", ESCROW_KIT_DIGITS=kit.manifest.code()[-4:])
    assert second.status == 0, second.stderr
    assert second.json()["deposit"] == kit.manifest.deposit
    third = desk.run(*arguments, "--resume")
    assert third.json()["deposit"] == kit.manifest.deposit
    assert desk.line.changes_sent() == []


def test_an_interrupted_acceptance_goes_on(enrol: Enrol, service: Service, tmp_path: Path) -> None:
    made = enrol()
    anna = Person(tmp_path / "anna", service.clock.path)
    anna.answers = [("link", made.link), ("16 digits", made.digits), ("Is that you", "y")]
    process = anna.start("accept", "--save", "card.escrow.json")
    process.until_said("Proving that your piece")
    process.kill()
    card = (anna.home / "card.escrow.json").read_bytes()
    # Taken already or not: the second run ends well, or says that the piece is taken.
    ended = anna.run("accept", "--save", "card.escrow.json")
    assert ended.status in {0, 4}, ended.stderr
    assert (anna.home / "card.escrow.json").read_bytes() == card
    checked = anna.run("check", "--share", "--piece", "card.escrow.json", "--json")
    assert checked.status == 0, checked.stderr
    assert json.loads(checked.stdout)["state"] == "held"


def _begin(desk: Desk, label: str) -> str:
    """Enrol up to the kit's digits; returns the deposit."""
    answered = desk.run(
        *("enrol", "--label", label, "--secret-file", desk.path("key"), "--no-contact"),
        *("--kit", desk.path(f"{label}.escrow.json"), "--json"),
    )
    assert (answered.status, answered.json()["error"]) == (2, "no_terminal"), answered.stderr
    assert "`escrow enrol --resume` goes on from here" in answered.stderr
    return _kit(desk, label).manifest.deposit


def _kit(desk: Desk, label: str) -> Kit:
    return Kit.parse(Path(desk.path(f"{label}.escrow.json")).read_bytes())


def _digits(desk: Desk, label: str) -> str:
    return _kit(desk, label).manifest.code()[-4:]


@pytest.mark.parametrize("how", ["label", "kit", "lost", "choice"])
def test_of_two_interrupted_enrolments_the_one_that_is_meant_goes_on(
    service: Service, tmp_path: Path, how: str
) -> None:
    customer = service.account(f"two-{how}@example.com")
    desk = Desk(service, tmp_path / "two", customer, reads_kit=False)
    Path(desk.path("key")).write_bytes(SECRET)
    _begin(desk, "first")
    second = _begin(desk, "second")
    digits = _digits(desk, "second")
    options: dict[str, tuple[str, ...]] = {
        "label": ("--label", "second"),
        "kit": ("--kit", desk.path("second.escrow.json")),
    }
    if how == "lost":
        Path(desk.path("first.escrow.json")).unlink()
    answered = desk.run(
        *("enrol", "--resume", "--json"),
        *options.get(how, ()),
        ESCROW_KIT_DIGITS=digits,
        **({"ESCROW_CHOICE": "2"} if how == "choice" else {}),
    )
    assert answered.status == 0, answered.stderr
    assert answered.json()["deposit"] == second
    assert answered.json()["kit"] == desk.path("second.escrow.json")
