"""The web tier as a process: the real one, with a movable clock and a record of what passed.

`python -m tests.e2e.web` reads settings from the environment as `escrow server web` does.
TEST_CLOCK names the clock's file, TEST_RECORD the directory in which every worker records its
requests and answers, headers and bodies: what a web tier that keeps everything would have.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from escrow import config
from escrow.serve import serve_web
from escrow.wsgi import make
from tests.cli.clock import FileClock

if TYPE_CHECKING:
    from flask import Flask

_PR_SET_DUMPABLE = 4


class Recorder:
    """Write every exchange down, then hand it on."""

    def __init__(self, app: Callable[..., Iterable[bytes]], path: Path) -> None:
        self._app = app
        self._path = path
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        answered: list[bytes] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            answered.append("\n".join([status, *(f"{k}: {v}" for k, v in headers)]).encode())
            return start_response(status, headers, *rest)

        answer = self._app(environ, start)
        try:
            content = b"".join(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        self._write(_asked(environ), body, *answered, content)
        return [content]

    def _write(self, *parts: bytes) -> None:
        with self._lock, contextlib.suppress(OSError), self._path.open("ab") as file:
            file.write(b"\n\n".join(parts) + b"\n----\n")


def _asked(environ: dict[str, Any]) -> bytes:
    named = [f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}?{environ['QUERY_STRING']}"]
    named += [f"{name[5:]}: {value}" for name, value in environ.items() if name[:5] == "HTTP_"]
    return "\n".join(named).encode("utf-8", "surrogateescape")


def application() -> Flask:
    """Make a worker's application."""
    app = make(FileClock(Path(os.environ["TEST_CLOCK"])))
    record = Path(os.environ["TEST_RECORD"]) / f"{os.getpid()}.http"
    app.wsgi_app = Recorder(app.wsgi_app, record)  # type: ignore[method-assign]
    # The product forbids that its memory is read; a test reads it, and is not always root.
    ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 1, 0, 0, 0)
    return app


if __name__ == "__main__":
    serve_web(config.load(None), "tests.e2e.web:application")
