"""The PyPI package `secretsharing`, made to import on Python 3.

Two shims, as protocol section 15 says: `long` is gone from the language, and
`polynomials.randint` uses a Python 2 codec; here it draws from a named stream.
"""

from __future__ import annotations

import builtins
import importlib
from types import ModuleType

from .shares import Stream


def package() -> ModuleType:
    """Import `secretsharing` with `long` in its own modules only."""
    builtins.long = int  # type: ignore[attr-defined]
    try:
        module = importlib.import_module("secretsharing")
    finally:
        del builtins.long  # type: ignore[attr-defined]
    for name in ("charset", "primes", "polynomials", "sharing"):
        importlib.import_module("secretsharing." + name).long = int  # type: ignore[attr-defined]
    return module


def split(name: str, sharer: str, secret: str, threshold: int, count: int) -> list[str]:
    """Split a secret string with a sharer class of the package."""
    module = package()
    stream = Stream("secretsharing " + name)

    def randint(low: int, high: int) -> int:
        return low + int.from_bytes(stream(400), "big") % (high - low + 1)

    module.polynomials.randint = randint
    shares: list[str] = getattr(module, sharer).split_secret(secret, threshold, count)
    return shares


def recover(sharer: str, shares: list[str]) -> str:
    secret: str = getattr(package(), sharer).recover_secret(shares)
    return secret
