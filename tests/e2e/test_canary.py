"""Secret, recovery key and shares are nowhere but with those who are meant to have them.

A whole life of a deposit was lived (`story`); then everything is searched that the provider has:
database with its companions, dump, logs, mails, requests and answers, the web tier's memory; and
what a shared computer shows: arguments and environments of processes. The second half of the file
tests the search itself: a leak planted in each kind of place, in each encoding, is found.
"""

from __future__ import annotations

import base64
import functools
import json
import os
import secrets
import smtplib
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from sqlalchemy import make_url
from werkzeug.test import Client

from escrow import webkeyfile
from escrow.protocol import keys, slip39
from tests.e2e.databases import Server
from tests.e2e.installation import until
from tests.e2e.postoffice import PostOffice
from tests.e2e.stories import SECRET, Story
from tests.e2e.web import Recorder
from tests.support import canary
from tests.support.canary import Place, Scanner, Watcher


def test_the_kit_and_the_provider_brought_every_byte_back(story: Story) -> None:
    assert story.opened.status == 4, story.opened.stderr
    assert story.recovered.status == 0, story.recovered.stderr
    assert story.recovered.stdout == SECRET


def _database(story: Story, request: pytest.FixtureRequest) -> Iterator[Place]:
    url = make_url(story.service.settings.database)
    if url.get_backend_name() == "sqlite":
        path = Path(str(url.database))
        yield from canary.files_under(path)
        yield from canary.files_under(path.with_name(f"{path.name}-wal"))
        return
    server: Server = request.getfixturevalue("postgresql")
    yield from canary.dump_parts(server.dump(str(url.database)))
    yield from canary.files_under(server.directory / "data")


def _memory(story: Story, _: pytest.FixtureRequest) -> Iterator[Place]:
    for pid in story.service.pids("web"):
        yield from canary.memory_of(pid)


_SINKS: dict[str, Callable[[Story, pytest.FixtureRequest], Iterator[Place]]] = {
    "database": _database,
    "files": lambda story, _: canary.files_under(story.service.directory / "data"),
    "logs": lambda story, _: canary.files_under(story.service.logs),
    "requests and answers": lambda story, _: canary.files_under(story.service.record),
    "mails": lambda story, _: canary.mail_parts(story.service.office.raw),
    "memory of the web tier": _memory,
    "processes": lambda story, _: story.watched.seen(),
}


@pytest.mark.parametrize("sink", _SINKS)
def test_nothing_secret_is_found(story: Story, sink: str, request: pytest.FixtureRequest) -> None:
    assert not story.scanner().scan(_SINKS[sink](story, request))


@pytest.mark.parametrize("sink", _SINKS)
def test_what_must_be_there_is_found(
    story: Story, sink: str, request: pytest.FixtureRequest
) -> None:
    """The search looks where it says: it finds what is known to be in each place."""
    web_keys = webkeyfile.load(story.service.settings.key_dir)
    known = {
        "database": {"envelope": story.home.kit.envelope},
        "files": {"outside": b"127.0.0.1:%d/ledger" % story.service.settings.listen_port},
        "logs": {"rule": b"/api/v1/deposits"},
        "requests and answers": {"envelope": story.home.kit.envelope},
        "mails": {"label": "“Laptop backup”".encode()},
        "memory of the web tier": {"column key": web_keys.column_key},
        "processes": {"arguments": b"--new-account", "environment": b"XDG_STATE_HOME="},
    }[sink]
    found = Scanner(known).scan(_SINKS[sink](story, request))
    assert {one.secret for one in found} == set(known)


def test_the_clients_state_holds_no_secret(story: Story) -> None:
    for computer in (story.home.mira, story.home.anna):
        places = list(canary.files_under(computer.state))
        assert places
        names = {one.secret for one in story.scanner().scan(places)}
        # The link and digits of an invitation wait there until it is accepted.
        assert names <= {"digits of the invitation", "fragment of the invitation"}


# --- the search is tested ---------------------------------------------------------------


@dataclass(frozen=True)
class Secrets:
    """Fresh ones a case, so that nothing of another case is found."""

    text: str
    key: bytes
    words: list[str]

    @classmethod
    def fresh(cls) -> Secrets:
        key = bytes(secrets.choice(range(1, 256)) for _ in range(32))  # arguments have no NUL
        [_, share, _] = slip39.split(secrets.token_bytes(32), 1, 1)
        text = "".join(f"{secrets.token_hex(3)}{c}" for c in "ë'\"π/<&>+% €")
        return cls(text, key, share.words().split())

    def scanner(self) -> Scanner:
        return Scanner({"text": self.text.encode(), "key": self.key}, {"words": self.words})


def _b64(data: bytes) -> bytes:
    return base64.b64encode(data)


def _payload(words: list[str]) -> bytes:
    return json.dumps({"format": "escrow/v1/share", "words": " ".join(words)}).encode()


_ENCODINGS: dict[str, Callable[[Secrets], bytes]] = {
    "key as it is": lambda s: b"key=" + s.key,
    "key, its end": lambda s: s.key[-16:],
    "key in hex": lambda s: s.key.hex().encode(),
    "key in HEX": lambda s: s.key.hex().upper().encode(),
    "key in hex with colons": lambda s: s.key.hex(":").encode(),
    "key in hex with blanks": lambda s: s.key.hex(" ", 4).encode(),
    **{f"key in base64 after {n}": lambda s, n=n: _b64(b"prefix"[:n] + s.key) for n in (3, 4, 5)},
    **{
        f"key in base64url after {n}": lambda s, n=n: base64.urlsafe_b64encode(
            b"prefix"[:n] + s.key
        ).rstrip(b"=")
        for n in (3, 4, 5)
    },
    "key in broken base64": lambda s: base64.encodebytes(b"x" * 40 + s.key + b"x" * 40),
    "key as age identity": lambda s: keys.age_identity(s.key).encode(),
    "key as numbers": lambda s: json.dumps(list(s.key)).encode(),
    "key as Python shows it": lambda s: repr(s.key).encode(),
    "key in a URL": lambda s: quote(s.key).encode(),
    "key in JSON": lambda s: json.dumps(s.key.decode("latin-1")).encode(),
    "text as it is": lambda s: f"it is {s.text}".encode(),
    "text in JSON": lambda s: json.dumps({"secret": s.text}).encode(),
    "text in a URL": lambda s: f"/?secret={quote(s.text)}".encode(),
    "text in hex": lambda s: s.text.encode().hex().encode(),
    "text in base64": lambda s: _b64(s.text.encode()),
    "text in UTF-16": lambda s: s.text.encode("utf-16"),
    "words": lambda s: " ".join(s.words).encode(),
    "words, some": lambda s: " ".join(s.words[9:18]).encode(),
    "words in lines": lambda s: "\r\n".join(s.words).encode(),
    "words in JSON": lambda s: json.dumps(s.words).encode(),
    "words in CAPITALS": lambda s: "-".join(s.words).upper().encode(),
    "words with numbers": lambda s: "\n".join(
        f"{n:2}. {word}" for n, word in enumerate(s.words, 1)
    ).encode(),
    "words in HTML": lambda s: "".join(f"<li><b>{word}</b></li>\n" for word in s.words).encode(),
    "words without blanks": lambda s: "".join(s.words).encode(),
    "words by four letters": lambda s: " ".join(word[:4] for word in s.words).encode(),
    "words in UTF-16": lambda s: " ".join(s.words).encode("utf-16-le"),
    "words in a code": lambda s: b"escrow1s:" + base64.urlsafe_b64encode(_payload(s.words)),
}


_KEEPER = """
import base64, sys
kept = [base64.b85decode(line.strip()[::-1]) for line in sys.stdin]
print("kept", flush=True)
sys.stdin.close()
import time
time.sleep(600)
"""


Leaks = list[bytes]
Sink = Callable[[Leaks, Path, pytest.FixtureRequest], Iterator[Place]]


def _in_sqlite(leaks: Leaks, tmp_path: Path, _: pytest.FixtureRequest) -> Iterator[Place]:
    with sqlite3.connect(tmp_path / "leaky.db") as connection:
        connection.execute("CREATE TABLE leak (bytes BLOB)")
        connection.executemany("INSERT INTO leak VALUES (?)", [(leak,) for leak in leaks])
    connection.close()
    yield from canary.files_under(tmp_path)


def _in_wal(leaks: Leaks, tmp_path: Path, _: pytest.FixtureRequest) -> Iterator[Place]:
    connection = sqlite3.connect(tmp_path / "leaky.db")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("CREATE TABLE leak (bytes BLOB)")
    connection.executemany("INSERT INTO leak VALUES (?)", [(leak,) for leak in leaks])
    connection.commit()
    yield from canary.files_under(tmp_path / "leaky.db-wal")
    connection.close()


def _in_postgresql(leaks: Leaks, _: Path, request: pytest.FixtureRequest) -> Iterator[Place]:
    server: Server = request.getfixturevalue("postgresql")
    name = server.create()
    with psycopg.connect(f"postgresql://escrow@127.0.0.1:{server.port}/{name}") as connection:
        connection.execute("CREATE TABLE leak (bytes bytea)")
        for leak in leaks:
            connection.execute("INSERT INTO leak VALUES (%s)", (leak,))
    yield from canary.dump_parts(server.dump(name))
    server.drop(name)


def _in_a_log(leaks: Leaks, tmp_path: Path, _: pytest.FixtureRequest) -> Iterator[Place]:
    lines = [b'{"event": "oops", "it": ' + leak + b"}\n" for leak in leaks]
    (tmp_path / "web.log").write_bytes(b"".join(lines))
    yield from canary.files_under(tmp_path)


def _in_mails(leaks: Leaks, _: Path, __: pytest.FixtureRequest) -> Iterator[Place]:
    office = PostOffice()
    office.start()
    with smtplib.SMTP("127.0.0.1", office.port) as server:
        for leak in leaks:
            mail = EmailMessage()
            mail["Subject"] = "Your key"
            mail.set_content("Dear Mira")
            mail.add_attachment(leak, maintype="application", subtype="octet-stream")
            server.send_message(mail, "web@recovery.test", ["mira@example.org"])
    office.stop()
    yield from canary.mail_parts(office.raw)


def _in_answers(leaks: Leaks, tmp_path: Path, _: pytest.FixtureRequest) -> Iterator[Place]:
    def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [b'{"it": ', left.pop()]

    left = list(leaks)
    client = Client(Recorder(app, tmp_path / "1.http"))
    for _leak in leaks:
        client.get("/api/v1/deposits")
    yield from canary.files_under(tmp_path)


def _in_requests(leaks: Leaks, tmp_path: Path, _: pytest.FixtureRequest) -> Iterator[Place]:
    def app(_environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("204 No content", [])
        return []

    client = Client(Recorder(app, tmp_path / "1.http"))
    for leak in leaks:
        client.post("/api/v1/deposits", data=leak)
    yield from canary.files_under(tmp_path)


def _processes(started: Iterable[subprocess.Popen[bytes]]) -> Iterator[Place]:
    with Watcher() as watched:
        for process in started:
            with process:
                line = Path(f"/proc/{process.pid}/cmdline")
                until(lambda: bool(line.read_bytes()), "the system shows arguments")  # noqa: B023
                watched.look()
                process.kill()
    yield from watched.seen()


def _in_arguments(leaks: Leaks, _: Path, __: pytest.FixtureRequest) -> Iterator[Place]:
    """`cat` waits for its standard input before it looks for a file of that name."""
    commands = [["cat", "--", "-", leak] for leak in leaks if b"\0" not in leak]
    yield from _processes(subprocess.Popen(each, stdin=subprocess.PIPE) for each in commands)


def _in_environments(leaks: Leaks, _: Path, __: pytest.FixtureRequest) -> Iterator[Place]:
    path = {b"PATH": os.environb[b"PATH"]}
    worlds = [{**path, b"LEAK": leak} for leak in leaks if b"\0" not in leak]
    yield from _processes(subprocess.Popen(["sleep", "60"], env=each) for each in worlds)


def _in_memory(leaks: Leaks, _: Path, __: pytest.FixtureRequest) -> Iterator[Place]:
    with subprocess.Popen(
        [sys.executable, "-c", _KEEPER], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"".join(base64.b85encode(leak)[::-1] + b"\n" for leak in leaks))
        process.stdin.close()
        assert process.stdout.readline() == b"kept\n"
        yield from canary.memory_of(process.pid)
        process.kill()


_PLANTED: dict[str, Sink] = {
    "SQLite": _in_sqlite,
    "SQLite's WAL": _in_wal,
    "PostgreSQL": _in_postgresql,
    "log": _in_a_log,
    "mail": _in_mails,
    "answer": _in_answers,
    "request": _in_requests,
    "arguments": _in_arguments,
    "environment": _in_environments,
    "memory": _in_memory,
}
_CASES = [
    (sink, encoding)
    for sink in _PLANTED
    for encoding in _ENCODINGS  # arguments and environments cannot hold a NUL
    if not ("UTF-16" in encoding and sink in {"arguments", "environment"})
]


Planted = Callable[[str], tuple[dict[str, Secrets], list[Place]]]


@pytest.fixture(scope="module")
def planted(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Make a kind of place, once, with a leak in every encoding, each of another secret."""

    @functools.cache
    def plant(sink: str) -> tuple[dict[str, Secrets], list[Place]]:
        made = {encoding: Secrets.fresh() for encoding in _ENCODINGS}
        leaks = [_ENCODINGS[encoding](fresh) for encoding, fresh in made.items()]
        return made, list(_PLANTED[sink](leaks, tmp_path_factory.mktemp("planted"), request))

    return plant


@pytest.mark.parametrize(("sink", "encoding"), _CASES)
def test_a_planted_leak_is_found(planted: Planted, sink: str, encoding: str) -> None:
    made, places = planted(sink)
    kind = encoding.partition(" ")[0].rstrip(",")
    assert {one.secret for one in made[encoding].scanner().scan(places)} == {kind}


@pytest.mark.parametrize("sink", _PLANTED)
def test_what_is_not_there_is_not_found(planted: Planted, sink: str) -> None:
    assert not Secrets.fresh().scanner().scan(planted(sink)[1])
