"""Encodings: the last value that is allowed, and the first that is not.

Found by `make mutants`: a limit that nobody stands on may move by one unnoticed.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from escrow.protocol import encoding
from escrow.protocol.errors import Malformed


class Bytes(bytes):
    """What a column or a codec may hand over instead of plain bytes."""


def test_pae_takes_bytes_of_every_class_and_the_largest_number() -> None:
    plain = encoding.pae("label", b"ab", None, 2**64 - 1, "é")
    assert plain == encoding.pae("label", Bytes(b"ab"), b"", b"\xff" * 8, Bytes("é".encode()))
    with pytest.raises(OverflowError):
        encoding.pae("label", 2**64)


# Made inside the test, not when this file is read: there no mutant of theirs is in place yet.
CODECS: list[tuple[Callable[[], Any], list[Any], list[Any]]] = [
    (encoding.integer, [0, 2**53 - 1], [-1, 2**53, True, 1.0, "1", None]),
    (lambda: encoding.integer(5), [0, 5], [6]),
    (lambda: encoding.text(3), ["", "abc"], ["abcd", "\ud800", b"a", 1, None]),
    (lambda: encoding.text(3, 1), ["a", "abc"], ["", "abcd"]),
    (lambda: encoding.binary(3), ["", "AA", "AAAA"], ["AAAAAA", "A", "AB", "AA==", 1, None]),
    (lambda: encoding.binary(3, 2), ["AAA", "AAAA"], ["AA", "AAAAAA"]),
    (lambda: encoding.exactly(1), ["AA"], ["", "AAA"]),
    (lambda: encoding.choice("a", "b"), ["a", "b"], ["", "ab", "c", 1, None]),
    (lambda: encoding.nullable(encoding.binary(1)), [None, "", "AA"], ["AAA", 0]),
    (lambda: encoding.BOOLEAN, [True, False], [0, 1, "true", None]),
    (lambda: encoding.ID, ["0" * 32, "0123456789abcdef" * 2], ["0" * 31, "0" * 33, "A" * 32, 0]),
    (lambda: encoding.ListOf(encoding.binary(1), 2), [[], ["", "AA"]], [[""] * 3, {}, "12", None]),
]


@pytest.mark.parametrize(("make", "good", "bad"), CODECS)
def test_a_field_holds_what_its_kind_allows_and_no_more(
    make: Callable[[], Any], good: list[Any], bad: list[Any]
) -> None:
    codec = make()
    for value in good:
        assert codec.write(codec.read(value, "thing", "place")) == value
    for value in bad:
        with pytest.raises(Malformed) as caught:
            codec.read(value, "thing", "place")
        assert (caught.value.what, caught.value.field) == ("thing", "place")
        assert caught.value.reason
        assert "None" not in caught.value.reason


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ([], ""),
        ({}, "a"),
        ({"a": 1}, "inner"),
        ({"a": 1, "inner": []}, "inner"),
        ({"a": 1, "inner": {}}, "inner.b"),
        ({"a": 1, "inner": {"b": 2}}, "inner.b"),
        ({"a": 1, "inner": {"b": "", "c": 1}}, "inner.c"),
        ({"a": 1, "inner": {"b": ""}, "\x1b" + "x" * 200: 1}, "\ufffd" + "x" * 119),
    ],
)
def test_the_field_at_fault_is_named_and_fit_for_a_terminal(value: Any, field: str) -> None:
    shape = encoding.Shape(a=encoding.integer(9), inner=encoding.Shape(b=encoding.text(9)))
    with pytest.raises(Malformed) as caught:
        shape.read(value, "thing")
    assert (caught.value.what, caught.value.field) == ("thing", field)
    assert caught.value.reason


def test_the_item_at_fault_is_named_by_its_number() -> None:
    with pytest.raises(Malformed) as caught:
        encoding.ListOf(encoding.integer(9), 2).read([9, 10], "thing", "place")
    assert (caught.value.what, caught.value.field) == ("thing", "place.1")


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        (b'"12345678"', b'"123456789"'),
        (b"[[[]]]", b"[[[[]]]]"),
        (b'{"a":[{}]}', b'{"a":[[{}]]}'),
        (b"[[],[],[]]", b"[[],[[[]]"),
        (b"[[[]],[]]", b"[[[{}]]]"),
        (b"[[{}],{}]", b'{"":[{"":['),
        (b"9999999999", b"10000000000"),
        (b"-1", b"-0"),
        (b'["[{[["]', b'["[",[[[]'),
        (b'{"a":1}', b'{"a":1.0}'),
        (b'{"a":1}', b'{"a":1e3}'),
        (b"[1]", b"[NaN]"),
        (b"[1]", b"[-Infinity"),
        (b'{"a":1}', b"\xff"),
    ],
)
def test_json_of_the_largest_size_and_depth_is_read(good: bytes, bad: bytes) -> None:
    assert encoding.load_json(good, "thing", 10, 3) is not None
    with pytest.raises(Malformed) as caught:
        encoding.load_json(bad, "thing", 10, 3)
    assert (caught.value.what, caught.value.field) == ("thing", "")


def test_what_is_closed_again_is_not_counted_as_depth() -> None:
    assert encoding.load_json(b"[[[],[]],[[],[]]]", "thing", 99, 3) == [[[], []], [[], []]]
    for deeper in (b"[[[],[[]]]]", b"[[[],[]],[[[]]]]"):
        with pytest.raises(Malformed) as caught:
            encoding.load_json(deeper, "thing", 99, 3)
        assert (caught.value.what, "nested" in caught.value.reason) == ("thing", True)


def test_no_number_is_written_that_is_none() -> None:
    for value in (float("nan"), float("inf")):
        with pytest.raises(ValueError, match="JSON"):
            encoding.dump_json([value])


def test_a_refusal_says_which_encoding_was_wrong() -> None:
    for text in ("A", "AB", "A+", "ABCDE"):
        with pytest.raises(Malformed) as caught:
            encoding.b64url_decode(text)
        assert caught.value.what == "base64url"
        assert caught.value.code == "malformed_base64url"
    with pytest.raises(Malformed) as caught:
        encoding.raw_id("A" * 32)
    assert caught.value.what == "identifier"


def test_any_letter_may_be_the_last_of_base64url() -> None:
    for last in range(64):
        data = bytes([0, 0, last])
        assert encoding.b64url_decode(encoding.b64url(data)) == data
        assert len(encoding.b64url(data)) == 4


def test_json_with_a_number_of_too_many_digits_or_a_field_twice_is_refused() -> None:
    assert encoding.load_json(b"9007199254740991", "thing", 99) == 2**53 - 1
    for bad in (b"90071992547409910", b'{"a":1,"a":1}'):
        with pytest.raises(Malformed) as caught:
            encoding.load_json(bad, "thing", 99)
        assert caught.value.what == "thing"


def test_digits_come_from_the_first_sixteen_bytes_alone() -> None:
    assert encoding.digits(b"\x00" * 15 + b"\x07" + b"\xff" * 16, 4) == "0007"
    assert encoding.digits(b"\xff" * 32, 39) == str(2**128 - 1)
    assert encoding.grouped("123456789") == "1234 5678 9"
