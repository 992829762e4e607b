"""ledger.json: events of every type, their MACs, their leaves."""

from __future__ import annotations

import hmac
from typing import Any

from .. import tree
from ..basics import Cases, b64url, canonical, fixed, flip, pae, sha256
from ..events import REFERENCES, TYPES, event, needed
from ..shapes import add_refusals
from ..world import LEDGER_VKEY, MAIN, PROVIDER_PUBLIC_KEY

DESCRIPTION = "Section 12: ledger events, MACs, leaf data"
CHOICES = {
    "totp changed": ("reason", ["enrolled", "changed", "recovered"]),
    "deposit reopened": ("by", ["customer", "contact", "provider"]),
    "custody lost": ("by", ["customer", "contact", "provider"]),
    "custody attested": ("means", ["share", "check"]),
    "recovery opened": ("proof", ["totp", "kit", "contacts", "totp+kit", "totp+contacts"]),
    "key changed": ("use", ["ledger", "provider"]),
    "admin added": ("role", ["owner", "operator", "auditor", "support"]),
}


def good(cases: Cases, name: str, document: dict[str, Any]) -> None:
    data = canonical(document)
    cases.good(f"event: {name}", "parse_event", {"event": data}, event=data)


def bad(cases: Cases, name: str, document: dict[str, Any], field: str) -> None:
    data = canonical(document)
    cases.bad(f"event: {name}", "parse_event", {"event": data}, "malformed_event", field)


def add_good(cases: Cases) -> None:
    for kind in TYPES:
        good(cases, kind, event(kind))
        good(cases, f"{kind}, sequenced", event(kind, at=1_761_000_123))
    for kind, (field, values) in CHOICES.items():
        data = event(kind)["data"]
        for value in values[1:]:
            good(cases, f"{kind}: {value}", event(kind, data | {field: value}))
    custody = MAIN.contacts[0].id
    good(cases, "vetoed by a contact", event("recovery vetoed", {"by": "contact"}, custody=custody))
    made = event("release made")["data"] | {"signature": None, "time": None}
    good(cases, "released by the provider", event("release made", made))
    frozen = event("recovery frozen")["data"] | {"approval": b64url(fixed("approval", 32))}
    good(cases, "frozen with an approval", event("recovery frozen", frozen))
    added = event("admin added")["data"] | {"approval": b64url(fixed("approval", 32))}
    good(cases, "added with an approval", event("admin added", added))
    key = b64url(PROVIDER_PUBLIC_KEY)
    changed = {"use": "provider", "old": key, "new": key}
    good(cases, "provider key changed", event("key changed", changed))
    old = b64url(LEDGER_VKEY.encode())
    good(
        cases, "ledger key changed", event("key changed", {"use": "ledger", "old": old, "new": old})
    )
    one = b64url(fixed("address", 32))
    good(cases, "no addresses", event("address changed", {"addresses": []}))
    good(cases, "16 addresses", event("address changed", {"addresses": [one] * 16}))
    noticed = {"wait_seconds": 0, "refused": [one] * 64}
    good(cases, "64 refused notices", event("recovery noticed", noticed))
    for name, value in REFERENCES.items():
        good(cases, f"admin executed with {name}", event("admin executed", **{name: value}))
    good(cases, "admin approved with all", event("admin approved", **REFERENCES))
    good(cases, "empty reason", event("custody rejected", {"reason": ""}))
    long = "\U0001f33f" * 200
    good(cases, "reason of 200 code points", event("custody rejected", {"reason": long}))


def add_bad(cases: Cases) -> None:
    for kind, fields in TYPES.items():
        for name in REFERENCES:
            if name in needed(kind):
                bad(cases, f"{kind} without {name}", event(kind, **{name: None}), name)
            elif not kind.startswith("admin"):
                change = {name: REFERENCES[name]}
                bad(cases, f"{kind} with {name}", event(kind, **change), name)
        kinds = [(["data", name], wrong) for name, (_, wrong) in fields.items()]
        args = (event(kind), kinds, f"event: {kind}: ")
        add_refusals(cases, "parse_event", "event", "malformed_event", *args)
        extra = event(kind)["data"] | {"surprise": 1}
        bad(cases, f"{kind}: unknown data", event(kind, extra), "data.surprise")
    one = b64url(fixed("address", 32))
    spoilt = {"addresses": [one, one[:-1]]}
    bad(cases, "second address", event("address changed", spoilt), "data.addresses.1")
    bad(
        cases,
        "vetoed by a contact, no custody",
        event("recovery vetoed", {"by": "contact"}),
        "custody",
    )
    bad(cases, "vetoed by the provider", event("recovery vetoed", {"by": "provider"}), "data.by")
    for name in ("deposit paused", "Tick", "tick ", "deposit_created", "", "custody"):
        bad(cases, f"unknown type {name!r}", event("tick") | {"type": name}, "type")
    big = b64url(bytes(2048))
    data = {"use": "provider", "old": big, "new": big}
    bad(cases, "data over 4096 bytes", event("key changed", data), "data")
    kinds = [
        (["id"], {"as null": None}),
        (["type"], {"as null": None, "as a number": 1}),
        (["account"], {"as a number": 1, "empty": ""}),
        (["deposit"], {"in upper case": "AB" * 16}),
        (["at"], {"as null": None}),
    ]
    args = (event("custody held"), kinds, "event: ")
    add_refusals(cases, "parse_event", "event", "malformed_event", *args)
    for name in ("account", "deposit", "custody", "recovery", "data"):
        document = event("custody held")
        del document[name]
        if name in ("custody", "recovery", "data"):
            bad(cases, f"{name} left out", document, name)


def add_macs(cases: Cases) -> None:
    key, nonce = fixed("web mac key", 32), fixed("leaf nonce", 32)
    for kind in ("deposit created", "release made", "tick"):
        data = canonical(event(kind))
        mac = hmac.digest(key, pae("escrow/v1/event", data), "sha256")
        given = {"key": key, "event": data}
        cases.good(f"mac: {kind}", "event_mac", given, mac=mac)
        checked = given | {"mac": mac}
        cases.good(f"check mac: {kind}", "check_event_mac", checked)
        for author in ("web", "custodian"):
            given = {"key": key, "index": 258, "author": author, "nonce": nonce, "event": data}
            message = pae("escrow/v1/sequenced", 258, author, nonce, data)
            mac = hmac.digest(key, message, "sha256")
            cases.good(f"sequenced: {kind}, {author}", "sequenced_mac", given, mac=mac)
        leaf = sha256(pae("escrow/v1/ledger", nonce, data))
        given = {"nonce": nonce, "event": data}
        output = {"data": leaf, "hash": tree.leaf(leaf)}
        cases.good(f"leaf: {kind}", "leaf", given, **output)
    data = canonical(event("tick"))
    mac = hmac.digest(key, pae("escrow/v1/event", data), "sha256")
    good_mac = {"key": key, "event": data, "mac": mac}
    for name, change in {
        "another key": {"key": flip(key)},
        "another event": {"event": canonical(event("tick", at=1))},
        "one bit": {"mac": flip(mac)},
        "cut": {"mac": mac[:16]},
        "empty": {"mac": b""},
    }.items():
        cases.bad(f"check mac: {name}", "check_event_mac", good_mac | change, "wrong_signature")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_good(made)
    add_bad(made)
    add_macs(made)
    return made
