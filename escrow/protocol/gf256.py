"""Arithmetic in GF(2^8) on whole byte strings, without tables or branches on secret bytes.

The field is that of AES (x^8 + x^4 + x^3 + x + 1), as SLIP-0039 uses it. A byte string is one big
integer whose bytes are multiplied side by side: doubling all of them is two masks, a shift and one
multiplication by the constant 0x1b. Only x-coordinates, which are public, decide what is computed;
share values pass through shifts, masks and exclusive-ors alone. Python's integers are not promised
to be constant-time, so this is best effort, but no memory address and no branch depends on a byte
of a share.
"""

from functools import lru_cache

_REDUCTION = 0x1B


def multiply(a: int, b: int) -> int:
    """Multiply two public field elements (0 … 255)."""
    product = 0
    for bit in range(8):
        product ^= (a << bit) * (b >> bit & 1)
    for bit in range(14, 7, -1):
        product ^= (0x11B << bit - 8) * (product >> bit & 1)
    return product


def inverse(a: int) -> int:
    """Invert a public, non-zero field element: a^254 = a^2 · a^4 · … · a^128."""
    power, result = a, 1
    for _ in range(7):
        power = multiply(power, power)
        result = multiply(result, power)
    return result


def scale(value: bytes, factor: int) -> bytes:
    """Multiply every byte of a secret `value` by one public `factor`."""
    length = len(value)
    ones = int.from_bytes(b"\x01" * length, "big")
    low_bits = ones * 0x7F
    doubled = int.from_bytes(value, "big")
    total = 0
    for bit in range(8):
        total ^= doubled * (factor >> bit & 1)
        doubled = ((doubled & low_bits) << 1) ^ ((doubled >> 7 & ones) * _REDUCTION)
    return total.to_bytes(length, "big")


def add(a: bytes, b: bytes) -> bytes:
    """Add two secret byte strings of one length (exclusive or)."""
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


@lru_cache(maxsize=1024)
def lagrange(coordinates: tuple[int, ...], x: int) -> tuple[int, ...]:
    """Return the Lagrange coefficient at `x` of each public coordinate."""
    coefficients = []
    for xi in coordinates:
        numerator = denominator = 1
        for xj in coordinates:
            if xj != xi:
                numerator = multiply(numerator, x ^ xj)
                denominator = multiply(denominator, xi ^ xj)
        coefficients.append(multiply(numerator, inverse(denominator)))
    return tuple(coefficients)


def interpolate(points: dict[int, bytes], x: int) -> bytes:
    """Evaluate at `x` the polynomial of lowest degree through `points` (Lagrange).

    `points` maps public x-coordinates to secret values of one length.
    """
    values = list(points.values())
    total = bytes(len(values[0]))
    for value, coefficient in zip(values, lagrange(tuple(points), x), strict=True):
        total = add(total, scale(value, coefficient))
    return total
