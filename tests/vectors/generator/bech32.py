"""Bech32 (BIP 173) without the length limit, as age uses it."""

ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def polymod(values: list[int]) -> int:
    check = 1
    for value in values:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate(
            (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
        ):
            if top >> bit & 1:
                check ^= generator
    return check


def to_groups(data: bytes, padding: int = 0) -> list[int]:
    """Cut bytes into groups of five bits; `padding` fills the last group (0 is right)."""
    spare = -len(data) * 8 % 5
    number = int.from_bytes(data, "big") << spare | padding
    count = (len(data) * 8 + spare) // 5
    return [number >> 5 * (count - 1 - i) & 31 for i in range(count)]


def from_groups(prefix: str, groups: list[int]) -> str:
    """Write prefix, separator, groups and checksum in lower case."""
    spread = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = polymod(spread + groups + [0] * 6) ^ 1
    tail = [check >> 5 * (5 - i) & 31 for i in range(6)]
    return prefix + "1" + "".join(ALPHABET[g] for g in groups + tail)


def identity(key: bytes) -> str:
    """Write 32 bytes as an age X25519 identity."""
    return from_groups("age-secret-key-", to_groups(key)).upper()
