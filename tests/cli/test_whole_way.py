"""From enrolling to the key back in hand, over the real service."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

import pytest

from escrow.protocol.encoding import b64url
from escrow.protocol.kit import Card, Kit
from tests.cli.conftest import SECRET, Enrol
from tests.cli.person import Person
from tests.cli.service import DAY_SECONDS, Service

WAIT_SECONDS = 3 * DAY_SECONDS + 60


def test_the_kit_brings_every_byte_back_on_stdout(enrol: Enrol, service: Service) -> None:
    made = enrol()
    borrowed = made.open()
    service.pass_time(WAIT_SECONDS)
    answered = borrowed.run("recover", "--kit", made.kit, "--print")
    assert answered.status == 0, answered.stderr
    assert answered.stdout == SECRET + b"\n"
    assert "correct horse" not in answered.stderr
    assert "The recovery stays open" in answered.stderr


def test_a_printed_key_can_be_had_again_until_the_recovery_is_ended(
    enrol: Enrol, service: Service
) -> None:
    """A typo in what the key is for must not cost the recovery; each time is in the ledger."""
    made = enrol()
    borrowed = made.open()
    service.pass_time(WAIT_SECONDS)
    arguments = ("recover", "--kit", made.kit)
    for _ in range(2):
        printed = borrowed.run(*arguments, "--print")
        assert (printed.status, printed.stdout) == (0, SECRET + b"\n"), printed.stderr
    service.settle()
    types = [line["type"] for line in made.mira.run("verify", "--json").json()["entries"]]
    assert types.count("recovery begun") == 2
    assert "recovery completed" not in types
    ended = borrowed.run(*arguments, "--output", borrowed.path("got"), "--json")
    assert ended.status == 0, ended.stderr
    assert Path(borrowed.path("got")).read_bytes() == SECRET
    again = borrowed.run(*arguments, "--print", ESCROW_REASON="")
    assert (again.status, again.stdout) == (4, b"")


def test_a_kept_sign_in_costs_no_code_by_mail(enrol: Enrol, service: Service) -> None:
    """Within twelve hours only the authenticator app is asked for, where its code is too old."""
    made = enrol(accepted=True)
    borrowed = made.open()
    service.pass_time(WAIT_SECONDS)
    arguments = ("recover", "--deposit", made.deposit, "--kit", made.kit, "--print")
    assert borrowed.run(*arguments).status == 0
    service.pass_time(3600)
    again = borrowed.run(*arguments)
    assert (again.status, again.stdout) == (0, SECRET + b"\n"), again.stderr
    sent = [path for method, path in borrowed.line.sent if method == "POST"]
    assert "logins" not in sent
    assert [path for path in sent if path.endswith("/totp")], "the app's code was not asked for"


def test_a_contact_who_does_not_exist_is_refused_before_anybody_is_told(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    answered = made.mira.run("recover", "--contact", "Bert", "--json", ESCROW_REASON="crash")
    assert (answered.status, answered.json()["error"]) == (2, "no_such_contact")
    assert made.mira.line.changes_sent() == []


def test_no_newline_is_printed_if_none_is_wanted(enrol: Enrol, service: Service) -> None:
    made = enrol()
    borrowed = made.open()
    service.pass_time(WAIT_SECONDS)
    answered = borrowed.run("recover", "--kit", made.kit, "--print", "--no-newline")
    assert (answered.status, answered.stdout) == (0, SECRET)


def test_before_the_wait_is_over_nothing_is_printed_and_the_date_is_said(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    borrowed = made.open()
    answered = borrowed.run("recover", "--kit", made.kit, "--json")
    assert answered.status == 4
    found = answered.json()
    assert found["error"] == "too_early"
    assert abs(found["at"] - made.service.clock.now() - 3 * DAY_SECONDS) < 300
    assert "hint:" in answered.stderr


def test_a_piece_by_telephone(service: Service, tmp_path: Path) -> None:
    """Everything by hand, on terminals: Mira in English, Anna in Dutch, as two processes."""
    mail = service.mailbox.mails
    mira = Person(tmp_path / "mira", service.clock.path, service.url)
    (mira.home / "key.txt").write_bytes(SECRET)
    after = len(mail)
    enrolling = mira.start(
        *("enrol", "--new-account", "--address", "mira@example.net", "--label", "Laptop"),
        *("--secret-file", "key.txt", "--json", "--contact", "Anna <anna@example.net>"),
    )
    authenticator = _Authenticator(service)

    def confirm() -> str:
        found = re.search(r"type this key into it: ([A-Z2-7 ]+)", enrolling.stderr)
        assert found
        authenticator.secret = found[1].replace(" ", "")
        return authenticator.code()

    def kit_digits() -> str:
        [kit] = mira.home.glob("*.escrow.json")
        assert kit.with_name(kit.name.replace(".escrow.json", ".pdf")).read_bytes()[:4] == b"%PDF"
        return Kit.parse(kit.read_bytes()).manifest.code()[-4:]

    enrolling.answers = [
        ("from the mail", lambda: service.mailbox.code("mira@example.net", after=after)),
        ("app shows now", confirm),
        ("last four digits", kit_digits),
    ]
    enrolled = enrolling.finish()
    assert enrolled.status == 0, enrolled.stderr
    document = json.loads(enrolled.stdout)
    assert "never write them in a message" in enrolled.stderr
    _check_state_file(mira, document)

    anna = Person(tmp_path / "anna", service.clock.path, language="nl")
    invitation = document["invitations"][0]
    said = iter(["misschien", "j"])
    links = iter(["nonsense", invitation["link"]])
    tries = iter(["1234 1234 1234 1234", invitation["digits"]])
    accepted = anna.run(
        *("accept", "--save", "card.escrow.json"),
        answers=[
            ("De link", lambda: next(links)),
            ("16 cijfers", lambda: next(tries)),
            ("Bent u dat", lambda: next(said)),
        ],
    )
    assert accepted.status == 0, accepted.stderr
    assert "Bel terug op het nummer" in accepted.stderr
    assert "De dienst zegt dat mira@example.net u dit vraagt" in accepted.stderr
    assert invitation["digits"] not in accepted.tty, "the digits were echoed"
    card = Card.parse((anna.home / "card.escrow.json").read_bytes())
    assert card.checkpoint
    assert (anna.home / "card.pdf").read_bytes()[:4] == b"%PDF"
    assert stat.S_IMODE((anna.home / "card.escrow.json").stat().st_mode) == 0o600

    borrowed = Person(tmp_path / "borrowed", service.clock.path, service.url)
    seen = [len(mail)]

    def next_code() -> str:
        code = service.mailbox.code("mira@example.net", after=seen[0])
        seen[0] = len(mail)
        return code

    borrowed.answers = [
        ("mail address", "mira@example.net"),
        ("from the mail", next_code),
        ("authenticator app", authenticator.code),
        ("Your contacts read it on their page", "crash"),
    ]
    opened = borrowed.run("recover")
    assert opened.status == 4
    assert "You can finish from" in opened.stderr
    service.pass_time(WAIT_SECONDS)
    recovering = borrowed.start("recover", "--contact", "anna", "--print", "--finish")
    recovering.until_said("Call Anna now")
    releasing = anna.start("release", "--card", "card.escrow.json")
    read_out = re.compile(r"(\d{4} \d{4} \d{4})\n")

    def heard() -> str:
        recovering.until(lambda: read_out.search(recovering.stderr) is not None)
        found = read_out.search(recovering.stderr)
        assert found
        return found[1]

    mishear = iter(["0000 0000 0000", heard])
    releasing.answers = [("12 cijfers", lambda: _say(next(mishear)))]
    released = releasing.finish()
    assert released.status == 0, released.stderr
    assert "zoals de aanvrager het schreef: crash" in released.stderr
    recovered = recovering.finish()
    assert recovered.status == 0, recovered.stderr
    assert recovered.stdout == SECRET + b"\n"
    mira.answers = borrowed.answers
    status = mira.run("status", "--json")
    assert json.loads(status.stdout)["deposits"][0]["recovery"] is None


def _say(answer: object) -> str:
    return str(answer() if callable(answer) else answer)


def _check_state_file(mira: Person, document: dict[str, object]) -> None:
    [path] = mira.state.glob("*.json")
    text = path.read_text()
    state = json.loads(text)
    kit = Kit.parse((mira.home / str(document["kit"])).read_bytes())
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert list(state) == ["bearer", "checkpoint", "deposits"]
    assert list(state["deposits"]) == [document["deposit"]]
    entry = state["deposits"][document["deposit"]]
    assert entry["manifest_hash"] == b64url(kit.manifest.hash)
    assert [list(line) for line in entry["invitations"]] == [["custody", "link", "digits"]]
    words = kit.payload.words
    for secret in (words, words.split()[20], b64url(SECRET), "correct horse", "AGE-SECRET-KEY"):
        assert secret not in text


class _Authenticator:
    def __init__(self, service: Service) -> None:
        self.service = service
        self.secret = ""
        self.last_step = 0

    def code(self) -> str:
        import pyotp

        if self.service.clock.now() // 30 <= self.last_step:
            self.service.clock.move(30)
        now = self.service.clock.now()
        self.last_step = now // 30
        return pyotp.TOTP(self.secret).at(now)


@pytest.mark.parametrize("count", [0, 3])
def test_other_policies(enrol: Enrol, service: Service, count: int) -> None:
    contacts = [f"P{i} <p{i}@example.org>" for i in range(count)]
    options = [part for contact in contacts for part in ("--contact", contact)]
    made = enrol(*options, *(["--no-contact"] if not count else []))
    kit = Kit.parse(Path(made.kit).read_bytes())
    assert kit.manifest.contacts_count == count
    assert kit.manifest.contacts_needed == min(count, 2)
    assert len(made.document["invitations"]) == count
