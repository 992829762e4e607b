"""Invitations' passwords, stretched less: 0.2 s and 64 MiB each time, and thousands of times.

The real stretching is what tests/protocol, tests/e2e and tests/cli/test_whole_way.py go through.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from escrow.protocol.encoding import pae_hash
from escrow.protocol.invitation import Password

if TYPE_CHECKING:
    import pytest

_STRETCHED = Password.identity
VARIABLE = "TEST_STRETCHING"  # tells the client's own processes: tests/cli/run.py
_REAL = {"protocol", "e2e", "soak", "test_whole_way.py"}


def is_real(path: Path) -> bool:
    """Tell whether the tests of a file stretch as the product does."""
    return not _REAL.isdisjoint({path.parent.name, path.name})


def make_cheap(patch: pytest.MonkeyPatch) -> None:
    patch.setenv(VARIABLE, "cheap")
    patch.setattr(Password, "identity", _identity)


@contextmanager
def really() -> Iterator[None]:
    """Stretch as the product does meanwhile: for what a page is to open."""
    present = Password.identity
    setattr(Password, "identity", _STRETCHED)  # noqa: B010  # not by assignment: it is a method
    try:
        yield
    finally:
        setattr(Password, "identity", present)  # noqa: B010  # as above


def environment() -> dict[str, str]:
    """Return what a process of the test's own needs to open what the test has sealed."""
    return {VARIABLE: os.environ[VARIABLE]} if VARIABLE in os.environ else {}


def obey() -> None:
    """Stretch in this process as in the one that has started it."""
    if VARIABLE in os.environ:
        setattr(Password, "identity", _identity)  # noqa: B010  # not by assignment: it is a method


def _identity(password: Password, custody: str) -> bytes:
    return pae_hash("tests/cheap", password.fragment, password.digits, custody)
