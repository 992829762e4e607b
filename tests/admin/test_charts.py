"""Charts: what is drawn is what was counted."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from escrow.admin import charts

SERIES = st.integers(1, 60).flatmap(
    lambda days: st.fixed_dictionaries(
        {
            name: st.lists(st.integers(0, 10**6), min_size=days, max_size=days)
            for name in ("first", "second")
        }
    )
)
PART = re.compile(r"M([\d.]+) ([\d.]+)h([\d.]+)v-([\d.]+)h-[\d.]+z")


@given(SERIES)
def test_every_column_is_as_high_as_its_number_and_stands_on_the_one_below(
    series: dict[str, list[int]],
) -> None:
    drawn = charts.bars(series, "What & how")
    assert "<title>What &amp; how</title>" in drawn
    most = max(map(sum, zip(*series.values(), strict=True)))
    assert charts.highest(series) == most
    foot = [charts.HEIGHT * 1.0] * len(series["first"])
    for name, values in series.items():
        found = re.search(rf'<path class="area-{name}" d="([^"]*)"', drawn)
        parts = [tuple(map(float, part)) for part in PART.findall(found[1])] if found else []
        days = [day for day, value in enumerate(values) if value]
        assert len(parts) == len(days)
        for day, (left, bottom, width, high) in zip(days, parts, strict=True):
            step = charts.WIDTH / len(values)
            assert day * step <= left <= left + width <= (day + 1) * step + 0.2
            assert abs(high - charts.HEIGHT * values[day] / most) < 0.06
            assert abs(bottom - foot[day]) < 0.2
            foot[day] -= charts.HEIGHT * values[day] / most
    assert all(left > -0.2 for left in foot)


def test_of_nothing_nothing_is_drawn() -> None:
    for draw in (charts.bars, charts.stacked):
        assert "<path" not in draw({"first": [0, 0]}, "Nothing")
        assert "<path" not in draw({}, "Nothing")
