"""What the custodian keeps outside the database, so that a restored backup undoes nothing.

In one directory, every change fsynced before the next checkpoint is signed:

- `leaves`: the hash of every leaf, 32 bytes each, in order;
- `checkpoint`: the time (`at` of the last entry, Unix seconds) on the first line, then the text of
  the newest checkpoint. It is written before that checkpoint is signed, so that nothing signed can
  be missing here; it also proves the leaves up to its size;
- `lines`: one line `<id> frozen|unfrozen|cancelled|destroyed` a change of a recovery or deposit,
  and `<id> removed` for an admin; the last line of an id counts.

Leaves behind the checkpoint's size, and a last line without its end, are what a crash left of a
write: nobody acted on them, the next write begins where they begin, and the database (which
committed first) has what stood there. Anything else that does not fit is damage, and the custodian
does not start on it.
"""

import fcntl
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from escrow.errors import ConfigurationError
from escrow.i18n import N_
from escrow.keyfile import create_private, replace_private, sync_directory
from escrow.protocol import tree
from escrow.protocol.errors import ProtocolError
from escrow.protocol.note import Checkpoint

HASH_LENGTH_BYTES = 32
STOPPED = frozenset({"frozen", "cancelled", "destroyed"})
_CHUNK = 4096 * HASH_LENGTH_BYTES
_LINE = re.compile(rb"([0-9a-f]{32}) (frozen|unfrozen|cancelled|destroyed|removed)\Z")


class OutsideDamaged(ConfigurationError):
    """The files outside the database are missing or damaged."""


_MISSING = N_(
    "{path} is missing. The custodian does not run without what these files promise: restore the "
    "whole directory from its backup."
)
_SHORT = N_(
    "{path} is shorter than its checkpoint says. The custodian does not run without what these "
    "files promise: restore the whole directory from its backup."
)
_OTHER_ROOT = N_(
    "{path} does not give the root of its checkpoint. The custodian does not run without what "
    "these files promise: restore the whole directory from its backup."
)
_DAMAGED = N_(
    "{path} is damaged. The custodian does not run without what these files promise: "
    "restore the whole directory from its backup."
)
_DAMAGED_LINE = N_(
    "{path} is damaged, line {number}. The custodian does not run without what these files "
    "promise: restore the whole directory from its backup."
)


class Outside:
    """The directory, read once. Only the leading custodian writes to it."""

    def __init__(self, directory: Path) -> None:
        """Read the directory; raises OutsideDamaged."""
        self.directory = directory
        self.reload()

    def reload(self) -> None:
        """Read it again, after another process led; raises OutsideDamaged."""
        self.at, self.checkpoint = self._read_checkpoint()
        self.frontier = self._read_leaves()
        self._words, self._lines_length = self._read_lines()

    @classmethod
    def create(cls, directory: Path, origin: str) -> "Outside":
        """Make the files of an empty ledger (`escrow server init`, once)."""
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        empty = Checkpoint(origin, 0, tree.EMPTY_ROOT)
        create_private(directory / "leaves", b"")
        create_private(directory / "lines", b"")
        create_private(directory / "lock", b"")
        create_private(directory / "checkpoint", _checkpoint_bytes(0, empty))
        sync_directory(directory.parent)
        return cls(directory)

    @property
    def size(self) -> int:
        """How many leaves are written."""
        return self.frontier.size

    def _read_checkpoint(self) -> tuple[int, Checkpoint]:
        path = self.directory / "checkpoint"
        try:
            at, _, text = path.read_text("ascii").partition("\n")
            return int(at), Checkpoint.parse(text)
        except OSError:
            raise OutsideDamaged(_MISSING, path=path) from None
        except (ValueError, ProtocolError):
            raise OutsideDamaged(_DAMAGED, path=path) from None

    def _read_leaves(self) -> tree.Frontier:
        """Take up the leaves that the checkpoint proves, and no more."""
        path = self.directory / "leaves"
        frontier = tree.Frontier()
        try:
            with path.open("rb") as file:
                while frontier.size < self.checkpoint.size:
                    chunk = file.read(_CHUNK)
                    missing = (self.checkpoint.size - frontier.size) * HASH_LENGTH_BYTES
                    if not chunk or (len(chunk) < _CHUNK and len(chunk) < missing):
                        raise OutsideDamaged(_SHORT, path=path)
                    for hashed in _split(chunk[:missing]):
                        frontier.append(hashed)
        except OSError:
            raise OutsideDamaged(_MISSING, path=path) from None
        if frontier.root() != self.checkpoint.root:
            raise OutsideDamaged(_OTHER_ROOT, path=path)
        return frontier

    def leaves(self, start: int, stop: int) -> list[bytes]:
        """Return the leaf hashes start … stop−1."""
        with (self.directory / "leaves").open("rb") as file:
            file.seek(start * HASH_LENGTH_BYTES)
            return _split(file.read((stop - start) * HASH_LENGTH_BYTES))

    def write_leaves(self, leaves: Sequence[bytes]) -> None:
        """Add leaf hashes, durably."""
        path = self.directory / "leaves"
        _write_at(path, self.size * HASH_LENGTH_BYTES, b"".join(leaves))
        for hashed in leaves:
            self.frontier.append(hashed)

    def write_checkpoint(self, checkpoint: Checkpoint, at: int) -> None:
        """Replace the checkpoint, durably: from now on the leaves under it cannot be lost."""
        replace_private(self.directory / "checkpoint", _checkpoint_bytes(at, checkpoint))
        self.at, self.checkpoint = at, checkpoint

    def _read_lines(self) -> tuple[dict[str, str], int]:
        path = self.directory / "lines"
        try:
            content = path.read_bytes()
        except OSError:
            raise OutsideDamaged(_MISSING, path=path) from None
        length = content.rfind(b"\n") + 1
        words = {}
        for number, line in enumerate(content[:length].split(b"\n")[:-1], 1):
            match = _LINE.match(line)
            if match is None:
                raise OutsideDamaged(_DAMAGED_LINE, path=path, number=number)
            words[match[1].decode()] = match[2].decode()
        return words, length

    def write_lines(self, lines: Iterable[tuple[str, str]]) -> None:
        """Add lines (id, word), durably. What an id's last line says already is not repeated."""
        words, added = dict(self._words), b""
        for identifier, word in lines:
            line = f"{identifier} {word}".encode()
            if _LINE.match(line) is None:
                raise ValueError("a line is an identifier and one of five words")
            if words.get(identifier) != word:
                words[identifier] = word
                added += line + b"\n"
        if added:
            _write_at(self.directory / "lines", self._lines_length, added)
            self._words, self._lines_length = words, self._lines_length + len(added)

    def write_line(self, identifier: str, word: str) -> None:
        """Add one line, durably."""
        self.write_lines([(identifier, word)])

    def last_line(self, identifier: str) -> str | None:
        """Return the word of an id's last line, if it has one."""
        return self._words.get(identifier)

    def identifiers(self, word: str) -> list[str]:
        """Return the ids whose last line is this word."""
        return sorted(name for name, last in self._words.items() if last == word)

    def stops(self, identifier: str) -> bool:
        """Tell whether a recovery's or deposit's last line forbids a release."""
        return self.last_line(identifier) in STOPPED


def lock(directory: Path) -> int | None:
    """Take the directory for this process until the descriptor is closed, or return None."""
    try:
        descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        raise OutsideDamaged(_MISSING, path=directory / "lock") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _checkpoint_bytes(at: int, checkpoint: Checkpoint) -> bytes:
    return f"{at}\n{checkpoint.text}".encode()


def _split(content: bytes) -> list[bytes]:
    return [
        content[start : start + HASH_LENGTH_BYTES]
        for start in range(0, len(content), HASH_LENGTH_BYTES)
    ]


def _write_at(path: Path, offset: int, content: bytes) -> None:
    with path.open("r+b") as file:
        file.truncate(offset)
        file.seek(offset)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
