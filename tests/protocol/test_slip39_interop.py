"""Our SLIP-39 against `shamir-mnemonic`, both ways, and what an error tells its reader."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import shamir_mnemonic
from hypothesis import given, settings
from hypothesis import strategies as st
from shamir_mnemonic.shamir import decode_mnemonics, recover_ems

from escrow.protocol import slip39
from escrow.protocol.errors import BadShare

POLICIES = [(0, 0), (1, 1), *((n, m) for m in range(2, 17) for n in range(2, m + 1))]
SECRET = bytes(range(32))
OURS = slip39.split(SECRET, 2, 3)
WORDS = [share.words() for share in OURS]
CUSTOMER, FIRST, SECOND, THIRD, PROVIDER = WORDS
QUORUM = [CUSTOMER, FIRST, THIRD]
positions = st.integers(1, 33)
members = st.integers(1, 3)


def groups(needed: int, count: int) -> list[tuple[int, int]]:
    return [(1, 1), *([(needed, count)] if count else []), (1, 1)]


def some_quorum(words: Sequence[str], needed: int, chance: random.Random) -> list[str]:
    """Pick one of the minimal quorums of (customer, contacts …, provider), in any order."""
    contacts = chance.sample(words[1:-1], needed)
    pairs = [[words[0], words[-1]]]
    if contacts:
        pairs += [[words[0], *contacts], [words[-1], *contacts]]
    quorum = chance.choice(pairs)
    chance.shuffle(quorum)
    return quorum


@pytest.mark.parametrize(("needed", "count"), POLICIES)
def test_theirs_combine_in_ours(needed: int, count: int) -> None:
    chance = random.Random(100 * needed + count)
    secret = chance.randbytes(32)
    made = shamir_mnemonic.generate_mnemonics(2, groups(needed, count), secret, b"", True, 0)
    words = [words for group in made for words in group]
    for _ in range(3):
        assert slip39.combine(some_quorum(words, needed, chance)) == secret


@pytest.mark.parametrize(("needed", "count"), POLICIES)
def test_ours_combine_in_theirs(needed: int, count: int) -> None:
    chance = random.Random(200 * needed + count)
    secret = chance.randbytes(32)
    shares = slip39.split(secret, needed, count)
    words = [share.words() for share in shares]
    assert len(words) == count + 2
    assert all(len(text.split()) == 33 for text in words)
    for _ in range(3):
        quorum = some_quorum(words, needed, chance)
        assert shamir_mnemonic.combine_mnemonics(quorum) == secret
    header = recover_ems(decode_mnemonics(quorum))
    assert (header.extendable, header.iteration_exponent) == (True, 0)
    assert header.identifier == shares[0].identifier


@given(st.binary(min_size=32, max_size=32), st.sampled_from(POLICIES), st.randoms())
@settings(max_examples=40)
def test_any_secret_both_ways(
    secret: bytes, policy: tuple[int, int], chance: random.Random
) -> None:
    needed, count = policy
    words = [share.words() for share in slip39.split(secret, needed, count)]
    quorum = some_quorum(words, needed, chance)
    assert shamir_mnemonic.combine_mnemonics(quorum) == slip39.combine(quorum) == secret


@given(
    st.binary(min_size=16, max_size=40),
    st.booleans(),
    st.integers(0, 1),
    st.text("abc ~", max_size=8),
)
@settings(max_examples=50)
def test_other_people_s_sets(value: bytes, extendable: bool, exponent: int, phrase: str) -> None:
    """Other lengths, flags, exponents, passphrases and group numbers than ours are read too."""
    secret = value[: len(value) // 2 * 2]
    made = shamir_mnemonic.generate_mnemonics(
        3, [(1, 1), (2, 2), (3, 5), (1, 1)], secret, phrase.encode(), extendable, exponent
    )
    chosen = [*made[3], *made[2][1:4], *made[1]]
    assert slip39.combine(chosen, phrase.encode()) == secret


def refusal(words: Sequence[str]) -> BadShare:
    with pytest.raises(BadShare) as caught:
        slip39.combine(words)
    with pytest.raises(shamir_mnemonic.MnemonicError):
        shamir_mnemonic.combine_mnemonics(words)
    return caught.value


def changed(words: list[str], share: int, position: int, word: str) -> list[str]:
    """Put another word at a position of a share, both counted from 1."""
    listed = words[share - 1].split()
    listed[position - 1] = word
    return [*words[: share - 1], " ".join(listed), *words[share:]]


@given(members, positions, st.sampled_from(slip39.word_list()))
@settings(max_examples=40)
def test_one_wrong_word_is_found(share: int, position: int, word: str) -> None:
    words = changed(QUORUM, share, position, word)
    if words == QUORUM:
        return
    error = refusal(words)
    assert (error.code, error.share) == ("wrong_checksum", share)
    assert (error.word, error.swapped_with) == (position, None)
    assert f"Word {position} of share {share} " in str(error)
    assert word not in str(error)  # the message names the place, never a word


@given(members, st.integers(1, 32))
def test_swapped_neighbours_are_found(share: int, position: int) -> None:
    listed = QUORUM[share - 1].split()
    listed[position - 1], listed[position] = listed[position], listed[position - 1]
    words = [*QUORUM[: share - 1], " ".join(listed), *QUORUM[share:]]
    if words == QUORUM:
        return
    error = refusal(words)
    assert (error.code, error.share) == ("wrong_checksum", share)
    assert (error.word, error.swapped_with) == (position, position + 1)
    assert f"Words {position} and {position + 1} of share {share} " in str(error)


@given(members, positions, st.text("abcdefghijklmnopqrstuvwxyz", min_size=1, max_size=9))
def test_an_unknown_word_is_named(share: int, position: int, word: str) -> None:
    if word in slip39.word_list():
        return
    error = refusal(changed(QUORUM, share, position, word))
    assert (error.code, error.share, error.word) == ("unknown_word", share, position)
    assert f"Word {position} of share {share} " in str(error)
    assert set(error.proposals) <= set(slip39.word_list())


@given(st.sampled_from(slip39.word_list()), st.data())
def test_a_slip_of_one_letter_proposes_the_word(word: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(word) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    slips = {
        "a letter left out": word[:at] + word[at + 1 :],
        "a letter replaced": word[:at] + letter + word[at + 1 :],
        "a letter too many": word[:at] + letter + word[at:],
        "two letters swapped": word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    }
    for slip in slips.values():
        if slip in slip39.word_list():
            continue
        proposals = slip39.propose(slip)
        same_start = [other for other in slip39.word_list() if other[:4] == slip[:4]]
        assert len(proposals) <= 5
        assert word in proposals or proposals == tuple(same_start) or len(proposals) == 5


def test_four_letters_are_enough() -> None:
    for word in slip39.word_list():
        assert slip39.propose(word[:4] + "zzz") == (word,)


@pytest.mark.parametrize(
    ("words", "code", "share"),
    [
        ([], "missing_share", None),
        ([CUSTOMER], "missing_share", None),
        ([CUSTOMER, FIRST], "missing_share", None),
        ([FIRST, SECOND], "missing_share", None),
        ([CUSTOMER, FIRST, SECOND, THIRD], "surplus_share", 4),
        ([FIRST, CUSTOMER, SECOND, PROVIDER], "surplus_share", 4),
        ([CUSTOMER, FIRST, PROVIDER], "surplus_share", 2),
        ([CUSTOMER, PROVIDER, FIRST, SECOND], "surplus_share", 3),
        ([CUSTOMER, slip39.split(SECRET, 2, 3)[4].words()], "mixed_sets", 2),
    ],
)
def test_a_wrong_set_is_explained(words: list[str], code: str, share: int | None) -> None:
    error = refusal(words)
    assert (error.code, error.share) == (code, share)
    if share:
        assert f"hare {share} " in str(error)


def test_the_same_share_twice() -> None:
    """The reference silently drops it; a person who types one sheet twice should be told."""
    with pytest.raises(BadShare) as caught:
        slip39.combine([CUSTOMER, PROVIDER, CUSTOMER])
    assert (caught.value.code, caught.value.share) == ("duplicate_share", 3)
    assert "share 1" in str(caught.value)


@given(members, st.text(" \t\n\u00a0", min_size=1, max_size=3), st.booleans())
def test_case_and_white_space_do_not_matter(share: int, space: str, upper: bool) -> None:
    text = space.join(["", *QUORUM[share - 1].split(), ""])
    words = [*QUORUM[: share - 1], text.upper() if upper else text, *QUORUM[share:]]
    assert slip39.combine(words) == SECRET


def test_no_error_and_no_repr_shows_a_word() -> None:
    secret_words = set(CUSTOMER.split()[4:30])
    assert not secret_words & set(repr(OURS[0]).replace("'", " ").split())
    broken = changed(QUORUM, 1, 20, "academic")
    message = str(refusal(broken)).split()
    assert not secret_words & set(message)
