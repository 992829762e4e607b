"""Other ways back: two contacts without the kit, kit and contact together, restic itself."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import SECRET, Enrol, Enrolled
from tests.cli.desk import Desk
from tests.cli.person import Answer, Person, Process
from tests.cli.service import DAY_SECONDS, Customer, Service

WAIT_SECONDS = 3 * DAY_SECONDS + 60
_READ_OUT = re.compile(r"(\d{4} \d{4} \d{4})\n")


def answers(service: Service, customer: Customer) -> list[Answer]:
    customer.make_room()
    seen = [len(service.mailbox.mails)]

    def code() -> str:
        found = service.mailbox.code(customer.address, after=seen[0])
        seen[0] = len(service.mailbox.mails)
        return found

    return [
        ("mail address", customer.address),
        ("from the mail", code),
        ("authenticator app", customer.totp),
        ("Your contacts read it on their page", ""),
    ]


def _caller(made: Enrolled, tmp_path: Path, *options: str) -> Process:
    assert made.mira.customer is not None
    person = Person(tmp_path / "caller", made.service.clock.path, made.service.url)
    person.answers = answers(made.service, made.mira.customer)
    return person.start("recover", "--deposit", made.deposit, *options)


def _help(caller: Process, helper: Person, card: str, number: int) -> None:
    """Have one contact help: the digits are those of the `number`-th call."""

    def heard() -> str:
        caller.until(lambda: len(_READ_OUT.findall(caller.stderr)) > number)
        found: str = _READ_OUT.findall(caller.stderr)[number]
        return found

    releasing = helper.start("release", "--card", card)
    releasing.answers = [("12 digits", heard)]
    ended = releasing.finish()
    assert ended.status == 0, ended.stderr


def _accept_all(made: Enrolled, tmp_path: Path) -> dict[str, str]:
    cards = {}
    for invitation in made.document["invitations"]:
        name = invitation["name"]
        desk = Desk(made.service, tmp_path / name)
        cards[name] = desk.path("card.escrow.json")
        answered = desk.run(
            *("accept", "--save", cards[name]),
            ESCROW_INVITATION_LINK=invitation["link"],
            ESCROW_INVITATION_DIGITS=invitation["digits"],
            ESCROW_CONFIRM="y",
        )
        assert answered.status == 0, answered.stderr
    return cards


def test_two_of_three_contacts(enrol: Enrol, service: Service, tmp_path: Path) -> None:
    people = ("Bo", "Cas", "Dee")
    named = [part for name in people for part in ("--contact", f"{name} <{name}@example.net>")]
    made = enrol(*named)
    cards = _accept_all(made, tmp_path)
    made.open()
    service.pass_time(WAIT_SECONDS)
    caller = _caller(made, tmp_path, "--contact", "dee", "--contact", "bo@example.net", "--print")
    for number, name in enumerate(("Dee", "Bo")):
        caller.until_said(f"Call {name} now")
        _help(caller, Person(tmp_path / name, service.clock.path), cards[name], number)
    ended = caller.finish()
    assert ended.status == 0, ended.stderr
    assert ended.stdout == SECRET + b"\n"


def test_kit_and_contact_without_the_providers_piece(
    enrol: Enrol, service: Service, tmp_path: Path
) -> None:
    made = enrol(accepted=True)
    made.open()
    service.pass_time(WAIT_SECONDS)
    caller = _caller(made, tmp_path, "--kit", made.kit, "--contact", "Anna", "--output", "got")
    caller.until_said("Call Anna now")
    _help(caller, Person(tmp_path / "anna", service.clock.path), made.card, 0)
    ended = caller.finish()
    assert ended.status == 0, ended.stderr
    got = tmp_path / "caller" / "got"
    assert got.read_bytes() == SECRET
    assert got.stat().st_mode & 0o777 == 0o600
    assert "provider's piece" not in ended.stderr


def test_restic_asks_for_its_password(enrol: Enrol, service: Service, tmp_path: Path) -> None:
    """A backup made with a password that is then lost, opened by `--password-command`."""
    made = enrol("--no-contact")
    password = Path(made.mira.path("restic"))
    generated = made.mira.run(
        *("enrol", "--label", "restic", "--generate", str(password), "--no-contact"),
        *("--kit", made.mira.path("kit-restic.escrow.json"), "--json"),
    )
    assert generated.status == 0, generated.stderr
    repository = str(tmp_path / "repository")
    restic = ("restic", "--repo", repository, "--no-cache")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    (tmp_path / "file").write_text("what was saved")
    for command in (("init",), ("backup", str(tmp_path / "file"))):
        subprocess.run(
            [*restic, "--password-file", str(password), *command],
            env=environment,
            check=True,
            capture_output=True,
        )
    password.unlink()
    made = Enrolled(service, made.mira, made.anna, generated.json())
    made.open()
    service.pass_time(WAIT_SECONDS)
    assert made.mira.customer is not None
    person = Person(tmp_path / "restorer", service.clock.path, service.url)
    person.answers = answers(service, made.mira.customer)
    recover = (
        f"{sys.executable} -m tests.cli.run {service.clock.path} "
        f"recover --deposit {made.deposit} --kit {made.kit} --print"
    )
    process = person.start(
        *("restore", "latest", "--target", str(tmp_path / "restored")),
        program=[
            sys.executable,
            "-m",
            "tests.cli.terminal",
            *restic,
            "--password-command",
            recover,
        ],
    )
    ended = process.finish()
    assert ended.status == 0, ended.stderr
    [restored] = [path for path in (tmp_path / "restored").rglob("file") if path.is_file()]
    assert restored.read_text() == "what was saved"
