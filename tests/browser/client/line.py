"""The line between a browser and the real service: what passes is recorded, and may be changed.

A service that lies is this: every part of it works, and one thing that comes back is not true.
"""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

PREFIX = "/api/v1/"
# Gets method, path (without /api/v1/) and the service's document; may change the document.
Tamper = Callable[[str, str, dict[str, Any]], None]
# Gets method, path and body; may answer in the service's place.
Stand = Callable[[str, str, dict[str, Any]], dict[str, Any] | None]


@dataclass
class Line:
    """A WSGI application around the real one."""

    app: Callable[..., Iterable[bytes]] | None = None
    tamper: Tamper | None = None
    stand: Stand | None = None
    sent: list[tuple[str, str, bytes]] = field(default_factory=list)
    _under_way: int = 0
    _has_changed: bool = False

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        is_change = environ["REQUEST_METHOD"] != "GET"
        self._under_way += is_change
        try:
            return self._carried(environ, start_response)
        finally:
            self._under_way -= is_change
            self._has_changed |= is_change

    def has_work(self) -> bool:
        """Tell whether the custodian may have something to do since this was asked last."""
        found, self._has_changed = self._has_changed or self._under_way > 0, False
        return found

    def _carried(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"].removeprefix(PREFIX)
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.sent.append((method, path, body))
        if self.stand is not None:
            said = self.stand(method, path, json.loads(body) if body else {})
            if said is not None:
                start_response("200 OK", [("Content-Type", "application/json")])
                return [json.dumps(said).encode()]
        environ["wsgi.input"] = io.BytesIO(body)
        status, headers, content = self._asked(environ)
        if self.tamper is not None and status.startswith("2") and content:
            document = json.loads(content)
            self.tamper(method, path, document)
            content = json.dumps(document).encode()
        kept = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, kept)
        return [content]

    def _asked(self, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
        assert self.app is not None
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *_: Any) -> Any:
            said[:] = [status, headers]
            return said.append

        answer = self.app(environ, start)
        try:
            content = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        return said[0], said[1], content

    @contextmanager
    def lying(self, tamper: Tamper | None = None, stand: Stand | None = None) -> Iterator[None]:
        """Lie until the end of the block; what was sent before is forgotten."""
        self.tamper, self.stand = tamper, stand
        self.sent.clear()
        try:
            yield
        finally:
            self.tamper = self.stand = None

    def changes_sent(self) -> list[str]:
        """Name every request that could have told the service something."""
        return [f"{method} {path}" for method, path, _ in self.sent if method != "GET"]


class _Quiet(WSGIRequestHandler):
    def log(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def served(line: Line, listener: socket.socket) -> Iterator[None]:
    """Serve a line on a socket until the end of the block."""
    port = listener.getsockname()[1]
    server = make_server(
        "127.0.0.1",
        port,
        line,
        threaded=True,
        request_handler=_Quiet,
        fd=listener.fileno(),
    )
    serving = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    serving.start()
    try:
        yield
    finally:
        server.shutdown()
        serving.join(15)
