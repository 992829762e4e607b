"""Lines of columns, for a terminal of 80 characters: aligned, and wrapped in their column."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence

WIDTH = 79
_GAP = "  "
_MIN_LAST = 24  # what is left for the last column, however wide the others are


def rows(lines: Sequence[Sequence[str]], indent: int = 2) -> Iterator[str]:
    """Write lines of as many cells each: the first is cut when it is long, the last is wrapped."""
    if not lines:
        return
    widths = [max(map(width, column)) for column in zip(*lines, strict=True)][:-1]
    others = sum(size + len(_GAP) for size in widths[1:])
    widths[0] = min(widths[0], WIDTH - indent - len(_GAP) - others - _MIN_LAST)
    for line in lines:
        cells = [_fitted(text, size) for text, size in zip(line[:-1], widths, strict=True)]
        head = " " * indent + "".join(cell + _GAP for cell in cells)
        yield from wrapped(line[-1], head, len(head))


def wrapped(text: str, head: str = "", hanging: int = 0) -> list[str]:
    """Break a text between words, below the end of its head; a long word stays whole."""
    found = textwrap.wrap(
        text,
        WIDTH,
        initial_indent=head,
        subsequent_indent=" " * hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return found or [head.rstrip()]


def width(text: str) -> int:
    """Count the cells that a text takes on a terminal: some letters take two, some marks none."""
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def _fitted(text: str, size: int) -> str:
    if width(text) > size:
        while width(text) > size - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (size - width(text))
