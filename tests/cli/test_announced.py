"""What a contact's client asks of the ledger's entries before it helps."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from escrow.i18n import translator
from escrow.protocol.ledger import Event
from escrow_cli.announced import _check_wait
from escrow_cli.context import Cli, Surroundings
from escrow_cli.errors import ClientError
from escrow_cli.piece import Piece
from escrow_cli.terminal import Terminal
from tests.cli.deposits import make
from tests.support.clocks import FakeClock

DAY = 86400
MADE = make()


def events(clock: FakeClock, proof: str, wait: int, *more: tuple[str, int]) -> list[Event]:
    """Return `opened` and `noticed` just as long ago as they say to wait, and what came after."""
    data: dict[str, dict[str, Any]] = {
        "opened": {"proof": proof, "wait_seconds": wait, "account": "0" * 32},
        "noticed": {"wait_seconds": wait, "refused": []},
        "frozen": {"reason": "", "approval": None},
        "unfrozen": {"approval": bytes(32)},
    }
    said = [("opened", clock.now() - wait), ("noticed", clock.now() - wait), *more]
    return [
        Event(secrets.token_hex(16), f"recovery {what}", data[what], recovery="1" * 32, at=at)
        for what, at in said
    ]


def reason_of(said: list[Event], clock: FakeClock) -> str:
    """Return why the client does not help, or nothing."""
    card = MADE.cards[0]
    piece = Piece(card.payload, card.manifest, card.manifest_signature, "", "")
    cli = Cli(Terminal(translator("en")), Surroundings(clock), None)
    try:
        _check_wait(cli, piece, said)
    except ClientError as error:
        return error.reason
    return ""


@pytest.mark.parametrize(
    ("proof", "days"), [("totp", 3), ("kit", 9), ("contacts", 30), ("totp+kit", 14)]
)
def test_a_slower_proof_waits_its_own_time_for_a_contact_too(proof: str, days: int) -> None:
    clock = FakeClock()
    assert reason_of(events(clock, proof, days * DAY), clock) == ""
    assert reason_of(events(clock, proof, days * DAY - 1), clock) == "wait_too_short"
    said = events(clock, proof, days * DAY)
    clock.move(-1)
    assert reason_of(said, clock) == "too_early"


def test_notices_from_before_a_freeze_do_not_count_for_a_contact() -> None:
    clock = FakeClock()
    now = clock.now()
    thawed = events(clock, "totp", 3 * DAY, ("frozen", now), ("unfrozen", now))
    assert reason_of(thawed, clock) == "not_noticed"
    again = events(
        clock, "totp", 3 * DAY, ("frozen", now), ("unfrozen", now), ("noticed", now - 3 * DAY)
    )
    assert reason_of(again, clock) == ""
