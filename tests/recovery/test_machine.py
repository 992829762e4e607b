"""The table of a recovery: what is in it happens, what is not is refused."""

import itertools
from pathlib import Path

import pytest

from escrow.errors import WrongState
from escrow.recovery import machine

EXPECTED = {
    ("", "open"): "opened",
    ("opened", "noticed"): "waiting",
    ("opened", "expire"): "expired",
    ("opened", "veto"): "cancelled",
    ("opened", "freeze"): "frozen",
    ("waiting", "ready"): "ready",
    ("waiting", "veto"): "cancelled",
    ("waiting", "freeze"): "frozen",
    ("ready", "begin"): "collecting",
    ("ready", "veto"): "cancelled",
    ("ready", "freeze"): "frozen",
    ("ready", "expire"): "expired",
    ("collecting", "begin"): "collecting",
    ("collecting", "release"): "collecting",
    ("collecting", "complete"): "completed",
    ("collecting", "veto"): "cancelled",
    ("collecting", "freeze"): "frozen",
    ("collecting", "expire"): "expired",
    ("frozen", "unfreeze"): "opened",
    ("frozen", "veto"): "cancelled",
    ("frozen", "expire"): "cancelled",
}


@pytest.mark.parametrize(
    ("state", "event"), itertools.product(("", *machine.STATES), machine.EVENTS)
)
def test_a_recovery_moves_only_as_the_protocol_page_says(state: str, event: str) -> None:
    if (state, event) in EXPECTED:
        assert machine.next_state(state, event) == EXPECTED[state, event]
    else:
        with pytest.raises(WrongState) as refused:
            machine.next_state(state, event)
        assert refused.value.extra["state"] == state


def test_nothing_leaves_a_final_state() -> None:
    assert {"cancelled", "completed", "expired"} == machine.FINAL
    assert not {edge.state for edge in machine.TABLE} & machine.FINAL


def test_the_compare_and_swap_knows_every_state_before_an_event() -> None:
    assert set(machine.states_before("veto")) == {
        "opened",
        "waiting",
        "ready",
        "collecting",
        "frozen",
    }


def test_the_diagram_has_one_line_an_edge() -> None:
    lines = machine.diagram().splitlines()
    assert len(lines) == 1 + len(machine.TABLE) + len(machine.FINAL)


def test_the_page_in_the_folder_is_the_one_that_the_table_prints() -> None:
    written = Path(machine.__file__).with_name("README.md").read_text("utf-8")
    assert written == machine.page(), "print it again"
    assert all(f"| {edge.event} | {edge.next} |" in written for edge in machine.TABLE)
