"""manifest.json: the owner-signed description of a deposit."""

from __future__ import annotations

from typing import Any

from .. import notes
from ..basics import (
    Cases,
    b64url,
    canonical,
    digits,
    fixed,
    flip,
    grouped,
    identifier,
    public_of,
    sign,
)
from ..shapes import (
    add_refusals,
    add_writing_refusals,
    few,
    kind_bool,
    kind_bytes,
    kind_choice,
    kind_id,
    kind_int,
    kind_text,
    nullable,
    replaced,
    written,
)
from ..world import ALONE, DRILL, LARGE, LEDGER, MAIN, PAIR, Deposit

DESCRIPTION = "Section 6: the manifest, its hash, code, signature and contact commitments"


def add_good(cases: Cases) -> None:
    for deposit in (MAIN, PAIR, ALONE, LARGE, DRILL):
        given = {"manifest": deposit.manifest}
        name = deposit.name
        cases.good(f"read: {name}", "parse_manifest", given, manifest=deposit.manifest)
        cases.good(f"hash: {name}", "manifest_hash", given, hash=deposit.manifest_hash)
        code = digits(deposit.manifest_hash, 24)
        cases.good(f"code: {name}", "manifest_code", given, digits=code, text=grouped(code))
        given = given | {"owner_seed": deposit.owner_seed}
        cases.good(f"sign: {name}", "sign_manifest", given, signature=deposit.signature)
        given = {"manifest": deposit.manifest, "signature": deposit.signature}
        cases.good(f"verify: {name}", "verify_manifest", given)
        for custody in deposit.contacts[:3]:
            if contact := custody.contact:
                given = {"nonce": contact.nonce, "name": contact.name, "address": contact.address}
                output = contact.commitment()
                name = f"commitment: {deposit.name}, contact {custody.member}"
                cases.good(name, "contact_commitment", given, commitment=output)
    for name, changes in {
        "label of one character": {"label": "x"},
        "label of 80 code points outside the first plane": {"label": "\U0001f33f" * 80},
        "label that is not NFC stays": {"label": "Zoe\u0308"},
        "label with control characters": {"label": "a\u0000\n\u001f\u007f"},
        "replaces": {"replaces": identifier("old deposit")},
        "shortest wait": {"waiting_seconds": 86_400},
        "longest wait": {"waiting_seconds": 2**53 - 1},
        "TOTP cannot be replaced": {"contacts_replace_totp": False},
        "slip39_id 0": {"slip39_id": 0},
        "slip39_id 32767": {"slip39_id": 32767},
        "created at 0": {"created_at": 0},
    }.items():
        data = canonical(MAIN.document() | changes)
        cases.good(f"read: {name}", "parse_manifest", {"manifest": data}, manifest=data)
    data = canonical(PAIR.document() | {"contacts_replace_totp": True})
    name = "read: one contact may replace TOTP when the customer chose it"
    cases.good(name, "parse_manifest", {"manifest": data}, manifest=data)


def add_shape(cases: Cases) -> None:
    hash_kind, key_kind = few(kind_bytes(32), 4), few(kind_bytes(32), 2)
    kinds: list[tuple[list[str | int], dict[str, Any]]] = [
        (["format"], {"of a share": "escrow/v1/share", "of version 2": "escrow/v2/manifest"}),
        (["kind"], kind_choice()),
        (["deposit"], few(kind_id(), 2)),
        (["created_at"], few(kind_int(), 2)),
        (["label"], kind_text(80, empty_allowed=False)),
        (["replaces"], few(kind_id(), 2)),
        (["contacts"], {"as a list": [1, 1], "as null": None}),
        (["contacts", "needed"], few(kind_int())),
        (["contacts", "count"], few(kind_int(), 2)),
        (["contacts_replace_totp"], kind_bool()),
        (["waiting_seconds"], few(kind_int(), 2)),
        (["slip39_id"], few(kind_int()) | {"past 32767": 32768}),
        (["ledger_vkey"], few(kind_text(256))),
        (["provider_key_sha256"], key_kind),
        (["custodies"], {"as an object": {}, "as null": None, "empty": []}),
        (["custodies", 0], {"as null": None, "as a list": []}),
        (["custodies", 0, "custody"], few(kind_id())),
        (["custodies", 1, "role"], kind_choice()),
        (["custodies", 1, "group"], few(kind_int())),
        (["custodies", 2, "member"], few(kind_int())),
        (["custodies", 1, "contact_commitment"], nullable(hash_kind)),
        (["custodies", 2, "attest_key"], key_kind),
        (["custodies", 0, "release_key"], key_kind),
        (["envelope_sha256"], key_kind),
        (["owner_key"], hash_kind),
    ]
    operation, key, error = "parse_manifest", "manifest", "malformed_manifest"
    add_refusals(cases, operation, key, error, PAIR.document(), kinds, "read: ")
    add_writing_refusals(cases, operation, key, error, ALONE.manifest, "read: ")
    padded = ALONE.manifest[:-1] + b" " * 16384 + b"}"
    cases.bad("read: longer than 16 KiB", operation, {key: padded}, error, "")
    for path in (["contacts"], ["custodies", 1]):
        place = ALONE.document()
        for step in path:
            place = place[step]
        data = canonical(replaced(ALONE.document(), path, place | {"surprise": 1}))
        field = ".".join(map(str, [*path, "surprise"]))
        cases.bad(f"read: {field}", operation, {key: data}, error, field)
    custody = ALONE.document()["custodies"][0]
    swapped = {"role": custody["role"], "custody": custody["custody"]} | custody
    data = canonical(replaced(ALONE.document(), ["custodies", 0], swapped))
    cases.bad("read: a custody's fields in the wrong order", operation, {key: data}, error, "")


def add_meaning(cases: Cases) -> None:
    def bad(deposit: Deposit, name: str, path: list[str | int], value: Any, field: str) -> None:
        data = written(replaced(deposit.document(), path, value))
        given = {"manifest": data}
        cases.bad(f"read: {name}", "parse_manifest", given, "malformed_manifest", field)

    for needed, count in [
        (0, 1),
        (1, 0),
        (1, 2),
        (1, 3),
        (3, 2),
        (2, 17),
        (17, 17),
        (0, 3),
        (16, 17),
    ]:
        policy = {"needed": needed, "count": count}
        bad(MAIN, f"policy {needed} of {count}", ["contacts"], policy, "contacts")
    bad(MAIN, "wait under a day", ["waiting_seconds"], 86_399, "waiting_seconds")
    bad(MAIN, "no wait", ["waiting_seconds"], 0, "waiting_seconds")
    bad(DRILL, "a drill made real without wait", ["kind"], "real", "waiting_seconds")
    field = "contacts_replace_totp"
    bad(ALONE, "TOTP replaced by contacts without contacts", [field], True, field)
    bad(MAIN, "replaces itself", ["replaces"], MAIN.id, "replaces")
    vkey = MAIN.document()["ledger_vkey"]
    key = public_of(fixed("some ledger", 32))
    witness = notes.key_id(LEDGER, key, 4)
    for name, text in {
        "empty": "",
        "without its key": vkey.rsplit("+", 1)[0],
        "with another key id": vkey.replace("+", "+0", 1),
        "of another name": "x" + vkey,
        "of a witness": f"{LEDGER}+{witness.hex()}+{notes.b64(bytes([4]) + key)}",
    }.items():
        bad(MAIN, f"vkey {name}", ["ledger_vkey"], text, "ledger_vkey")
    listed = MAIN.document()["custodies"]
    customer, first, second, third, provider = listed
    for name, entries in {
        "no custodies": [],
        "no customer": listed[1:],
        "no provider": listed[:-1],
        "a contact missing": [customer, first, second, provider],
        "a contact too many": [*listed[:-1], first | {"member": 3}, provider],
        "contacts in the wrong order": [customer, second, first, third, provider],
        "provider before the contacts": [customer, provider, first, second, third],
        "two customers": [customer, customer, first, second, third, provider],
        "two providers": [*listed, provider],
        "a contact's role": [customer, first | {"role": "customer"}, second, third, provider],
        "customer's group": [customer | {"group": 1}, *listed[1:]],
        "customer's member": [customer | {"member": 1}, *listed[1:]],
        "a contact's group": [customer, first | {"group": 2}, second, third, provider],
        "a contact's member twice": [customer, first, second | {"member": 0}, third, provider],
        "provider's group": [*listed[:-1], provider | {"group": 1}],
        "provider's member": [*listed[:-1], provider | {"member": 1}],
        "a custody twice": [*listed[:-1], provider | {"custody": first["custody"]}],
        "a contact without commitment": [
            customer,
            first | {"contact_commitment": None},
            second,
            third,
            provider,
        ],
        "customer with a commitment": [
            customer | {"contact_commitment": first["contact_commitment"]},
            *listed[1:],
        ],
        "provider with a commitment": [
            *listed[:-1],
            provider | {"contact_commitment": first["contact_commitment"]},
        ],
        "a release key twice": [*listed[:-1], provider | {"release_key": first["release_key"]}],
        "an attest key twice": [*listed[:-1], provider | {"attest_key": first["attest_key"]}],
        "a release key as attest key": [
            *listed[:-1],
            provider | {"attest_key": provider["release_key"]},
        ],
    }.items():
        bad(MAIN, f"custodies: {name}", ["custodies"], entries, "custodies")
    alone = ALONE.document()["custodies"]
    entries = [alone[0], alone[1] | {"group": 2}]
    bad(ALONE, "custodies: a gap in the groups", ["custodies"], entries, "custodies")


def add_signatures(cases: Cases) -> None:
    for name, change in {
        "one bit": {"signature": flip(MAIN.signature)},
        "by another owner": {"signature": sign(ALONE.owner_seed, MAIN.manifest)},
        "over the bytes without label": {"signature": sign(MAIN.owner_seed, MAIN.manifest)},
        "over the hash": {"signature": sign(MAIN.owner_seed, MAIN.manifest_hash)},
        "of another manifest": {"signature": PAIR.signature},
        "of nothing": {"signature": b""},
    }.items():
        given = {"manifest": MAIN.manifest, "signature": MAIN.signature} | change
        cases.bad(f"verify: {name}", "verify_manifest", given, "wrong_signature")
    other = b64url(public_of(PAIR.owner_seed))
    changed = canonical(replaced(MAIN.document(), ["owner_key"], other))
    given = {"manifest": changed, "signature": MAIN.signature}
    cases.bad("verify: owner key replaced", "verify_manifest", given, "wrong_signature")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_good(made)
    add_shape(made)
    add_meaning(made)
    add_signatures(made)
    return made
