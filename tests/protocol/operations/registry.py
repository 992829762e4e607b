"""What every operation module needs: the table, and bytes as the vector files write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

Input = dict[str, Any]
Output = dict[str, Any]
Operation = Callable[[Input], Output | None]
OPERATIONS: dict[str, Operation] = {}


def raw(value: Any) -> bytes:
    """Read bytes as the vector files write them."""
    if isinstance(value, dict):
        return b"".join(bytes.fromhex(part) * times for part, times in value["runs"])
    return bytes.fromhex(value)


def operation(function: Operation) -> Operation:
    """Enter a function in the table under its own name."""
    OPERATIONS[function.__name__] = function
    return function


def private(seed: Any) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(raw(seed))
