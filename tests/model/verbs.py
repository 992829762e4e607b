"""Verbs of the play: what may be drawn at each step, and how often.

Hypothesis would draw all rules equally often, and leave most of them out of each play. Here one
rule draws: a verb has a weight and a theme, every play has a theme of its own, and verbs of that
theme come four times as often. So deep states are reached in fifty steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import strategies as st

THEMES = ("recovery", "pieces", "ends")
_FAVOURED = 4
F = TypeVar("F", bound=Callable[..., None])


@dataclass(frozen=True)
class Verb:
    """A method of the play: when it can be played, and how its arguments are drawn."""

    name: str
    theme: str
    weight: int
    possible: Callable[[Any], object]
    arguments: dict[str, st.SearchStrategy[Any]]

    def weight_in(self, theme: str) -> int:
        return self.weight * (_FAVOURED if theme == self.theme else 1)


def verb(
    theme: str, weight: int, possible: Callable[[Any], object], **arguments: st.SearchStrategy[Any]
) -> Callable[[F], F]:
    """Make a method a verb."""

    def mark(method: F) -> F:
        found = Verb(method.__name__, theme, weight, possible, arguments)
        method.verb = found  # type: ignore[attr-defined]  # read again by `verbs_of`
        return method

    return mark


def verbs_of(play: type) -> list[Verb]:
    """Return the verbs of a class, its own and inherited ones, the weightiest first."""
    marked = (getattr(getattr(play, name), "verb", None) for name in dir(play))
    found = [verb for verb in marked if isinstance(verb, Verb)]
    return sorted(found, key=lambda verb: (-verb.weight, verb.name))
