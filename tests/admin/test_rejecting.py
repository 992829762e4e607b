"""Rejecting a proposal, or withdrawing one's own: one person is enough, and the log says who."""

from __future__ import annotations

from typing import Any

import pytest

from escrow.admin import flow, proposals
from tests.admin.crew import Crew
from tests.admin.test_four_eyes import (
    CLOSE,
    addition,
    appointed,
    approval,
    approve,
    joined,
    olga,
    piet,
    post,
    propose,
    state_of,
)
from tests.admin.test_operations import entries
from tests.support.people import Answer, Deposited
from tests.support.world import World

DAY = 86400


__all__ = ["olga", "piet"]  # fixtures


@pytest.fixture
def made(world: World) -> Deposited:
    return world.enrol(world.customer())[0]


def reject(crew: Crew, proposal: Any) -> Answer:
    answer = crew.post(f"/admin/proposals/{proposal.contents()['nonce']}/reject")
    crew.world.run()
    return answer


def page_of(crew: Crew, proposal: Any) -> str:
    return crew.page(f"/admin/approvals/{proposal.contents()['nonce']}").get_data(as_text=True)


@pytest.mark.parametrize("by", ["who proposed it", "another"])
def test_what_one_has_rejected_or_withdrawn_is_never_carried_out(
    world: World, olga: Crew, piet: Crew, made: Deposited, by: str
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    first = approve(olga, proposal)
    crew = olga if by == "who proposed it" else piet
    assert ("Withdraw it" if crew is olga else "Reject it") in page_of(crew, proposal)
    assert reject(crew, proposal).status == 204
    assert reject(crew, proposal).status == 204  # the same once more is harmless
    answer = post(piet, proposal)
    assert (answer.status, answer.json["state"]) == (409, "rejected")
    world.run()
    assert state_of(world, made.deposit) == "complete"
    assert approval(world, first).refused == "rejected"
    [entry] = entries(world, "admin rejected")
    assert entry.event.deposit == made.deposit
    assert entry.event.data == {
        "credential": f"passkey:{crew.admin}",
        "body_sha256": proposal.body_sha256,
    }
    for one in (olga, piet):
        told = page_of(one, proposal)
        assert f"{crew.name} rejected or withdrew it. Nothing was done." in told
        assert "Approve with my passkey" not in told
        assert "Withdraw it" not in told
    assert "There are none." in olga.page("/admin/approvals").get_data(as_text=True)


def test_the_custodian_counts_no_approval_after_a_rejection_whatever_the_web_tier_lets_through(
    world: World, olga: Crew, piet: Crew, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    olga.post(f"/admin/proposals/{proposal.contents()['nonce']}/reject")
    monkeypatch.setattr(flow, "rejections", lambda *_: {})
    second = approve(piet, proposal)  # sequenced behind the rejection, in the same pass
    assert approval(world, second).refused == "rejected"
    assert entries(world, "admin executed")[1:] == []  # Piet's own addition is the first
    assert state_of(world, made.deposit) == "complete"


def test_what_was_decided_is_rejected_no_more(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    approve(piet, proposal)
    answer = reject(piet, proposal)
    assert (answer.status, answer.json["state"]) == (409, "executed")
    late = propose(world, "close-account", world.customer().account)
    approve(olga, late)
    world.wait(2 * DAY)
    olga.sign_in().ok()
    answer = reject(olga, late)
    assert (answer.status, answer.json["state"]) == (409, "expired")
    assert entries(world, "admin rejected") == []


def test_who_may_not_sign_may_not_reject(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    operator = appointed(world, "operator", "Otto", olga, piet)
    auditor = appointed(world, "auditor", "Alma", olga, piet)
    keys = propose(world, "rotate-key", "ledger")
    approve(olga, keys)
    closing = propose(world, CLOSE, made.deposit)
    approve(olga, closing)
    assert reject(operator, keys).status == 404
    assert reject(auditor, closing).status == 404
    world.clock.move(301)  # the passkey was asked for longer ago than five minutes
    answer = reject(operator, closing)
    assert (answer.status, answer.json["code"]) == (403, "step_up_required")
    assert entries(world, "admin rejected") == []
    operator.sign_in().ok()
    assert reject(operator, closing).status == 204
    assert len(entries(world, "admin rejected")) == 1


def test_who_withdraws_an_invitation_rejects_what_was_proposed_of_it(
    world: World, olga: Crew, piet: Crew
) -> None:
    carla = joined(world, "owner", "Carla")
    proposal = addition(carla)
    approve(olga, proposal)
    assert "Carla" in olga.page("/admin/approvals").get_data(as_text=True)
    assert piet.call("DELETE", f"/admin/people/{carla.admin}").status == 204
    world.run()
    assert post(olga, proposal).status == 200  # her own, once more
    assert post(piet, proposal).status == 409
    assert "Piet rejected or withdrew it." in page_of(olga, proposal)
    assert len(entries(world, "admin rejected")) == 1


def test_a_rejection_of_nothing_or_by_another_number_stops_nothing(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    from escrow.ledger.append import append

    assert olga.post(f"/admin/proposals/{'ab' * 16}/reject").status == 404
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    said = {"credential": "passkey:x", "body_sha256": proposal.body_sha256}
    with world.database.transaction() as db:
        append(db, world.app.extensions["escrow"].author, "admin rejected", said)
    world.run()
    approve(piet, proposal)
    assert state_of(world, made.deposit) == "closing"


def test_two_who_reject_at_the_same_moment_say_it_once(
    world: World, olga: Crew, piet: Crew, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    monkeypatch.setattr(proposals, "rejections", lambda *_: {})  # neither sees the other's yet
    path = f"/admin/proposals/{proposal.contents()['nonce']}/reject"
    assert [one.post(path).status for one in (olga, piet)] == [204, 204]
    world.run()
    assert len(entries(world, "admin rejected")) == 1
