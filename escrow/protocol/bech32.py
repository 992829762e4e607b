"""Bech32 (BIP-0173) for age identities: no length limit, as age writes it.

>>> encode("a", b"")
'a12uel5l'
"""

from escrow.protocol.errors import ProtocolError

_ALPHABET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_LENGTH = 6


def encode(prefix: str, data: bytes) -> str:
    """Write bytes as lower-case Bech32 under `prefix` (lower-case)."""
    values = _regroup(data, 8, 5)
    checksum = _polymod([*_expand(prefix), *values, 0, 0, 0, 0, 0, 0]) ^ 1
    values += [checksum >> 5 * (5 - i) & 31 for i in range(_CHECKSUM_LENGTH)]
    return f"{prefix}1" + "".join(_ALPHABET[value] for value in values)


def decode(text: str) -> tuple[str, bytes]:
    """Read prefix and bytes; raises ProtocolError("wrong_bech32")."""
    if not text.isascii():  # before changing case: the Kelvin sign's lower case is "k"
        raise _error("a character outside the alphabet")
    if text not in (text.lower(), text.upper()):
        raise _error("mixed case")
    prefix, separator, rest = text.lower().rpartition("1")
    if not separator or not prefix or len(rest) < _CHECKSUM_LENGTH:
        raise _error("no separator or checksum")
    if any(not 33 <= ord(c) <= 126 for c in prefix) or any(c not in _ALPHABET for c in rest):
        raise _error("a character outside the alphabet")
    values = [_ALPHABET.index(c) for c in rest]
    if _polymod([*_expand(prefix), *values]) != 1:
        raise _error("the checksum does not fit")
    return prefix, bytes(_regroup_back(values[:-_CHECKSUM_LENGTH]))


def _error(reason: str) -> ProtocolError:
    return ProtocolError(f"not Bech32: {reason}", code="wrong_bech32")


def _expand(prefix: str) -> list[int]:
    return [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]


def _polymod(values: list[int]) -> int:
    checksum = 1
    for value in values:
        top = checksum >> 25
        checksum = (checksum & 0x1FFFFFF) << 5 ^ value
        for bit, term in enumerate(_GENERATOR):
            checksum ^= term * (top >> bit & 1)
    return checksum


def _regroup(data: bytes, bits_in: int, bits_out: int) -> list[int]:
    total = len(data) * bits_in
    padding = -total % bits_out
    number = int.from_bytes(data, "big") << padding
    count = (total + padding) // bits_out
    return [number >> bits_out * (count - 1 - i) & (1 << bits_out) - 1 for i in range(count)]


def _regroup_back(values: list[int]) -> bytes:
    total = 5 * len(values)
    padding = total % 8
    number = 0
    for value in values:
        number = number << 5 | value
    if padding > 4 or number & (1 << padding) - 1:
        raise _error("wrong padding")
    return (number >> padding).to_bytes(total // 8, "big")
