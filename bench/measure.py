"""Measuring side by side: every round runs each candidate once, so that noise hits all alike.

What only computes is measured in processor time, which other work on the machine disturbs little;
ratios are the median of the ratios within one round.
"""

from __future__ import annotations

import gc
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Timed:
    """Seconds of one candidate, one value a round."""

    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.rounds)

    def ratio(self, other: Timed) -> float:
        """Return how many times as long as `other` this took."""
        pairs = zip(self.rounds, other.rounds, strict=True)
        return statistics.median(ours / theirs for ours, theirs in pairs)


def side_by_side(
    candidates: Mapping[str, Callable[[], object]],
    rounds: int,
    calls: int = 1,
    clock: Callable[[], float] = time.thread_time,
) -> dict[str, Timed]:
    """Time every candidate `rounds` times, each time `calls` calls; the order turns round."""
    names = list(candidates)
    found: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        candidates[name]()  # what is made once (tables, caches, imports) is not counted
    gc.collect()
    gc.disable()  # as `timeit` does: a collection would hit whoever happens to run
    try:
        for turn in range(rounds):
            shift = turn % len(names)
            for name in names[shift:] + names[:shift]:
                candidate = candidates[name]
                start = clock()
                for _ in range(calls):
                    candidate()
                found[name].append((clock() - start) / calls)
    finally:
        gc.enable()
    return {name: Timed(tuple(times)) for name, times in found.items()}


@dataclass(frozen=True)
class Line:
    """One comparison of the report. `better` says whether more or less is wanted."""

    what: str
    measured: str
    beside: str
    ratio: float | None = None
    aim: float | None = None
    limit: float | None = None
    better: str = "less"
    note: str = ""

    @property
    def verdict(self) -> str:
        """Return met, missed (the aim), FAILED (the hard limit) or nothing to hold it to."""
        if self.ratio is None or (self.aim is None and self.limit is None):
            return "–"
        if self.limit is not None and not self._holds(self.limit):
            return "FAILED"
        if self.aim is not None and not self._holds(self.aim):
            return "missed"
        return "met"

    def _holds(self, bound: float) -> bool:
        assert self.ratio is not None
        return self.ratio <= bound if self.better == "less" else self.ratio >= bound


@dataclass
class Part:
    """One chapter of the report."""

    title: str
    about: str
    lines: list[Line] = field(default_factory=list)

    def add(self, line: Line) -> None:
        """Add a line and show it at once: some parts take minutes."""
        self.lines.append(line)
        ratio = "" if line.ratio is None else f" ({line.ratio:.2f})"
        print(f"  {line.what}: {line.measured}; {line.beside}{ratio}", file=sys.stderr, flush=True)


def milliseconds(seconds: float) -> str:
    if seconds >= 1:
        return f"{seconds:.3g} s"
    return f"{seconds * 1e3:.3g} ms" if seconds >= 1e-3 else f"{seconds * 1e6:.3g} µs"
