r"""Encodings: PAE, one JSON serialisation, base64url, digits for people.

`PAE(label, f1 … fn) = u16(len label) ‖ label ‖ u16(n) ‖ Σ (u32(len fi) ‖ fi)`, big-endian. Every
hash, MAC, key derivation and signature of the protocol has a PAE with a label of its own as input,
so that nothing made for one purpose is valid for another.

>>> pae("escrow/v1/example", b"\\x01", 7, "é", None).hex()[:44]
'0011657363726f772f76312f6578616d706c65000400'

JSON documents have exactly one serialisation: fields in the order of the specification, no white
space, strings as `JSON.stringify` writes them, integers 0 … 2^53−1, canonical base64url, lower-case
hex. A parser reads, checks, writes again and refuses unless the bytes are equal; duplicate keys,
`1.0`, NaN and unknown fields are therefore all one error. Source: PROTOCOL.md section 2.
"""

import binascii
import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from escrow.protocol.errors import Malformed

ID_LENGTH_BYTES = 16
HASH_LENGTH_BYTES = 32
SIGNATURE_LENGTH_BYTES = 64
MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 6

_ID = re.compile(r"[0-9a-f]{32}\Z")
_TO_URL, _FROM_URL = bytes.maketrans(b"+/", b"-_"), bytes.maketrans(b"-_", b"+/")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*\Z")
# A string that begins is always taken to its end, or to the end of the bytes: were an unclosed one
# given up, the search would begin again inside it and take quadratic time.
_STRUCTURE = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)|[\[{]|[\]}]', re.DOTALL)


def pae(label: str, *fields: bytes | int | str | None) -> bytes:
    """Encode `label` and `fields` so that no two different inputs give the same bytes.

    Bytes go raw, integers as 8 bytes big-endian, text as UTF-8, None as empty.
    """
    name = label.encode()
    parts = [len(name).to_bytes(2, "big"), name, len(fields).to_bytes(2, "big")]
    for field in fields:
        raw = field if type(field) is bytes else _field_bytes(field)
        parts += (len(raw).to_bytes(4, "big"), raw)
    return b"".join(parts)


def _field_bytes(field: bytes | int | str | None) -> bytes:
    if field is None:
        return b""
    if isinstance(field, int):
        return field.to_bytes(8, "big")
    return field.encode() if isinstance(field, str) else bytes(field)


def pae_hash(label: str, *fields: bytes | int | str | None) -> bytes:
    """Return the SHA-256 (32 bytes) of the PAE."""
    return hashlib.sha256(pae(label, *fields)).digest()


def sha256(data: bytes) -> bytes:
    """Return the SHA-256 (32 bytes) of one opaque byte string."""
    return hashlib.sha256(data).digest()


def is_identifier(text: object) -> bool:
    """Tell whether `text` is an identifier: 32 lower-case hex characters."""
    return isinstance(text, str) and _ID.match(text) is not None


def raw_id(identifier: str | None) -> bytes:
    """Return the 16 raw bytes of an identifier, or nothing for an absent one.

    Raises Malformed("identifier") for anything else.
    """
    if identifier is None:
        return b""
    if not is_identifier(identifier):
        raise Malformed("identifier", reason="32 lower-case hex characters are needed")
    return bytes.fromhex(identifier)


def b64url(data: bytes) -> str:
    """Write bytes as base64url without padding (RFC 4648 section 5)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL).rstrip(b"=").decode()


def b64url_decode(text: str) -> bytes:
    """Read canonical base64url without padding; raises Malformed("base64url") otherwise."""
    if not _BASE64URL.match(text):
        raise Malformed("base64url", reason="a character outside the alphabet")
    try:
        standard = text.encode().translate(_FROM_URL) + b"=" * (-len(text) % 4)
        data = binascii.a2b_base64(standard)
    except (binascii.Error, ValueError):
        raise Malformed("base64url", reason="a wrong length") from None
    if b64url(data) != text:
        raise Malformed("base64url", reason="not in canonical form")
    return data


def digits(digest: bytes, count: int) -> str:
    """Return `count` decimal digits of a hash: its first 16 bytes, big-endian, modulo 10^count."""
    return str(int.from_bytes(digest[:16], "big") % 10**count).zfill(count)


def grouped(number: str) -> str:
    """Write digits in groups of four, as people read them aloud."""
    return " ".join(number[i : i + 4] for i in range(0, len(number), 4))


def load_json(data: bytes, what: str, max_bytes: int, max_depth: int = MAX_DEPTH) -> Any:
    """Parse JSON strictly: size and depth first, no duplicate keys, NaN or huge numbers.

    White space and any order of fields are allowed here: documents of the protocol are compared
    with their one serialisation afterwards; bodies of the API are not. Raises Malformed(what).
    """
    if len(data) > max_bytes:
        raise Malformed(what, reason=f"over {max_bytes} bytes")
    _check_depth(data, what, max_depth)
    try:
        return json.loads(
            data.decode(),
            object_pairs_hook=lambda pairs: _unique(pairs, what),
            parse_constant=lambda _: _refuse_number(what),
            parse_float=lambda _: _refuse_number(what),
            parse_int=lambda text: _parse_int(text, what),
        )
    except Malformed:
        raise
    except (ValueError, RecursionError):
        raise Malformed(what, reason="not JSON in UTF-8") from None


def _check_depth(data: bytes, what: str, max_depth: int) -> None:
    if data.count(b"[") + data.count(b"{") <= max_depth:
        return  # so few cannot nest deeper, wherever they stand
    depth = 0
    for token in _STRUCTURE.finditer(data):
        first = token[0][:1]
        if first in b"[{":
            depth += 1
            if depth > max_depth:
                raise Malformed(what, reason=f"nested deeper than {max_depth}")
        elif first in b"]}":
            depth -= 1


def _unique(pairs: list[tuple[str, Any]], what: str) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Malformed(what, reason="a field stands there twice")
    return found


def _refuse_number(what: str) -> Any:
    raise Malformed(what, reason="a number that is not an integer")


def _parse_int(text: str, what: str) -> int:
    if len(text) > len(str(MAX_INTEGER)) or text == "-0":
        raise Malformed(what, reason="a number out of range")
    return int(text)


def dump_json(value: Any) -> bytes:
    """Write a JSON value in the one serialisation (the caller orders the fields)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()


class Codec:
    """How one JSON value is checked, read and written."""

    def __init__(self, load: Callable[[Any], Any], dump: Callable[[Any], Any], meaning: str):
        self.load = load
        self.dump = dump
        self.meaning = meaning

    def read(self, value: Any, what: str, field: str) -> Any:
        """Turn a JSON value into a Python one; raises Malformed(what, field)."""
        try:
            return self.load(value)
        except Malformed as error:
            raise Malformed(what, field, error.reason) from None
        except (ValueError, TypeError):
            raise Malformed(what, field, f"{self.meaning} is needed") from None

    def write(self, value: Any) -> Any:
        """Turn a Python value into a JSON one."""
        return self.dump(value)


def _require(condition: bool) -> None:
    if not condition:
        raise ValueError


def _load_id(value: Any) -> str:
    _require(is_identifier(value))
    return str(value)


def integer(maximum: int = MAX_INTEGER) -> Codec:
    """Make a codec for an integer 0 … maximum."""

    def load(value: Any) -> int:
        _require(type(value) is int and 0 <= value <= maximum)
        return int(value)

    return Codec(load, int, f"an integer from 0 to {maximum}")


def text(maximum: int, minimum: int = 0) -> Codec:
    """Make a codec for text of `minimum` … `maximum` code points."""

    def load(value: Any) -> str:
        _require(isinstance(value, str) and minimum <= len(value) <= maximum)
        value.encode()  # a lone surrogate has no UTF-8 form and ends here
        return str(value)

    return Codec(load, str, f"text of {minimum} to {maximum} characters")


def binary(maximum: int, minimum: int = 0) -> Codec:
    """Make a codec for bytes as base64url, `minimum` … `maximum` of them."""

    def load(value: Any) -> bytes:
        _require(isinstance(value, str) and len(value) <= (maximum * 4 + 2) // 3)
        data = b64url_decode(value)
        _require(minimum <= len(data) <= maximum)
        return data

    size = f"{maximum}" if minimum == maximum else f"{minimum} to {maximum}"
    return Codec(load, b64url, f"base64url of {size} bytes")


def exactly(length: int) -> Codec:
    """Make a codec for exactly `length` bytes as base64url."""
    return binary(length, length)


def choice(*allowed: str) -> Codec:
    """Make a codec for one of some fixed words."""

    def load(value: Any) -> str:
        _require(isinstance(value, str) and value in allowed)
        return str(value)

    return Codec(load, str, "one of " + ", ".join(allowed))


def nullable(inner: Codec) -> Codec:
    """Make a codec for a value or null."""
    return Codec(
        lambda value: None if value is None else inner.load(value),
        lambda value: None if value is None else inner.dump(value),
        f"null or {inner.meaning}",
    )


def _load_bool(value: Any) -> bool:
    _require(isinstance(value, bool))
    return bool(value)


ID = Codec(_load_id, str, "32 lower-case hex characters")
HASH = exactly(HASH_LENGTH_BYTES)
KEY = exactly(HASH_LENGTH_BYTES)
SIGNATURE = exactly(SIGNATURE_LENGTH_BYTES)
INTEGER = integer()
BOOLEAN = Codec(_load_bool, bool, "true or false")


class Shape:
    """The fields of one JSON object, in order, with the codec of each."""

    def __init__(self, **fields: "Codec | Shape | ListOf") -> None:
        self.fields = fields

    def read(self, value: Any, what: str, field: str = "") -> dict[str, Any]:
        """Check an object and read its fields; raises Malformed(what, field)."""
        if not isinstance(value, dict):
            raise Malformed(what, field, "an object is needed")
        prefix = f"{field}." if field else ""
        for name in value:
            if name not in self.fields:
                raise Malformed(what, _printable(f"{prefix}{name}")[:120], "no such field")
        found = {}
        for name, codec in self.fields.items():
            if name not in value:
                raise Malformed(what, f"{prefix}{name}", "the field is missing")
            found[name] = codec.read(value[name], what, f"{prefix}{name}")
        return found

    def write(self, value: dict[str, Any]) -> dict[str, Any]:
        """Return the JSON object of `value`, fields in order."""
        return {name: codec.write(value[name]) for name, codec in self.fields.items()}


def _printable(name: str) -> str:
    """Replace what a log or a terminal should not be shown: lone surrogates, control characters."""
    return "".join(c if c.isprintable() else "\ufffd" for c in name)


class ListOf:
    """A JSON list of one kind of item, at most `maximum` of them."""

    def __init__(self, item: "Codec | Shape", maximum: int) -> None:
        self.item = item
        self.maximum = maximum

    def read(self, value: Any, what: str, field: str) -> list[Any]:
        """Check a list and read its items; raises Malformed(what, field)."""
        if not isinstance(value, list) or len(value) > self.maximum:
            raise Malformed(what, field, f"a list of at most {self.maximum} is needed")
        return [self.item.read(item, what, f"{field}.{i}") for i, item in enumerate(value)]

    def write(self, value: Any) -> list[Any]:
        """Return the JSON list of `value`."""
        return [self.item.write(item) for item in value]


def read_document(data: bytes, shape: Shape, what: str, max_bytes: int) -> dict[str, Any]:
    """Read a document that must be in the one serialisation; raises Malformed(what)."""
    found = shape.read(load_json(data, what, max_bytes), what)
    if write_document(found, shape) != data:
        raise Malformed(what, reason="not in the one serialisation")
    return found


def write_document(value: dict[str, Any], shape: Shape) -> bytes:
    """Write a document in the one serialisation."""
    return dump_json(shape.write(value))
