"""prime_shares.json: shares of the PyPI package `secretsharing`."""

from __future__ import annotations

from ..basics import Cases, fixed
from ..primes import recover, split

DESCRIPTION = "Section 15: shares `<index>-<hex>` over a prime field, read back"
HEX, PLAIN = "SecretSharer", "PlaintextToHexSecretSharer"


def add_good(cases: Cases) -> None:
    secrets = {
        "a 256-bit key": (HEX, fixed("prime", 32).hex(), 3, 5),
        "a 128-bit key": (HEX, "c4bbcb1fbec99d65bf59d85c8cb62ee2", 2, 3),
        "a 320-bit number": (HEX, fixed("prime 320", 40).hex(), 2, 2),
        "a 384-bit number": (HEX, fixed("prime 384", 48).hex(), 2, 3),
        "a 512-bit number": (HEX, fixed("prime 512", 64).hex(), 4, 6),
        "a 1200-bit number": (HEX, fixed("prime 1200", 150).hex(), 2, 2),
        "a passphrase": (PLAIN, "correct horse battery staple", 2, 3),
        "a passphrase with a new line": (PLAIN, "two\nlines\t", 2, 3),
    }
    for name, (sharer, secret, threshold, count) in secrets.items():
        shares = split(name, sharer, secret, threshold, count)
        for number, quorum in enumerate((shares[:threshold], shares[-threshold:][::-1])):
            if recover(sharer, quorum) != secret.lstrip("0"):
                raise AssertionError(name)
            kind = "hex" if sharer == HEX else "text"
            given = {"shares": quorum, "kind": kind}
            cases.good(f"{name}, quorum {number}", "read_prime_shares", given, secret=secret)


def add_bad(cases: Cases) -> None:
    shares = split("bad", HEX, fixed("prime", 32).hex(), 2, 3)
    first, second, _ = shares
    for name, given in {
        "no shares": [],
        "one share": [first],
        "the same share twice": [first, first],
        "the same index with another value": [first, "1-" + second.split("-")[1]],
        "65 shares": split("many", HEX, "abcdef0123456789", 2, 65),
        "no hyphen": [first.replace("-", ""), second],
        "two hyphens": [first.replace("-", "--"), second],
        "index 0": ["0-" + first.split("-")[1], second],
        "no index": [first[1:], second],
        "no value": ["1-", second],
        "a letter past f": [first[:-1] + "g", second],
        "a space inside": [first[:9] + " " + first[9:], second],
        "a sign": ["+" + first, second],
        "digits of another script": ["\u0661" + first[1:], second],
        "a value past every prime": ["1-" + "f" * 400, second],
    }.items():
        cases.bad(name, "read_prime_shares", {"shares": given, "kind": "hex"}, "wrong_shares")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_good(made)
    add_bad(made)
    return made
