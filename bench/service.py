"""Parts 3 and 5b: enrolments and releases a second through the real web process; memory.

Web tier and peer run under granian with the same settings, on the same database and disk, every
commit synced. Sessions, and recoveries that collect, are put into the database directly: they cost
mail codes and days of waiting, and are not what is measured.
"""

from __future__ import annotations

import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Select, func, select, update

from bench import bare, bodies
from bench.bodies import Enrolled, Maker, Sent
from bench.client import rate, wire
from bench.measure import Line, Part
from escrow import webkeyfile
from escrow.account import addresses, sessions
from escrow.account.models import Account
from escrow.clock import SystemClock
from escrow.config import Settings
from escrow.context import Web
from escrow.db import Database
from escrow.deposit.models import CustodyRow
from escrow.errors import Unavailable
from escrow.install import install
from escrow.ledger.models import LedgerEvent
from escrow.ledger.read import current_keys
from escrow.protocol import seal
from escrow.recovery.models import Recovery, RecoverySession
from tests.support import postgres
from tests.support.mailbox import free_port

ROOT = Path(__file__).resolve().parent.parent
AIM, LIMIT = 0.8, 0.5
ROUNDS, REQUESTS, THREADS = 5, 48, 8
ACCOUNT_DEPOSITS = 90
START_SECONDS = 300


ABOUT = (
    f"{THREADS} client threads on kept connections, {ROUNDS} rounds of {REQUESTS} requests, in "
    "turn with the peer: bare Flask and SQLAlchemy (ORM), one durable insert of 2 KB a request, "
    "under granian with the same workers and threads. An enrolment stores nine rows (deposit, "
    "three custodies, three sealed blobs, two ledger events) after checking session, signature, "
    "contacts and keys; a release stores two after checking two signatures. The commit rate is of "
    f"plain inserts of 2 KB through the driver: one connection on SQLite, {THREADS} on PostgreSQL. "
    "The custodian stands still but in the lines that name it."
)


def run_sqlite(rounds: int = ROUNDS) -> Part:
    part = Part("Requests a second, and memory: SQLite", ABOUT)
    with _directory() as directory:
        _one(part, "SQLite", directory, "", rounds)
    return part


def run_postgresql(rounds: int = ROUNDS) -> Part:
    part = Part("Requests a second, and memory: PostgreSQL", ABOUT)
    try:
        postgres.binary("postgres")
    except RuntimeError as error:
        part.add(Line("PostgreSQL", "not run", str(error)))
        return part
    with _directory() as directory, postgres.started("-c max_connections=100") as server:
        _one(part, "PostgreSQL", directory, server.url(server.create()), rounds)
    return part


@contextmanager
def _directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="escrow-bench-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _one(part: Part, name: str, directory: Path, url: str, rounds: int) -> None:
    bench = Bench.prepare(directory, url)
    try:
        memory = {"web": bench.start("web"), "peer": bench.start("peer")}
        _enrolments(part, name, bench, rounds)
        _releases(part, name, bench, rounds)
        _whole(part, name, bench)
        for process, idle in (("web", memory["web"]), ("custodian", bench.idle_custodian)):
            after = bench.resident(process)
            part.add(
                Line(
                    f"{name}: memory of {process}",
                    f"{after:.0f} MB after load",
                    f"{idle:.0f} MB when idle",
                    after / idle,
                )
            )
    finally:
        bench.stop()


@dataclass
class Bench:
    """An installation with its processes, and what is needed to make requests for it."""

    directory: Path
    settings: Settings
    database: Database
    web: Web
    maker: Maker
    peer_port: int
    tokens: list[tuple[str, str]] = field(default_factory=list, repr=False)
    enrolled: list[Enrolled] = field(default_factory=list, repr=False)
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    idle_custodian: float = 0.0

    @classmethod
    def prepare(cls, directory: Path, url: str) -> Bench:
        """Install the service and let its ledger begin."""
        port, peer_port = free_port(), free_port()
        settings = Settings(
            data_dir=directory / "data",
            public_url=f"http://127.0.0.1:{port}",
            database_url=url,
            listen_port=port,
            requests_an_hour=10**9,
            demo=True,
        ).check()
        install(settings, SystemClock())
        database = Database(settings.database, pool_size=THREADS)
        keys = webkeyfile.load(settings.key_dir)
        web = Web(settings, database, keys, SystemClock())
        bench = cls(directory, settings, database, web, Maker("", b"", b""), peer_port)
        bench.idle_custodian = bench.start("custodian")
        found = _until(lambda: _keys(database), "the ledger begins")
        bench.end("custodian")
        bench.maker = Maker(*found)
        bare.create_table(bench.peer_url)
        return bench

    @property
    def peer_url(self) -> str:
        return self.settings.database_url or f"sqlite:///{self.directory / 'bare.db'}"

    def start(self, name: str) -> float:
        """Start a process, wait until it works; returns its resident memory in MB."""
        commands = {
            "web": ["-m", "escrow_cli.server", "web"],
            "custodian": ["-m", "escrow_cli.server", "custodian"],
            "peer": ["-m", "bench.bare_server", str(self.peer_port)],
        }
        settings = self.settings
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("ESCROW_")},
            "ESCROW_DATA_DIR": str(settings.data_dir),
            "ESCROW_DATABASE_URL": settings.database_url,
            "ESCROW_PUBLIC_URL": settings.public_url,
            "ESCROW_LISTEN_PORT": str(settings.listen_port),
            "ESCROW_REQUESTS_AN_HOUR": str(settings.requests_an_hour),
            "ESCROW_DEMO": "1",
            "BARE_DATABASE_URL": self.peer_url,
        }
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(
                [sys.executable, *commands[name]],
                cwd=ROOT,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        if name == "custodian":
            _until((self.settings.outside_dir / "checkpoint").exists, name)
            time.sleep(2)
        else:
            _until(lambda: self._answers(name), f"{name} answers")
        return self.resident(name)

    def _answers(self, name: str) -> bool:
        process = self.processes[name]
        assert process.poll() is None, (self.directory / f"{name}.log").read_text()[-2000:]
        ask = bodies.Sent("GET", "/healthz", {}, b"")
        if name == "peer":
            ask = _peer_request()
        try:
            rate(self.address(name), [wire(ask, self.settings.host)], 1)
        except (OSError, threading.BrokenBarrierError):
            return False
        return True

    def address(self, name: str) -> tuple[str, int]:
        return "127.0.0.1", self.peer_port if name == "peer" else self.settings.listen_port

    def resident(self, name: str) -> float:
        """Return the resident memory of a process and its children in MB."""
        waiting, total = [self.processes[name].pid], 0
        while waiting:
            pid = waiting.pop()
            status = Path(f"/proc/{pid}/status").read_text()
            total += int(status.partition("VmRSS:")[2].split()[0])
            for task in Path(f"/proc/{pid}/task").iterdir():
                waiting += map(int, (task / "children").read_text().split())
        return total / 1024

    def end(self, name: str) -> None:
        process = self.processes.pop(name)
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def stop(self) -> None:
        for name in list(self.processes):
            self.end(name)
        self.database.close()

    def make(self, count: int) -> list[Sent]:
        """Make enrolments, over as many accounts as their limit demands."""
        made = []
        for _ in range(count):
            if len(self.enrolled) % ACCOUNT_DEPOSITS == 0:
                self.tokens.append(self._account())
            account, token = self.tokens[-1]
            enrolled = self.maker.enrolment(account, token, self.web.clock.now())
            self.enrolled.append(enrolled)
            made.append(enrolled.put)
        return made

    def _account(self) -> tuple[str, str]:
        account, now = bodies.new_id(), self.web.clock.now()
        with self.database.transaction() as db:
            db.add(Account(id=account, state="active", locale="en", created_at=now))
            db.flush()
            row = addresses.insert(db, self.web, account, f"{account}@customer.test")
            row.verified_at = now
            _, token = sessions.create(db, self.web, "full", row.lookup, account=account)
        return account, token

    def make_releases(self) -> list[Sent]:
        """Let all contacts hold their piece and all deposits be collected; their releases."""
        now, public_key = self.web.clock.now(), seal.PrivateKey.generate().public_key()
        made = []
        with self.database.transaction() as db:
            db.execute(update(CustodyRow).values(state="held"))
            for one in self.enrolled:
                recovery, session = bodies.new_id(), bodies.new_id()
                db.add(
                    Recovery(
                        id=recovery,
                        deposit=one.deposit,
                        account=one.account,
                        state="collecting",
                        proof="totp",
                        body_sha256=bytes(32),
                        wait_seconds=0,
                        opened_at=now,
                        noticed_at=now,
                        ready_at=now,
                        session=session,
                    )
                )
                db.flush()
                db.add(
                    RecoverySession(
                        id=session,
                        recovery=recovery,
                        deposit=one.deposit,
                        public_key=public_key,
                        begun_at=now,
                        expires_at=now + 3600,
                    )
                )
                made.append(bodies.release_of(one, recovery, session, public_key, now))
        return made


def _keys(database: Database) -> tuple[str, bytes] | None:
    try:
        with database.reading() as db:
            keys = current_keys(db)
            return keys.ledger_vkey, keys.provider_key
    except Unavailable:
        return None


def _until(look: Callable[[], Any], what: str) -> Any:
    end = time.monotonic() + START_SECONDS
    while not (found := look()):
        if time.monotonic() > end:
            raise AssertionError(f"in vain: {what}")
        time.sleep(0.05)
    return found


def _peer_request() -> Sent:
    headers = {"Content-Type": "application/json"}
    return Sent("PUT", f"/things/{bodies.new_id()}", headers, bare.body())


def _compare(part: Part, what: str, bench: Bench, sent: Sequence[Sent], rounds: int) -> list[float]:
    """Let ours, the peer and plain commits take turns; adds the lines."""
    host = bench.settings.host
    ours, peers, commits = [], [], []
    requests = [wire(one, host) for one in sent]
    for turn in range(rounds):
        own = requests[turn * REQUESTS : (turn + 1) * REQUESTS]
        theirs = [wire(_peer_request(), host) for _ in range(REQUESTS)]
        ours.append(rate(bench.address("web"), own, THREADS))
        peers.append(rate(bench.address("peer"), theirs, THREADS))
        commits.append(_commit_rate(bench.peer_url))
    measured = f"{statistics.median(ours):.0f}/s"
    for name, others, aim, limit in (
        ("bare Flask, one insert", peers, AIM, LIMIT),
        ("commits", commits, None, None),
    ):
        pairs = zip(ours, others, strict=True)
        ratio = statistics.median(mine / other for mine, other in pairs)
        beside = f"{name}: {statistics.median(others):.0f}/s"
        part.add(Line(what, measured, beside, ratio, aim, limit, "more"))
    return ours


def _commit_rate(url: str) -> float:
    """Return how many plain inserts of 2 KB a second the database commits."""
    threads = 1 if url.startswith("sqlite") else THREADS
    engine = bare.engine_of(url)
    mark = "?" if url.startswith("sqlite") else "%s"
    statement = f"INSERT INTO bare_thing (id, data) VALUES ({mark}, {mark})"  # noqa: S608
    lines = [engine.raw_connection() for _ in range(threads)]

    def work(line: object) -> None:
        for _ in range(REQUESTS // threads):
            cursor = line.cursor()  # type: ignore[attr-defined]
            cursor.execute(statement, (bodies.new_id(), bytes(bare.LENGTH_BYTES)))
            line.commit()  # type: ignore[attr-defined]

    workers = [threading.Thread(target=work, args=(line,)) for line in lines]
    start = time.perf_counter()
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    seconds = time.perf_counter() - start
    for line in lines:
        line.close()
    engine.dispose()
    return REQUESTS // threads * threads / seconds


def _enrolments(part: Part, name: str, bench: Bench, rounds: int) -> None:
    warm = [wire(one, bench.settings.host) for one in bench.make(2 * THREADS)]
    rate(bench.address("web"), warm, THREADS)
    sent = bench.make(rounds * REQUESTS)
    _compare(part, f"{name}: enrolments", bench, sent, rounds)


def _releases(part: Part, name: str, bench: Bench, rounds: int) -> None:
    sent = bench.make_releases()
    warm, sent = sent[: 2 * THREADS], sent[2 * THREADS :]
    rate(bench.address("web"), [wire(one, bench.settings.host) for one in warm], THREADS)
    _compare(part, f"{name}: releases", bench, sent, rounds)


def _whole(part: Part, name: str, bench: Bench) -> None:
    """Let the custodian take up all that was sent, then run beside the web tier."""
    with bench.database.reading() as db:
        waiting = db.scalar(_unsequenced()) or 0
    bench.start("custodian")
    start = time.perf_counter()

    def is_done() -> bool:
        with bench.database.reading() as db:
            return not db.scalar(_unsequenced()) and not db.scalar(_unacted())

    _until(is_done, "the custodian catches up")
    seconds = time.perf_counter() - start + 2
    part.add(
        Line(
            f"{name}: custodian catches up",
            f"{waiting / seconds:.0f} events/s",
            "sequenced, signed and acted upon (each share opened, checked and attested)",
        )
    )
    sent = [wire(one, bench.settings.host) for one in bench.make(2 * REQUESTS)]
    refused: list[bytes] = []
    both = rate(bench.address("web"), sent, THREADS, refused)
    part.add(
        Line(
            f"{name}: enrolments while the custodian works",
            f"{both:.0f}/s",
            f"{len(refused)} of {len(sent)} were told to come back (503) and sent again",
        )
    )
    _until(is_done, "the custodian catches up")


def _unsequenced() -> Select[Any]:
    return (
        select(func.count())
        .select_from(LedgerEvent)
        .where(LedgerEvent.index.is_(None), LedgerEvent.refused.is_(None))
    )


def _unacted() -> Select[Any]:
    return (
        select(func.count())
        .select_from(LedgerEvent)
        .where(LedgerEvent.acted.is_(False), LedgerEvent.index.is_not(None))
    )
