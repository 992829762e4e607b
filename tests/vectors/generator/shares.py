"""SLIP-0039 through the reference implementation, its randomness taken from a name."""

from __future__ import annotations

import hashlib

from shamir_mnemonic import rs1024, shamir, wordlist
from shamir_mnemonic.share import Share

from .basics import fixed

WORDS = wordlist.WORDLIST


class Stream:
    """A source of bytes that depends on a name alone."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls = 0

    def __call__(self, length: int) -> bytes:
        self.calls += 1
        seed = f"escrow test vectors: stream {self.name} {self.calls}"
        return hashlib.shake_256(seed.encode()).digest(length)


def split(
    name: str,
    secret: bytes,
    groups: list[tuple[int, int]],
    *,
    group_threshold: int = 2,
    identifier: int | None = None,
    extendable: bool = True,
    exponent: int = 0,
) -> list[list[Share]]:
    """Split a secret; identifier and shares depend on the name alone."""
    if identifier is None:
        identifier = int.from_bytes(fixed("slip39 id " + name, 2), "big") >> 1
    encrypted = shamir.EncryptedMasterSecret.from_master_secret(
        secret, b"", identifier, extendable, exponent
    )
    before = shamir.RANDOM_BYTES
    shamir.RANDOM_BYTES = Stream(name)
    try:
        return shamir.split_ems(group_threshold, groups, encrypted)
    finally:
        shamir.RANDOM_BYTES = before


def policy_groups(needed: int, count: int) -> list[tuple[int, int]]:
    """The groups of protocol section 3."""
    return [(1, 1), *([(needed, count)] if count else []), (1, 1)]


def respell(share: Share, change: dict[int, int], extendable: bool | None = None) -> str:
    """Replace word indexes by position and write the right checksum again."""
    indexes = wordlist.mnemonic_to_indices(share.mnemonic())[:-3]
    for position, value in change.items():
        indexes[position] = value
    flag = share.extendable if extendable is None else extendable
    custom = b"shamir_extendable" if flag else b"shamir"
    return " ".join(wordlist.words_from_indices(indexes + rs1024.create_checksum(indexes, custom)))
