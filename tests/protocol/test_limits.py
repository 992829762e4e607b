"""The last value that is allowed and the first that is not, one line a limit.

Found by `make mutants`: a limit that nobody stands on may move by one unnoticed.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import (
    encoding,
    envelope,
    invitation,
    keys,
    kit,
    ledger,
    move,
    note,
    prime_shares,
    qr,
    release,
    seal,
    slip39,
)
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import BadShare, BadSignature, Malformed, ProtocolError
from escrow.protocol.invitation import Password

DAY = 86400
SIGNER = note.Signer("ledger.test", Ed25519PrivateKey.from_private_bytes(bytes(32)))


# --- Encoding -----------------------------------------------------------------------------------


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


def refused(code: str, function: Callable[..., object], *given: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        function(*given)
    assert caught.value.code == code


# --- Keys and shares ----------------------------------------------------------------------------


def test_a_check_code_is_below_two_to_the_128() -> None:
    highest = str(2**128 - 1).zfill(40)
    assert keys.check_code_seed(highest) == b"\xff" * 16
    refused("wrong_check_code", keys.check_code_seed, str(2**128).zfill(40))
    refused("wrong_check_code", keys.check_code_seed, "0" * 39)
    refused("wrong_check_code", keys.check_code_seed, "0" * 41)
    refused("wrong_check_code", keys.check_code_seed, "٠" * 40)
    refused("wrong_check_code", keys.check_code_seed, "X" + "0" * 40)


@pytest.mark.parametrize(
    ("needed", "count", "allowed"),
    [
        *((0, 0, True), (1, 1, True), (2, 2, True), (2, 16, True), (16, 16, True)),
        *((0, 1, False), (1, 0, False), (1, 2, False), (2, 1, False), (2, 17, False)),
        *((17, 17, False), (3, 2, False), (-1, -1, False)),
    ],
)
def test_policies(needed: int, count: int, allowed: bool) -> None:
    assert slip39.is_policy(needed, count) is allowed


def test_a_set_that_is_split_has_the_identifier_that_was_drawn_in_fifteen_bits() -> None:
    shares = slip39.split(bytes(32), 2, 3, random_bytes=lambda count: b"\xff" * count)
    assert {share.identifier for share in shares} == {0x7FFF}
    assert [(s.group_index, s.member_index, s.member_threshold) for s in shares] == [
        (0, 0, 1),
        *((1, member, 2) for member in range(3)),
        (2, 0, 1),
    ]
    assert {(s.group_threshold, s.group_count, s.iteration_exponent) for s in shares} == {(2, 3, 0)}


@pytest.mark.parametrize("length", [31, 33])
def test_only_32_bytes_are_split(length: int) -> None:
    with pytest.raises(BadShare) as caught:
        slip39.split(bytes(length), 0, 0)
    assert caught.value.code == "wrong_length"


@pytest.mark.parametrize(
    ("shares", "secret"),
    [
        (["1-3", "2-3"], 0),  # 3 is the smallest prime that is not below any y
        (["1-4", "2-4"], 4),
        (["FFFFFFFF-5", " 1-5\n"], 5),
        ([f"{i:x}-100" for i in range(1, 65)], 256),
        (["1-" + "0" * 399 + "1", "2-1"], 1),
    ],
)
def test_shares_from_elsewhere_up_to_the_limits(shares: list[str], secret: int) -> None:
    assert prime_shares.combine(shares) == secret


@pytest.mark.parametrize(
    "shares",
    [
        ["1-1"],
        [f"{i:x}-1" for i in range(1, 66)],
        ["0-1", "1-1"],
        ["1-1", "1-2"],
        ["100000000-1", "1-1"],
        ["1-" + "0" * 401, "2-1"],
        ["1-1", "2-" + "f" * 400],
        ["1-1", "2"],
        ["1-1", "4-1"],  # the same index modulo 3
    ],
    ids=lambda shares: f"{len(shares)} {shares[-1][:12]}",
)
def test_shares_from_elsewhere_beyond_the_limits(shares: list[str]) -> None:
    refused("wrong_shares", prime_shares.combine, shares)


def test_a_secret_of_nothing_is_the_first_character() -> None:
    assert [prime_shares.as_text(n) for n in (0, 1, 99, 100)] == ["0", "1", "\x0c", "10"]


# --- Invitations and errors ---------------------------------------------------------------------


def test_the_spoken_digits_are_drawn_from_all_of_their_numbers() -> None:
    """Of fifty none is likely to repeat another, and all to begin with 0 once in 10^50."""
    drawn = [Password.generate() for _ in range(50)]
    assert len({password.digits for password in drawn}) == 50
    assert len({password.fragment for password in drawn}) == 50
    assert {len(password.digits) for password in drawn} == {16}
    assert max(int(password.digits) for password in drawn) >= 10**15


def test_digits_are_taken_as_people_write_them() -> None:
    for written in ("1234567890123456", " 1234 5678-9012\t3456\n", "-".join("1234567890123456")):
        assert Password.parse("A" * 22, written).digits == "1234567890123456"
    for wrong in ("123456789012345", "12345678901234567", "123456789012345x", "१" * 16):
        refused("wrong_digits", Password.parse, "A" * 22, wrong)
    for fragment in ("A" * 21, "A" * 23, "A" * 21 + "B", "A" * 21 + "+"):
        refused("wrong_fragment", Password.parse, fragment, "0" * 16)


def test_an_invitation_that_is_too_large_is_not_even_tried() -> None:
    sealed = bytes(invitation.MAX_SEALED_LENGTH_BYTES + 1)
    password = Password("not a fragment", "not digits")
    refused("damaged_envelope", invitation.open, sealed, password, "not a custody")


@pytest.mark.parametrize("data", [b"{", b"[]", b"{}", b'{"format":"escrow/v1/share"}'])
def test_what_is_neither_kit_nor_card_is_called_no_kit(data: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        kit.parse_piece(data)
    assert caught.value.what == "kit"


def test_what_is_malformed_says_what_where_and_why() -> None:
    for error, said in (
        (Malformed("kit"), "malformed kit"),
        (Malformed("kit", "host"), "malformed kit, field host"),
        (Malformed("kit", reason="too long"), "malformed kit: too long"),
        (Malformed("kit", "host", "too long"), "malformed kit, field host: too long"),
    ):
        assert (str(error), error.code) == (said, "malformed_kit")
    assert str(BadSignature("wrong")) == "wrong"
    assert BadSignature("wrong").code == "wrong_signature"
    share = BadShare("no", code="c", share=1, word=2, swapped_with=3, proposals=("a",))
    assert (share.share, share.word, share.swapped_with, share.proposals) == (1, 2, 3, ("a",))
    assert (str(share), share.code) == ("no", "c")
    bare = BadShare("no", code="c")
    assert (bare.share, bare.word, bare.swapped_with, bare.proposals) == (None, None, None, ())


# --- Envelope, seal, waits ----------------------------------------------------------------------


@pytest.mark.parametrize("length", [1, 65536])
def test_the_shortest_and_the_longest_secret(length: int) -> None:
    secret = b"x" * length
    assert envelope.open(envelope.seal(secret, bytes(32)), bytes(32)) == secret


@pytest.mark.parametrize("length", [0, 65537])
def test_no_secret_and_one_that_is_too_long(length: int) -> None:
    refused("wrong_secret_length", envelope.seal, b"x" * length, bytes(32))


@pytest.mark.parametrize("length", [1215, 1217])
def test_a_public_key_of_another_length(length: int) -> None:
    refused("wrong_public_key", seal.check_public_key, bytes(length))


@pytest.mark.parametrize(
    ("proof", "waiting_days", "wait_days"),
    [
        *(("totp", 1, 1), ("totp", 40, 40)),
        *(("kit", 1, 7), ("kit", 2, 7), ("kit", 3, 9)),
        *(("contacts", 1, 30), ("contacts", 30, 30), ("contacts", 31, 31)),
        *(("totp+kit", 1, 14), ("totp+kit", 7, 14), ("totp+kit", 8, 16)),
        *(("totp+contacts", 1, 14), ("totp+contacts", 7, 14), ("totp+contacts", 8, 16)),
    ],
)
def test_the_shortest_wait_of_each_proof(proof: str, waiting_days: int, wait_days: int) -> None:
    assert release.shortest_wait(proof, waiting_days * DAY) == wait_days * DAY
    if wait_days > 14 and wait_days > waiting_days > 7:
        assert release.shortest_wait(proof, waiting_days * DAY + 1) == wait_days * DAY + 2


# --- Notes, proofs, QR codes --------------------------------------------------------------------


def signed_by(count: int) -> str:
    return SIGNER.signature_line("text\n") * count


def test_a_note_has_at_most_a_hundred_signatures() -> None:
    text, signatures = note.split_note("text\n\n" + signed_by(100))
    assert (text, len(signatures)) == ("text\n", 100)
    refused("malformed_note", note.split_note, "text\n\n" + signed_by(101))
    refused("malformed_note", note.split_note, "text\n\n")


def test_a_note_has_at_most_a_million_characters() -> None:
    line = signed_by(1)
    filled = "x" * (1_000_000 - len(line) - 2)
    assert note.split_note(f"{filled}\n\n{line}")[0] == f"{filled}\n"
    refused("malformed_note", note.split_note, f"x{filled}\n\n{line}")


@pytest.mark.parametrize(
    ("character", "allowed"),
    [(" ", True), ("\x09", False), ("\x0b", False), ("\x1f", False), ("\x00", False), ("é", True)],
)
def test_a_note_is_text(character: str, allowed: bool) -> None:
    text = f"a{character}b\n"
    if allowed:
        assert note.verify(note.sign(text, [SIGNER]), [SIGNER.verifier]) == text
    else:
        refused("malformed_note", note.sign, text, [SIGNER])
        refused("malformed_note", note.split_note, f"{text}\n{signed_by(1)}")


def test_a_signature_line_has_a_key_and_at_least_a_byte_of_signature() -> None:
    def note_with(raw: bytes, start: str = "\u2014 name ") -> str:
        return f"text\n\n{start}{base64.b64encode(raw).decode()}\n"

    assert note.split_note(note_with(b"12345"))[1] == [("name", b"12345")]
    refused("malformed_note", note.split_note, note_with(b"1234"))
    refused("malformed_note", note.split_note, note_with(b"12345", "- name "))
    refused("malformed_note", note.split_note, note_with(b"12345", "\u2014 na+me "))
    refused("malformed_note", note.split_note, note_with(b"12345", "\u2014  "))


def test_a_verifier_counts_one_signature_of_several_and_refuses_a_wrong_one_first() -> None:
    other = note.Signer("other.test", SIGNER.key)
    signed = note.sign("text\n", [other, SIGNER, SIGNER])
    assert note.verify(signed, [SIGNER.verifier]) == "text\n"
    refused("unverified_note", note.verify, note.sign("text\n", [other]), [SIGNER.verifier])
    wrong = "text\n\n" + SIGNER.signature_line("other text\n")
    refused("wrong_signature", note.verify, wrong + signed_by(1), [SIGNER.verifier])


def test_a_second_signature_of_one_key_is_passed_over() -> None:
    wrong = SIGNER.signature_line("other text\n")
    assert note.verify("text\n\n" + signed_by(1) + wrong, [SIGNER.verifier]) == "text\n"


def test_signatures_alone_are_no_note() -> None:
    refused("malformed_note", note.split_note, signed_by(1))
    refused("malformed_note", note.split_note, "text\n" + signed_by(1))


def test_a_verifier_key_is_of_the_one_algorithm_that_is_known() -> None:
    verifier = SIGNER.verifier
    assert note.Verifier.parse(verifier.vkey) == verifier
    for raw in (b"\x02" + verifier.public_key, b"\x01" + verifier.public_key[1:], b"\x01"):
        other = f"{verifier.name}+{verifier.key_id.hex()}+{base64.b64encode(raw).decode()}"
        refused("malformed_vkey", note.Verifier.parse, other)


@pytest.mark.parametrize("length", [31, 33])
def test_a_root_or_sibling_of_another_length_is_refused(length: int) -> None:
    hashed = base64.b64encode(bytes(length)).decode()
    refused("malformed_note", note.Checkpoint.parse, f"origin\n1\n{hashed}\n")
    proof = f"c2sp.org/tlog-proof@v1\nindex 0\n{hashed}\n\ncheckpoint"
    refused("malformed_note", ledger.Proof.parse, proof)


@pytest.mark.parametrize(
    "text",
    [
        "\n1\n{}\n",
        "origin\n1\n{}\n\n",
        "origin\n1\n{}",
        "origin\n01\n{}\n",
        "origin\n{}\n",
        "o\n-1\n{}\n",
    ],
)
def test_a_checkpoint_has_an_origin_a_size_and_a_root(text: str) -> None:
    hashed = base64.b64encode(bytes(32)).decode()
    assert note.Checkpoint.parse(f"origin\n0\n{hashed}\n").size == 0
    refused("malformed_note", note.Checkpoint.parse, text.format(hashed))


def test_a_proof_has_at_most_63_siblings_and_may_carry_an_extra_line() -> None:
    siblings = tuple(bytes([i]) * 32 for i in range(64))
    longest = ledger.Proof(7, siblings[:63], "checkpoint")
    assert ledger.Proof.parse(longest.text) == longest
    with_extra = longest.text.replace("\nindex", "\nextra AAAA\nindex", 1)
    assert ledger.Proof.parse(with_extra) == longest
    refused("malformed_note", ledger.Proof.parse, ledger.Proof(7, siblings, "checkpoint").text)
    refused("malformed_note", ledger.Proof.parse, with_extra.replace("AAAA", "AAA"))
    for bad in ("", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\n\n", "x\nindex 7\n\nnote"):
        refused("malformed_note", ledger.Proof.parse, bad)


def test_an_event_has_at_most_4096_bytes_of_data() -> None:
    def event(old: int) -> ledger.Event:
        data = {"use": "ledger", "old": bytes(old), "new": bytes(2048)}
        return ledger.Event("0" * 32, "key changed", data)

    assert ledger.Event.parse(event(998).bytes) == event(998)
    with pytest.raises(Malformed) as caught:
        ledger.Event.parse(event(999).bytes)
    assert (caught.value.what, caught.value.field) == ("event", "data")


@pytest.mark.parametrize(
    ("kind", "subjects", "field", "reason"),
    [
        ("deposit active", {"account": "0" * 32}, "deposit", "missing"),
        ("deposit active", {"deposit": "0" * 32}, "account", "missing"),
        ("tick", {"account": "0" * 32}, "account", "not allowed here"),
        (
            "deposit active",
            {"account": "0" * 32, "deposit": "0" * 32, "custody": "0" * 32},
            "custody",
            "not allowed here",
        ),
    ],
)
def test_an_event_names_its_subjects_and_no_others(
    kind: str, subjects: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(Malformed) as caught:
        ledger.Event("0" * 32, kind, {}, **subjects).check()
    assert (caught.value.what, caught.value.field, caught.value.reason) == ("event", field, reason)


@pytest.mark.parametrize("raw", [b"{", b"[]", b"{}", b'{"type":"custody stolen"}'])
def test_what_is_no_event_is_called_so(raw: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        ledger.Event.parse(raw)
    assert caught.value.what == "event"


def test_an_entry_is_of_the_one_move_whose_body_and_commitment_it_has() -> None:
    made = move.Move("Bert", "bert@example.org", bytes(16), bytes(32))
    entry = move.Moved("0" * 32, bytes(32), made.commitment(), sha256(made.data), 1, bytes(64))
    assert entry.is_of(made)
    assert not replace(entry, commitment=bytes(32)).is_of(made)
    assert not replace(entry, body_sha256=bytes(32)).is_of(made)


def test_an_envelope_has_a_code_up_to_1700_characters() -> None:
    longest = qr.envelope_text(bytes(1268))
    assert longest is not None
    assert len(longest) == 1700
    assert qr.parse_envelope(f" {longest}\n") == bytes(1268)
    assert qr.envelope_text(bytes(1269)) is None


@pytest.mark.parametrize("text", ["escrow1e:A", "escrow1e:A+", "escrow1s:AA", ""])
def test_a_code_that_cannot_be_read_says_why(text: str) -> None:
    with pytest.raises(Malformed) as caught:
        qr.parse_envelope(text)
    assert caught.value.what == "qr"
    assert caught.value.reason


@pytest.mark.parametrize(
    ("host", "allowed"),
    [
        ("https://" + "h" * 255, True),
        ("https://" + "h" * 256, False),
        ("https://", False),
        ("http://localhost", True),
        ("http://127.0.0.1:65535", True),
        ("http://[::1]:1", True),
        ("http://localhost:123456", False),
        ("http://example.org", False),
        ("ftp://localhost", False),
    ],
)
def test_the_hosts_of_an_invitations_link(host: str, allowed: bool) -> None:
    link = qr.InvitationLink(host, "0" * 32, "A" * 22, "1234567890123456")
    if allowed:
        assert qr.InvitationLink.parse(f" {link.text}\n") == link
        assert link.password().digits == "1234567890123456"
        assert link.password("6543 2109 8765 4321").digits == "6543210987654321"
    else:
        with pytest.raises(Malformed) as caught:
            qr.InvitationLink.parse(link.text)
        assert caught.value.what == "link"
