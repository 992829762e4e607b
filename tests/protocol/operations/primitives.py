"""Encoding, Bech32, keys, SLIP-39, envelope, shares from elsewhere."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import encoding, envelope, keys, prime_shares, slip39
from tests.protocol.operations.registry import Input, Output, operation, private, raw


def key_pair(key: Ed25519PrivateKey) -> Output:
    return {"seed": key.private_bytes_raw(), "key": keys.public_bytes(key)}


@operation
def pae(given: Input) -> Output:
    read = {"bytes": raw, "id": encoding.raw_id, "int": int, "text": str, "empty": lambda: None}
    fields = [read[kind](*value) for kind, *value in given["fields"]]
    return {"bytes": encoding.pae(given["label"], *fields)}


@operation
def digits(given: Input) -> Output:
    return {"digits": encoding.digits(raw(given["hash"]), given["count"])}


@operation
def grouped(given: Input) -> Output:
    return {"text": encoding.grouped(given["digits"])}


@operation
def write_json(given: Input) -> Output:
    return {"bytes": encoding.dump_json(given["value"])}


@operation
def write_identity(given: Input) -> Output:
    return {"identity": keys.age_identity(raw(given["key"]))}


@operation
def read_identity(given: Input) -> Output:
    return {"key": keys.age_identity_bytes(given["identity"])}


@operation
def context(given: Input) -> Output:
    return {"context": keys.context(given["deposit"])}


@operation
def owner_key(given: Input) -> Output:
    return key_pair(keys.owner_key(raw(given["recovery_key"]), given["deposit"]))


@operation
def release_key(given: Input) -> Output:
    value = raw(given["value"])
    return key_pair(keys.release_key(value, given["deposit"], given["custody"]))


@operation
def check_seed(given: Input) -> Output:
    value = raw(given["value"])
    return {"check_seed": keys.check_seed(value, given["deposit"], given["custody"])}


@operation
def attest_key(given: Input) -> Output:
    seed = raw(given["check_seed"])
    return key_pair(keys.attest_key(seed, given["deposit"], given["custody"]))


@operation
def check_code(given: Input) -> Output:
    return {"digits": keys.check_code(raw(given["check_seed"]))}


@operation
def read_check_code(given: Input) -> Output:
    return {"check_seed": keys.check_code_seed(given["digits"])}


@operation
def sign(given: Input) -> Output:
    return {"signature": private(given["seed"]).sign(raw(given["message"]))}


@operation
def verify(given: Input) -> None:
    keys.verify(raw(given["key"]), raw(given["signature"]), raw(given["message"]))


@operation
def combine(given: Input) -> Output:
    return {"secret": slip39.combine(given["shares"])}


@operation
def split(given: Input) -> Output:
    made = slip39.split(raw(given["secret"]), given["needed"], given["count"])
    return {"shares": [piece.words() for piece in made]}


SHARE_FIELDS = {
    "identifier": "identifier",
    "extendable": "extendable",
    "exponent": "iteration_exponent",
    "group": "group_index",
    "group_threshold": "group_threshold",
    "group_count": "group_count",
    "member": "member_index",
    "member_threshold": "member_threshold",
    "value": "value",
}


@operation
def read_share(given: Input) -> Output:
    found = slip39.Share.parse(given["words"])
    return {name: getattr(found, attribute) for name, attribute in SHARE_FIELDS.items()}


@operation
def write_share(given: Input) -> Output:
    named = {SHARE_FIELDS[name]: value for name, value in given.items()}
    return {"words": slip39.Share(**(named | {"value": raw(given["value"])})).words()}


@operation
def open_envelope(given: Input) -> Output:
    return {"secret": envelope.open(raw(given["envelope"]), raw(given["recovery_key"]))}


@operation
def seal_envelope(given: Input) -> Output:
    return {"envelope": envelope.seal(raw(given["secret"]), raw(given["recovery_key"]))}


@operation
def read_prime_shares(given: Input) -> Output:
    secret = prime_shares.combine(given["shares"])
    write = prime_shares.as_hex if given["kind"] == "hex" else prime_shares.as_text
    return {"secret": write(secret)}
