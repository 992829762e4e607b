"""Cases of what is signed: the message, the signature, and every field changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .basics import Cases, Field, fixed, flip, identifier, pae, public_of, sha256, sign

ID, TEXT, HASH, NUMBER, BYTES = "id", "text", "hash", "number", "bytes"


@dataclass
class Signed:
    """A signed format: its PAE label and its fields in order, as (name, kind)."""

    operation: str
    label: str
    fields: list[tuple[str, str]]

    def message(self, given: dict[str, Any]) -> bytes:
        """Build the PAE; identifiers become raw bytes, `*_sha256` is taken of what is given."""
        values: list[Field] = []
        for name, kind in self.fields:
            value = given[name.removesuffix(":sha256")]
            if kind == ID and value is not None:
                value = bytes.fromhex(value)
            if name.endswith(":sha256") and value is not None:
                value = sha256(value)
            values.append(value)
        return pae(self.label, *values)

    def changes(self, given: dict[str, Any]) -> dict[str, Any]:
        """Give another value for each field."""
        other: dict[str, Any] = {}
        for name, kind in self.fields:
            key = name.removesuffix(":sha256")
            if kind == ID:
                other[key] = identifier("another " + key)
            elif kind == NUMBER:
                other[key] = given[key] + 1
            elif kind == TEXT:
                other[key] = given[key] + "x"
            else:
                other[key] = flip(given[key]) if given[key] else fixed("another " + key, 32)
        return other


def add_signed(
    cases: Cases,
    form: Signed,
    name: str,
    given: dict[str, Any],
    seed: bytes,
    *,
    refusals: bool = True,
    other_values: dict[str, Any] | None = None,
    checked_by: dict[str, Any] | None = None,
) -> None:
    """Add message, signature, verification, and a refusal for each field of one format.

    `checked_by` is what the verifier knows: the public key, unless something else is given.
    """
    message = form.message(given)
    signature = sign(seed, message)
    label = f"{form.operation}: {name}"
    cases.good(f"{label}: message", form.operation + "_message", given, message=message)
    cases.good(
        f"{label}: sign", "sign_" + form.operation, given | {"seed": seed}, signature=signature
    )
    good = given | (checked_by or {"key": public_of(seed)}) | {"signature": signature}
    cases.good(f"{label}: verify", "verify_" + form.operation, good)
    if not refusals:
        return
    changed = form.changes(given) | (other_values or {})
    changed["signature"] = flip(signature)
    if checked_by is None:
        changed["key"] = public_of(fixed("another signer", 32))
    for key, value in changed.items():
        case = f"{label}: another {key.replace('_', ' ')}"
        cases.bad(case, "verify_" + form.operation, good | {key: value}, "wrong_signature")
    bare = sign(seed, message[2 + len(form.label) :])
    case = f"{label}: signed without its label"
    cases.bad(case, "verify_" + form.operation, good | {"signature": bare}, "wrong_signature")
