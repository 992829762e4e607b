"""The client run within the test, over a line that the test may tamper with.

What goes out is recorded, what comes back may be changed. Codes that would be read from a mail, an
authenticator app or a printed kit appear in the environment the moment the service has sent them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from escrow.protocol.encoding import b64url_decode
from escrow.protocol.manifest import Manifest
from escrow_cli.context import Surroundings
from escrow_cli.main import run
from tests.cli.service import Customer, Service

# Gets method, path (without /api/v1/) and the service's document; may change the document.
Tamper = Callable[[str, str, dict[str, Any]], None]


@dataclass
class Line(httpx.BaseTransport):
    """Carries requests to the real service, records them, and changes what comes back."""

    service: Service
    customer: Customer | None = None
    tamper: Tamper | None = None
    sent: list[tuple[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    reads_kit: bool = True
    served: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._real = httpx.HTTPTransport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1/")
        body = request.read()
        self.sent.append((request.method, path))
        self.bodies.append(body)
        if self.customer is not None and (request.method, path) == ("POST", "logins"):
            self.customer.make_room()
        after = len(self.service.mailbox.mails)
        answer = self._real.handle_request(request)
        content = self.served.get(request.url.path, answer.read())
        if answer.status_code < 300:
            self._learn(request.method, path, body, after, content)
            if self.tamper is not None and content.startswith(b"{"):
                document = json.loads(content)
                self.tamper(request.method, path, document)
                content = json.dumps(document).encode()
        kept = {"Content-Type", "Content-Security-Policy", "Retry-After"}
        headers = {name: answer.headers[name] for name in kept if name in answer.headers}
        return httpx.Response(answer.status_code, headers=headers, content=content)

    def _learn(self, method: str, path: str, body: bytes, after: int, content: bytes) -> None:
        if self.customer is None:
            return
        if (method, path) == ("POST", "logins"):
            code = self.service.mailbox.code(self.customer.address, after=after)
            os.environ["ESCROW_MAIL_CODE"] = code
        elif path.startswith("logins/") and path.endswith("/code"):
            os.environ["ESCROW_TOTP"] = self.customer.totp()
        elif (method, path) == ("GET", "sessions"):
            self._have_app_at_hand(json.loads(content)["sessions"])
        elif self.reads_kit and method == "PUT" and path.startswith("deposits/"):
            manifest = Manifest.parse(b64url_decode(json.loads(body)["manifest"]))
            os.environ["ESCROW_KIT_DIGITS"] = manifest.code()[-4:]

    def _have_app_at_hand(self, sessions: list[dict[str, Any]]) -> None:
        """Look at the authenticator app where the kept sign-in will need a fresh code."""
        assert self.customer is not None
        now = self.service.clock.now()
        if any(line["is_current"] and line["step_up_until"] <= now + 60 for line in sessions):
            os.environ.setdefault("ESCROW_TOTP", self.customer.totp())

    def changes_sent(self) -> list[str]:
        """Name every request that could have told the service something, signing in apart."""
        return [
            f"{method} {path}"
            for method, path in self.sent
            if method != "GET" and not path.startswith("logins")
        ]


@dataclass
class Answered:
    status: int
    stdout: bytes
    stderr: str

    def json(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.stdout)
        return found


@dataclass
class Desk:
    """A person without a terminal, within this process. `home` is also where files go."""

    service: Service
    home: Path
    customer: Customer | None = None
    language: str = "en"
    reads_kit: bool = True
    # Paths of the site, and what is served there instead.
    served: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        self.line = Line(self.service, self.customer)

    @property
    def state_path(self) -> Path:
        return self.home / "state" / "escrow" / f"{self.service.netloc}.json"

    def state(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.state_path.read_text())
        return found

    def path(self, name: str) -> str:
        return str(self.home / name)

    def run(self, *arguments: str, tamper: Tamper | None = None, **extra: str) -> Answered:
        """Run one command line; keyword arguments are environment variables."""
        self.line = Line(
            self.service, self.customer, tamper, reads_kit=self.reads_kit, served=self.served
        )
        environment = {
            "XDG_STATE_HOME": str(self.home / "state"),
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "LC_ALL": f"{self.language}_XX.UTF-8",
            "ESCROW_HOST": self.service.url,
            **({"ESCROW_ADDRESS": self.customer.address} if self.customer else {}),
            "ESCROW_NEW_ACCOUNT": "y",
            **extra,
        }
        before = dict(os.environ)
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        os.environ.clear()
        os.environ.update(environment)
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = run(arguments, Surroundings(self.service.clock, self.line))
        finally:
            os.environ.clear()
            os.environ.update(before)
        out.flush()
        return Answered(int(status), out.buffer.getvalue(), err.getvalue())
