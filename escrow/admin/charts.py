"""Charts drawn on the server: SVG of a few hundred bytes, which needs no script.

Colours are classes of style/admin.css; the words are a title, and the numbers stand beside it in a
table.
"""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from escrow.i18n import Translator

WIDTH, HEIGHT = 720, 180


def stacked(series: Mapping[str, Sequence[int]], alternative: str) -> str:
    """Draw one area over the other, the first at the foot; `alternative` says it in words."""
    days = max((len(values) for values in series.values()), default=0)
    sums = [sum(values[day] for values in series.values()) for day in range(days)]
    most = max(sums, default=0)
    if most == 0 or days < 2:
        return _drawing([], alternative)
    areas, below = [], [0] * days
    foot = _points(below, most)
    for name, values in series.items():
        if not any(values):
            continue
        below = [low + value for low, value in zip(below, values, strict=True)]
        edge = _points(below, most)
        line = "L".join([*edge, *reversed(foot)])
        areas.append(f'<path class="area-{escape(name)}" d="M{line}Z"/>')
        foot = edge
    return _drawing(areas, alternative)


def bars(series: Mapping[str, Sequence[int]], alternative: str) -> str:
    """Draw one column a day (or week), its parts one over the other, the first at the foot.

    For what is counted anew every day: between two days lies nothing.
    """
    days = max((len(values) for values in series.values()), default=0)
    most = highest(series)
    step = WIDTH / max(days, 1)
    columns, below = [], [0] * days
    for name, values in series.items():
        drawn = [
            f"M{day * step + step / 8:.1f} {HEIGHT - HEIGHT * below[day] / most:.1f}"
            f"h{step * 3 / 4:.1f}v-{HEIGHT * value / most:.1f}h-{step * 3 / 4:.1f}z"
            for day, value in enumerate(values)
            if value
        ]
        if drawn:
            columns.append(f'<path class="area-{escape(name)}" d="{"".join(drawn)}"/>')
        below = [low + value for low, value in zip(below, values, strict=True)]
    return _drawing(columns, alternative)


def highest(series: Mapping[str, Sequence[int]]) -> int:
    """Return the number that the highest column stands for; 0 for none."""
    return max((sum(day) for day in zip(*series.values(), strict=True)), default=0)


def table(
    series: Mapping[str, Sequence[int]], words: Translator, first: int, step: int
) -> list[tuple[str, list[str]]]:
    """Return the columns that are not empty as rows of a table, the last one first.

    Each is the date of its first day and a number for each of the series; `first` is a moment of
    the first column's first day and `step` the length of a column, in seconds.
    """
    columns = list(enumerate(zip(*series.values(), strict=True)))
    return [
        (words.day(first + at * step), [words.number(part) for part in parts])
        for at, parts in reversed(columns)
        if any(parts)
    ]


def _drawing(paths: Sequence[str], alternative: str) -> str:
    head = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="none">'
    )
    return f"{head}<title>{escape(alternative)}</title>{''.join(paths)}</svg>"


def _points(values: Sequence[int], most: int) -> list[str]:
    step = WIDTH / (len(values) - 1)
    return [
        f"{day * step:.1f} {HEIGHT - HEIGHT * value / most:.1f}" for day, value in enumerate(values)
    ]
