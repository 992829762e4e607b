"""kit.json: the customer's kit file and a contact's card file."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import notes
from ..basics import Cases, b64url, canonical, fixed, flip, identifier, pae, sign
from ..shapes import (
    Path,
    add_refusals,
    add_writing_refusals,
    few,
    kind_bytes,
    kind_text,
    replaced,
)
from ..world import ALONE, DRILL, HOST, LARGE, LEDGER, LEDGER_SEED, MAIN, PAIR, Custody, Deposit

DESCRIPTION = "Section 14: kit and card, with what their parts must have in common"
Failure = tuple[str, bytes, str, str | None]
CHECKPOINT = notes.note(notes.checkpoint(LEDGER, 7, fixed("root 7", 32)), (LEDGER, LEDGER_SEED))


def kit(deposit: Deposit) -> dict[str, Any]:
    return {
        "format": "escrow/v1/kit",
        "payload": b64url(deposit.payload(deposit.customer)),
        "manifest": b64url(deposit.manifest),
        "manifest_signature": b64url(deposit.signature),
        "envelope": b64url(deposit.envelope),
        "host": HOST,
        "contacts": [
            {"name": c.contact.name, "address": c.contact.address, "nonce": b64url(c.contact.nonce)}
            for c in deposit.contacts
            if c.contact
        ],
    }


def card(deposit: Deposit, custody: Custody, checkpoint: str = CHECKPOINT) -> dict[str, Any]:
    return {
        "format": "escrow/v1/card",
        "payload": b64url(deposit.payload(custody)),
        "manifest": b64url(deposit.manifest),
        "manifest_signature": b64url(deposit.signature),
        "host": HOST,
        "checkpoint": checkpoint,
    }


def payload_failures(deposit: Deposit, custody: Custody, other: Custody) -> list[Failure]:
    """Name, payload, error and field of each payload that does not belong to the manifest."""
    document = deposit.payload_document(custody)
    roles = {"customer": "provider", "contact": "customer"}
    return [
        (
            "of another deposit",
            canonical(document | {"deposit": identifier("else")}),
            "wrong_deposit",
            None,
        ),
        (
            "with another manifest's hash",
            canonical(document | {"manifest_hash": b64url(flip(deposit.manifest_hash))}),
            "wrong_manifest",
            None,
        ),
        (
            "of an unknown custody",
            canonical(document | {"custody": identifier("else")}),
            "wrong_custody",
            None,
        ),
        (
            "with another role",
            canonical(document | {"role": roles[custody.role]}),
            "wrong_custody",
            None,
        ),
        ("of another custodian", deposit.payload(other), "wrong_custody", None),
        ("of the provider", deposit.payload(deposit.provider), "wrong_custody", None),
        (
            "with another custodian's words",
            canonical(document | {"words": other.share.mnemonic()}),
            "wrong_share",
            None,
        ),
        (
            "that is no share",
            canonical(document | {"words": "academic"}),
            "malformed_share",
            "words",
        ),
        ("with white space", canonical(document) + b" ", "malformed_share", ""),
    ]


def add_parts(
    cases: Cases, operation: str, document: dict[str, Any], failures: list[Failure]
) -> None:
    """Refusals that kit and card (and invitation) have in common."""
    key = operation.removeprefix("parse_")

    def bad(name: str, path: Path, value: Any, error: str, field: str | None = None) -> None:
        data = canonical(replaced(document, path, value))
        cases.bad(f"{key}: {name}", operation, {key: data}, error, field)

    for name, payload, error, field in failures:
        bad(f"payload {name}", ["payload"], b64url(payload), error, field)
    signature = b64url(flip(PAIR.signature))
    bad("signature changed", ["manifest_signature"], signature, "wrong_signature")
    changed = canonical(PAIR.document() | {"waiting_seconds": 5})
    bad("bad manifest", ["manifest"], b64url(changed), "malformed_manifest", "waiting_seconds")
    changed = PAIR.manifest + b"\n"
    bad("manifest with a line break", ["manifest"], b64url(changed), "malformed_manifest", "")
    changed = canonical(PAIR.document() | {"created_at": 5})
    signature = b64url(sign(PAIR.owner_seed, pae("escrow/v1/manifest/signed", changed)))
    other = document | {"manifest": b64url(changed), "manifest_signature": signature}
    name = f"{key}: another manifest of the same deposit and owner"
    cases.bad(name, operation, {key: canonical(other)}, "wrong_manifest")
    bad("another deposit's manifest", ["manifest"], b64url(DRILL.manifest), "wrong_deposit")


NOT_BASE64 = {"with padding": "AAA=", "as a number": 5, "with a stray bit": "AB"}
COMMON_KINDS: list[tuple[Sequence[str | int], dict[str, Any]]] = [
    (["format"], {"of a share": "escrow/v1/share"}),
    (["payload"], NOT_BASE64 | {"longer than 2048 bytes": b64url(bytes(2049))}),
    (["manifest"], NOT_BASE64 | {"longer than 16 KiB": b64url(bytes(16_385))}),
    (["manifest_signature"], few(kind_bytes(64), 4)),
    (["host"], few(kind_text(255), 2) | {"empty": ""}),
]
CONTACT_NAME = few(kind_text(80), 2) | {"empty": ""}
CONTACT_ADDRESS = few(kind_text(254), 2) | {"of two characters": "a@"}


def add_kit(cases: Cases) -> None:
    for deposit in (MAIN, PAIR, ALONE, LARGE):
        data = canonical(kit(deposit))
        cases.good(f"kit: {deposit.name}", "parse_kit", {"kit": data}, kit=data)
    document = kit(PAIR)
    kinds = [
        *COMMON_KINDS,
        (["envelope"], {"with padding": "AAA=", "longer than 70000 bytes": b64url(bytes(70001))}),
        (["contacts"], {"as null": None, "as an object": {}}),
        (["contacts", 0], {"as text": "Zoë", "as null": None}),
        (["contacts", 0, "name"], CONTACT_NAME),
        (["contacts", 0, "address"], CONTACT_ADDRESS),
        (["contacts", 0, "nonce"], few(kind_bytes(16), 4)),
    ]
    add_refusals(cases, "parse_kit", "kit", "malformed_kit", document, kinds, "kit: ")
    good = canonical(kit(ALONE))
    add_writing_refusals(cases, "parse_kit", "kit", "malformed_kit", good, "kit: ")
    padded = {"kit": good[:-1] + b" " * 196_608 + b"}"}
    cases.bad("kit: longer than 192 KiB", "parse_kit", padded, "malformed_kit", "")
    failures = payload_failures(PAIR, PAIR.customer, PAIR.contacts[0])
    add_parts(cases, "parse_kit", document, failures)

    document = kit(MAIN)

    def bad(name: str, path: Path, value: Any, error: str) -> None:
        data = canonical(replaced(document, path, value))
        cases.bad(f"kit: {name}", "parse_kit", {"kit": data}, error)

    bad("envelope changed", ["envelope"], b64url(flip(MAIN.envelope, -1)), "wrong_envelope")
    bad("no envelope", ["envelope"], "", "wrong_envelope")
    listed = document["contacts"]
    for name, contacts in {
        "a contact missing": listed[:-1],
        "no contacts": [],
        "a contact too many": [*listed, listed[0]],
        "contacts in the wrong order": [listed[1], listed[0], listed[2]],
        "another name": [listed[0] | {"name": "Mallory"}, *listed[1:]],
        "a name that is the same after NFC": [
            listed[0] | {"name": "Zoe\u0308 van Dijk"},
            *listed[1:],
        ],
        "another address": [listed[0], listed[1] | {"address": "m@example.org"}, listed[2]],
        "another nonce": [*listed[:2], listed[2] | {"nonce": b64url(fixed("n", 16))}],
    }.items():
        bad(name, ["contacts"], contacts, "wrong_contact")


def add_card(cases: Cases) -> None:
    for name, checkpoint in {"with a checkpoint": CHECKPOINT, "without a checkpoint": ""}.items():
        data = canonical(card(MAIN, MAIN.contacts[1], checkpoint))
        cases.good(f"card: {name}", "parse_card", {"card": data}, card=data)
    document = card(PAIR, PAIR.contacts[0])
    kinds = [*COMMON_KINDS, (["checkpoint"], few(kind_text(4096), 3))]
    add_refusals(cases, "parse_card", "card", "malformed_card", document, kinds, "card: ")
    good = canonical(card(PAIR, PAIR.contacts[0], ""))
    add_writing_refusals(cases, "parse_card", "card", "malformed_card", good, "card: ")
    padded = {"card": good[:-1] + b" " * 65_536 + b"}"}
    cases.bad("card: longer than 64 KiB", "parse_card", padded, "malformed_card", "")
    failures = payload_failures(PAIR, PAIR.contacts[0], PAIR.customer)
    add_parts(cases, "parse_card", document, failures)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_kit(made)
    add_card(made)
    return made
