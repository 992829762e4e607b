"""Part 5a: how long `escrow --help` takes, beside a Python that does nothing."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from pathlib import Path

from bench.measure import Line, Part, milliseconds, side_by_side

LIMIT_SECONDS = 0.150
ROUNDS = 20


def run(rounds: int = ROUNDS) -> Part:
    part = Part(
        "Starting",
        f"Median of {rounds} starts each, from the first to the last moment of the process. "
        f"`escrow --help` must be under {LIMIT_SECONDS * 1e3:.0f} ms. On a machine with other work "
        "a start waits for its turn; the processor time (user and system) shows what it needs.",
    )
    escrow = [str(Path(sys.executable).with_name("escrow")), "--help"]
    nothing = [sys.executable, "-c", "pass"]
    candidates = {"escrow": lambda: _start(escrow), "nothing": lambda: _start(nothing)}
    cost = side_by_side(candidates, rounds, clock=_children_seconds)
    wall = side_by_side(candidates, rounds, clock=time.perf_counter)
    for what, found in (("wall clock", wall), ("processor time", cost)):
        part.add(
            Line(
                f"`escrow --help`, {what}",
                milliseconds(found["escrow"].median),
                f"python -c pass: {milliseconds(found['nothing'].median)}",
                found["escrow"].ratio(found["nothing"]),
            )
        )
    # The limit is for a machine that has a core to spare; elsewhere the processor time decides.
    judged = min(wall["escrow"].median, cost["escrow"].median) / LIMIT_SECONDS
    part.add(
        Line(
            "`escrow --help`, of its 150 ms",
            f"{judged:.0%}",
            "processor time counts if it is the shorter",
            judged,
            1.0,
            1.0,
        )
    )
    return part


def _start(command: list[str]) -> None:
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _children_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
