"""Shares from elsewhere: those of the PyPI package `secretsharing`, to bring an old secret in.

A share is `<index>-<hex>`, both hexadecimal: a point (x, y) of a polynomial modulo a prime, whose
value at 0 is the secret as a number. The prime does not stand in a share: the package takes the
smallest of its list that is not below any y given, so a set whose values are all small can be
misread by the package itself; nothing in the shares tells. Leading zeros of the secret are lost in
them too. The caller shows the result for the owner to judge. Source: PROTOCOL.md section 15.
"""

import re
import string
from collections.abc import Sequence

from escrow.protocol.errors import ProtocolError

MAX_SHARES = 64
_SHARE = re.compile(r"([0-9a-f]{1,8})-([0-9a-f]{1,400})\Z")
_MERSENNE_EXPONENTS = (2, 3, 5, 7, 13, 17, 19, 31, 61, 89, 107, 127, 521, 607, 1279)
_PRIMES = sorted(
    [2**exponent - 1 for exponent in _MERSENNE_EXPONENTS]
    + [2**256 + 297, 2**320 + 27, 2**384 + 231]
)


def combine(shares: Sequence[str]) -> int:
    """Combine shares into the secret's number; as many as the threshold that was chosen then.

    Raises ProtocolError("wrong_shares"), which names the share at fault.
    """
    if not 2 <= len(shares) <= MAX_SHARES:
        raise _wrong("At least two shares are needed.")
    points: dict[int, int] = {}
    for number, share in enumerate(shares, 1):
        match = _SHARE.match(share.strip().lower())
        if match is None or int(match[1], 16) == 0:
            raise _wrong(f"Share {number} does not have the form index-hex.")
        x = int(match[1], 16)
        if x in points:
            raise _wrong(f"Share {number} has the same index as an earlier one.")
        points[x] = int(match[2], 16)
    prime = next((p for p in _PRIMES if p >= max(points.values())), None)
    if prime is None:
        raise _wrong("One of the shares is too long.")
    return _value_at_zero(points, prime)


def _value_at_zero(points: dict[int, int], prime: int) -> int:
    total = 0
    for xi, yi in points.items():
        numerator = denominator = 1
        for xj in points:
            if xj != xi:
                numerator = numerator * -xj % prime
                denominator = denominator * (xi - xj) % prime
        if denominator == 0:
            raise _wrong("The shares do not fit together.")
        total += yi * numerator * pow(denominator, -1, prime)
    return total % prime


def as_hex(secret: int) -> str:
    """Write a secret that was split as hexadecimal digits."""
    return f"{secret:x}"


def as_text(secret: int) -> str:
    """Write a secret that was split as printable text (100 characters, as in Python's `string`)."""
    characters = []
    while secret:
        secret, index = divmod(secret, len(string.printable))
        characters.append(string.printable[index])
    return "".join(reversed(characters)) or string.printable[0]


def _wrong(message: str) -> ProtocolError:
    return ProtocolError(message, code="wrong_shares")
