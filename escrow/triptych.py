"""The product's picture: one keyhole over three panels, *you*, *your contacts*, *provider*.

A panel is solid when its piece is proven, outlined when it is held but due for a check, dashed when
invited, crossed when lost, dotted when nobody was asked. One template for pages, mails and paper:
it needs one ink and knocks the keyhole out of a solid panel, so it works in black only and on any
ground.
"""

from __future__ import annotations

from enum import StrEnum
from xml.sax.saxutils import escape

WIDTH = 92
HEIGHT = 86
_PANEL_WIDTH = 28
WHO = ("you", "contacts", "provider")
_LEFTS = (0, 32, 64)
# The keyhole (a circle and a flared skirt) cut by the gaps between the panels.
_PIECES = (
    "M28 12.1A24 24 0 0 0 28 43.9ZM28 65.8L20 78H28Z",
    "M32 8.5A24 24 0 0 1 60 8.5V47.5A24 24 0 0 1 54 50.6L60 59.8V78H32V59.8L38 50.6"
    "A24 24 0 0 1 32 47.5Z",
    "M64 12.1A24 24 0 0 1 64 43.9ZM64 65.8L72 78H64Z",
)


class Panel(StrEnum):
    PROVEN = "proven"
    DUE = "due"
    INVITED = "invited"
    LOST = "lost"
    NOBODY = "nobody"


def svg(
    you: Panel, contacts: Panel, provider: Panel, alternative: str, ink: str = "currentColor"
) -> str:
    """Draw the picture as an SVG document.

    `alternative` says the same in words; empty where the words stand beside it already.
    """
    title = f"<title>{escape(alternative)}</title>" if alternative else ""
    role = 'role="img"' if alternative else 'aria-hidden="true"'
    panels = "".join(
        _panel(state, left, piece, ink)
        for state, left, piece in zip((you, contacts, provider), _LEFTS, _PIECES, strict=True)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {role}>'
        f"{title}{panels}</svg>"
    )


def mark() -> str:
    """Draw the picture small, as a sign beside a name."""
    return svg(Panel.PROVEN, Panel.PROVEN, Panel.PROVEN, "")


def sprites(ink: str = "currentColor") -> str:
    """Draw every panel in every state, each under an id such as `panel-you-proven`.

    A page's script composes the picture with `<use>`: it need not make any markup.
    """
    panels = "".join(
        f'<g id="panel-{who}-{state}">{_panel(state, left, piece, ink)}</g>'
        for who, left, piece in zip(WHO, _LEFTS, _PIECES, strict=True)
        for state in Panel
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" aria-hidden="true" hidden>{panels}</svg>'


def _panel(state: Panel, left: int, piece: str, ink: str) -> str:
    right = left + _PANEL_WIDTH
    if state is Panel.PROVEN:
        return _solid(f"M{left} 0H{right}V{HEIGHT}H{left}Z{piece}", ink)
    frame = f"M{left + 1} 1H{right - 1}V{HEIGHT - 1}H{left + 1}Z"
    cross = f"M{left} 0L{right} {HEIGHT}M{right} 0L{left} {HEIGHT}"
    return {
        Panel.DUE: _line(frame, ink) + _solid(piece, ink),
        Panel.INVITED: _line(frame, ink, "6 4") + _line(piece, ink, "3 2"),
        Panel.LOST: _line(frame, ink) + _line(cross, ink),
        Panel.NOBODY: _line(frame, ink, "1 5"),
    }[state]


def _solid(path: str, ink: str) -> str:
    return f'<path fill="{ink}" fill-rule="evenodd" d="{path}"/>'


def _line(path: str, ink: str, dashes: str = "") -> str:
    dashed = f' stroke-dasharray="{dashes}"' if dashes else ""
    return f'<path fill="none" stroke="{ink}" stroke-width="1.6"{dashed} d="{path}"/>'
