"""Keys, shares, invitations, waits: the last value that is allowed, and the first that is not.

Found by `make mutants`: a limit that nobody stands on may move by one unnoticed.
"""

from __future__ import annotations

import pytest

from escrow.protocol import (
    envelope,
    invitation,
    keys,
    kit,
    prime_shares,
    release,
    seal,
    share,
    slip39,
)
from escrow.protocol.errors import BadShare, BadSignature, Malformed
from escrow.protocol.invitation import Password
from tests.protocol.refusals import refused

DAY = 86400


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
    shares = slip39.split(bytes(32), 3, 4, random_bytes=lambda count: b"\xff" * count)
    assert {each.identifier for each in shares} == {0x7FFF}
    assert [(s.group_index, s.member_index, s.member_threshold) for s in shares] == [
        (0, 0, 1),
        *((1, member, 3) for member in range(4)),
        (2, 0, 1),
    ]
    assert {(s.group_threshold, s.group_count, s.iteration_exponent) for s in shares} == {(2, 3, 0)}


@pytest.mark.parametrize("length", [16, 18, 20, 30, 32, 40])
def test_a_share_of_any_length_is_read_as_it_was_written(length: int) -> None:
    made = slip39.Share(5, True, 0, 1, 2, 3, 4, 2, bytes(range(255, 255 - length, -1)))
    assert slip39.Share.parse(made.words()) == made


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("pcid", "Word 1 of share 1 is not in the word list. Did you mean acid or paid?"),
        ("acidx", "Word 1 of share 1 is not in the word list. Did you mean acid?"),
        ("zzzzzzzz", "Word 1 of share 1 is not in the word list."),
    ],
)
def test_a_word_that_is_unknown_is_named_with_what_it_may_be(word: str, said: str) -> None:
    with pytest.raises(BadShare) as caught:
        slip39.Share.parse(word)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("slip", "proposals"),
    [
        ("cid", ("acid",)),  # a letter left out
        ("aacid", ("acid",)),  # one too many
        ("caid", ("acid", "paid")),  # two neighbours swapped; another letter
        ("axid", ("acid", "axis")),
        ("acdi", ("acid",)),
        ("aci", ("acid",)),
        ("ACDI", ("acid",)),
        ("acidacid", ("acid",)),  # the same four letters
        *(("xxid", ()), ("bcdi", ()), ("ycademik", ()), ("caidx", ()), ("ad", ())),
    ],
)
def test_words_one_slip_away_are_proposed_and_no_others(
    slip: str, proposals: tuple[str, ...]
) -> None:
    assert slip39.propose(slip) == proposals


def test_a_share_given_twice_is_named_with_the_one_it_repeats() -> None:
    words = [each.words() for each in slip39.split(bytes(range(32)), 2, 2)]
    with pytest.raises(BadShare) as caught:
        slip39.combine([words[0], words[1], words[1]])
    assert (caught.value.code, caught.value.share) == ("duplicate_share", 3)
    assert "the same piece as share 2" in str(caught.value)


def test_what_is_wrong_with_the_words_is_said_of_the_first_share_and_in_a_document() -> None:
    with pytest.raises(BadShare) as bad:
        slip39.Share.parse("nonsense")
    assert (bad.value.share, bad.value.word, bad.value.code) == (1, 1, "unknown_word")
    zero = "0" * 32
    text = f'"deposit":"{zero}","custody":"{zero}","role":"contact","words":"nonsense"'
    document = f'{{"format":"escrow/v1/share",{text},"manifest_hash":"{"A" * 43}"}}'
    with pytest.raises(Malformed) as caught:
        share.Payload.parse(document.encode())
    found = caught.value
    assert (found.what, found.field, found.reason) == ("share", "words", "unknown_word")


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
        (["1f-1f", "2a-2a"], 0),  # the line y = x
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
    full = BadShare("no", code="c", share=1, word=2, swapped_with=3, proposals=("a",))
    assert (full.share, full.word, full.swapped_with, full.proposals) == (1, 2, 3, ("a",))
    assert (str(full), full.code) == ("no", "c")
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
