"""slip39.json: shares as the reference implementation writes them, and how they fail."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import Any

from shamir_mnemonic import shamir
from shamir_mnemonic.share import Share

from ..basics import Cases, fixed, flip
from ..shares import WORDS, policy_groups, respell, split
from ..world import MAIN

DESCRIPTION = "Section 3: SLIP-0039 with 256 bits, group threshold 2, extendable, exponent 0"
POLICIES = [(0, 0), (1, 1), *((n, m) for m in range(2, 17) for n in range(2, m + 1))]


def header(share: Share) -> dict[str, Any]:
    """All that a share says, members and groups counted from 0."""
    return {
        "identifier": share.identifier,
        "extendable": share.extendable,
        "exponent": share.iteration_exponent,
        "group": share.group_index,
        "group_threshold": share.group_threshold,
        "group_count": share.group_count,
        "member": share.index,
        "member_threshold": share.member_threshold,
        "value": share.value,
    }


def words(*shares: Share) -> list[str]:
    return [share.mnemonic() for share in shares]


def add_policies(cases: Cases) -> None:
    """One case for every policy, through another pair of groups each time."""
    for number, (needed, count) in enumerate(POLICIES):
        name = f"{needed} of {count}"
        secret = fixed("slip39 secret " + name, 32)
        groups = split("slip39 " + name, secret, policy_groups(needed, count))
        ends = [groups[0][0], groups[-1][0]]
        if count:
            start = number % (count - needed + 1)
            quorum = [ends[number % 2], *groups[1][start : start + needed]]
        else:
            quorum = ends
        if shamir.combine_mnemonics(words(*quorum)) != secret:
            raise AssertionError(name)
        order = quorum if number % 3 else quorum[::-1]
        cases.good(f"combine: {name}", "combine", {"shares": words(*order)}, secret=secret)


def add_quorums(cases: Cases) -> None:
    """Every minimal quorum of the main deposit."""
    customer, provider = MAIN.customer.share, MAIN.provider.share
    contacts = [custody.share for custody in MAIN.contacts]
    quorums = [[customer, provider]]
    for end in (customer, provider):
        quorums += [[end, *pair] for pair in combinations(contacts, 2)]
    for number, quorum in enumerate(quorums):
        given = {"shares": words(*quorum)}
        cases.good(f"combine: quorum {number}", "combine", given, secret=MAIN.recovery_key)
    for custody in MAIN.custodies:
        text, output = custody.share.mnemonic(), header(custody.share)
        name = f"{custody.role} {custody.member}"
        cases.good(f"read: {name}", "read_share", {"words": text}, **output)
        cases.good(f"write: {name}", "write_share", output, words=text)


def add_extremes(cases: Cases) -> None:
    for name, secret in {"all zero": bytes(32), "all one": b"\xff" * 32}.items():
        groups = split("slip39 " + name, secret, policy_groups(2, 3), identifier=0)
        quorum = [groups[0][0], *groups[1][:2]]
        cases.good(f"combine: secret {name}", "combine", {"shares": words(*quorum)}, secret=secret)
    groups = split("slip39 top", MAIN.recovery_key, policy_groups(16, 16), identifier=32767)
    share = groups[1][15]
    cases.good("read: largest of all", "read_share", {"words": share.mnemonic()}, **header(share))


def add_word_failures(cases: Cases) -> None:
    customer, provider = words(MAIN.customer.share, MAIN.provider.share)
    listed = provider.split()

    def bad(name: str, spelling: str, error: str, **details: Any) -> None:
        given = {"shares": [customer, spelling]}
        cases.bad(f"combine: {name}", "combine", given, error, details={"share": 2, **details})

    def with_word(position: int, word: str) -> str:
        return " ".join([*listed[: position - 1], word, *listed[position:]])

    def another(position: int) -> str:
        return WORDS[(WORDS.index(listed[position - 1]) + 512) % 1024]

    for position in (1, 2, 4, 17, 31, 33):
        spelling = with_word(position, another(position))
        bad(f"word {position} replaced", spelling, "wrong_checksum", word=position)
        letters = listed[position - 1]
        spelling = with_word(position, letters[:4] + "zz")
        told = {"word": position, "proposals": [letters]}
        bad(f"word {position} unknown", spelling, "unknown_word", **told)
    for position in (5, 16, 32):
        swapped = listed.copy()
        swapped[position - 1], swapped[position] = swapped[position], swapped[position - 1]
        spelling = " ".join(swapped)
        told = {"word": position, "swapped_with": position + 1}
        bad(f"words {position} and {position + 1} swapped", spelling, "wrong_checksum", **told)
    two = [*listed[:8], another(9), *listed[9:19], another(20), *listed[20:]]
    bad("two words replaced", " ".join(two), "wrong_checksum", word=None, swapped_with=None)
    bad("a word in Dutch", with_word(8, "sleutel"), "unknown_word", word=8)
    bad(
        "a word with a letter that only looks Latin",
        with_word(8, "а" + listed[7][1:]),
        "unknown_word",
    )
    bad("one word too few", " ".join(listed[:-1]), "wrong_word_count")
    bad("one word too many", " ".join([*listed, listed[0]]), "wrong_word_count")
    bad("nineteen words", " ".join(listed[:19]), "wrong_word_count")
    bad("no words", "", "wrong_word_count")
    value_first = 4
    padded = WORDS.index(listed[value_first]) | 0x100
    spelling = respell(MAIN.provider.share, {value_first: padded})
    bad("padding bits set", spelling, "wrong_padding")
    # Words 3 and 4 (positions 2, 3): group 4 bits, threshold 4, count 4, member 4, threshold 4.
    parameters = MAIN.provider.share
    packed = (parameters.group_index << 16) | (15 << 12) | (2 << 8)
    spelling = respell(parameters, {2: packed >> 10, 3: packed & 1023})
    bad("group threshold above group count", spelling, "wrong_header")


def add_set_failures(cases: Cases) -> None:
    customer, provider = MAIN.customer.share, MAIN.provider.share
    first, second, third = (custody.share for custody in MAIN.contacts)
    other = split("another set", MAIN.recovery_key, policy_groups(2, 3))
    same = split("same id", MAIN.recovery_key, policy_groups(2, 3), identifier=MAIN.slip39_id)
    plain = replace(provider, extendable=False)
    short = replace(provider, value=provider.value[:16])
    sets: dict[str, tuple[list[Share], str, int | None]] = {
        "no shares": ([], "missing_share", None),
        "one share": ([customer], "missing_share", None),
        "one of two contacts": ([customer, first], "missing_share", None),
        "contacts without another group": ([first, second], "missing_share", None),
        "all contacts and nobody else": ([first, second, third], "surplus_share", 3),
        "a third contact": ([customer, first, second, third], "surplus_share", 4),
        "a third group": ([customer, first, second, provider], "surplus_share", 4),
        "a third group without its threshold": ([customer, provider, first], "surplus_share", 3),
        "the same share twice": ([customer, provider, provider], "duplicate_share", 3),
        "the same contact twice": ([customer, first, first], "duplicate_share", 3),
        "the same member with another value": (
            [customer, first, replace(first, value=second.value)],
            "duplicate_share",
            3,
        ),
        "another identifier": ([customer, other[2][0]], "mixed_sets", 2),
        "another contact's set": ([customer, first, other[1][1]], "mixed_sets", 3),
        "not extendable": ([customer, plain], "mixed_headers", 2),
        "another exponent": (
            [customer, replace(provider, iteration_exponent=1)],
            "mixed_headers",
            2,
        ),
        "another group threshold": (
            [customer, replace(provider, group_threshold=3)],
            "mixed_headers",
            2,
        ),
        "another group count": ([customer, replace(provider, group_count=4)], "mixed_headers", 2),
        "another length": ([customer, short], "mixed_headers", 2),
        "another member threshold in a group": (
            [customer, first, replace(second, member_threshold=3)],
            "mixed_headers",
            3,
        ),
        "a new splitting under the same identifier": ([customer, same[2][0]], "wrong_digest", None),
        "a contact of a new splitting": ([customer, first, same[1][1]], "wrong_digest", None),
        "one bit of a value": (
            [customer, replace(provider, value=flip(provider.value))],
            "wrong_digest",
            None,
        ),
        "one bit of a contact's value": (
            [customer, first, replace(second, value=flip(second.value, 31))],
            "wrong_digest",
            None,
        ),
    }
    for name, (shares, error, at_fault) in sets.items():
        given, told = {"shares": words(*shares)}, {"share": at_fault}
        cases.bad(f"combine: {name}", "combine", given, error, details=told)


def add_split_failures(cases: Cases) -> None:
    good = {"secret": fixed("to split", 32), "needed": 2, "count": 3}
    for needed, count in [
        (0, 1),
        (1, 0),
        (1, 2),
        (1, 3),
        (0, 3),
        (3, 2),
        (2, 17),
        (17, 17),
        (2, 1),
    ]:
        change = {"needed": needed, "count": count}
        cases.bad(f"split: {needed} of {count}", "split", good | change, "wrong_policy")
    for length in (0, 16, 31, 33, 64):
        change = {"secret": fixed("to split", length)}
        cases.bad(f"split: {length} bytes", "split", good | change, "wrong_length")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_policies(made)
    add_quorums(made)
    add_extremes(made)
    add_word_failures(made)
    add_set_failures(made)
    add_split_failures(made)
    return made
