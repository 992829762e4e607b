"""People whose browser runs in Node: escrow/browser/client as it is, against the real service."""

from __future__ import annotations

import json
import select
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.browser.client.line import Line
from tests.support.node import ROOT, building
from tests.support.people import Customer
from tests.support.world import World

SCRIPT = "tests/browser/client/person.js"
PATIENCE_SECONDS = 60
_PASS_SECONDS = 0.02


class Stopped(Exception):
    """The client did not go on; `kind` is the error's class."""

    def __init__(self, kind: str, code: str, details: dict[str, Any]) -> None:
        super().__init__(kind, code, details)
        self.kind = kind
        self.code = code
        self.details = details


class FellOver(Exception):
    """A page has used the client as it must not be used; nobody is told so in a sentence."""


@dataclass
class Person:
    """While a question is under way the custodian works and mail goes out, as it always does."""

    world: World
    line: Line
    process: subprocess.Popen[bytes]

    def do(self, operation: str, /, **given: Any) -> Any:
        """Run one operation of person.js; raises Stopped, FellOver."""
        now = self.world.clock.now()
        question = {"operation": operation, "now": now, "given": _plain(given)}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(question).encode() + b"\n")
        self.process.stdin.flush()
        answer = json.loads(self._answer())
        if "fell_over" in answer:
            raise FellOver(answer["fell_over"])
        if "stopped" in answer:
            stopped = answer["stopped"]
            raise Stopped(stopped["name"], stopped["code"], stopped["details"])
        return answer["output"]

    def _answer(self) -> bytes:
        assert self.process.stdout is not None
        deadline = time.monotonic() + PATIENCE_SECONDS
        is_answered = False
        while not is_answered:
            assert time.monotonic() < deadline, "no answer"
            ready, _, _ = select.select([self.process.stdout], [], [], _PASS_SECONDS)
            is_answered = bool(ready)
            if self.line.has_work():
                self.world.run()
        return self.process.stdout.readline() or b'{"fell_over": "it has ended"}'

    def start(self, *, bearer: str | None = None, note: str = "") -> None:
        """Begin as a fresh page: signed in by a token, if any, remembering a checkpoint."""
        self.do("start", url=self.world.settings.public_url, bearer=bearer, note=note)

    def refused(self, operation: str, /, *, kind: str = "Refused", **given: Any) -> Stopped:
        """Run an operation that the client must not carry out; returns why."""
        try:
            self.do(operation, **given)
        except Stopped as stopped:
            assert stopped.kind == kind, stopped
            return stopped
        raise AssertionError(f"{operation} was carried out")

    def sign_in(self, customer: Customer, *, totp: bool = True) -> None:
        """Sign in by the mail code, and the authenticator unless it is lost."""
        self.do("ask_for_code", address=customer.address)
        code = self.world.mailbox.code(customer.address, "login_code")
        self.do("enter_mail_code", code=code)
        if totp:
            self.do("enter_totp", account=customer.account, code=customer.totp())


def _plain(given: dict[str, Any]) -> dict[str, Any]:
    return {name: v.hex() if isinstance(v, bytes) else v for name, v in given.items()}


@contextmanager
def browsing(world: World, line: Line) -> Iterator[Person]:
    """Open a browser; close it at the end of the block."""
    program, _ = building().node_programs()
    process = subprocess.Popen(
        [program, SCRIPT],
        cwd=ROOT,
        env=building().environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        bufsize=0,
    )
    try:
        yield Person(world, line, process)
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(30)
        process.stdout.close()
