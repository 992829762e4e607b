"""encoding.json: PAE, digits, canonical JSON."""

from __future__ import annotations

from typing import Any

from ..basics import Cases, canonical, digits, fixed, grouped, identifier, pae, sha256
from ..shapes import BIG, add_writing_refusals, kind_id, kind_int, replaced, spoilt

DESCRIPTION = "Section 2: PAE, digits for people, JSON in one serialisation"


def add_pae(cases: Cases) -> None:
    ident = identifier("pae")
    lists: dict[str, list[list[Any]]] = {
        "no fields": [],
        "one empty field": [["empty"]],
        "two empty fields": [["empty"], ["empty"]],
        "empty bytes are the same as an absent field": [["bytes", ""]],
        "bytes": [["bytes", fixed("pae", 5).hex()]],
        "an identifier is its 16 raw bytes": [["id", ident]],
        "zero": [["int", 0]],
        "the largest integer": [["int", BIG - 1]],
        "text": [["text", "share"]],
        "text outside ASCII": [["text", "Zoë 🌿 e\u0301"]],
        "all kinds": [["id", ident], ["int", 86400], ["text", "é"], ["empty"], ["bytes", "00ff"]],
        "300 bytes": [["bytes", fixed("pae", 300).hex()]],
        "300 fields": [["int", number] for number in range(300)],
    }
    read = {"bytes": bytes.fromhex, "id": bytes.fromhex, "int": int, "text": str}
    for name, fields in lists.items():
        values = [None if f[0] == "empty" else read[f[0]](f[1]) for f in fields]
        given = {"label": "escrow/v1/test", "fields": fields}
        cases.good(f"pae: {name}", "pae", given, bytes=pae("escrow/v1/test", *values))
    given = {"label": "", "fields": [["text", "a"]]}
    cases.good("pae: empty label", "pae", given, bytes=pae("", "a"))


def add_digits(cases: Cases) -> None:
    hashes = {
        "a hash": sha256(b"digits"),
        "zeroes in front": bytes(15) + b"\x2a" + b"\xff" * 16,
        "only the first 16 bytes count": b"\xff" * 16 + fixed("digits", 16),
        "all zero": bytes(32),
    }
    for name, digest in hashes.items():
        for count in (4, 8, 12, 24):
            text = digits(digest, count)
            given = {"hash": digest, "count": count}
            cases.good(f"{count} digits: {name}", "digits", given, digits=text)
    for text in ("", "1", "1234", "12345", digits(sha256(b"digits"), 24), "0" * 40):
        output = grouped(text)
        cases.good(f"grouped: {len(text)} digits", "grouped", {"digits": text}, text=output)


def add_writing(cases: Cases) -> None:
    values = {
        "empty object": {},
        "empty list": [],
        "keys stay in their order": {"b": 1, "a": {"d": 2, "c": 3}},
        "constants": [True, False, None],
        "integers": [0, 1, 10, 86400, BIG - 1],
        "control characters": "".join(map(chr, range(32))),
        "quotation mark, backslash, slash, delete": '"\\/\x7f',
        "line and paragraph separators stay": "\u2028\u2029",
        "text outside ASCII stays": "Zoë 張 \U0001f33f e\u0301 \ufeff \uffff",
    }
    for name, value in values.items():
        cases.good(f"write: {name}", "write_json", {"value": value}, bytes=canonical(value))


def add_reading(cases: Cases) -> None:
    """Refusals that hold for every format, on the smallest one: an event."""
    event = {
        "id": identifier("event"),
        "type": "custody invited",
        "account": identifier("account"),
        "deposit": identifier("deposit"),
        "custody": identifier("custody"),
        "recovery": None,
        "at": 0,
        "data": {"until": 1},
    }
    good = canonical(event)
    cases.good("read: an event", "parse_event", {"event": good}, event=good)
    for number in (BIG - 1, 0):
        data = canonical(event | {"at": number})
        cases.good(f"read: the integer {number}", "parse_event", {"event": data}, event=data)
    add_writing_refusals(cases, "parse_event", "event", "malformed_event", good, "read: ")
    for name, spelling in {
        "1.0": b"1.0",
        "1e0": b"1e0",
        "minus zero": b"-0",
        "a leading zero": b"01",
        "a plus sign": b"+1",
        "hexadecimal": b"0x1",
        "NaN": b"NaN",
        "Infinity": b"Infinity",
        "-Infinity": b"-Infinity",
        "undefined": b"undefined",
        "True": b"True",
    }.items():
        data = good.replace(b'"at":0', b'"at":' + spelling)
        cases.bad(f"read: {name}", "parse_event", {"event": data}, "malformed_event", "")
    # Some parsers see these numbers as such, others do not: no field is promised.
    for spelling in (b"1.5", b"1e400", b"9007199254740993.0", b"-9007199254740993"):
        data = good.replace(b'"at":0', b'"at":' + spelling)
        name = f"read: {spelling.decode()}"
        cases.bad(name, "parse_event", {"event": data}, "malformed_event")
    brackets = {"event": b"[" * 100_000}
    name = "read: a hundred thousand brackets"
    cases.bad(name, "parse_event", brackets, "malformed_event", "")
    twice = good.replace(b'"until":1', b'"until":1,"until":1')
    cases.bad("read: a nested field twice", "parse_event", {"event": twice}, "malformed_event", "")
    for name, data, place in spoilt(event, [(["id"], kind_id()), (["at"], kind_int())]):
        cases.bad(f"read: {name}", "parse_event", {"event": data}, "malformed_event", place)
    for name, value in {"a list": [], "null": None, "text": "{}", "a number": 0}.items():
        data = canonical(replaced(event, ["data"], value))
        cases.bad(
            f"read: data as {name}", "parse_event", {"event": data}, "malformed_event", "data"
        )
    reason = replaced(event, ["data"], {"reason": "a\u0001"}) | {"type": "custody rejected"}
    data = canonical(reason)
    cases.good("read: a control character", "parse_event", {"event": data}, event=data)
    for name, spelling in {
        "a control character without escape": b"\x01",
        "an escape in upper-case hex": b"\\u001F",
        "a short escape written long": b"\\u000a",
    }.items():
        data = canonical(reason).replace(b"\\u0001", spelling)
        cases.bad(f"read: {name}", "parse_event", {"event": data}, "malformed_event", "")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_pae(made)
    add_digits(made)
    add_writing(made)
    add_reading(made)
    return made
