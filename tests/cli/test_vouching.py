"""The authenticator app is lost: kit and contacts, from the command line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyotp
import pytest

from escrow.protocol.release import number
from tests.cli.conftest import SECRET, Enrol, Enrolled
from tests.cli.desk import Desk, Tamper
from tests.cli.person import Person
from tests.cli.service import DAY_SECONDS, Service

TWO = ("--contact", "Anna <anna@example.com>", "--contact", "Bob <bob@example.com>")


def _both(enrol: Enrol, tmp_path: Path) -> tuple[Enrolled, list[tuple[Desk, str]]]:
    """Enrol with two contacts, of whom both are needed; returns their desks and cards."""
    made = enrol(*TWO, "--needed", "2", "--contacts-replace-totp")
    people = []
    for line in made.document["invitations"]:
        desk = Desk(made.service, tmp_path / line["custody"])
        one = replace(made, anna=desk, document={**made.document, "invitations": [line]})
        one.accept()
        people.append((desk, one.card))
    return made, people


def _new_app(service: Service, secrets: list[str]) -> Tamper:
    """Read the new secret as the app does, and show its code to the person."""

    def read(method: str, path: str, document: dict[str, Any]) -> None:
        if method == "POST" and path.startswith("accounts/") and path.endswith("/totp"):
            secrets.append(document["totp_secret"])
            os.environ["ESCROW_NEW_APP_CODE"] = pyotp.TOTP(secrets[-1]).at(service.clock.now())

    return read


def test_the_kit_alone_brings_the_key_back_and_a_new_app_is_connected(
    enrol: Enrol, service: Service
) -> None:
    made = enrol()
    borrowed = Desk(service, made.mira.home / "borrowed", made.mira.customer)
    arguments = ("recover", "--proof", "kit", "--kit", made.kit)
    asked = borrowed.run(*arguments, "--json", ESCROW_REASON="phone gone")
    assert (asked.status, asked.json()["error"]) == (4, "too_early"), asked.stderr
    assert abs(asked.json()["at"] - service.clock.now() - 9 * DAY_SECONDS) < 300
    assert not any(path.endswith("/totp") for _, path in borrowed.line.sent)
    other = borrowed.run("recover", "--proof", "totp", "--json", ESCROW_TAKE_UP="n")
    assert (other.status, other.json()["error"]) == (4, "under_way"), other.stderr
    assert "A recovery of this deposit is under way" in other.stderr
    assert "phone gone" in other.stderr
    service.pass_time(9 * DAY_SECONDS + 60)
    secrets: list[str] = []
    app = _new_app(service, secrets)
    back = borrowed.run(
        "recover", "--kit", made.kit, "--print", "--finish", tamper=app, ESCROW_NEW_APP="y"
    )
    assert back.status == 0, back.stderr
    assert back.stdout == SECRET + b"\n"
    assert "The new app is connected" in back.stderr
    assert len(secrets) == 1


def test_two_contacts_vouch_by_number_and_the_request_is_taken_up_again_anywhere(
    enrol: Enrol, service: Service, tmp_path: Path
) -> None:
    made, [(anna, card), (bob, other)] = _both(enrol, tmp_path)
    arguments = ("recover", "--proof", "contacts", "--deposit", made.deposit, "--json")
    borrowed = Desk(service, made.mira.home / "borrowed", made.mira.customer)
    draft = borrowed.run(*arguments, ESCROW_REASON="all gone")
    assert (draft.status, draft.json()["error"]) == (4, "draft"), draft.stderr
    digits = number(draft.json()["recovery"])
    assert f"{digits[:4]} {digits[4:]}" in draft.stderr
    done = anna.run("prove", "--card", card, "--json", ESCROW_NUMBER=digits, ESCROW_CONFIRM="y")
    assert (done.status, done.json()["state"]) == (0, "draft"), done.stderr
    assert "all gone" in done.stderr
    elsewhere = Desk(service, made.mira.home / "elsewhere", made.mira.customer)
    again = elsewhere.run(*arguments, ESCROW_DRAFT="1")  # what happened is not asked again
    assert again.json()["recovery"] == draft.json()["recovery"]
    assert "1 of 2 contacts" in again.stderr
    done = bob.run("prove", "--card", other, "--json", ESCROW_NUMBER=digits, ESCROW_CONFIRM="y")
    assert (done.status, done.json()["state"]) == (0, "opened"), done.stderr
    service.settle()
    service.pass_time(60)
    waiting = elsewhere.run(*arguments)
    assert (waiting.status, waiting.json()["error"]) == (4, "too_early"), waiting.stderr
    assert abs(waiting.json()["at"] - service.clock.now() - 30 * DAY_SECONDS) < 600


def test_a_contact_vouches_only_for_the_number_that_it_was_told(
    enrol: Enrol, service: Service, tmp_path: Path
) -> None:
    made, [(anna, card), _] = _both(enrol, tmp_path)
    none = anna.run("prove", "--card", card, "--json", ESCROW_NUMBER="1", ESCROW_CONFIRM="y")
    assert (none.status, none.json()["error"]) == (4, "no_draft"), none.stderr
    borrowed = Desk(service, made.mira.home / "borrowed", made.mira.customer)
    arguments = ("recover", "--proof", "contacts", "--deposit", made.deposit, "--json")
    draft = borrowed.run(*arguments, ESCROW_REASON="all gone").json()
    digits = number(draft["recovery"])
    wrong = f"{(int(digits) + 1) % 10**8:08}"
    refused = anna.run("prove", "--card", card, "--json", ESCROW_NUMBER=wrong, ESCROW_CONFIRM="y")
    assert (refused.status, refused.json()["error"]) == (3, "wrong_number")
    assert not anna.line.changes_sent()
    unsure = anna.run("prove", "--card", card, "--json", ESCROW_NUMBER=digits, ESCROW_CONFIRM="n")
    assert (unsure.status, unsure.json()["error"]) == (4, "not_sure")
    assert not anna.line.changes_sent()


def test_who_has_lost_the_app_too_says_so_at_its_question(
    enrol: Enrol, service: Service, tmp_path: Path
) -> None:
    made = enrol()
    customer = made.mira.customer
    assert customer is not None
    customer.make_room()
    after = len(service.mailbox.mails)
    mira = Person(tmp_path / "borrowed", service.clock.path, service.url)
    ended = mira.run(
        *("recover", "--kit", made.kit, "--json"),
        answers=[
            ("mail address", customer.address),
            ("from the mail", lambda: service.mailbox.code(customer.address, after=after)),
            ("I lost it", ""),
            ("What do you have", "1"),
            ("What happened", "the phone fell into the canal"),
        ],
    )
    assert ended.status == 4, ended.stderr
    assert "You can finish from" in ended.stderr


@pytest.mark.parametrize(
    ("proof", "named", "error"),
    [("contacts", "--deposit", "contacts_do_not_replace"), ("totp+kit", "--kit", "no_veto")],
)
def test_a_proof_that_is_not_possible_says_why_and_what_instead(
    enrol: Enrol, service: Service, proof: str, named: str, error: str
) -> None:
    made = enrol(accepted=True)
    borrowed = Desk(service, made.mira.home / "borrowed", made.mira.customer)
    which = made.kit if named == "--kit" else made.deposit
    refused = borrowed.run("recover", "--proof", proof, named, which, "--json", ESCROW_REASON="")
    assert (refused.status, refused.json()["error"]) == (4, error), refused.stderr
    assert "--proof" in refused.json()["hint"]


def test_who_has_the_kit_is_not_sent_to_the_contacts(enrol: Enrol, service: Service) -> None:
    made = enrol(accepted=True)
    borrowed = Desk(service, made.mira.home / "borrowed", made.mira.customer)
    refused = borrowed.run("recover", "--proof", "contacts", "--kit", made.kit, "--json")
    assert (refused.status, refused.json()["error"]) == (2, "kit_is_better"), refused.stderr
    assert "Use --proof kit: you wait about 9 days." in refused.json()["hint"]
    assert borrowed.line.changes_sent() == []
