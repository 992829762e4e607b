"""Times of entries come from the custodian's clock, never backwards, never by leaps."""

import pytest

from escrow.custodian.sequencer import MAX_STEP_SECONDS, ClockStep
from escrow.custodian.service import QUIET_SECONDS, Custodian
from tests.custodian.rig import Rig

HOUR = 3600


def times(rig: Rig) -> list[int]:
    start = rig.entries()[0].at
    return [entry.at - start for entry in rig.entries()[2:]]


def test_an_entry_has_the_time_of_its_sequencing(rig: Rig) -> None:
    for _ in range(3):
        rig.clock.move(60)
        rig.say()
        rig.clock.move(60)
        rig.settle()
    assert times(rig) == [120, 240, 360]


@pytest.mark.parametrize("back", [1, 3600, 40 * 86400])
def test_a_clock_that_goes_back_does_not_take_the_ledger_back(rig: Rig, back: int) -> None:
    rig.clock.move(HOUR)
    rig.say()
    rig.settle()
    rig.clock.move(-back)
    rig.say()
    rig.settle()
    rig.restart()
    rig.say()
    rig.settle()
    assert times(rig) == [HOUR, HOUR, HOUR]
    assert rig.outside.at == rig.entries()[-1].at
    rig.clock.move(back + 60)
    rig.say()
    rig.settle()
    assert times(rig)[-1] == HOUR + 60
    rig.check()


def test_operators_are_told_of_a_clock_that_is_behind(rig: Rig) -> None:
    rig.clock.move(-200)
    rig.say()
    rig.settle()
    assert rig.alarms == []
    rig.clock.move(-200)
    rig.say()
    rig.settle()
    assert rig.alarms == ["the clock is behind the ledger"]


def test_half_a_day_without_entries_ticks(rig: Rig) -> None:
    rig.clock.move(QUIET_SECONDS - 1)
    rig.settle()
    assert times(rig) == []
    rig.clock.move(1)
    rig.settle()
    rig.settle()
    assert times(rig) == [QUIET_SECONDS]
    assert (rig.entries()[-1].event.type, rig.entries()[-1].author) == ("tick", "custodian")
    rig.clock.move(QUIET_SECONDS - 1)
    rig.say()
    rig.settle()
    rig.clock.move(QUIET_SECONDS - 1)
    rig.settle()
    assert len(times(rig)) == 2


def test_a_ledger_that_has_not_begun_does_not_tick(rig: Rig) -> None:
    assert [entry.event.type for entry in rig.entries()] == ["key changed"] * 2


def test_a_step_of_36_hours_passes(rig: Rig) -> None:
    rig.clock.move(MAX_STEP_SECONDS)
    rig.say()
    rig.settle()
    assert times(rig)[-1] == MAX_STEP_SECONDS


def test_a_longer_step_needs_an_operator(rig: Rig) -> None:
    """Who moves the clock ends no waiting time: nothing is sequenced, signed or done."""
    before = rig.outside.checkpoint
    did: list[int] = []

    def act(_: Custodian) -> int:
        did.append(1)
        return 0

    rig.custodian.acts = [act]
    rig.clock.move(MAX_STEP_SECONDS + 1)
    event = rig.say()
    for _ in range(2):
        with pytest.raises(ClockStep, match="--accept-clock"):
            rig.custodian.run_pass()
    rig.restart()
    with pytest.raises(ClockStep):
        rig.custodian.run_pass()
    assert rig.row(event).index is None
    assert rig.outside.checkpoint == before
    assert did == []
    rig.restart(accepted_step=rig.clock.now() + 60)
    rig.settle()
    assert times(rig)[-1] == MAX_STEP_SECONDS + 1
    rig.check()


def test_an_operators_word_is_for_one_step(rig: Rig) -> None:
    """Left in a unit file it does not let the clock leap another time."""
    rig.clock.move(MAX_STEP_SECONDS + 1)
    rig.restart(accepted_step=rig.clock.now() + HOUR)
    rig.say()
    rig.settle()
    rig.clock.move(MAX_STEP_SECONDS + 1)
    rig.say()
    with pytest.raises(ClockStep):
        rig.custodian.run_pass()


def test_quiet_days_pass_by_ticks(rig: Rig) -> None:
    for _ in range(10):
        rig.clock.move(35 * HOUR)
        rig.settle()
    assert times(rig) == [35 * HOUR * n for n in range(1, 11)]
    rig.check()


def test_a_clock_set_right_goes_on(rig: Rig) -> None:
    rig.clock.move(10 * 86400)
    event = rig.say()
    with pytest.raises(ClockStep):
        rig.custodian.run_pass()
    rig.clock.move(-10 * 86400 + 5)
    rig.settle()
    assert rig.row(event).at == rig.entries()[0].at + 5
