"""Tree proofs against RFC 6962's own definition: all small sizes, random large ones."""

from __future__ import annotations

import base64
from collections.abc import Callable

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from escrow.protocol import ledger, note, tree
from escrow.protocol.errors import ProtocolError
from tests.vectors.generator import tree as definition

LARGEST = 64
LEAVES = [index.to_bytes(32, "big") for index in range(LARGEST)]
ROOTS = [definition.root(LEAVES[:size]) for size in range(LARGEST + 1)]


def storage() -> tuple[dict[tuple[int, int], bytes], list[bytes]]:
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = tree.Frontier()
    roots = [frontier.root()]
    for data in LEAVES:
        for level, index, value in frontier.append(tree.leaf_hash(data)):
            assert (level, index) not in nodes
            nodes[level, index] = value
        roots.append(frontier.root())
    return nodes, roots


NODES, GROWN = storage()


def node(level: int, index: int) -> bytes:
    return NODES[level, index]


def test_roots() -> None:
    assert GROWN == ROOTS
    assert ROOTS[0] == tree.EMPTY_ROOT
    for size in range(LARGEST + 1):
        assert tree.root_of(LEAVES[:size]) == ROOTS[size]
        taken_up = tree.Frontier.load(size, node)
        assert (taken_up.size, taken_up.root()) == (size, ROOTS[size])
        if size < LARGEST:
            taken_up.append(tree.leaf_hash(LEAVES[size]))
            assert taken_up.root() == ROOTS[size + 1]


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_inclusion_proof(size: int) -> None:
    for index in range(size):
        proof = tree.inclusion_proof(index, size, node)
        assert proof == definition.path(index, LEAVES[:size])
        leaf = tree.leaf_hash(LEAVES[index])
        tree.verify_inclusion(leaf, index, size, proof, ROOTS[size])
        other = (index + 1) % size
        if size > 1:
            refuse(tree.verify_inclusion, leaf, other, size, proof, ROOTS[size])
            refuse(tree.verify_inclusion, leaf, index, size, proof[:-1], ROOTS[size])
        refuse(tree.verify_inclusion, leaf, index, size, [*proof, leaf], ROOTS[size])
        refuse(tree.verify_inclusion, leaf, index, size, proof, ROOTS[size - 1])


@pytest.mark.parametrize("size", range(1, LARGEST + 1))
def test_every_consistency_proof(size: int) -> None:
    for old in range(1, size + 1):
        proof = tree.consistency_proof(old, size, node)
        assert proof == definition.consistency(old, LEAVES[:size])
        roots = ROOTS[old], ROOTS[size]
        tree.verify_consistency(old, size, proof, *roots)
        refuse(tree.verify_consistency, old, size, proof, ROOTS[old - 1], ROOTS[size])
        refuse(tree.verify_consistency, old, size, [*proof, ROOTS[1]], *roots)
        if proof:
            refuse(tree.verify_consistency, old, size, proof[1:], *roots)
            refuse(tree.verify_consistency, old, size, proof[:-1], *roots)
            refuse(tree.verify_consistency, old, size, proof, ROOTS[old], ROOTS[size - 1])


def refuse(verify: Callable[..., None], *arguments: object) -> None:
    with pytest.raises(ProtocolError) as caught:
        verify(*arguments)
    assert caught.value.code == "wrong_proof"


@given(st.data())
@settings(max_examples=200)
def test_any_bit_of_a_proof(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, LARGEST))
    index = data.draw(st.integers(0, size - 1))
    old = data.draw(st.integers(1, size - 1))
    for proof, verify in (
        (
            tree.inclusion_proof(index, size, node),
            lambda p: tree.verify_inclusion(
                tree.leaf_hash(LEAVES[index]), index, size, p, ROOTS[size]
            ),
        ),
        (
            tree.consistency_proof(old, size, node),
            lambda p: tree.verify_consistency(old, size, p, ROOTS[old], ROOTS[size]),
        ),
    ):
        verify(proof)
        at = data.draw(st.integers(0, len(proof) - 1))
        value = bytearray(proof[at])
        value[data.draw(st.integers(0, 31))] ^= 1 << data.draw(st.integers(0, 7))
        refuse(verify, [*proof[:at], bytes(value), *proof[at + 1 :]])
        if len(proof) > 1 and proof != proof[::-1]:
            refuse(verify, proof[::-1])


def plain(level: int) -> bytes:
    """Root of a complete tree of equal leaves."""
    value = tree.leaf_hash(b"equal")
    for _ in range(level):
        value = tree.node_hash(value, value)
    return value


PLAIN = [plain(level) for level in range(50)]


@given(st.integers(1, 2**48), st.data())
@settings(max_examples=150)
def test_large_trees(size: int, data: st.DataObject) -> None:
    """Trees of up to 2^48 leaves, of which one is special: nodes are computed when asked for."""
    special = data.draw(st.integers(0, size - 1))
    along = [tree.leaf_hash(b"special")]
    for level in range(1, 50):
        left, right = along[-1], PLAIN[level - 1]
        along.append(
            tree.node_hash(right, left) if special >> level - 1 & 1 else tree.node_hash(left, right)
        )

    def large(level: int, index: int) -> bytes:
        return along[level] if special >> level == index else PLAIN[level]

    root = tree.Frontier.load(size, large).root()
    for index in {special, data.draw(st.integers(0, size - 1))}:
        leaf = large(0, index)
        proof = tree.inclusion_proof(index, size, large)
        assert len(proof) <= 48
        tree.verify_inclusion(leaf, index, size, proof, root)
    wrong = special ^ 1
    if wrong < size:
        refuse(
            tree.verify_inclusion,
            large(0, special),
            wrong,
            size,
            proof_of(special, size, large),
            root,
        )
    old = data.draw(st.integers(1, size))
    old_root = tree.Frontier.load(old, large).root()
    path = tree.consistency_proof(old, size, large)
    tree.verify_consistency(old, size, path, old_root, root)
    if special < old < size:
        rewritten = tree.Frontier.load(old, lambda level, index: PLAIN[level]).root()
        refuse(tree.verify_consistency, old, size, path, rewritten, root)


def proof_of(index: int, size: int, nodes: tree.NodeReader) -> list[bytes]:
    return tree.inclusion_proof(index, size, nodes)


@pytest.mark.parametrize(("index", "size"), [(0, 0), (5, 5), (-1, 5), (6, 5)])
def test_no_proof_of_what_is_not_there(index: int, size: int) -> None:
    refuse(tree.inclusion_proof, index, size, node)


@pytest.mark.parametrize(("old", "size"), [(0, 0), (0, 5), (6, 5), (-1, 5)])
def test_no_proof_between_these_sizes(old: int, size: int) -> None:
    refuse(tree.consistency_proof, old, size, node)


# --- notes and checkpoints over such trees ----------------------------------------------------

SIGNER = note.Signer("escrow.example/ledger", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = note.Signer("witness.example", Ed25519PrivateKey.from_private_bytes(b"\x01" * 32))


def checkpoint(size: int, origin: str = SIGNER.name) -> note.Checkpoint:
    return note.Checkpoint(origin, size, ROOTS[size])


def test_checkpoints_that_continue() -> None:
    for old, new in ((0, 0), (0, 7), (7, 7), (6, 9)):
        path = tree.consistency_proof(old, new, node) if 0 < old < new else []
        ledger.check_consistent(checkpoint(old), checkpoint(new), path)
    path = tree.consistency_proof(6, 9, node)
    refuse(ledger.check_consistent, checkpoint(9), checkpoint(6), path)
    refuse(ledger.check_consistent, checkpoint(0), checkpoint(9), path)
    refuse(ledger.check_consistent, note.Checkpoint(SIGNER.name, 0, ROOTS[1]), checkpoint(9), [])
    with pytest.raises(ProtocolError) as caught:
        ledger.check_consistent(checkpoint(6, "other.example/ledger"), checkpoint(9), path)
    assert caught.value.code == "wrong_origin"


SIGNED = note.sign(checkpoint(9).text, [SIGNER])


@given(st.integers(0, len(SIGNED.encode()) - 1), st.integers(0, 7))
@settings(max_examples=300)
def test_any_bit_of_a_note(at: int, bit: int) -> None:
    changed = bytearray(SIGNED.encode())
    changed[at] ^= 1 << bit
    try:
        text = changed.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(ProtocolError):
        note.verify(text, [SIGNER.verifier])


@given(st.text(max_size=80), st.lists(st.sampled_from([SIGNER, OTHER]), min_size=1, max_size=3))
def test_note_there_and_back(text: str, signers: list[note.Signer]) -> None:
    try:
        signed = note.sign(text + "\n", signers)
    except ProtocolError as error:
        assert error.code == "malformed_note"
        assert any(ord(c) < 32 and c != "\n" for c in text) or not text.isprintable()
        return
    for verifier in (SIGNER.verifier, OTHER.verifier):
        if any(signer.verifier == verifier for signer in signers):
            assert note.verify(signed, [verifier]) == text + "\n"
        else:
            with pytest.raises(ProtocolError) as caught:
                note.verify(signed, [verifier])
            assert caught.value.code == "unverified_note"


def test_note_limits() -> None:
    line = OTHER.signature_line(checkpoint(9).text)
    many = note.sign(checkpoint(9).text, [SIGNER]) + line * 99
    assert note.verify(many, [SIGNER.verifier]) == checkpoint(9).text
    for signed in (many + line, "a" * 1_000_001 + "\n\n" + line, "no line break"):
        with pytest.raises(ProtocolError) as caught:
            note.verify(signed, [SIGNER.verifier])
        assert caught.value.code == "malformed_note"
    with pytest.raises(ProtocolError):
        note.sign("no line break", [SIGNER])


def test_a_proof_of_more_hashes_than_a_tree_can_have() -> None:
    hashes = (base64.b64encode(bytes(32)).decode() + "\n") * 64
    text = f"c2sp.org/tlog-proof@v1\nindex 0\n{hashes}\n{SIGNED}"
    with pytest.raises(ProtocolError) as caught:
        ledger.Proof.parse(text)
    assert caught.value.code == "malformed_note"


def test_bytes_that_move_from_a_leaf_into_its_sibling_prove_nothing() -> None:
    """Both give the same node: only their lengths tell them apart."""
    leaf, sibling = tree.leaf_hash(b"a"), tree.leaf_hash(b"b")
    root = tree.node_hash(leaf, sibling)
    tree.verify_inclusion(leaf, 0, 2, [sibling], root)
    for cut in (31, 33):
        both = leaf + sibling
        assert tree.node_hash(both[:cut], both[cut:]) == root
        with pytest.raises(ProtocolError) as caught:
            tree.verify_inclusion(both[:cut], 0, 2, [both[cut:]], root)
        assert caught.value.code == "wrong_proof"
