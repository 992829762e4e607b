"""The real service for the client's tests: web tier on a loopback socket, custodian in a thread.

Only the clock and the mail's last hop are the tests' own: time is what a file says, which the
client's processes read too, and mails end in a list.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pyotp
from sqlalchemy import select
from werkzeug.serving import WSGIRequestHandler, make_server

from escrow import assets
from escrow.app import create_app
from escrow.config import Settings
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.db import Base, Database
from escrow.ledger.models import LedgerEvent
from escrow.mail import outbox
from escrow.mail.models import Outbox
from escrow.webkeys import WebKeys
from tests.cli.clock import FileClock

DAY_SECONDS = 86400


@dataclass(frozen=True)
class Mail:
    address: str
    message: str
    contents: dict[str, str]


@dataclass
class Mailbox:
    """The next mail server of the custodian: accepts everything."""

    database: Database
    keys: WebKeys
    clock: FileClock
    mails: list[Mail] = field(default_factory=list)

    def run_once(self) -> int:
        with self.database.transaction() as db:
            rows = list(db.scalars(select(Outbox).where(Outbox.state == "queued")))
            for row in rows:
                self.mails.append(self._opened(row))
                row.state, row.settled_at = "sent", self.clock.now()
                row.recipient = row.contents = None
        return len(rows)

    def _opened(self, row: Outbox) -> Mail:
        owner = outbox.owner_of(row.account, row.custody)
        assert row.recipient is not None and row.contents is not None
        address = self.keys.decrypt(outbox.RECIPIENT, row.id, owner, row.recipient)
        document = json.loads(self.keys.decrypt(outbox.CONTENTS, row.id, owner, row.contents))
        return Mail(address, row.message, document["contents"])

    def wait_for(self, message: str) -> list[Mail]:
        """Wait until a message has come to somebody; returns all of it that have."""
        deadline = time.monotonic() + 20
        while not (found := [mail for mail in self.mails if mail.message == message]):
            assert time.monotonic() < deadline, f"no {message} came"
            time.sleep(0.05)
        return found

    def code(self, address: str, *, after: int) -> str:
        """Wait for the next mail with a code to an address; returns its six digits."""
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            for mail in self.mails[after:]:
                if mail.address == address and "code" in mail.contents:
                    return "".join(c for c in mail.contents["code"] if c.isdigit())
            time.sleep(0.05)
        raise AssertionError(f"no code for {address} among {self.mails[after:]}")


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@dataclass
class Service:
    """The running service. `url` is what clients are given."""

    url: str
    directory: Path
    clock: FileClock
    mailbox: Mailbox
    database: Database
    custodian: Custodian
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start_custodian(self) -> None:
        self._stop = threading.Event()
        run = self.custodian.run_forever
        self._thread = threading.Thread(target=run, args=(self._stop,), daemon=True)
        self._thread.start()

    def stop_custodian(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(15)

    def rotate_ledger_key(self) -> None:
        """Introduce a new ledger key, as an operator does."""
        self.stop_custodian()
        old = self.custodian
        keys = old.keys.with_new_ledger_key(self.clock.now())
        old.outside.reload()
        self.custodian = Custodian(
            old.settings, self.database, keys, old.web_keys, self.clock, old.outside, self.mailbox
        )
        self.start_custodian()
        time.sleep(2)

    @property
    def netloc(self) -> str:
        return self.url.removeprefix("http://")

    def account(self, address: str) -> Customer:
        """Make an account by the API."""
        http = httpx.Client(base_url=f"{self.url}/api/v1")
        after = len(self.mailbox.mails)
        made = _good(http.post("accounts", json={"address": address, "locale": "en"}))
        bearer = {"Authorization": f"Bearer {made['token']}"}
        where = f"accounts/{made['account']}"
        code = self.mailbox.code(address, after=after)
        found = _good(http.post(f"{where}/code", json={"code": code}, headers=bearer))
        customer = Customer(self, address, made["account"], found["totp_secret"])
        body = {"code": customer.totp()}
        _good(http.post(f"{where}/totp/confirm", json=body, headers=bearer))
        return customer

    def settle(self) -> None:
        """Wait until everything that was said stands in the ledger."""
        waiting = select(LedgerEvent.id).where(
            LedgerEvent.index.is_(None), LedgerEvent.refused.is_(None)
        )
        deadline = time.monotonic() + 20
        while True:
            with self.database.reading() as db:
                if db.scalars(waiting.limit(1)).first() is None:
                    return
            assert time.monotonic() < deadline, "the custodian does not keep up"
            time.sleep(0.05)

    def pass_time(self, seconds: int) -> None:
        """Let time pass as the ledger sees it: it stops at a jump of more than 36 hours."""
        while seconds > 0:
            step = min(seconds, 30 * 3600)
            self.clock.move(step)
            seconds -= step
            deadline = time.monotonic() + 20
            while self.clock.now() - self.custodian.outside.at > 13 * 3600:
                assert time.monotonic() < deadline, "the custodian does not keep up"
                time.sleep(0.05)
        time.sleep(1.5)  # one pass of the custodian: it acts once a second


@dataclass
class Customer:
    service: Service
    address: str
    account: str
    totp_secret: str
    last_step: int = 0
    logins: list[int] = field(default_factory=list)

    def make_room(self) -> None:
        """Let an hour pass when the next code by mail would be one too many."""
        clock = self.service.clock
        recent = [at for at in self.logins if at > clock.now() - 3700]
        if len(recent) >= 4:
            clock.move(3700)
            recent = []
        self.logins = [*recent, clock.now()]

    def totp(self) -> str:
        """Return a code that was not used yet, moving time if need be."""
        clock = self.service.clock
        if clock.now() // 30 <= self.last_step:
            clock.move(30)
        now = clock.now()
        self.last_step = now // 30
        return pyotp.TOTP(self.totp_secret).at(now)


def _good(answer: httpx.Response) -> dict[str, str]:
    assert answer.is_success, answer.text
    found: dict[str, str] = answer.json()
    return found


@contextmanager
def running(directory: Path) -> Iterator[Service]:
    """Run the service until the block ends."""
    directory.mkdir(parents=True, exist_ok=True)
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    settings = Settings(
        data_dir=directory,
        public_url=f"http://127.0.0.1:{port}",
        provider_name="Test provider",
        provider_phone="0800 0000",
        requests_an_hour=10**6,
        demo=True,
    ).check()
    (directory / "clock").write_text("0")
    clock = FileClock(directory / "clock")
    database = Database(settings.database)
    Base.metadata.create_all(database.engine)
    web_keys = WebKeys.generate()
    custodian_keys = CustodianKeys.generate(settings.origin, clock.now())
    outside = Outside.create(settings.outside_dir, settings.origin)
    mailbox = Mailbox(database, web_keys, clock)
    custodian = Custodian(
        *(settings, database, custodian_keys, web_keys, clock, outside, mailbox),
        site=assets.listing_sha256(),
    )
    app = create_app(settings, database, web_keys, clock)
    server = make_server(
        "127.0.0.1", port, app, threaded=True, request_handler=_Quiet, fd=listener.fileno()
    )
    serving = threading.Thread(
        target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
    )
    serving.start()
    found = Service(settings.public_url, directory, clock, mailbox, database, custodian)
    found.start_custodian()
    try:
        yield found
    finally:
        found.stop_custodian()
        server.shutdown()
        serving.join(15)
        listener.close()
        database.close()
