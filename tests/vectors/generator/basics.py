"""The primitives of protocol section 2, once more, and the form of a vector case."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Mapping
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Field = bytes | int | str | None


def fixed(name: str, length: int) -> bytes:
    """Give `length` bytes that look random and depend on nothing but the name."""
    return hashlib.shake_256(b"escrow test vectors: " + name.encode()).digest(length)


def identifier(name: str) -> str:
    """Give a fixed identifier: 32 lower-case hex characters."""
    return fixed("identifier " + name, 16).hex()


def raw(ident: str | None) -> bytes | None:
    """Turn an identifier into its 16 bytes; an absent one stays absent."""
    return None if ident is None else bytes.fromhex(ident)


def field_bytes(field: Field) -> bytes:
    """Write one field of a PAE."""
    if field is None:
        return b""
    if isinstance(field, int):
        return field.to_bytes(8, "big")
    return field.encode() if isinstance(field, str) else field


def pae(label: str, *fields: Field) -> bytes:
    """Pre-authentication encoding, protocol section 2."""
    out = len(label.encode()).to_bytes(2, "big") + label.encode() + len(fields).to_bytes(2, "big")
    for field in map(field_bytes, fields):
        out += len(field).to_bytes(4, "big") + field
    return out


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def hkdf(ikm: bytes, salt: bytes, info: bytes, length: int = 32) -> bytes:
    """HKDF-SHA256 (RFC 5869) for at most 32 bytes, straight from HMAC."""
    prk = hmac.digest(salt or bytes(32), ikm, "sha256")
    return hmac.digest(prk, info + b"\x01", "sha256")[:length]


def b64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def canonical(value: Any) -> bytes:
    """Write JSON as `JSON.stringify` does: keys in the order given, no white space."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def digits(digest: bytes, count: int) -> str:
    return str(int.from_bytes(digest[:16], "big") % 10**count).zfill(count)


def grouped(text: str) -> str:
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def public_of(seed: bytes) -> bytes:
    key = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)


def sign(seed: bytes, message: bytes) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(seed).sign(message)


def flip(data: bytes, position: int = 0, bit: int = 0) -> bytes:
    """Change one bit; negative positions count from the end."""
    changed = bytearray(data)
    changed[position] ^= 1 << bit
    return bytes(changed)


LONG_RUN = re.compile(rb"(.)\1{1023,}", re.DOTALL)


def runs(data: bytes) -> list[tuple[str, int]]:
    """Cut bytes into pairs of (hex, times), so that a long run of one byte is short."""
    pairs, at = [], 0
    for found in LONG_RUN.finditer(data):
        if found.start() > at:
            pairs.append((data[at : found.start()].hex(), 1))
        pairs.append((found[1].hex(), found.end() - found.start()))
        at = found.end()
    return pairs + ([(data[at:].hex(), 1)] if at < len(data) else [])


def hexed(value: Any) -> Any:
    """Make a value fit for a vector file: bytes become lower-case hex, or runs of it."""
    if isinstance(value, bytes):
        return {"runs": runs(value)} if LONG_RUN.search(value) else value.hex()
    if isinstance(value, dict):
        return {key: hexed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hexed(item) for item in value]
    return value


class Cases:
    """The cases of one vector file, in the order in which they were added."""

    def __init__(self, description: str) -> None:
        self.description = description
        self.cases: list[dict[str, Any]] = []

    def _add(
        self, name: str, operation: str, given: Mapping[str, Any], end: dict[str, Any]
    ) -> None:
        if any(case["name"] == name for case in self.cases):
            raise ValueError(f"two cases are called {name!r}")
        case = {"name": name, "operation": operation, "input": given, **end}
        self.cases.append(hexed(case))

    def good(self, case: str, operation: str, given: Mapping[str, Any], /, **output: Any) -> None:
        """Add a case that must give exactly `output`."""
        self._add(case, operation, given, {"output": output})

    def bad(
        self,
        name: str,
        operation: str,
        given: Mapping[str, Any],
        error: str,
        field: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        """Add a case that must be refused with `error` (and `field`, `details` where given)."""
        end: dict[str, Any] = {"error": error}
        if field is not None:
            end["field"] = field
        if details is not None:
            end["details"] = details
        self._add(name, operation, given, end)

    def document(self) -> dict[str, Any]:
        return {"description": self.description, "cases": self.cases}
