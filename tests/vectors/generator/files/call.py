"""call.json: the telephone call that stops a server which swaps the public key."""

from __future__ import annotations

from typing import Any

from ..basics import Cases, digits, fixed, flip, grouped, identifier, pae, raw, sha256
from ..signed import BYTES, HASH, ID, Signed, add_signed
from ..world import ALONE, CALL, MAIN, PROVIDER_PUBLIC_KEY, RECOVERY, SESSION, SESSION_PUBLIC_KEY

DESCRIPTION = "Section 10, the call: commitment, nonce, reveal, code"
NONCE = Signed(
    "call_nonce",
    "escrow/v1/call/nonce",
    [("call", ID), ("custody", ID), ("commitment", HASH), ("nonce", BYTES)],
)
RANDOM, CONTACT_NONCE = fixed("call r", 32), fixed("call n", 32)


def commitment(given: dict[str, Any]) -> bytes:
    names = ("deposit", "recovery", "session", "call", "custody")
    idents = [raw(given[name]) for name in names]
    fields = (*idents, given["public_key"], given["random"])
    return sha256(pae("escrow/v1/call/commit", *fields))


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    contact = MAIN.contacts[0]
    given: dict[str, Any] = {
        "deposit": MAIN.id,
        "recovery": RECOVERY,
        "session": SESSION,
        "call": CALL,
        "custody": contact.id,
        "public_key": SESSION_PUBLIC_KEY,
        "random": RANDOM,
    }
    fixed_commitment = commitment(given)
    made.good("commitment", "call_commitment", given, commitment=fixed_commitment)
    revealed = given | {"commitment": fixed_commitment}
    made.good("reveal", "check_reveal", revealed)
    for key, value in {
        "deposit": ALONE.id,
        "recovery": identifier("another recovery"),
        "session": identifier("another session"),
        "call": identifier("another call"),
        "custody": MAIN.contacts[1].id,
        "public_key": PROVIDER_PUBLIC_KEY,
        "random": flip(RANDOM),
        "commitment": flip(fixed_commitment, -1),
    }.items():
        name = f"reveal: another {key.replace('_', ' ')}"
        made.bad(name, "check_reveal", revealed | {key: value}, "wrong_commitment")
    nonce = {
        "call": CALL,
        "custody": contact.id,
        "commitment": fixed_commitment,
        "nonce": CONTACT_NONCE,
    }
    add_signed(made, NONCE, "by a contact", nonce, contact.release_seed)
    parts = [fixed_commitment, CONTACT_NONCE, SESSION_PUBLIC_KEY, RANDOM]
    names = ["commitment", "nonce", "public_key", "random"]
    variants = [("code", parts)]
    for place, name in enumerate(names):
        changed = [flip(part) if n == place else part for n, part in enumerate(parts)]
        variants.append((f"code: another {name.replace('_', ' ')}", changed))
    for name, values in variants:
        code = digits(sha256(pae("escrow/v1/call/code", *values)), 12)
        output = {"digits": code, "text": grouped(code)}
        made.good(name, "call_code", dict(zip(names, values, strict=True)), **output)
    return made
