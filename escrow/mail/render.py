"""Blocks of a message, as plain text and as simple HTML (the form is described in `letter`).

The HTML has no image, no style sheet, no script and nothing that is fetched: nobody learns that a
mail was opened. It sets no background and no colour of text but the button's, so a mail program's
dark mode works as it is; the button's text is black or white, whichever is easier to read.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from string import Template

from escrow.palette import COLOUR, readable_on

LINKS = frozenset(
    {"url", "link", "custody_link", "deposit_link", "stop_link", "lost_link", "admin_link"}
)
_BUTTON = re.compile(r"\[([^\]]+)\] (\$[a-z_]+)\Z")
_ITEM = re.compile(r"(?:\d+\.|-) ")
_DEFAULT_COLOUR = "#1f5fa8"
_FONT = "system-ui,-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif"
_MONO = "ui-monospace,Menlo,Consolas,monospace"


@dataclass(frozen=True)
class Block:
    """A heading, list, code, button or paragraph, with its places not yet filled in."""

    kind: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Look:
    """What the frame of an HTML part shows of the provider."""

    locale: str
    title: str
    colour: str
    provider: str


def blocks(source: str) -> list[Block]:
    """Take a message apart at its empty lines."""
    parts = re.split(r"\n{2,}", source.strip("\n"))
    return [_block(part.split("\n")) for part in parts if part.strip()]


def _block(lines: list[str]) -> Block:
    first = lines[0]
    if button := _BUTTON.match(first):
        return Block("button", button.groups())
    if first.startswith("# "):
        return Block("heading", (first.removeprefix("# "),))
    if first.startswith("    "):
        return Block("code", tuple(line.strip() for line in lines))
    if first == "-- ":
        return Block("signature", tuple(lines[1:]))
    return Block("list" if _ITEM.match(first) else "paragraph", tuple(lines))


def as_text(parts: Iterable[Block], values: dict[str, str]) -> str:
    """Write plain text; a heading stands right above what it is the heading of."""
    written = ""
    for block in parts:
        text = Template(_plain(block)).substitute(values)
        written += text + ("\n" if block.kind == "heading" else "\n\n")
    return written.rstrip("\n") + "\n"


def _plain(block: Block) -> str:
    if block.kind == "button":
        label, link = block.lines
        return f"{label}:\n{link}"
    if block.kind == "code":
        return "\n".join(f"    {line}" for line in block.lines)
    if block.kind == "signature":
        return "\n".join(("-- ", *block.lines))
    return "\n".join(block.lines)


def as_html(
    phrase: list[Block],
    own: list[Block],
    frame: list[Block],
    values: dict[str, str],
    personal: frozenset[str],
    look: Look,
) -> str:
    """Write the HTML part: the same words, the subject as its heading."""
    colour = look.colour if COLOUR.match(look.colour) else _DEFAULT_COLOUR
    filled = {name: _html_value(name, value, personal) for name, value in values.items()}
    bare = {name: escape(value) for name, value in values.items()}

    def written(parts: list[Block]) -> str:
        return "\n".join(_html(block, filled, bare, colour) for block in parts)

    small = "margin:32px 0 0;padding:16px 0 0;border-top:1px solid #888888;font-size:16px"
    aside = f"padding:0 0 0 12px;border-left:4px solid {colour}"
    large = "margin:0 0 16px;font-size:26px;line-height:1.25"
    return "\n".join(
        (
            "<!doctype html>",
            f'<html lang="{look.locale}" dir="ltr">',
            '<head><meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            '<meta name="supported-color-schemes" content="light dark">',
            f"<title>{escape(look.title)}</title></head>",
            '<body style="margin:0;padding:0">',
            f'<div style="max-width:600px;margin:0 auto;padding:24px 16px;font-family:{_FONT};'
            'font-size:18px;line-height:1.5;overflow-wrap:break-word">',
            f'<p style="margin:0 0 24px;padding:0 0 8px;border-bottom:4px solid {colour};'
            f'font-weight:bold">{escape(look.provider)}</p>',
            f'<div style="{aside}">{written(phrase)}</div>' if phrase else "",
            f'<h1 style="{large}">{escape(look.title)}</h1>',
            written(own),
            f'<div style="{small}">',
            written(frame),
            "</div></div></body></html>",
            "",
        )
    )


def _html_value(name: str, value: str, personal: frozenset[str]) -> str:
    safe = escape(value)
    if name in LINKS and value:
        return f'<a href="{safe}">{safe}</a>'
    if name in personal:
        return f'<span dir="auto" style="unicode-bidi:isolate">{safe}</span>'
    return safe


def _html(block: Block, filled: dict[str, str], bare: dict[str, str], colour: str) -> str:
    lines = [Template(escape(line)).substitute(filled) for line in block.lines]
    if block.kind == "button":
        style = (
            f"display:inline-block;padding:12px 24px;border-radius:6px;background:{colour};"
            f"color:{readable_on(colour)};font-weight:bold;text-decoration:none"
        )
        href = Template(block.lines[1]).substitute(bare)
        return f'<p style="margin:24px 0"><a href="{href}" style="{style}">{lines[0]}</a></p>'
    if block.kind == "heading":
        return f'<h2 style="margin:24px 0 8px;font-size:21px;line-height:1.25">{lines[0]}</h2>'
    if block.kind == "code":
        style = f"margin:24px 0;font-family:{_MONO};font-size:32px;letter-spacing:2px"
        return f'<p style="{style}">{"<br>".join(lines)}</p>'
    if block.kind == "list":
        tag = "ul" if block.lines[0].startswith("- ") else "ol"
        items = "".join(f'<li style="margin:0 0 8px">{_ITEM.sub("", x, 1)}</li>' for x in lines)
        return f'<{tag} style="margin:0 0 16px;padding:0 0 0 28px">{items}</{tag}>'
    return f'<p style="margin:0 0 16px">{"<br>".join(lines)}</p>'
