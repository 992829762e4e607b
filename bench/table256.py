"""The usual way to interpolate in GF(2^8): logarithm tables, indexed by the secret's own bytes.

A peer to measure against. It is short and fast, and leaks through the cache; not for use.
"""

EXP, LOG, _x = [0] * 510, [0] * 256, 1
for _i in range(255):
    EXP[_i] = EXP[_i + 255] = _x
    LOG[_x] = _i
    _x ^= _x << 1
    _x ^= (_x >> 8) * 0x11B


def interpolate(points: dict[int, bytes], x: int) -> bytes:
    total = bytearray(len(next(iter(points.values()))))
    for xi, value in points.items():
        log = sum(LOG[x ^ xj] - LOG[xi ^ xj] for xj in points if xj != xi) % 255
        for i, byte in enumerate(value):
            total[i] ^= EXP[LOG[byte] + log] if byte else 0
    return bytes(total)
