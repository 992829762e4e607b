"""Tend the catalogues of a source checkout: `python -m escrow.i18n compile|extract|check`.

extract   bring the messages of the sources into every .po: new ones empty, unused ones dropped
check     say what is missing, fuzzy, unused or filled in otherwise; exit status 1 if anything is
compile   write the .mo files that are missing or old

The .po files carry no line numbers and no dates, so that they change only when a message does.
"""

from __future__ import annotations

import ast
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from escrow.i18n import DOMAIN, FOLDER, LOCALES, SOURCE_LOCALE
from escrow.i18n.po import mo_bytes, read_po

if TYPE_CHECKING:
    from babel.messages.catalog import Catalog, Message

ROOT = FOLDER.parent.parent
# (folder, endings, Babel's method)
SOURCES = (
    ("escrow", (".py",), "python"),
    ("cli", (".py",), "python"),
    ("escrow/templates", (".html", ".txt", ".xml", ".svg"), "jinja2.ext:babel_extract"),
    ("escrow/browser", (".js", ".mjs"), "javascript"),
    ("escrow/browser", (".html",), "jinja2.ext:babel_extract"),
)
NOT_OURS = {"node_modules", "vendor", "dist", "static", "__pycache__"}
KEYWORDS: dict[str, tuple[int, ...] | None] = {
    "_": None,
    "N_": None,
    "gettext": None,
    "ngettext": (1, 2),
}
_VOLATILE = re.compile(
    rb'"(?:Project-Id-Version|Report-Msgid-Bugs-To|POT-Creation-Date|PO-Revision-Date|'
    rb"Last-Translator|Language-Team|Generated-By):.*\n"
)
_PLACE = re.compile(r"\{[a-z_][a-z0-9_]*\}|%\([a-z0-9_]+\)[sd]")


def source_files(root: Path = ROOT) -> Iterator[tuple[Path, str]]:
    """Yield every file that may hold messages, with the method that reads it."""
    for folder, endings, method in SOURCES:
        for path in sorted((root / folder).rglob("*")):
            inside = path.relative_to(root).parts
            if path.suffix in endings and path.is_file() and not NOT_OURS & set(inside):
                yield path, method


def extracted(root: Path = ROOT) -> Catalog:
    """Return a catalogue of all messages in the sources."""
    from babel.messages.catalog import Catalog
    from babel.messages.extract import extract_from_file

    catalogue = Catalog(charset="utf-8")
    for path, method in source_files(root):
        options = {"encoding": "utf-8", "silent": "false", "newstyle_gettext": "true"}
        for line, message, comments, _context in extract_from_file(
            method, path, keywords=KEYWORDS, comment_tags=("i18n:",), options=options
        ):
            place = (path.relative_to(root).as_posix(), line)
            catalogue.add(message, None, [place], auto_comments=comments)
    return catalogue


def in_f_strings(root: Path = ROOT) -> Iterator[str]:
    """Name the places where a message is marked inside an f-string, or is one: never extracted."""
    for path, method in source_files(root):
        if method != "python":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            inner = ast.walk(node) if isinstance(node, ast.JoinedStr) else ()
            given = node.args if isinstance(node, ast.Call) and _is_marker(node) else []
            if any(_is_marker(n) for n in inner) or any(
                isinstance(arg, ast.JoinedStr) for arg in given
            ):
                yield f"{path.relative_to(root)}:{node.lineno}"  # type: ignore[attr-defined]


def _is_marker(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    name = getattr(node.func, "id", None) or getattr(node.func, "attr", None)
    return name in KEYWORDS


def po_files(folder: Path = FOLDER) -> list[Path]:
    """Return the catalogues' paths, which may not exist yet."""
    return [
        folder / locale / "LC_MESSAGES" / f"{DOMAIN}.po"
        for locale in LOCALES
        if locale != SOURCE_LOCALE
    ]


def updated(po: Path, template: Catalog) -> bytes:
    """Return a .po brought up to date: new messages empty, unused ones dropped."""
    from babel.messages.catalog import Catalog
    from babel.messages.pofile import read_po as babel_read_po
    from babel.messages.pofile import write_po

    locale = po.parent.parent.name
    catalogue = Catalog(locale=locale, charset="utf-8", fuzzy=False)
    catalogue.header_comment = "# The product's messages. Here stands which word is used for what."
    if po.exists():
        with po.open("rb") as stream:
            catalogue = babel_read_po(stream, locale=locale, abort_invalid=True)
    catalogue.fuzzy = False
    catalogue.update(template, no_fuzzy_matching=True, update_header_comment=False)
    written = io.BytesIO()
    write_po(written, catalogue, include_lineno=False, sort_by_file=True, ignore_obsolete=True)
    return _VOLATILE.sub(b"", written.getvalue())


def complaints(po: Path, template: Catalog) -> Iterator[str]:
    """Say what is wrong with a catalogue, one line each."""
    from babel.messages.pofile import read_po as babel_read_po

    with po.open("rb") as stream:
        catalogue = babel_read_po(stream, abort_invalid=True)
    for message in template:
        found = catalogue.get(message.id) if message.id else None
        if message.id and (found is None or not all(_forms(found))):
            yield f"missing: {message.id!r} ({message.locations[0][0]})"
    for message in catalogue:
        if message.id and template.get(message.id) is None:
            yield f"unused: {message.id!r}"
        elif message.id and message.fuzzy:
            yield f"fuzzy: {message.id!r}"
        elif message.id and all(_forms(message)) and _places_differ(message):
            yield f"other places to fill in: {message.id!r}"
    yield from (f"obsolete: {message.id!r}" for message in catalogue.obsolete.values())


def _forms(message: Message) -> tuple[str, ...]:
    string = message.string
    return (string,) if isinstance(string, str) else tuple(string or ("",))


def _places_differ(message: Message) -> bool:
    """Tell whether a translation fills in other places; plural forms may leave `{n}` out."""
    ids = (message.id,) if isinstance(message.id, str) else tuple(message.id)
    places = [set(_PLACE.findall(text)) for text in ids]
    optional = {"{n}"} if len(ids) > 1 else set()
    return any(
        (set(_PLACE.findall(form)) ^ places[min(number, len(places) - 1)]) - optional
        for number, form in enumerate(_forms(message))
    )


def replace_file(path: Path, content: bytes) -> None:
    """Write a file so that nobody sees half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def extract() -> int:
    """Bring every .po up to date."""
    template = extracted()
    for po in po_files():
        replace_file(po, updated(po, template))
    return 0


def check() -> int:
    """Report every complaint; returns the exit status."""
    template = extracted()
    found = []
    for po in po_files():
        found += [f"{po.parent.parent.name}: {line}" for line in complaints(po, template)]
    found += [f"marked inside an f-string: {place}" for place in in_f_strings()]
    sys.stderr.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


def compile_() -> int:
    """Write every .mo that is missing or old."""
    for po in po_files():
        mo = po.with_suffix(".mo")
        if not mo.exists() or mo.stat().st_mtime_ns < po.stat().st_mtime_ns:
            replace_file(mo, mo_bytes(read_po(po.read_text("utf-8"))))
    return 0


def main(arguments: list[str]) -> int:
    """Run one of the three commands; returns the exit status."""
    commands = {"extract": extract, "check": check, "compile": compile_}
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.stderr.write(__doc__ or "")
        return 2
    return commands[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
