"""Charts drawn on the server: SVG of a few hundred bytes, which needs no script.

Colours are classes of style/admin.css; the words are a title, and the numbers stand beside it in a
table.
"""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 720, 180


def stacked(series: Mapping[str, Sequence[int]], alternative: str) -> str:
    """Draw one area over the other, the first at the foot; `alternative` says it in words."""
    days = max((len(values) for values in series.values()), default=0)
    sums = [sum(values[day] for values in series.values()) for day in range(days)]
    most = max(sums, default=0)
    head = (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" preserveAspectRatio="none">'
    )
    areas, below = [], [0] * days
    for name, values in series.items():
        above = [low + value for low, value in zip(below, values, strict=True)]
        if most > 0 and days > 1 and any(values):
            edge = _points(above, most) + _points(below, most)[::-1]
            areas.append(f'<path class="area-{escape(name)}" d="M{"L".join(edge)}Z"/>')
        below = above
    return f"{head}<title>{escape(alternative)}</title>{''.join(areas)}</svg>"


def _points(values: Sequence[int], most: int) -> list[str]:
    step = WIDTH / (len(values) - 1)
    return [
        f"{day * step:.1f} {HEIGHT - HEIGHT * value / most:.1f}" for day, value in enumerate(values)
    ]
