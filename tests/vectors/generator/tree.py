"""RFC 6962 section 2.1, word for word: recursive, slow, obviously the definition."""

from .basics import sha256


def leaf(data: bytes) -> bytes:
    return sha256(b"\x00" + data)


def node(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right)


def half(size: int) -> int:
    """The largest power of two smaller than `size`."""
    return 1 << (size - 1).bit_length() - 1


def root(leaves: list[bytes]) -> bytes:
    """MTH of section 2.1 over leaf data."""
    if not leaves:
        return sha256(b"")
    if len(leaves) == 1:
        return leaf(leaves[0])
    k = half(len(leaves))
    return node(root(leaves[:k]), root(leaves[k:]))


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of section 2.1.1."""
    if len(leaves) == 1:
        return []
    k = half(len(leaves))
    if index < k:
        return [*path(index, leaves[:k]), root(leaves[k:])]
    return [*path(index - k, leaves[k:]), root(leaves[:k])]


def consistency(size: int, leaves: list[bytes]) -> list[bytes]:
    """PROOF of section 2.1.2."""
    return subproof(size, leaves, True)


def subproof(size: int, leaves: list[bytes], whole: bool) -> list[bytes]:
    if size == len(leaves):
        return [] if whole else [root(leaves)]
    k = half(len(leaves))
    if size <= k:
        return [*subproof(size, leaves[:k], whole), root(leaves[k:])]
    return [*subproof(size - k, leaves[k:], False), root(leaves[:k])]
