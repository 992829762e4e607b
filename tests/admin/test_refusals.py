"""Approvals that are refused: altered, replayed, expired, self-approved, or written as a flag.

What the web tier lets through is the attacker's here: it holds the web tier's keys, or writes to
the database. Each test asserts the named reason and that nothing was done.
"""

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from escrow.admin import operations
from escrow.admin.flow import BODY
from escrow.admin.models import Approval
from escrow.admin.operations import Proposal, approval_id
from escrow.deposit.models import Deposit
from escrow.ledger.append import Author, append
from escrow.ledger.models import LedgerEvent
from escrow.operators import Operator, OperatorKey
from escrow.protocol.encoding import b64url
from escrow.protocol.request import sign_approval
from tests.admin.office import DAY, Office, new_operator
from tests.support.people import Customer, Deposited

CLOSE = "close-deposit"


@pytest.fixture
def office(small_office: Office) -> Office:
    return small_office


def is_untouched(office: Office, made: Deposited) -> bool:
    with office.world.database.reading() as db:
        executed = select(LedgerEvent).where(LedgerEvent.type == "admin executed")
        is_done = db.scalars(executed).first() is not None
        return db.get_one(Deposit, made.deposit).state == "complete" and not is_done


def smuggle(
    office: Office,
    proposal: Proposal,
    by: OperatorKey,
    *,
    said: bool = True,
    identifier: str = "",
    signature: bytes = b"",
    **columns: Any,
) -> str:
    """Write an approval as a web tier that checks nothing would, with its event or without."""
    world = office.world
    nonce = json.loads(proposal.body)["nonce"]
    credential = by.operator.credential
    identifier = identifier or approval_id(credential, nonce)
    signature = signature or sign_approval(proposal.signed(), by.key)
    row: dict[str, Any] = {
        "id": identifier,
        "proposal": nonce,
        "operation": proposal.operation,
        "target": proposal.target,
        "body": world.web_keys.encrypt(BODY, identifier, identifier, proposal.body.decode()),
        "body_sha256": proposal.body_sha256,
        "credential": credential,
        "signature": signature,
        "expires": proposal.expires,
        "created_at": world.clock.now(),
    }
    on = {"account": "0" * 32, "deposit": proposal.target}
    data = {
        "operation": proposal.operation,
        "body_sha256": proposal.body_sha256,
        "credential": credential,
        "signature": signature,
    }
    with world.database.transaction() as db:
        db.add(Approval(**row | columns))
        if said:
            author = Author("web", world.web_keys.mac_key)
            append(db, author, "admin approved", data, event_id=identifier, **on)
    world.run()
    return identifier


def test_an_approval_by_an_unknown_key_has_no_effect(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    office.approve(proposal, office.anna)
    forged = smuggle(office, proposal, OperatorKey("piet", new_operator("piet").key))
    assert office.row(forged).refused == "wrong signature"
    stranger = smuggle(office, proposal, new_operator("stranger"))
    assert office.row(stranger).refused == "unknown operator"
    assert office.alarms == ["wrong signature", "unknown operator"]
    assert is_untouched(office, made)


def test_an_altered_body_has_no_effect(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    [first] = office.approve(proposal, office.anna)
    altered = operations.write_body(CLOSE, proposal.contents() | {"reason": "Another reason."})
    body = office.world.web_keys.encrypt(BODY, first, first, altered.decode())
    office.change(first, body=body)
    [second] = office.approve(proposal, office.piet)
    assert is_untouched(office, made)
    assert office.row(second).refused is None
    assert office.row(first).refused == "altered"
    assert office.alarms == ["altered"]


def test_an_approval_of_one_deposit_closes_no_other(office: Office, made: Deposited) -> None:
    other, _ = office.world.enrol(office.world.customer())
    proposal = office.propose(CLOSE, other.deposit)
    turned = replace(proposal, target=made.deposit)
    for key in (office.anna, office.piet):
        smuggle(office, turned, key, signature=sign_approval(proposal.signed(), key.key))
    assert office.alarms == ["wrong signature"] * 2
    assert is_untouched(office, made)


def test_an_event_about_another_target_has_no_effect(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, "f" * 32)
    turned = replace(proposal, target=made.deposit)
    for key in (office.anna, office.piet):
        signature = sign_approval(proposal.signed(), key.key)
        smuggle(office, turned, key, signature=signature, target="f" * 32)
    assert office.alarms == ["another target"] * 2
    assert is_untouched(office, made)


def test_an_expired_approval_has_no_effect_a_second_after(office: Office, made: Deposited) -> None:
    late = office.propose(CLOSE, made.deposit, expires=office.world.clock.now() + 3600)
    [first] = office.approve(late, office.anna)
    assert office.post(late, office.piet).status == 201
    office.world.clock.move(3600)
    office.world.run()
    assert "expired" in office.alarms
    assert is_untouched(office, made)
    assert office.row(first).refused == "expired"


def test_an_approval_has_effect_a_second_before_it_expires(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit, expires=office.world.clock.now() + 3600)
    office.approve(proposal, office.anna)
    office.world.clock.move(3599)
    office.approve(proposal, office.piet)
    assert not is_untouched(office, made)


def test_an_approval_for_longer_than_a_week_has_no_effect(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit, expires=office.world.clock.now() + 8 * DAY)
    for key in (office.anna, office.piet):
        smuggle(office, proposal, key)
    assert office.alarms == ["expires too late"] * 2
    assert is_untouched(office, made)


def test_one_operator_twice_is_one_operator(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    office.approve(proposal, office.anna)
    second = smuggle(office, proposal, office.anna, identifier=secrets.token_hex(16))
    assert office.row(second).refused == "altered"
    assert is_untouched(office, made)


def test_one_key_under_two_names_is_one_operator(office: Office, made: Deposited) -> None:
    twin = OperatorKey("twin", office.anna.key)
    office.employ(office.anna.operator, twin.operator, office.piet.operator)
    office.approve(office.propose(CLOSE, made.deposit), office.anna, twin)
    assert "one person twice" in office.alarms
    assert is_untouched(office, made)


def test_two_keys_under_one_name_are_one_operator(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    office.employ(office.anna.operator, Operator("anna", office.piet.operator.public_key))
    office.approve(proposal, office.anna)
    second = OperatorKey("anna", office.piet.key)
    assert office.post(proposal, second).status == 401
    smuggle(office, proposal, second, identifier=secrets.token_hex(16))
    assert is_untouched(office, made)


def test_an_approval_is_executed_once(office: Office, customer: Customer, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    found = office.approve(proposal, office.anna, office.piet)
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/reopen").ok()
    office.world.run()
    for identifier in found:
        office.change(identifier, executed_at=None)
    with office.world.database.transaction() as db:
        for row in db.scalars(select(LedgerEvent).where(LedgerEvent.id.in_(found))):
            row.acted = False
    kim = new_operator("kim")
    office.employ(office.anna.operator, office.piet.operator, kim.operator)
    [third] = office.approve(proposal, kim)
    assert office.row(third).refused == "executed before"
    assert office.alarms == ["executed before"]
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["state"] == "complete"


def test_an_approval_sent_again_is_harmless(office: Office, made: Deposited) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    first = office.post(proposal, office.anna)
    again = office.post(proposal, office.anna)
    assert (first.status, again.status, again.json) == (201, 200, first.json)
    office.world.run()
    assert is_untouched(office, made)


@pytest.mark.parametrize("by", ["anna", "piet"])
def test_the_same_nonce_with_another_content_is_a_conflict(
    office: Office, made: Deposited, by: str
) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    office.approve(proposal, office.anna)
    other = proposal.contents() | {"reason": "Another reason."}
    changed = replace(proposal, body=operations.write_body(CLOSE, other))
    assert office.post(changed, getattr(office, by)).status == 409


def test_rows_and_flags_written_into_the_database_have_no_effect(
    office: Office, made: Deposited
) -> None:
    """Somebody with the database alone: rows with real signatures, too, but no entries."""
    proposal = office.propose(CLOSE, made.deposit)
    for key in (office.anna, office.piet):
        row = smuggle(office, proposal, key, said=False)
        assert office.row(row).refused == "not in the ledger"
    assert office.alarms == ["not in the ledger"] * 2
    assert is_untouched(office, made)


def test_a_flag_that_it_was_executed_is_noticed_and_means_nothing(
    office: Office, made: Deposited
) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    [first] = office.approve(proposal, office.anna)
    office.change(first, executed_at=office.world.clock.now())
    office.world.run()
    assert office.row(first).executed_at is None
    assert office.alarms == ["executed flag without entry"]
    assert is_untouched(office, made)
    office.approve(proposal, office.piet)
    assert not is_untouched(office, made)


def test_what_is_not_possible_now_is_refused_whole(
    office: Office, customer: Customer, made: Deposited
) -> None:
    recovery = office.world.open_recovery(customer, made)
    found = office.approve(office.propose("unfreeze", recovery), office.anna, office.piet)
    assert [office.row(identifier).executed_at for identifier in found] == [None, None]
    reasons = [office.row(identifier).refused for identifier in found]
    assert set(office.alarms) == set(reasons) == {"recovery frozen not in the ledger"}


def test_only_the_custodian_says_what_an_approval_does(office: Office, made: Deposited) -> None:
    web = Author("web", office.world.web_keys.mac_key)
    moved = {"from": "", "to": "K-1", "approval": bytes(32)}
    executed = {"operation": CLOSE, "body_sha256": bytes(32)}
    with office.world.database.transaction() as db:
        said = [
            append(db, web, "account moved", moved, account="a" * 32).id,
            append(db, web, "admin executed", executed).id,
        ]
    office.world.run()
    with office.world.database.reading() as db:
        query = select(LedgerEvent.refused).where(LedgerEvent.id.in_(said))
        assert db.scalars(query).all() == ["not for the web"] * 2


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"operation": "accept-backup"}, 400),
        ({"operation": "release"}, 400),
        ({"target": "elsewhere"}, 400),
        ({"body": b64url(b'{"reason":"x"}')}, 400),
        ({"body": b64url(b"\xff" * 40)}, 400),
        ({"body": b64url(b" " * 2049)}, 400),
        ({"expires": 1}, 401),
        ({"credential": "operator:kim"}, 401),
        ({"credential": "operator:piet"}, 401),
        ({"signature": b64url(bytes(64))}, 401),
        ({"surprise": 1}, 400),
    ],
)
def test_nobody_but_operators_fills_the_table(
    office: Office, made: Deposited, changes: dict[str, Any], status: int
) -> None:
    proposal = office.propose(CLOSE, made.deposit)
    assert office.post(proposal, office.anna, **changes).status == status
    with office.world.database.reading() as db:
        assert db.scalars(select(Approval)).all() == []


def test_a_reason_in_the_services_own_words_passes_for_no_replacement(
    office: Office, made: Deposited
) -> None:
    proposal = office.propose(CLOSE, made.deposit, reason=f"replaced by {'ab' * 16}")
    answers = [office.post(proposal, key) for key in (office.anna, office.piet)]
    assert [(answer.status, answer.json["code"]) for answer in answers] == [(400, "malformed")] * 2
    for key in (office.anna, office.piet):
        smuggle(office, proposal, key)
    assert office.alarms == ["altered"] * 2
    assert is_untouched(office, made)


@pytest.mark.parametrize("seconds", [0, -1, 7 * DAY + 1])
def test_an_approval_expires_within_a_week(office: Office, made: Deposited, seconds: int) -> None:
    expires = office.world.clock.now() + seconds
    answer = office.post(office.propose(CLOSE, made.deposit, expires=expires), office.anna)
    assert (answer.status, answer.json["field"]) == (400, "expires")


def test_an_approval_of_nothing_is_not_found(office: Office) -> None:
    assert office.post(office.propose(CLOSE, "0" * 32), office.anna).status == 404
    assert office.post(office.propose("freeze", "0" * 32), office.anna).status == 404
