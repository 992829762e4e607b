"""Systematic refusals: every field of a JSON format missing, and of a wrong kind."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from typing import Any

from .basics import Cases, b64url, canonical, fixed

Path = list[str | int]
Kinds = Sequence[tuple[Sequence[str | int], dict[str, Any]]]
BIG = 2**53
SURROGATE = "<lone surrogate>"


def kind_id() -> dict[str, Any]:
    ident = fixed("bad id", 16).hex()
    return {
        "in upper case": ident.upper(),
        "one character short": ident[:-1],
        "one character long": ident + "0",
        "with a letter past f": "g" + ident[1:],
        "as a number": 5,
        "empty": "",
    }


def kind_bytes(length: int) -> dict[str, Any]:
    """Refusals of base64url of exactly `length` bytes (not a multiple of three)."""
    text = b64url(fixed("bad bytes", length))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    spare = alphabet[alphabet.index(text[-1]) | 1]
    return {
        "one byte short": b64url(fixed("bad bytes", length - 1)),
        "one byte long": b64url(fixed("bad bytes", length + 1)),
        "with padding": text + "=" * (-length % 3),
        "with bits in the last character that belong to no byte": text[:-1] + spare,
        "in the standard alphabet": "+/" + text[2:],
        "with a space": text[:4] + " " + text[4:],
        "with a line break at the end": text + "\n",
        "as a list of numbers": [1, 2, 3],
        "empty": "",
    }


def kind_int() -> dict[str, Any]:
    return {
        "as text": "1",
        "below zero": -1,
        "equal to 2^53": BIG,
        "past 2^53": BIG + 1,
        "as true": True,
        "as null": None,
    }


def kind_text(longest: int, *, empty_allowed: bool = True) -> dict[str, Any]:
    bad = {
        "one code point too long": "é" * (longest + 1),
        "as a number": 5,
        "as null": None,
        "with a lone surrogate": SURROGATE,
    }
    return bad if empty_allowed else bad | {"empty": ""}


def kind_choice() -> dict[str, Any]:
    return {"unknown": "somebody", "as null": None}


def kind_bool() -> dict[str, Any]:
    return {"as a number": 0, "as text": "true", "as null": None}


def nullable(bad: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in bad.items() if value is not None}


def few(bad: dict[str, Any], count: int = 1) -> dict[str, Any]:
    """Keep only the first refusals of a kind, where all of them stand elsewhere."""
    return dict(list(bad.items())[:count])


def replaced(document: Any, path: Sequence[str | int], value: Any) -> Any:
    """Copy a document with one place changed."""
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return changed


def removed(document: Any, path: Sequence[str | int]) -> Any:
    """Copy a document without one place."""
    changed = copy.deepcopy(document)
    place = changed
    for step in path[:-1]:
        place = place[step]
    del place[path[-1]]
    return changed


def written(document: Any) -> bytes:
    """Write a document, the lone surrogate as the escape that JSON.stringify gives it."""
    return canonical(document).replace(SURROGATE.encode(), b"\\ud800")


def dotted(path: Sequence[str | int]) -> str:
    return ".".join(map(str, path))


def spoilt(document: dict[str, Any], kinds: Kinds) -> Iterator[tuple[str, bytes, str]]:
    """Yield (name, bytes, field) for every place missing and of every wrong kind."""
    for path, bad in kinds:
        place = dotted(path)
        if not isinstance(path[-1], int):
            yield f"{place} missing", written(removed(document, path)), place
        for how, value in bad.items():
            yield f"{place} {how}", written(replaced(document, path, value)), place


def add_refusals(
    cases: Cases,
    operation: str,
    key: str,
    error: str,
    document: dict[str, Any],
    kinds: Kinds,
    prefix: str = "",
) -> None:
    """Add all of `spoilt` as refusals of one operation."""
    for name, data, place in spoilt(document, kinds):
        cases.bad(prefix + name, operation, {key: data}, error, place)


def add_writing_refusals(
    cases: Cases, operation: str, key: str, error: str, good: bytes, prefix: str = ""
) -> None:
    """Add what is valid JSON or nearly so, but not the one serialisation of `good`."""
    first = good.index(b",")
    head, rest = good[:first], good[first + 1 :]
    second = rest.index(b",")
    spellings = {
        "white space after a comma": good.replace(b",", b", ", 1),
        "white space before the end": good[:-1] + b" }",
        "a line break at the end": good + b"\n",
        "a byte order mark": b"\xef\xbb\xbf" + good,
        "two fields in the wrong order": b"{" + rest[:second] + b"," + head[1:] + rest[second:],
        "a field twice": head + b"," + head[1:] + b"," + rest,
        "a letter as an escape": good.replace(b'"escrow/', b'"\\u0065scrow/', 1),
        "a slash with a backslash": good.replace(b'"escrow/', b'"escrow\\/', 1),
        "a comma after the last field": good[:-1] + b",}",
        "bytes after the end": good + b"{}",
        "cut short": good[:-1],
        "no bytes": b"",
        "a list": b"[" + good + b"]",
        "null": b"null",
        "a string": b'"escrow"',
        "UTF-16": good.decode().encode("utf-16-be"),
        "bytes that are not UTF-8": good[:-2] + b"\xff" + good[-2:],
        "a surrogate in UTF-8": good[:-2] + b"\xed\xa0\x80" + good[-2:],
        "too deep": b'{"format":' + b"[" * 60 + b"]" * 60 + b"}",
    }
    for name, data in spellings.items():
        if data == good:
            continue
        cases.bad(prefix + name, operation, {key: data}, error, "")
    unknown = good[:-1] + b',"surprise":1}'
    cases.bad(prefix + "an unknown field", operation, {key: unknown}, error, "surprise")
