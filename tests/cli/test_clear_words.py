"""Wrong names, wrong files and half answers: refused with what to do, and nothing is begun."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from escrow.custodian import freezing
from escrow.deposit import custodies
from escrow.protocol.kit import Card, Kit
from escrow_cli import table
from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Answered, Desk
from tests.cli.service import Service


@pytest.fixture(scope="module")
def shared() -> dict[str, Enrolled]:
    return {}


@pytest.fixture
def enrolled(enrol: Enrol, shared: dict[str, Enrolled]) -> Enrolled:
    if "made" not in shared:
        shared["made"] = enrol(accepted=True)
    return shared["made"]


def _one_document(answered: Answered) -> str:
    """Return the error of the one JSON document; a second one would not parse."""
    return str(json.loads(answered.stdout)["error"])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (("status", "--deposit", "deadbeef"), "which_deposit"),
        (("veto", "--deposit", "deadbeef"), "which_deposit"),
        (("invite", "--deposit", "deadbeef"), "which_deposit"),
        (("close", "--deposit", "deadbeef"), "which_deposit"),
        (("replace", "--deposit", "deadbeef"), "which_deposit"),
        (("sessions", "--revoke", "abc"), "no_such_session"),
    ],
)
def test_what_is_not_there_is_not_passed_over(
    enrolled: Enrolled, arguments: tuple[str, ...], error: str
) -> None:
    answered = enrolled.mira.run(*arguments, "--json")
    assert (answered.status, _one_document(answered)) == (2, error), answered.stderr
    assert "hint: `escrow s" in answered.stderr
    assert enrolled.mira.line.changes_sent() == []


def test_without_a_pending_invitation_one_document_says_so(enrolled: Enrolled) -> None:
    answered = enrolled.mira.run("invite", "--json")
    assert (answered.status, _one_document(answered)) == (4, "no_invitation")


def _enrol(made: Enrolled, *options: str) -> Answered:
    return made.mira.run(
        *("enrol", "--label", "n", "--no-contact", "--generate", made.mira.path("new.txt")),
        *("--kit", made.mira.path("new.escrow.json"), "--json", *options),
    )


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (("--replaces", "nosuch"), "which_deposit"),
        (("--contact", "A <a@example.net>"), "usage"),
        (("--kit", "KIT"), "file_exists"),
    ],
)
def test_a_refused_enrolment_leaves_no_password_behind(
    enrolled: Enrolled, options: tuple[str, ...], error: str
) -> None:
    options = tuple(enrolled.kit if option == "KIT" else option for option in options)
    answered = _enrol(enrolled, *options)
    assert (answered.status, _one_document(answered)) == (2, error), answered.stderr
    assert not Path(enrolled.mira.path("new.txt")).exists()
    assert enrolled.mira.line.changes_sent() == []


def test_a_deposit_is_replaced_by_its_name(enrol: Enrol) -> None:
    made = enrol("--no-contact")
    answered = _enrol(made, "--replaces", "Laptop backup")
    assert answered.status == 0, answered.stderr
    kit = Kit.parse(Path(made.mira.path("new.escrow.json")).read_bytes())
    assert kit.manifest.replaces == made.deposit


def test_the_paper_or_the_wrong_file_is_told_apart(enrolled: Enrolled) -> None:
    paper = enrolled.kit.replace(".escrow.json", ".pdf")
    cases = (
        (("check", "--piece", paper), "paper_given", "that one is for printing"),
        (("recover", "--kit", paper), "paper_given", "that one is for printing"),
        (("combine", "--piece", paper), "paper_given", "that one is for printing"),
        (("recover", "--kit", enrolled.card), "wrong_custody", "here your kit is needed"),
        (("release", "--card", enrolled.kit), "wrong_custody", "a contact's card is needed"),
    )
    for arguments, error, told in cases:
        answered = enrolled.mira.run(*arguments, "--json")
        assert (answered.status, _one_document(answered)) == (7, error), answered.stderr
        assert told in answered.stderr


@pytest.mark.parametrize(
    ("arguments", "option"),
    [(("decline",), "--card"), (("drill",), "--kit"), (("combine",), "--piece")],
)
def test_without_a_terminal_the_option_is_named(
    enrolled: Enrolled, arguments: tuple[str, ...], option: str
) -> None:
    answered = enrolled.anna.run(*arguments)
    assert answered.status == 2
    assert option in answered.stderr.splitlines()[-1]


def test_a_no_is_no_error_and_a_maybe_is_neither(enrolled: Enrolled) -> None:
    arguments = ("close", "--deposit", enrolled.deposit, "--json")
    no = enrolled.mira.run(*arguments, ESCROW_CONFIRM="n")
    assert (no.status, _one_document(no)) == (4, "not_confirmed")
    assert "error:" not in no.stderr
    maybe = enrolled.mira.run(*arguments, ESCROW_CONFIRM="maybe")
    assert (maybe.status, _one_document(maybe)) == (2, "yes_or_no")
    assert enrolled.mira.line.changes_sent() == []


def test_the_ledgers_entries_say_whose_piece_it_is(enrolled: Enrolled) -> None:
    told = enrolled.mira.run("verify").stdout.decode()
    assert "Anna: the piece is in place." in told
    assert "Provider: the piece was shown." in told
    custodies = {
        line["custody"] for line in enrolled.mira.run("verify", "--json").json()["entries"]
    }
    assert Card.parse(Path(enrolled.card).read_bytes()).payload.custody in custodies


def test_the_paper_is_named_after_any_json_file(enrol: Enrol) -> None:
    made = enrol()
    path = made.anna.path("anna.card.json")
    answered = made.anna.run(
        *("accept", "--save", path),
        ESCROW_INVITATION_LINK=made.link,
        ESCROW_INVITATION_DIGITS=made.digits,
        ESCROW_CONFIRM="y",
    )
    assert answered.status == 0, answered.stderr
    assert Path(made.anna.path("anna.card.pdf")).exists()
    assert made.mira.customer is not None
    assert f"The service says that {made.mira.customer.address} asks you" in answered.stderr


def _said(made: Enrolled) -> str:
    """Return what `escrow status` says, however its lines are broken."""
    return " ".join(made.mira.run("status").stdout.decode().split())


@pytest.mark.parametrize("language", ["en", "nl"])
def test_what_is_listed_stands_in_columns_and_no_line_is_wider_than_a_terminal(
    enrol: Enrol, language: str
) -> None:
    made = enrol(
        *("--contact", "Anna <anna@example.com>", "--contact", "王小明 <wang@example.com>"),
        *("--contact", f"{'Bartholomeus ' * 5}<bart@example.com>", "--needed", "2"),
        language=language,
    )
    made.open()
    for verb in ("status", "sessions", "verify"):
        told = made.mira.run(verb).stdout.decode()
        assert max(map(table.width, told.splitlines())) < 80, told
    lines = made.mira.run("status").stdout.decode().splitlines()
    word = {"en": "invited", "nl": "uitgenodigd"}[language]
    invited = [line for line in lines if f"  {word}" in line]
    assert len(invited) == 3
    assert len({table.width(line.partition(word)[0]) for line in invited}) == 1


def test_status_says_which_ways_back_there_are_now(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    every = _said(made)
    assert "Laptop backup: complete" in every
    assert (
        "Ways back now: your kit and the provider; your kit and one contact; "
        "one contact and the provider" in every
    )
    assert made.anna.run("decline", "--card", made.card, ESCROW_CONFIRM="y").status == 0
    one = _said(made)
    assert "Laptop backup: no longer complete" in one
    assert "Ways back now: your kit and the provider 1 more" in one
    assert "1 more contact has to hold a piece. Name other contacts" in one
    document = made.mira.run("status", "--json").json()["deposits"][0]
    assert (document["ways_back"], document["contacts_needed"]) == (["kit+provider"], 1)


def test_a_recovery_under_way_is_no_error_and_status_says_from_when(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    started = made.mira.run("recover", "--deposit", made.deposit, ESCROW_REASON="crash")
    assert started.status == 4
    assert "You can finish from" in started.stderr
    assert "error:" not in started.stderr
    assert "It can be finished from" in _said(made)


def _mailed(service: Service, message: str, address: str = "") -> str:
    """Return the newest link that a mail offers."""
    service.rest()
    found = [m for m in service.mailbox.mails if m.message == message and address in m.address]
    return found[-1].contents["link"]


@pytest.mark.parametrize("who", ["customer", "contact"])
def test_the_link_of_a_mail_stops_a_recovery_without_signing_in(
    enrol: Enrol, tmp_path: Path, who: str
) -> None:
    made = enrol(accepted=True)
    made.open()
    link = _mailed(made.service, f"recovery_opened_{who}")
    anybody = Desk(made.service, tmp_path / "anybody")
    wrong = anybody.run("veto", "--link", "--json", ESCROW_MAIL_LINK=link[:-1])
    assert (wrong.status, _one_document(wrong)) == (2, "malformed_link")
    other = anybody.run("reopen", "--link", "--json", ESCROW_MAIL_LINK=link)
    assert (other.status, _one_document(other)) == (2, "malformed_link")
    no = anybody.run("veto", "--link", "--json", ESCROW_MAIL_LINK=link, ESCROW_CONFIRM="n")
    assert (no.status, _one_document(no)) == (4, "not_confirmed")
    given = link if who == "customer" else link.partition("#")[2]
    stopped = anybody.run("veto", "--link", "--json", ESCROW_MAIL_LINK=given, ESCROW_CONFIRM="y")
    assert stopped.status == 0, stopped.stderr
    assert stopped.json()["stopped"][0]["state"] == "cancelled"
    assert not any("login" in path or link[-43:] in path for _, path in anybody.line.sent)
    unknown = anybody.run("veto", "--link", "--json", ESCROW_MAIL_LINK=link[:-1] + "x")
    assert (unknown.status, _one_document(unknown)) == (4, "gone")


def test_the_link_of_a_mail_keeps_a_deposit_without_signing_in(
    enrol: Enrol, tmp_path: Path
) -> None:
    made = enrol("--no-contact")
    closed = made.mira.run("close", "--deposit", made.deposit, ESCROW_CONFIRM="y")
    assert closed.status == 0, closed.stderr
    link = _mailed(made.service, "deposit_closing")
    kept = Desk(made.service, tmp_path / "anybody").run(
        "reopen", "--link", "--json", ESCROW_MAIL_LINK=link
    )
    assert kept.status == 0, kept.stderr
    assert kept.json() == {"deposit": made.deposit, "state": "reopened"}
    assert "“Laptop backup” stays." in kept.stderr


def test_a_recovery_on_hold_says_why(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    borrowed = made.open()
    made.service.rest()
    [running] = made.mira.run("status", "--json").json()["deposits"]
    with made.service.database.transaction() as db:
        freezing.freeze(made.service.custodian, db, running["recovery"], "She phoned us.", None)
    held = borrowed.run("recover", "--deposit", made.deposit, "--json")
    assert (held.status, _one_document(held)) == (4, "frozen")
    assert "on hold: “She phoned us.”" in held.stderr
    assert "the waiting time then begins anew" in held.stderr
    assert "on hold: “She phoned us.”" in _said(made)


def test_mails_to_a_contact_are_in_the_language_in_which_she_accepted(enrol: Enrol) -> None:
    made = enrol()
    made.anna.language = "nl"
    made.accept()
    custody = Card.parse(Path(made.card).read_bytes()).payload.custody
    with made.service.database.reading() as db:
        assert custodies.find_custody(db, custody).locale == "nl"
