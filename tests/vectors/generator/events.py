"""One good event of every type, and what each of its data fields must be."""

from __future__ import annotations

from typing import Any

from .basics import b64url, fixed, identifier
from .shapes import few, kind_bytes, kind_choice, kind_id, kind_int, kind_text, nullable
from .world import CHECKPOINT_HASH, LEDGER_VKEY, MAIN, NOW, PROVIDER_PUBLIC_KEY, SESSION

Kind = tuple[Any, dict[str, Any]]


def hash_of(name: str) -> str:
    return b64url(fixed("hash " + name, 32))


def text(value: str, longest: int) -> Kind:
    return value, few(kind_text(longest), 2)


def binary(value: str, longest: int) -> Kind:
    bad = {"one byte too long": b64url(bytes(longest + 1)), "with padding": "AAA="}
    return value, bad | {"as a number": 5}


def some(name: str, length: int, longest: int) -> Kind:
    """Bytes of which there must be at least one."""
    value, bad = binary(b64url(fixed(name, length)), longest)
    return value, bad | {"empty": ""}


INT: Kind = (NOW, few(kind_int(), 2))
ID: Kind = (SESSION, few(kind_id(), 2))
HASH: Kind = (hash_of("event"), few(kind_bytes(32), 2))
HASH_OR_NULL: Kind = (None, nullable(few(kind_bytes(32), 2)))
SIGNATURE: Kind = (b64url(fixed("signature", 64)), few(kind_bytes(64), 2))
PUBLIC_KEY: Kind = (b64url(PROVIDER_PUBLIC_KEY), few(kind_bytes(1216), 2))
REASON = text("asked by the customer, €", 200)
BY: Kind = ("customer", kind_choice())
MEANS: Kind = ("share", kind_choice())


def hashes(longest: int) -> Kind:
    one = hash_of("one")
    bad = {"too many": [one] * (longest + 1), "as text": one, "as null": None}
    return [one, hash_of("two")], bad


TYPES: dict[str, dict[str, Kind]] = {
    "account created": {"addresses": hashes(16)},
    "account moved": {"from": text("12", 128), "to": text("13", 128), "approval": HASH},
    "account closing": {"until": INT, "reason": REASON},
    "address changed": {"addresses": hashes(16)},
    "totp changed": {"reason": ("enrolled", kind_choice())},
    "deposit created": {"manifest_hash": HASH},
    "deposit active": {},
    "deposit complete": {},
    "deposit closing": {"until": INT, "reason": REASON},
    "deposit reopened": {"by": BY},
    "deposit destroyed": {"reason": REASON},
    "custody invited": {"until": INT},
    "custody fetched": {},
    "custody paused": {},
    "custody resumed": {"until": INT},
    "custody withdrawn": {},
    "custody held": {},
    "custody rejected": {"reason": REASON},
    "custody declined": {},
    "custody lost": {"by": BY},
    "custody attested": {
        "means": MEANS,
        "checkpoint_hash": (b64url(CHECKPOINT_HASH), HASH[1]),
        "time": INT,
        "signature": SIGNATURE,
    },
    "custody moved": {
        "previous": HASH,
        "commitment": (hash_of("moved"), HASH[1]),
        "body_sha256": (hash_of("moved body"), HASH[1]),
        "time": INT,
        "signature": SIGNATURE,
    },
    "recovery opened": {
        "proof": ("totp", kind_choice()),
        "wait_seconds": (259_200, INT[1]),
        "account": (identifier("account"), ID[1]),
    },
    "recovery noticed": {"wait_seconds": (259_200, INT[1]), "refused": hashes(64)},
    "recovery ready": {},
    "recovery vetoed": {"by": BY},
    "recovery frozen": {"reason": REASON, "approval": HASH_OR_NULL},
    "recovery unfrozen": {"approval": HASH},
    "recovery begun": {"session": ID, "public_key": PUBLIC_KEY},
    "recovery completed": {"time": INT, "signature": SIGNATURE},
    "recovery expired": {},
    "release intended": {"session": ID, "public_key_sha256": HASH},
    "release made": {
        "session": ID,
        "public_key_sha256": HASH,
        "sealed_sha256": (hash_of("sealed"), HASH[1]),
        "signature": (SIGNATURE[0], nullable(SIGNATURE[1])),
        "time": (NOW, nullable(INT[1])),
    },
    "admin approved": {
        "operation": text("recovery unfreeze", 64),
        "body_sha256": HASH,
        "credential": text("ops-1", 128),
        "signature": binary(b64url(fixed("admin signature", 71)), 2048),
    },
    "admin executed": {"operation": text("recovery unfreeze", 64), "body_sha256": HASH},
    "admin rejected": {"credential": text("passkey:ops-1", 128), "body_sha256": HASH},
    "admin exported": {"what": text("custodies", 200), "body_sha256": HASH},
    "admin added": {
        "admin": (identifier("admin"), ID[1]),
        "name": text("Anna de Vries", 80),
        "role": ("owner", kind_choice()),
        "credential": some("credential", 32, 1023),
        "public_key": some("COSE key", 77, 1024),
        "approval": HASH_OR_NULL,
    },
    "admin removed": {"admin": (identifier("admin"), ID[1]), "approval": HASH},
    "admin resent": {"admin": (identifier("admin"), ID[1]), "what": text("invitation", 64)},
    "wait changed": {"seconds": (604_800, INT[1]), "approval": HASH},
    "site published": {"files_sha256": HASH},
    "key changed": {
        "use": ("ledger", kind_choice()),
        "old": (None, nullable(binary("", 2048)[1])),
        "new": binary(b64url(LEDGER_VKEY.encode()), 2048),
    },
    "backup accepted": {"size": (41, INT[1]), "root": HASH, "reason": REASON},
    "tick": {},
}

REFERENCES = {
    "account": identifier("account"),
    "deposit": MAIN.id,
    "custody": MAIN.contacts[0].id,
    "recovery": identifier("recovery"),
}
NEEDED = {
    "account": ["account"],
    "address": ["account"],
    "totp": ["account"],
    "deposit": ["account", "deposit"],
    "custody": ["account", "deposit", "custody"],
    "recovery": ["account", "deposit", "recovery"],
    "release": ["account", "deposit", "custody", "recovery"],
}


def needed(kind: str) -> list[str]:
    """Name the references that an event of this type must have."""
    return NEEDED.get(kind.split(maxsplit=1)[0], [])


def event(kind: str, data: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """Give the good event of a type, with other data or other fields where asked."""
    if data is None:
        data = {name: value for name, (value, _) in TYPES[kind].items()}
    references = {name: REFERENCES[name] if name in needed(kind) else None for name in REFERENCES}
    start = {"id": identifier("event " + kind), "type": kind}
    return start | references | {"at": 0, "data": data} | changes
