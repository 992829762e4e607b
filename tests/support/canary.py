"""Searching whatever a service leaves behind for secrets that must not be there.

A `Scanner` knows secrets: byte strings, and lists of words. It finds a secret, or a good part of
one, as it is, in hexadecimal, in base64 and base64url at any of three alignments, escaped as JSON,
URL, Python or HTML do it, as decimal numbers, as an age identity, in UTF-16 and UTF-32, broken into
lines or groups; words in either case, whole or by their first four letters, with anything short in
between. Both sides are squeezed before they are compared: lower case, without NUL, blanks, line
ends, colons, commas, dashes and underscores. tests/e2e/test_canary.py plants each of these in each
kind of place and wants it found.

The other functions read places: files, mails, memory, arguments and environments of processes.
"""

from __future__ import annotations

import base64
import email
import html
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from email.policy import default
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import quote, quote_plus

import numpy as np

from escrow.protocol import keys

PIECE_LENGTH = 12  # a part of a secret that is not found elsewhere by chance
WORDS_IN_A_ROW = 4
PREFIX_LENGTH = 4  # of a SLIP-39 word: no two begin with the same four letters
_GAP_LENGTH = 28
_HEADER_WORDS = 4  # the same in all shares of a deposit, and no secret
_HASH_BITS = 20
_LOWER = bytes(range(256)).lower()
_BETWEEN = b"\0 \t\r\n:,-_"
_CHUNK = 8 << 20
_OVERLAP = 4096
_POLL_SECONDS = 0.03

Place = tuple[str, bytes]


@dataclass(frozen=True)
class Found:
    """A secret where it must not be. It says which and where, not what."""

    secret: str
    encoding: str
    place: str


@dataclass
class Scanner:
    """Knows secrets by their names and finds them in bytes."""

    secrets: Mapping[str, bytes]
    words: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._wanted: dict[int, list[tuple[int, re.Pattern[bytes], str, str]]] = {}
        spoken = {name: " ".join(list_of[_HEADER_WORDS:]) for name, list_of in self.words.items()}
        for name, secret in {**self.secrets, **{n: t.encode() for n, t in spoken.items()}}.items():
            # Words are common to many shares; a row of three is not.
            for piece in pieces(secret, 30 if name in spoken else PIECE_LENGTH):
                for encoding, needle in _encoded(piece):
                    self._want(name, encoding, needle)
            if len(secret) == 32:
                self._want(name, "age identity", keys.age_identity(secret).encode()[16:-8])
        for name, list_of in self.words.items():
            for start in range(_HEADER_WORDS, len(list_of) - WORDS_IN_A_ROW + 1, WORDS_IN_A_ROW):
                row = [w[:PREFIX_LENGTH].encode() for w in list_of[start : start + WORDS_IN_A_ROW]]
                pattern = (b".{0,%d}?" % _GAP_LENGTH).join(row)
                self._keep(0, row[0], pattern, name, "words")
        self._table = np.zeros(1 << _HASH_BITS, bool)
        self._table[_hashed(np.array(list(self._wanted), np.uint32))] = True

    def _want(self, name: str, encoding: str, needle: bytes) -> None:
        """Look for bytes by the four in their middle."""
        needle = squeezed(needle)
        if len(needle) >= 8:
            middle = len(needle) // 2 - 2
            self._keep(middle, needle[middle : middle + 4], re.escape(needle), name, encoding)

    def _keep(self, offset: int, four: bytes, pattern: bytes, name: str, encoding: str) -> None:
        compiled = re.compile(pattern, re.DOTALL)
        number = int.from_bytes(four, "little")
        self._wanted.setdefault(number, []).append((offset, compiled, name, encoding))

    def scan(self, places: Iterable[Place]) -> list[Found]:
        """Return what is found, at most once a secret, encoding and place."""
        found = {one: None for place, data in places for one in self._scan(place, squeezed(data))}
        return list(found)

    def _scan(self, place: str, view: bytes) -> Iterator[Found]:
        for alignment in range(4 if len(view) >= 8 else 0):
            numbers = np.frombuffer(view, "<u4", (len(view) - alignment) // 4, alignment)
            for at in np.flatnonzero(self._table[_hashed(numbers)]).tolist():
                for offset, pattern, name, encoding in self._wanted.get(int(numbers[at]), ()):
                    start = at * 4 + alignment - offset
                    if start >= 0 and pattern.match(view, start):
                        yield Found(name, encoding, place)


def _hashed(numbers: Any) -> Any:
    return (numbers * np.uint32(2654435761)) >> np.uint32(32 - _HASH_BITS)


def squeezed(data: bytes) -> bytes:
    """Take out what people and programs put between the parts of a secret; lower case."""
    return data.translate(_LOWER, _BETWEEN)


def pieces(secret: bytes, length: int = PIECE_LENGTH) -> list[bytes]:
    """Cut the beginning, the middle and the end out of a secret, on the borders of characters."""
    try:
        text = secret.decode()
    except UnicodeDecodeError:
        return _cut(secret, length)
    return [piece.encode() for piece in _cut(text, length)]


def _cut(whole: Any, length: int) -> list[Any]:
    starts = {0, max(0, len(whole) - length) // 2, max(0, len(whole) - length)}
    return [whole[start : start + length] for start in sorted(starts)]


def _encoded(piece: bytes) -> Iterator[tuple[str, bytes]]:
    yield "as it is", piece
    yield "hex", piece.hex().encode()
    for alignment in range(3):
        start = -(-8 * alignment // 6)
        stop = 8 * (alignment + len(piece)) // 6
        shifted = base64.b64encode(bytes(alignment) + piece)[start:stop]
        yield f"base64 at {alignment}", shifted
        yield f"base64url at {alignment}", shifted.translate(bytes.maketrans(b"+/", b"-_"))
    yield "numbers", ",".join(str(byte) for byte in piece).encode()
    for escape in (repr(piece)[2:-1], "".join(f"\\x{byte:02x}" for byte in piece)):
        yield "Python's escapes", escape.encode()
    for escape in (quote(piece, safe=""), quote(piece), quote_plus(piece), _all_percent(piece)):
        yield "URL", escape.encode()
    for codec in ("utf-8", "latin-1"):
        try:
            text = piece.decode(codec)
        except UnicodeDecodeError:
            continue
        yield "UTF-16", text.encode("utf-16-le")
        yield "JSON", json.dumps(text)[1:-1].encode()
        yield "JSON", json.dumps(text, ensure_ascii=False)[1:-1].encode()
        yield "JSON", json.dumps(text)[1:-1].replace("/", "\\/").encode()
        yield "HTML", html.escape(text).encode()
        yield "HTML", html.escape(text).encode("ascii", "xmlcharrefreplace")


def _all_percent(piece: bytes) -> str:
    return "".join(f"%{byte:02X}" for byte in piece)


def files_under(path: Path) -> Iterator[Place]:
    """Read a file, or every file under a directory; what goes away meanwhile is left out."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        try:
            if file.is_file():
                yield from _chunks(str(file), file.read_bytes())
        except OSError:
            continue


def dump_parts(dump: bytes) -> Iterator[Place]:
    """Read what `pg_dump` wrote, and the bytes that it wrote in hexadecimal."""
    yield from _chunks("dump", dump)
    columns = re.findall(rb"\\\\x([0-9a-f]+)", dump)
    yield from _chunks(
        "a column of the dump", b"\n".join(bytes.fromhex(c.decode()) for c in columns)
    )


def mail_parts(mails: Iterable[bytes]) -> Iterator[Place]:
    """Read mails as they came over the line and as people see them."""
    for number, raw in enumerate(mails):
        yield f"mail {number}", raw
        message = email.message_from_bytes(raw, policy=default)
        headers = "\n".join(f"{name}: {value}" for name, value in message.items())
        yield f"headers of mail {number}", headers.encode("utf-8", "surrogateescape")
        for part in message.walk():
            content = part.get_payload(decode=True)
            if isinstance(content, bytes):
                yield f"a part of mail {number}", content


def memory_of(pid: int) -> Iterator[Place]:
    """Read all memory of a process that can be read: what a core dump holds, and more."""
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *rest = line.split(maxsplit=5)
            if not rights.startswith("r") or (rest and rest[-1] in {"[vvar]", "[vsyscall]"}):
                continue
            start, stop = (int(end, 16) for end in span.split("-"))
            for at in range(start, stop, _CHUNK):
                try:
                    memory.seek(at)
                    data = memory.read(min(stop - at, _CHUNK + _OVERLAP))
                except (OSError, ValueError, OverflowError):
                    continue
                yield f"memory of {pid} at {at:x}", data


def _chunks(name: str, data: bytes) -> Iterator[Place]:
    for at in range(0, max(len(data), 1), _CHUNK):
        yield name, data[at : at + _CHUNK + _OVERLAP]


class Watcher:
    """Looks at arguments and environments of all processes, many times a second, in a context."""

    def __init__(self) -> None:
        self.arguments: set[bytes] = set()
        self.environments: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self.look()

    def _run(self) -> None:
        while not self._over.wait(_POLL_SECONDS):
            self.look()

    def look(self) -> None:
        """Look once."""
        own = str(os.getpid())
        for pid in os.listdir("/proc"):  # noqa: PTH208
            if pid.isdigit() and pid != own:
                _read_into(self.arguments, pid, "cmdline")
                _read_into(self.environments, pid, "environ")

    def seen(self) -> Iterator[Place]:
        """Return everything that was seen."""
        yield from (("arguments of a process", each) for each in self.arguments)
        yield from (("environment of a process", each) for each in self.environments)


def _read_into(seen: set[bytes], pid: str, name: str) -> None:
    try:
        with open(f"/proc/{pid}/{name}", "rb", buffering=0) as file:  # noqa: PTH123
            content = file.read()
    except OSError:  # gone, or another user's
        return
    if content:
        seen.add(content)
