"""Properties of every document: one serialisation, and nothing but ProtocolError comes out."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from escrow.protocol import encoding, keys, ledger, manifest, note, prime_shares, qr, slip39
from escrow.protocol.encoding import Codec, ListOf, Shape
from escrow.protocol.errors import Malformed, ProtocolError
from escrow.protocol.invitation import Invitation, Password
from escrow.protocol.kit import Card, Kit, parse_piece
from escrow.protocol.share import Payload
from tests.protocol.operations import raw

FOLDER = Path(__file__).parent.parent / "vectors"
identifiers = st.binary(min_size=16, max_size=16).map(bytes.hex)
integers = st.integers(0, encoding.MAX_INTEGER)
any_character = st.characters(exclude_categories=["Cs"])
hashes = st.binary(min_size=32, max_size=32)


def good(file: str, operation: str) -> list[bytes]:
    """The good documents of one kind, from the vectors."""
    cases = json.loads((FOLDER / file).read_bytes())["cases"]
    found = [case for case in cases if case["operation"] == operation and "output" in case]
    return [raw(next(iter(case["input"].values()))) for case in found]


PARSERS: dict[str, tuple[Callable[[bytes], bytes], list[bytes]]] = {
    "manifest": (
        lambda d: manifest.Manifest.parse(d).data,
        good("manifest.json", "parse_manifest"),
    ),
    "share": (lambda d: Payload.parse(d).data, good("share.json", "parse_share")),
    "kit": (lambda d: Kit.parse(d).data, good("kit.json", "parse_kit")),
    "card": (lambda d: Card.parse(d).data, good("kit.json", "parse_card")),
    "piece": (lambda d: parse_piece(d).data, good("kit.json", "parse_kit")),
    "invitation": (
        lambda d: Invitation.parse(d).data,
        good("invitation.json", "parse_invitation"),
    ),
    "event": (lambda d: ledger.Event.parse(d).bytes, good("ledger.json", "parse_event")),
}
every_parser = pytest.mark.parametrize(("parse", "documents"), PARSERS.values(), ids=PARSERS)


@every_parser
@given(data=st.data())
def test_one_byte_changed_is_refused_or_says_something_else(
    parse: Callable[[bytes], bytes], documents: list[bytes], data: st.DataObject
) -> None:
    document = data.draw(st.sampled_from(documents))
    at = data.draw(st.integers(0, len(document) - 1))
    byte = data.draw(st.integers(0, 255))
    changed = document[:at] + bytes([byte]) + document[at + 1 :]
    try:
        written = parse(changed)
    except ProtocolError:
        return
    # What was read is exactly what these bytes say: nothing was overlooked.
    assert written == changed


@every_parser
@given(data=st.data())
def test_bytes_taken_out_or_put_in(
    parse: Callable[[bytes], bytes], documents: list[bytes], data: st.DataObject
) -> None:
    document = data.draw(st.sampled_from(documents))
    start = data.draw(st.integers(0, len(document)))
    end = data.draw(st.integers(start, min(len(document), start + 8)))
    changed = document[:start] + data.draw(st.binary(max_size=8)) + document[end:]
    try:
        written = parse(changed)
    except ProtocolError:
        return
    assert written == changed


@every_parser
@given(junk=st.binary(max_size=300))
def test_junk_is_refused(
    parse: Callable[[bytes], bytes], documents: list[bytes], junk: bytes
) -> None:
    with pytest.raises(Malformed):
        parse(junk)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4)
    ),
    max_leaves=12,
)


@every_parser
@given(data=st.data())
def test_any_json_in_any_place_is_refused_or_written_again(
    parse: Callable[[bytes], bytes], documents: list[bytes], data: st.DataObject
) -> None:
    document = json.loads(data.draw(st.sampled_from(documents)))
    place: Any = document
    while True:
        steps = list(place) if isinstance(place, dict) else range(len(place))
        step = data.draw(st.sampled_from(list(steps)))
        inner = place[step]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            break
        place = inner
    place[step] = data.draw(json_values)
    changed = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    encoded = changed.encode("utf-8", "surrogatepass")
    try:
        written = parse(encoded)
    except ProtocolError as error:
        str(error).encode()
        return
    assert written == encoded


def strategy_of(codec: Codec | Shape | ListOf) -> st.SearchStrategy[Any]:
    """Make values for a shape, from what each codec says that it takes."""
    if isinstance(codec, Shape):
        return st.fixed_dictionaries({name: strategy_of(c) for name, c in codec.fields.items()})
    if isinstance(codec, ListOf):
        return st.lists(strategy_of(codec.item), max_size=min(codec.maximum, 3))
    return codec_strategy(codec.meaning)


def codec_strategy(meaning: str) -> st.SearchStrategy[Any]:
    if meaning.startswith("null or "):
        return st.none() | codec_strategy(meaning.removeprefix("null or "))
    if meaning.startswith("one of "):
        return st.sampled_from(meaning.removeprefix("one of ").split(", "))
    if meaning.startswith("32 lower-case"):
        return identifiers
    numbers = [int(number) for number in re.findall(r"\b[0-9]+\b", meaning)]
    least, most = numbers[0], numbers[-1]
    if meaning.startswith("an integer"):
        return st.integers(least, most)
    if meaning.startswith("text"):
        return st.text(any_character, min_size=least, max_size=most)
    assert meaning.startswith("base64url"), meaning
    return st.binary(min_size=least, max_size=most)


@given(st.sampled_from(sorted(ledger.DATA)), st.data())
@settings(max_examples=300)
def test_event_reads_what_it_writes(kind: str, data: st.DataObject) -> None:
    content = data.draw(strategy_of(ledger.DATA[kind]))
    needed = ledger._NEEDED.get(kind.split(maxsplit=1)[0], set())
    subjects = {name: data.draw(identifiers) for name in sorted(needed)}
    if kind == "recovery vetoed" and content["by"] == "contact":
        subjects["custody"] = data.draw(identifiers)
    event = ledger.Event(
        id=data.draw(identifiers), type=kind, data=content, at=data.draw(integers), **subjects
    )
    try:
        event.check()
    except Malformed as error:
        assert error.field == "data"  # two keys of 2048 bytes are too much
        return
    assert ledger.Event.parse(event.bytes) == event


@given(st.data())
def test_manifest_reads_what_it_writes(data: st.DataObject) -> None:
    start = manifest.Manifest.parse(PARSERS["manifest"][1][0])
    changes = {
        "kind": data.draw(st.sampled_from(["real", "drill"])),
        "created_at": data.draw(integers),
        "label": data.draw(st.text(any_character, min_size=1, max_size=80)),
        "replaces": data.draw(st.none() | identifiers),
        "contacts_replace_totp": data.draw(st.booleans()),
        "waiting_seconds": data.draw(st.integers(86_400, encoding.MAX_INTEGER)),
        "slip39_id": data.draw(st.integers(0, 32767)),
        "provider_key_sha256": data.draw(hashes),
        "envelope_sha256": data.draw(hashes),
        "owner_key": data.draw(hashes),
    }
    fields = {name: getattr(start, name) for name in start.__dataclass_fields__} | changes
    made = manifest.Manifest(**fields)
    again = manifest.Manifest.parse(made.data)
    assert again == made
    assert again.hash == made.hash
    assert json.loads(made.data)["label"] == changes["label"]


def test_an_event_of_no_known_type_is_not_written() -> None:
    with pytest.raises(Malformed) as caught:
        _ = ledger.Event("0" * 32, "custody stolen", {}).bytes
    assert caught.value.field == "type"


@given(json_values)
def test_written_json_is_what_javascript_writes(value: Any) -> None:
    """No white space, keys in order, and json.loads gives the value back."""
    try:
        written = encoding.dump_json(value)
    except ValueError:  # NaN, infinity, a lone surrogate: no document holds them
        return
    assert json.loads(written) == value


@given(st.text(max_size=60))
def test_text_parsers_raise_nothing_else(text: str) -> None:
    for parse in (
        keys.age_identity_bytes,
        keys.check_code_seed,
        note.Verifier.parse,
        note.split_note,
        note.Checkpoint.parse,
        ledger.Proof.parse,
        qr.parse_share,
        qr.Check.parse,
        qr.parse_checkpoint,
        qr.parse_envelope,
        qr.InvitationLink.parse,
        encoding.b64url_decode,
        encoding.raw_id,
        slip39.Share.parse,
        lambda t: slip39.combine([t, t]),
        lambda t: prime_shares.combine([t, "2-5"]),
        lambda t: Password.parse(t, "0" * 16),
        lambda t: Password.parse("A" * 22, t),
    ):
        try:
            parse(text)
        except ProtocolError as error:
            str(error).encode()


@given(st.text("0123456789abcdefABCDEF-+ \n=/_", max_size=90))
def test_text_near_the_formats(text: str) -> None:
    for start in ("", "escrow1s:", "escrow1c:", "escrow1l:", "escrow1e:", "name+", "1-"):
        test_text_parsers_raise_nothing_else.hypothesis.inner_test(start + text)


@given(st.integers(0, 2**128 - 1))
def test_check_code_there_and_back(number: int) -> None:
    seed = number.to_bytes(16, "big")
    code = keys.check_code(seed)
    assert len(code) == 40
    for written in (code, encoding.grouped(code), f" {encoding.grouped(code)}\n".replace(" ", "-")):
        assert keys.check_code_seed(written) == seed


@given(st.binary(min_size=32, max_size=32))
def test_identity_there_and_back(key: bytes) -> None:
    identity = keys.age_identity(key)
    assert keys.age_identity_bytes(identity) == key


@given(st.binary(min_size=32, max_size=32), st.integers(16, 73), st.integers(1, 31))
def test_no_wrong_letter_in_an_identity_passes(key: bytes, at: int, step: int) -> None:
    """Bech32 finds up to four wrong letters for certain."""
    alphabet = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"
    identity = keys.age_identity(key)
    other = alphabet[(alphabet.index(identity[at]) + step) % 32]
    with pytest.raises(ProtocolError):
        keys.age_identity_bytes(identity[:at] + other + identity[at + 1 :])


@pytest.mark.parametrize(
    "hostile",
    [
        b'"' + b'\\"' * 131_000,
        b"[" * 262_144,
        b'{"a":' * 40_000,
        b"{" + b",".join(b'"%x":1' % i for i in range(26_000)) + b',"1":1}',
        b"1" * 262_144,
        b"-" + b"1" * 262_000,
        b"1." + b"1" * 262_000,
        b'["' + b"\\u0041" * 43_000 + b'"',
        b'"' + b"\\" * 262_143,
        b" " * 262_144,
        b'{"a":1,"' + b"a" * 262_000 + b'":1.5}',
    ],
    ids=lambda data: data[:8].decode() + "…",
)
def test_hostile_json_of_the_largest_body_is_refused_at_once(hostile: bytes) -> None:
    """Two of these once took minutes. Linear work takes milliseconds; the bound is no benchmark."""
    start = time.process_time()
    with pytest.raises(Malformed):
        encoding.load_json(hostile, "body", 262_144)
    assert time.process_time() - start < 10
