"""Ledger, tree, notes."""

from __future__ import annotations

from collections.abc import Callable

from escrow.protocol import ledger, note, tree
from escrow.protocol.errors import BadSignature
from tests.protocol.operations.registry import Input, Output, operation, private, raw


@operation
def event_mac(given: Input) -> Output:
    return {"mac": ledger.event_mac(raw(given["key"]), raw(given["event"]))}


@operation
def check_event_mac(given: Input) -> None:
    mac = ledger.event_mac(raw(given["key"]), raw(given["event"]))
    if not ledger.same_mac(mac, raw(given["mac"])):
        raise BadSignature("another MAC")


@operation
def sequenced_mac(given: Input) -> Output:
    parts = raw(given["nonce"]), raw(given["event"])
    made = ledger.sequenced_mac(raw(given["key"]), given["index"], given["author"], *parts)
    return {"mac": made}


@operation
def leaf(given: Input) -> Output:
    data = ledger.leaf_data(raw(given["nonce"]), raw(given["event"]))
    return {"data": data, "hash": tree.leaf_hash(data)}


def node_reader(leaves: list[str]) -> Callable[[int, int], bytes]:
    """Keep every complete subtree, as the ledger's storage does."""
    nodes: dict[tuple[int, int], bytes] = {}
    frontier = tree.Frontier()
    for data in leaves:
        for level, index, value in frontier.append(tree.leaf_hash(raw(data))):
            nodes[level, index] = value
    return lambda level, index: nodes[level, index]


@operation
def tree_root(given: Input) -> Output:
    return {"root": tree.root_of([raw(data) for data in given["leaves"]])}


@operation
def inclusion_proof(given: Input) -> Output:
    leaves = given["leaves"]
    made = tree.inclusion_proof(given["index"], len(leaves), node_reader(leaves))
    return {"proof": made}


@operation
def consistency_proof(given: Input) -> Output:
    leaves = given["leaves"]
    made = tree.consistency_proof(given["old_size"], len(leaves), node_reader(leaves))
    return {"proof": made}


@operation
def verify_inclusion(given: Input) -> None:
    proof = [raw(item) for item in given["proof"]]
    leaf_hash, root = raw(given["leaf_hash"]), raw(given["root"])
    tree.verify_inclusion(leaf_hash, given["index"], given["size"], proof, root)


@operation
def verify_consistency(given: Input) -> None:
    proof = [raw(item) for item in given["proof"]]
    roots = raw(given["old_root"]), raw(given["root"])
    tree.verify_consistency(given["old_size"], given["size"], proof, *roots)


@operation
def read_vkey(given: Input) -> Output:
    found = note.Verifier.parse(given["vkey"])
    return {"name": found.name, "key_id": found.key_id, "key": found.public_key}


@operation
def write_vkey(given: Input) -> Output:
    return {"vkey": note.Verifier(given["name"], raw(given["key"])).vkey}


@operation
def ledger_digits(given: Input) -> Output:
    return {"digits": note.Verifier.parse(given["vkey"]).key_digits()}


@operation
def sign_note(given: Input) -> Output:
    signer = note.Signer(given["name"], private(given["seed"]))
    return {"note": note.sign(given["text"], [signer])}


@operation
def open_note(given: Input) -> Output:
    return {"text": note.verify(given["note"], [note.Verifier.parse(given["vkey"])])}


def checkpoint_fields(found: note.Checkpoint) -> Output:
    return {"origin": found.origin, "size": found.size, "root": found.root, "hash": found.hash}


@operation
def checkpoint_text(given: Input) -> Output:
    made = note.Checkpoint(given["origin"], given["size"], raw(given["root"]))
    return {"text": made.text}


@operation
def open_checkpoint(given: Input) -> Output:
    verifier = note.Verifier.parse(given["vkey"])
    return checkpoint_fields(note.Checkpoint.verify(given["note"], verifier))


@operation
def write_tlog_proof(given: Input) -> Output:
    siblings = tuple(raw(item) for item in given["proof"])
    return {"text": ledger.Proof(given["index"], siblings, given["note"]).text}


@operation
def verify_tlog_proof(given: Input) -> Output:
    proof = ledger.Proof.parse(given["text"])
    found = proof.verify(raw(given["leaf_data"]), note.Verifier.parse(given["vkey"]))
    return {"index": proof.index, "size": found.size, "root": found.root}
