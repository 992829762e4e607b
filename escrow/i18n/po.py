"""Read .po files and write .mo files, as far as this product uses them: no contexts.

An installed package brings compiled catalogues and does not need this; a source checkout in which
a .po was just edited does, and must not need Babel for it. Source: the GNU gettext manual, "The
Format of PO Files" and "The Format of GNU MO Files".
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator

_LINE = re.compile(r'(msgid_plural|msgid|msgstr(?:\[\d\])?)?\s*"(.*)"\s*\Z')
_ESCAPED = re.compile(r"\\(.)")
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
_MO_MAGIC = 0x950412DE
_MO_HEADER = "<7I"


def read_po(text: str) -> dict[str, str]:
    """Read the translated messages of a .po as a .mo stores them, plural forms joined by NUL.

    Fuzzy and untranslated messages are left out; the header is the message "".
    """
    found = {}
    for fields, fuzzy in _entries(text):
        key = fields.pop("msgid")
        plural = fields.pop("msgid_plural", None)
        forms = list(fields.values())
        if all(forms) and forms and not (fuzzy and key):
            found[key if plural is None else f"{key}\0{plural}"] = "\0".join(forms)
    return found


def _entries(text: str) -> Iterator[tuple[dict[str, str], bool]]:
    """Yield the fields of each entry and whether it is marked fuzzy."""
    fields: dict[str, str] = {}
    field, fuzzy, next_fuzzy = "", False, False
    for line in text.splitlines():
        if line.startswith("#"):
            next_fuzzy = next_fuzzy or (line.startswith("#,") and "fuzzy" in line)
            continue
        match = _LINE.match(line)
        if match is None:
            continue
        field = match[1] or field
        if match[1] == "msgid":
            if fields:
                yield fields, fuzzy
            fields, fuzzy, next_fuzzy = {}, next_fuzzy, False
        fields[field] = fields.get(field, "") + _unescaped(match[2])
    if fields:
        yield fields, fuzzy


def _unescaped(text: str) -> str:
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda match: _ESCAPES.get(match[1], match[1]), text)


def mo_bytes(messages: dict[str, str]) -> bytes:
    """Write messages as a .mo file: header, two tables of (length, offset), then the strings."""
    ordered = sorted((key.encode(), value.encode()) for key, value in messages.items())
    count, start = len(ordered), struct.calcsize(_MO_HEADER)
    header = struct.pack(_MO_HEADER, _MO_MAGIC, 0, count, start, start + 8 * count, 0, 0)
    tables, strings = b"", b""
    offset = start + 16 * count
    for column in (0, 1):
        for entry in ordered:
            tables += struct.pack("<2I", len(entry[column]), offset + len(strings))
            strings += entry[column] + b"\0"
    return header + tables + strings
