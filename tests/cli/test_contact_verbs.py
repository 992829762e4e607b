"""A contact's verbs after acceptance, as they are typed: move, phrase, lost, decline, and back."""

from __future__ import annotations

import os
from typing import Any

from tests.cli.conftest import Enrol, Enrolled
from tests.cli.desk import Tamper


def _back(made: Enrolled) -> str:
    answered = made.anna.run("check", "--share", "--piece", made.card, "--json")
    assert answered.status == 0, answered.stderr
    return str(answered.json()["state"])


def _reads_mail(made: Enrolled, address: str) -> Tamper:
    """Have the code at hand that is mailed to a new address."""
    after = len(made.service.mailbox.mails)

    def read(_method: str, path: str, _document: dict[str, Any]) -> None:
        if path.endswith("/address/code"):
            os.environ["ESCROW_MAIL_CODE"] = made.service.mailbox.code(address, after=after)

    return read


def test_a_contact_moves_twice_loses_her_card_stops_and_comes_back(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    made.service.settle()
    for address in ("anna@new.test", "Anna@Newer.test"):
        made.service.clock.move(60)
        moved = made.anna.run(
            *("move", "--card", made.card, "--to", f"Anna de Wit <{address}>", "--json"),
            tamper=_reads_mail(made, address.lower()),
            ESCROW_CONFIRM="y",
        )
        assert moved.status == 0, moved.stderr
        assert moved.json()["state"] == "held"
        made.service.settle()
    shown = made.mira.run("status", "--json").json()["deposits"][0]["custodies"]
    [contact] = [line for line in shown if line["role"] == "contact"]
    assert (contact["name"], contact["address"]) == ("Anna de Wit", "anna@newer.test")
    phrase = made.anna.run("phrase", "--card", made.card, "--json", ESCROW_PHRASE="blauwe fiets")
    assert phrase.status == 0, phrase.stderr
    for act, state in (("lost", "lost"), ("decline", "declined")):
        left = made.anna.run(act, "--card", made.card, "--json", ESCROW_CONFIRM="y")
        assert left.status == 0, left.stderr
        assert left.json()["state"] == state
        made.service.clock.move(60)
        assert _back(made) == "held"


def test_a_move_to_the_customers_address_is_refused_and_says_why(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    own = made.mira.customer.address if made.mira.customer else ""
    answered = made.anna.run(
        *("move", "--card", made.card, "--to", f"Anna <{own}>", "--json"), ESCROW_CONFIRM="y"
    )
    assert (answered.status, answered.json()["error"]) == (2, "malformed")
    assert "someone else than the customer" in answered.stderr
    unread = made.anna.run(
        *("move", "--card", made.card, "--to", "Anna <ana@new.test>", "--json"),
        ESCROW_CONFIRM="y",
        ESCROW_MAIL_CODE="000000",
    )
    assert (unread.status, unread.json()["error"]) == (6, "unauthenticated"), unread.stderr
    assert "We sent a code to ana@new.test" in unread.stderr
    assert not any(line.endswith("/address") for line in made.anna.line.changes_sent())
    no = made.anna.run(
        *("move", "--card", made.card, "--to", "Anna <anna@new.test>", "--json"),
        ESCROW_CONFIRM="n",
    )
    assert (no.status, no.json()["error"]) == (4, "not_confirmed")


def test_the_customer_reports_her_kit_or_a_contacts_piece(enrol: Enrol) -> None:
    made = enrol(accepted=True)
    custodies = made.mira.run("status", "--json").json()["deposits"][0]["custodies"]
    by_role = {line["role"]: line["custody"] for line in custodies}
    for role, options in (("customer", ()), ("contact", ("--custody", by_role["contact"]))):
        answered = made.mira.run("lost", *options, "--json", ESCROW_CONFIRM="y")
        assert answered.status == 0, answered.stderr
        assert answered.json() == {"custody": by_role[role], "state": "lost"}
    assert "--replaces" in made.mira.run("lost", "--json", ESCROW_CONFIRM="y").stderr
    strange = made.mira.run("lost", "--custody", "ab" * 16, "--json", ESCROW_CONFIRM="y")
    assert (strange.status, strange.json()["error"]) == (2, "which_piece")
