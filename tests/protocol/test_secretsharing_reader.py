"""Shares from elsewhere: our reader against the real PyPI package `secretsharing`.

The package needs two shims to run on Python 3; `generator/primes.py` has them.
"""

from __future__ import annotations

import builtins
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from escrow.protocol import prime_shares
from escrow.protocol.errors import ProtocolError
from tests.vectors.generator.primes import package, recover, split

HEX, PLAIN = "HexToHexSecretSharer", "PlaintextToHexSecretSharer"
policies = st.integers(2, 6).flatmap(lambda n: st.tuples(st.just(n), st.integers(n, 9)))


def read(shares: list[str]) -> int:
    return prime_shares.combine(shares)


@given(st.integers(2**60, 2**1200), policies, st.randoms(), st.text("abc", max_size=9))
def test_hexadecimal(secret: int, policy: tuple[int, int], chance: object, name: str) -> None:
    shares = split(name, HEX, f"{secret:x}", *policy)
    chosen = chance.sample(shares, policy[0])  # type: ignore[attr-defined]
    assert prime_shares.as_hex(read(chosen)) == recover(HEX, chosen) == f"{secret:x}"


@given(st.text(string.printable, min_size=10, max_size=60), policies, st.text("abc", max_size=9))
def test_text(secret: str, policy: tuple[int, int], name: str) -> None:
    # A leading "0" is the digit 0 of the package's alphabet: no share tells that it was there.
    shares = split(name, PLAIN, "0x" + secret, *policy)
    chosen = shares[-policy[0] :]
    assert prime_shares.as_text(read(chosen)) == recover(PLAIN, chosen) == "x" + secret


@given(st.integers(0, 2**20), policies, st.text("abc", max_size=9))
def test_small_secrets_are_read_as_the_package_reads_them(
    secret: int, policy: tuple[int, int], name: str
) -> None:
    """Right or wrong: with small values the package may take another prime than it split with."""
    shares = split(name, HEX, f"{secret:x}", *policy)
    chosen = shares[: policy[0]]
    try:
        theirs = recover(HEX, chosen)
    except (ValueError, ZeroDivisionError):
        return
    try:
        ours = prime_shares.as_hex(read(chosen))
    except ProtocolError as error:
        # Two indexes that are the same modulo the small prime: the package divides by nothing.
        assert error.code == "wrong_shares"
        return
    assert ours == theirs


def test_more_shares_than_needed_are_no_error() -> None:
    """A point too many lies on the same polynomial."""
    shares = split("surplus", HEX, "c4bbcb1fbec99d65bf59d85c8cb62ee2", 2, 5)
    assert prime_shares.as_hex(read(shares)) == "c4bbcb1fbec99d65bf59d85c8cb62ee2"


def test_upper_case_and_spaces_around_are_read() -> None:
    shares = split("spaces", HEX, "c4bbcb1fbec99d65bf59d85c8cb62ee2", 2, 3)
    typed = [f"  {share.upper()}\n" for share in shares[:2]]
    assert read(typed) == read(shares[:2])


def test_zero() -> None:
    assert prime_shares.as_text(0) == "0" == recover(PLAIN, split("zero", PLAIN, "0", 2, 2))


def test_two_indexes_that_a_small_prime_confuses() -> None:
    with pytest.raises(ProtocolError) as caught:
        read(["1-1", "4-2"])  # the smallest prime is 3, and 1 is 4 modulo 3
    assert caught.value.code == "wrong_shares"


@pytest.mark.parametrize(
    ("shares", "told"),
    [
        (["1-a", "2:b", "3-c"], "Share 2 does not have the form"),
        (["0-a", "2-b"], "Share 1 does not have the form"),
        (["1-a", "2-b", "1-c"], "Share 3 has the same index"),
    ],
)
def test_the_share_at_fault_is_named(shares: list[str], told: str) -> None:
    with pytest.raises(ProtocolError, match=told):
        read(shares)


def test_at_most_sixty_four() -> None:
    shares = [f"{index:x}-{index:x}" for index in range(1, 66)]
    with pytest.raises(ProtocolError) as caught:
        read(shares)
    assert caught.value.code == "wrong_shares"


def test_the_shims_stay_in_the_package() -> None:
    package()
    assert not hasattr(builtins, "long")
