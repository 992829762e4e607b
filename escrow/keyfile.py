"""Private files: mode 0600, of the user who runs us, whole on the disk or not there at all."""

import os
import secrets
from pathlib import Path

from escrow.errors import ConfigurationError
from escrow.i18n import N_

_MAX_LENGTH_BYTES = 1 << 20
_OTHERS = 0o077


def read_private(path: Path) -> bytes:
    """Read a file that nobody else may read.

    Raises ConfigurationError when it is missing, when group or world may read or write it, or when
    it belongs to another user than root and ourselves.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            content = file.read(_MAX_LENGTH_BYTES)
    except FileNotFoundError:
        raise ConfigurationError(
            N_("{path} is missing: `escrow server init` makes it"), path=path
        ) from None
    except OSError as error:
        raise ConfigurationError(
            N_("{path} cannot be read: {why}"), path=path, why=error.strerror
        ) from None
    if status.st_mode & _OTHERS:
        raise ConfigurationError(N_("{path} is open to others: chmod 600 {path}"), path=path)
    if status.st_uid not in {0, os.geteuid()}:
        raise ConfigurationError(
            N_("{path} belongs to another user: chown it to the one that runs"), path=path
        )
    return content


def create_private(path: Path, content: bytes) -> None:
    """Write a new private file, durably; raises FileExistsError when there is one."""
    _write(path, content)
    sync_directory(path.parent)


def replace_private(path: Path, content: bytes) -> None:
    """Write a private file in place of another, durably: the old one or the new, never half."""
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    _write(beside, content)
    beside.replace(path)
    sync_directory(path.parent)


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
