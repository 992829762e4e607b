"""Check, decline, veto, close, reopen, verify, sessions, invite, status; what enrol refuses."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from escrow.account import flow
from escrow.context import Web
from escrow.protocol import keys, qr
from escrow.protocol.encoding import grouped
from escrow.protocol.kit import Card, Kit
from escrow_cli import stopped
from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Desk
from tests.cli.service import Service


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


@pytest.fixture
def enrolled(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    if "made" not in shared:
        shared["made"] = enrol(accepted=True)
    return shared["made"]


def _check_code(card: Card) -> qr.Check:
    payload = card.payload
    seed = keys.check_seed(payload.share().value, payload.deposit, payload.custody)
    return qr.Check(payload.deposit, payload.custody, seed)


def test_check_by_code_file_and_piece(enrolled: Enrolled) -> None:
    card = Card.parse(Path(enrolled.card).read_bytes())
    code = _check_code(card)
    digits = grouped(keys.check_code(code.seed))
    ways: tuple[tuple[tuple[str, ...], dict[str, Any]], ...] = (
        ((), {"ESCROW_CHECK_CODE": code.text}),
        ((), {"ESCROW_CHECK_CODE": digits, "ESCROW_CUSTODY": code.custody}),
        (("--piece", enrolled.card), {}),
        (("--share", "--piece", enrolled.card), {}),
        (("--share",), {"ESCROW_WORDS": qr.share_text(card.payload)}),
        (
            ("--share",),
            {
                "ESCROW_WORDS": card.payload.words,
                "ESCROW_CUSTODY": code.custody,
                "ESCROW_DEPOSIT_CODE": grouped(card.manifest.code()),
            },
        ),
    )
    for arguments, variables in ways:
        enrolled.service.clock.move(1)  # two proofs of one second would be one and the same
        answered = enrolled.anna.run("check", *arguments, "--json", **variables)
        assert answered.status == 0, (arguments, answered.stderr)
        assert answered.json()["state"] == "held"
    enrolled.service.settle()
    events = enrolled.mira.run("verify", "--json").json()["entries"]
    at_first = 3  # by the provider, with the kit, at Anna's acceptance
    attested = [line["type"] for line in events].count("custody attested")
    assert attested == at_first + len(ways)


@pytest.mark.parametrize(
    ("variables", "status", "reason"),
    [
        ({"ESCROW_CHECK_CODE": "1234"}, 7, "wrong_check_code"),
        ({"ESCROW_CHECK_CODE": "escrow1c:AAAA"}, 7, "malformed_qr"),
        ({"ESCROW_CHECK_CODE": "1" * 38 + "00", "ESCROW_CUSTODY": "card"}, 7, "wrong_check_code"),
    ],
)
def test_a_wrong_check_code_sends_nothing(
    enrolled: Enrolled, variables: dict[str, Any], status: int, reason: str
) -> None:
    custody = Card.parse(Path(enrolled.card).read_bytes()).payload.custody
    variables = {k: custody if v == "card" else v for k, v in variables.items()}
    answered = enrolled.anna.run("check", "--json", **variables)
    assert (answered.status, answered.json()["error"]) == (status, reason)
    assert enrolled.anna.line.changes_sent() == []


def test_a_damaged_or_foreign_file_is_a_wrong_piece(enrolled: Enrolled, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(Path(enrolled.card).read_bytes()[:-9])
    for verb, path in (
        (("check", "--piece"), str(damaged)),
        (("release", "--card"), str(damaged)),
        (("release", "--card"), enrolled.kit),
        (("recover", "--kit"), enrolled.card),
    ):
        answered = enrolled.mira.run(*verb, path, "--json")
        assert answered.status == 7, (verb, answered.stderr)


def test_words_with_another_deposits_code_are_refused(enrolled: Enrolled) -> None:
    card = Card.parse(Path(enrolled.card).read_bytes())
    answered = enrolled.anna.run(
        *("check", "--share", "--json"),
        ESCROW_WORDS=card.payload.words,
        ESCROW_CUSTODY=card.payload.custody,
        ESCROW_DEPOSIT_CODE="1" * 24,
    )
    assert (answered.status, answered.json()["error"]) == (3, "wrong_manifest")
    assert enrolled.anna.line.changes_sent() == []


def test_status_and_verify(enrolled: Enrolled) -> None:
    told = enrolled.mira.run("status")
    assert told.status == 0
    assert "Laptop backup: complete" in told.stdout.decode()
    assert len(re.findall(r"held +proven on", told.stdout.decode())) == 3
    verified = enrolled.mira.run("verify", "--json").json()
    assert verified["first_look"] is False
    assert len(verified["entries"]) >= 9
    contact = enrolled.anna.run("verify", "--piece", enrolled.card, "--json").json()
    assert {line["type"] for line in contact["entries"]} >= {"custody fetched", "custody attested"}


def test_first_look_is_said_honestly(enrolled: Enrolled, tmp_path: Path) -> None:
    fresh = Desk(enrolled.service, tmp_path / "fresh", enrolled.mira.customer)
    answered = fresh.run("verify", "--json")
    assert answered.json()["first_look"] is True
    assert "first look" in answered.stderr
    assert "first look" not in fresh.run("verify").stderr


def test_close_and_reopen(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    closed = made.mira.run(
        "close", "--deposit", made.deposit, "--reason", "test", "--json", ESCROW_CONFIRM="y"
    )
    assert closed.status == 0, closed.stderr
    assert closed.json()["until"] - made.service.clock.now() > 29 * 86400
    assert "is being closed" in made.mira.run("status").stdout.decode()
    reopened = made.mira.run("reopen", "--deposit", made.deposit)
    assert reopened.status == 0, reopened.stderr
    refused = made.mira.run("close", "--deposit", made.deposit, ESCROW_CONFIRM="n")
    assert refused.status == 4
    assert made.mira.line.changes_sent() == []


@pytest.mark.parametrize("names_deposit", [False, True])
def test_reopen_keeps_an_account_that_is_being_closed(enrol: Enrol, names_deposit: bool) -> None:
    made = enrol("--no-contact")
    assert made.mira.customer is not None
    account, service = made.mira.customer.account, made.service
    web = Web(
        service.custodian.settings, service.database, service.custodian.web_keys, service.clock
    )
    with service.database.transaction() as db:
        until = flow.close(db, web, account, "moved")
    told = made.mira.run("status", "--json")
    assert told.json()["closing_at"] == until
    assert "Your account is being closed" in made.mira.run("status").stdout.decode()
    options = ("--deposit", made.deposit) if names_deposit else ()
    reopened = made.mira.run("reopen", *options)
    assert reopened.status == 0, reopened.stderr
    assert "Your account stays" in reopened.stderr
    told = made.mira.run("status", "--json")
    assert told.json()["closing_at"] is None
    assert told.json()["deposits"][0]["state"] == "complete"


def test_the_kept_sign_in_serves_its_own_address_and_no_other(enrol: Enrol) -> None:
    mira = enrol("--no-contact").mira
    assert mira.customer is not None
    own = mira.run("status", "--address", mira.customer.address.upper())
    assert own.status == 0, own.stderr
    assert ("POST", "logins") not in mira.line.sent
    mira.customer = None  # no mail with a code is read
    other = mira.run("status", "--address", "stranger@example.org")
    assert other.status != 0
    assert ("POST", "logins") in mira.line.sent


def test_enrol_refuses_options_before_an_account_is_made(
    enrolled: Enrolled, tmp_path: Path
) -> None:
    fresh = Desk(enrolled.service, tmp_path / "fresh")
    me = "new@example.org"
    needs_longer = ("--no-contact", "--waiting-days", "1")
    nowhere = ("--no-contact", "--kit", fresh.path("nowhere/kit.escrow.json"))
    for options, reason in (
        (("--contact", f"Me <{me.upper()}>"), "own_address"),
        (("--contact", "A <a@example.org>", "--needed", "2"), "wrong_policy"),
        (("--no-contact", "--kit", enrolled.kit), "file_exists"),
        (nowhere, "usage"),
        (needs_longer, "usage"),
    ):
        for how in ((("--address", me), ""), ((), me)):
            answered = fresh.run(
                *("enrol", "--label", "x", "--new-account", "--json", *how[0], *options),
                tamper=_longer_wait,
                ESCROW_ADDRESS=how[1],
            )
            assert (answered.status, answered.json()["error"]) == (2, reason), answered.stderr
            assert all(method == "GET" for method, _ in fresh.line.sent)


def _longer_wait(_: str, path: str, document: dict[str, Any]) -> None:
    if path == "keys":
        document["minimum_waiting_seconds"] = 2 * 86400


@pytest.mark.parametrize("who", ["customer", "contact"])
def test_veto(enrol: Enrol, who: str) -> None:
    made = enrol(accepted=True)
    made.open()
    if who == "contact":
        answered = made.anna.run("veto", "--card", made.card, "--json", ESCROW_CONFIRM="y")
    else:
        answered = made.mira.run("veto", "--json", ESCROW_CONFIRM="y")
    assert answered.status == 0, answered.stderr
    assert [line["state"] for line in answered.json()["stopped"]] == ["cancelled"]
    again = made.mira.run("veto", "--json", ESCROW_CONFIRM="y")
    assert (again.status, again.json()["error"]) == (4, "no_recovery")
    made.open()


@pytest.mark.parametrize("who", ["customer", "contact"])
def test_a_veto_that_the_ledger_does_not_show_is_not_called_done(
    enrol: Enrol, monkeypatch: pytest.MonkeyPatch, who: str
) -> None:
    """The service says that it is stopped, and has told nobody."""
    made = enrol(accepted=True)
    made.open()
    monkeypatch.setattr(stopped, "WRITTEN_SECONDS", 1)

    def swallow(method: str, path: str, _: bytes) -> dict[str, Any] | None:
        if (method, path.rpartition("/")[2]) != ("POST", "veto"):
            return None
        return {"recovery": path.split("/")[1], "state": "cancelled"}

    desk, options = (made.anna, ("--card", made.card)) if who == "contact" else (made.mira, ())
    answered = desk.run("veto", *options, "--json", invent=swallow, ESCROW_CONFIRM="y")
    assert (answered.status, answered.json()["error"]) == (4, "not_in_ledger"), answered.stderr
    assert "Stopped." not in answered.stderr
    stopping = desk.run("veto", *options, "--json", ESCROW_CONFIRM="y")
    assert stopping.status == 0, stopping.stderr


def test_decline(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    answered = made.anna.run("decline", "--card", made.card, "--json", ESCROW_CONFIRM="y")
    assert answered.status == 0, answered.stderr
    assert "declined" in made.mira.run("status").stdout.decode()
    made.service.settle()
    refused = made.anna.run("check", "--piece", made.card)
    assert refused.status == 4
    assert "given up or reported lost" in refused.stderr
    assert "`escrow check --share` with the piece itself brings it back" in refused.stderr
    back = made.anna.run("check", "--share", "--piece", made.card, "--json")
    assert (back.status, back.json()["state"]) == (0, "held"), back.stderr


def test_invite_withdraw_and_resume(enrol: Enrol, service: Service) -> None:
    made = enrol()
    custody = made.document["invitations"][0]["custody"]
    shown = made.mira.run("invite", "--json")
    assert shown.json()["invitations"][0]["digits"] == made.digits
    resumed = made.mira.run("invite", "--resume", custody)
    assert resumed.status in {0, 4}
    withdrawn = made.mira.run("invite", "--withdraw", custody)
    assert withdrawn.status == 0, withdrawn.stderr
    assert made.mira.state()["deposits"][made.deposit]["invitations"] == []
    late = made.anna.run(
        *("accept", "--save", made.anna.path("card"), "--json"),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS=made.digits,
        ESCROW_CONFIRM="y",
    )
    assert late.status == 4, late.stderr


def test_an_invitation_with_wrong_digits_burns_nothing(enrol: Enrol) -> None:
    made = enrol()
    wrong = made.anna.run(
        *("accept", "--save", made.anna.path("card"), "--json"),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS="1234 1234 1234 1234",
        ESCROW_CONFIRM="y",
    )
    assert (wrong.status, wrong.json()["error"]) == (6, "wrong_key")
    few = made.anna.run(
        *("accept", "--save", made.anna.path("card")),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS=made.digits[:9],
        ESCROW_CONFIRM="y",
    )
    assert (few.status, "has 16 digits" in few.stderr) == (6, True), few.stderr
    no = made.anna.run(
        *("accept", "--save", made.anna.path("card"), "--json"),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS=made.digits,
        ESCROW_CONFIRM="n",
    )
    assert no.status == 4
    assert not Path(made.anna.path("card")).exists()
    made.accept()
    assert made.mira.run("status").status == 0
    assert made.mira.state()["deposits"][made.deposit]["invitations"] == []


@pytest.mark.parametrize("place", [-1, -9])
def test_a_damaged_link_is_called_that_and_uses_nothing_up(enrol: Enrol, place: int) -> None:
    """A letter in the middle gives another token, at the end no base64url at all."""
    made = enrol()
    letters = list(made.link)
    letters[place] = "B" if letters[place] != "B" else "C"
    answered = made.anna.run(
        *("accept", "--save", made.anna.path("anna.json"), "--json"),
        ESCROW_INVITATION_LINK="".join(letters),
        ESCROW_INVITATION_DIGITS=made.digits,
    )
    assert (answered.status, answered.json()["error"]) == (2, "wrong_link"), answered.stderr
    assert "a letter of it is missing or wrong" in answered.stderr
    made.accept()


def test_sessions(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    listed = made.mira.run("sessions", "--json").json()["sessions"]
    assert any(line["is_current"] for line in listed)
    ended = made.mira.run("sessions", "--revoke", "all", "--json")
    assert ended.status == 0, ended.stderr
    assert ended.json()["sessions"] == []
    assert made.mira.state()["bearer"] is None
    assert made.mira.run("sessions", "--json").status == 0, "signs in anew"


def test_what_enrol_refuses_before_anything_is_sent(enrolled: Enrolled) -> None:
    mira = enrolled.mira
    assert mira.customer is not None
    own = mira.customer.address.upper()
    for options, reason in (
        (("--contact", f"Me <{own}>"), "own_address"),
        (("--contact", "A <a@example.org>", "--contact", "B <A@example.org>"), "contact_twice"),
        (("--contact", "A <a@example.org>", "--needed", "2"), "wrong_policy"),
        (("--contact", "a@example.org"), "wrong_contact_option"),
    ):
        answered = mira.run(
            *("enrol", "--label", "x", "--secret-file", mira.path("key"), "--json"),
            *("--kit", mira.path("refused.escrow.json"), *options),
        )
        assert (answered.status, answered.json()["error"]) == (2, reason), answered.stderr
        assert mira.line.changes_sent() == []
        assert not Path(mira.path("refused.escrow.json")).exists()


def test_a_kit_is_never_written_over(enrolled: Enrolled) -> None:
    before = Path(enrolled.kit).read_bytes()
    answered = enrolled.mira.run(
        *("enrol", "--label", "x", "--secret-file", enrolled.mira.path("key"), "--json"),
        *("--kit", enrolled.kit, "--no-contact"),
    )
    assert (answered.status, answered.json()["error"]) == (2, "file_exists")
    assert enrolled.mira.line.changes_sent() == []
    assert Path(enrolled.kit).read_bytes() == before


def test_a_generated_password_and_old_shares(enrol: Enrol, service: Service) -> None:
    made = enrol("--no-contact")
    mira = made.mira
    generated = mira.run(
        *("enrol", "--label", "g", "--no-contact", "--generate", mira.path("password")),
        *("--kit", mira.path("kit3.escrow.json"), "--json"),
    )
    assert generated.status == 0, generated.stderr
    password = Path(mira.path("password"))
    assert len(password.read_bytes()) >= 40
    assert stat.S_IMODE(password.stat().st_mode) == 0o600
    assert password.read_text() not in generated.stdout.decode() + generated.stderr
    assert password.read_text() not in json.dumps(mira.state())
    shares = "1-15\n2-27\n"  # 3 + 18 x at 1 and 2, modulo a prime above
    Path(mira.path("shares")).write_text(shares)
    old = mira.run(
        *("enrol", "--label", "s", "--no-contact", "--from-shares", mira.path("shares")),
        *("--shares-as", "hex", "--kit", mira.path("kit4.escrow.json"), "--json"),
    )
    assert old.status == 0, old.stderr
    assert Kit.parse(Path(mira.path("kit4.escrow.json")).read_bytes()).manifest.label == "s"


def test_a_replacement_names_what_it_replaces(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    answered = made.mira.run(
        *("enrol", "--label", "new", "--secret-file", made.mira.path("key"), "--no-contact"),
        *("--replaces", made.deposit, "--kit", made.mira.path("kit5.escrow.json"), "--json"),
    )
    assert answered.status == 0, answered.stderr
    kit = Kit.parse(Path(made.mira.path("kit5.escrow.json")).read_bytes())
    assert kit.manifest.replaces == made.deposit
