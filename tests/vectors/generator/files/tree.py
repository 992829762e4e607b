"""tree.json: roots, inclusion and consistency proofs of RFC 6962 trees."""

from __future__ import annotations

from typing import Any

from .. import tree
from ..basics import Cases, fixed, flip, sha256

DESCRIPTION = "Section 12: RFC 6962 hashing over 32-byte leaf data; proofs"
LEAVES = [fixed(f"leaf {number}", 32) for number in range(40)]


def add_inclusion(cases: Cases) -> None:
    for size in (1, 2, 3, 7, 8, 9, 25, 40):
        leaves = LEAVES[:size]
        for index in sorted({0, 1, size // 2, size - 2, size - 1} & set(range(size))):
            path = tree.path(index, leaves)
            name = f"{index} of {size}"
            given = {"leaves": leaves, "index": index}
            cases.good(f"inclusion: {name}", "inclusion_proof", given, proof=path)
            given = {
                "index": index,
                "size": size,
                "leaf_hash": tree.leaf(leaves[index]),
                "proof": path,
                "root": tree.root(leaves),
            }
            cases.good(f"verify inclusion: {name}", "verify_inclusion", given)
    path = tree.path(5, LEAVES[:9])
    good: dict[str, Any] = {
        "index": 5,
        "size": 9,
        "leaf_hash": tree.leaf(LEAVES[5]),
        "proof": path,
        "root": tree.root(LEAVES[:9]),
    }
    for name, change in {
        "another index": {"index": 4},
        "index past the tree": {"index": 9},
        "a larger tree": {"size": 17},
        "a smaller tree": {"size": 8},
        "an empty tree": {"size": 0},
        "another leaf": {"leaf_hash": tree.leaf(LEAVES[4])},
        "leaf data instead of its hash": {"leaf_hash": LEAVES[5]},
        "another root": {"root": tree.root(LEAVES[:10])},
        "a hash changed": {"proof": [path[0], flip(path[1]), *path[2:]]},
        "a hash missing": {"proof": path[:-1]},
        "a hash too many": {"proof": [*path, path[-1]]},
        "hashes in the wrong order": {"proof": path[::-1]},
        "no proof": {"proof": []},
        "an empty leaf hash as the empty root": {
            "index": 0,
            "size": 1,
            "leaf_hash": b"",
            "proof": [],
            "root": b"",
        },
        "a hash of 31 bytes": {"proof": [path[0][:-1], *path[1:]]},
        "an inner node as leaf": {
            "index": 2,
            "size": 5,
            "leaf_hash": tree.root(LEAVES[4:6]),
        },
    }.items():
        cases.bad(f"verify inclusion: {name}", "verify_inclusion", good | change, "wrong_proof")


def add_consistency(cases: Cases) -> None:
    for size in (1, 2, 3, 7, 8, 9, 25, 40):
        leaves = LEAVES[:size]
        for old in sorted({1, 2, size // 2, size - 1, size} & set(range(1, size + 1))):
            path = tree.consistency(old, leaves)
            name = f"{old} to {size}"
            given = {"leaves": leaves, "old_size": old}
            cases.good(f"consistency: {name}", "consistency_proof", given, proof=path)
            given = {
                "old_size": old,
                "old_root": tree.root(leaves[:old]),
                "size": size,
                "root": tree.root(leaves),
                "proof": path,
            }
            cases.good(f"verify consistency: {name}", "verify_consistency", given)
    path = tree.consistency(6, LEAVES[:9])
    good: dict[str, Any] = {
        "old_size": 6,
        "old_root": tree.root(LEAVES[:6]),
        "size": 9,
        "root": tree.root(LEAVES[:9]),
        "proof": path,
    }
    changed = [*LEAVES[:3], flip(LEAVES[3]), *LEAVES[4:9]]
    for name, change in {
        "another old size": {"old_size": 5},
        "another size": {"size": 17},
        "a tree that shrank": {"old_size": 10, "old_root": tree.root(LEAVES[:10])},
        "from the empty tree": {"old_size": 0, "old_root": sha256(b"")},
        "from the empty tree without proof": {"old_size": 0, "old_root": sha256(b""), "proof": []},
        "another old root": {"old_root": tree.root(LEAVES[:5])},
        "another root": {"root": tree.root(LEAVES[:8])},
        "an entry rewritten": {"root": tree.root(changed), "proof": tree.consistency(6, changed)},
        "a hash changed": {"proof": [flip(path[0]), *path[1:]]},
        "a hash missing": {"proof": path[:-1]},
        "a hash too many": {"proof": [*path, path[-1]]},
        "no proof": {"proof": []},
        "same size, another root": {"old_size": 9, "old_root": tree.root(changed), "proof": []},
        "same size with a proof": {"old_size": 9, "old_root": good["root"]},
        "a hash of 33 bytes": {"proof": [path[0] + b"\x00", *path[1:]]},
    }.items():
        cases.bad(f"verify consistency: {name}", "verify_consistency", good | change, "wrong_proof")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    for size in (0, 1, 2, 3, 4, 5, 7, 8, 9, 16, 31, 40):
        leaves = LEAVES[:size]
        made.good(f"root: {size}", "tree_root", {"leaves": leaves}, root=tree.root(leaves))
    add_inclusion(made)
    add_consistency(made)
    return made
