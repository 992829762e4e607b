r"""Merkle tree of RFC 6962: roots, inclusion and consistency proofs over leaf data.

Leaf hash = SHA-256(0x00 ‖ data), node = SHA-256(0x01 ‖ left ‖ right); a tree of n leaves splits at
the largest power of two below n. Proofs are made from any storage that gives the hash of a complete
subtree: `node(level, index)` is the root of leaves index·2^level … (index+1)·2^level − 1.

>>> root_of([]).hex()[:16]
'e3b0c44298fc1c14'

Source: RFC 6962 section 2.1; RFC 9162 section 2.1.3 for verification.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence

from escrow.protocol.errors import ProtocolError

NodeReader = Callable[[int, int], bytes]
HASH_LENGTH_BYTES = 32
EMPTY_ROOT = hashlib.sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """Hash one leaf; returns 32 bytes."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two nodes of 32 bytes; returns 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The complete subtrees of a growing tree: enough to append and to give the root."""

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self._peaks = list(peaks)

    @classmethod
    def load(cls, size: int, node: NodeReader) -> "Frontier":
        """Take up a tree of `size` leaves from its stored nodes."""
        return cls(size, [node(level, index) for level, index in _peaks_of(0, size)])

    def append(self, leaf: bytes) -> list[tuple[int, int, bytes]]:
        """Add a leaf hash; returns the nodes (level, index, hash) that are now complete."""
        made = [(0, self.size, leaf)]
        index, level, current = self.size, 0, leaf
        while index & 1:
            current = node_hash(self._peaks.pop(), current)
            level, index = level + 1, index >> 1
            made.append((level, index, current))
        self._peaks.append(current)
        self.size += 1
        return made

    def root(self) -> bytes:
        """Return the root hash of the tree so far."""
        return _fold(self._peaks)


def root_of(leaves: Sequence[bytes]) -> bytes:
    """Return the root of a tree over leaf data."""
    frontier = Frontier()
    for data in leaves:
        frontier.append(leaf_hash(data))
    return frontier.root()


def _fold(peaks: Sequence[bytes]) -> bytes:
    if not peaks:
        return EMPTY_ROOT
    root = peaks[-1]
    for peak in reversed(peaks[:-1]):
        root = node_hash(peak, root)
    return root


def _peaks_of(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Name the largest complete subtrees (level, index) that cover leaves start … end−1."""
    while start < end:
        level = (end - start).bit_length() - 1
        yield level, start >> level
        start += 1 << level


def _range_root(start: int, end: int, node: NodeReader) -> bytes:
    size = end - start
    if size & (size - 1) == 0:  # one complete subtree, as most ranges of a proof are
        level = size.bit_length() - 1
        return node(level, start >> level)
    return _fold([node(level, index) for level, index in _peaks_of(start, end)])


def _largest_power_below(size: int) -> int:
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(index: int, size: int, node: NodeReader) -> list[bytes]:
    """Prove that leaf `index` is in the tree of `size` leaves: sibling hashes from the leaf up.

    Raises ProtocolError("wrong_proof") when there is no such leaf.
    """
    if not 0 <= index < size:
        raise ProtocolError("There is no such entry in this tree.", code="wrong_proof")
    siblings: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _largest_power_below(end - start)
        if index < middle:
            siblings.append(_range_root(middle, end, node))
            end = middle
        else:
            siblings.append(_range_root(start, middle, node))
            start = middle
    return siblings[::-1]


def consistency_proof(old_size: int, size: int, node: NodeReader) -> list[bytes]:
    """Prove that the tree of `size` leaves begins with the tree of `old_size` leaves.

    Raises ProtocolError("wrong_proof") unless 0 < old_size ≤ size.
    """
    if not 0 < old_size <= size:
        raise ProtocolError("There is no proof between these sizes.", code="wrong_proof")
    path: list[bytes] = []
    start, end, whole = 0, size, True
    while old_size != end:
        middle = start + _largest_power_below(end - start)
        if old_size <= middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start, whole = middle, False
    if not whole:
        path.append(_range_root(start, end, node))
    return path[::-1]


def verify_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Check that leaf hash `leaf` stands at `index` in the tree; raises ProtocolError.

    The code is wrong_proof. Source: RFC 9162 section 2.1.3.2.
    """
    _refuse_other_lengths(leaf, root, *proof)
    if not 0 <= index < size:
        raise _wrong()
    position, last, current = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise _wrong()
        if position & 1 or position == last:
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last or current != root:
        raise _wrong()


def verify_consistency(
    old_size: int, size: int, proof: Sequence[bytes], old_root: bytes, root: bytes
) -> None:
    """Check that one tree begins with another; raises ProtocolError("wrong_proof").

    A proof from the empty tree proves nothing and is refused. Source: RFC 9162 section 2.1.4.2.
    """
    _refuse_other_lengths(*proof)
    if old_size == size and old_size > 0:
        if proof or old_root != root:
            raise _wrong()
        return
    if not 0 < old_size < size or not proof:
        raise _wrong()
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    position, last = old_size - 1, size - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_current = current = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise _wrong()
        if position & 1 or position == last:
            old_current = node_hash(sibling, old_current)
            current = node_hash(sibling, current)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            current = node_hash(current, sibling)
        position, last = position >> 1, last >> 1
    if last or old_current != old_root or current != root:
        raise _wrong()


def _refuse_other_lengths(*hashes: bytes) -> None:
    if any(len(item) != HASH_LENGTH_BYTES for item in hashes):
        raise _wrong()


def _wrong() -> ProtocolError:
    return ProtocolError("The proof does not hold.", code="wrong_proof")
