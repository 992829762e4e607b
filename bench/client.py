"""Clients in threads, on kept connections, as cheap as can be: bytes out, an answer in."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Sequence

from bench.bodies import Sent


def wire(sent: Sent, host: str) -> bytes:
    """Write a request as it goes over the wire."""
    lines = [f"{sent.method} {sent.path} HTTP/1.1", f"Host: {host}"]
    lines += [f"{name}: {value}" for name, value in sent.headers.items()]
    lines += [f"Content-Length: {len(sent.body)}", "", ""]
    return "\r\n".join(lines).encode() + sent.body


def rate(
    address: tuple[str, int],
    requests: Sequence[bytes],
    threads: int,
    refused: list[bytes] | None = None,
) -> float:
    """Send all requests from several threads; returns how many a second were done.

    Given a list for them, those that are answered 503 are put there and sent again.
    """
    errors: list[BaseException] = []
    ready = threading.Barrier(threads + 1)

    def work(own: Sequence[bytes]) -> None:
        try:
            with socket.create_connection(address, timeout=60) as line:
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                ready.wait()
                for request in own:
                    line.sendall(request)
                    while not _answer(line, may_refuse=refused is not None):
                        assert refused is not None
                        refused.append(request)
                        line.sendall(request)
        except BaseException as error:
            errors.append(error)
            ready.abort()

    workers = [threading.Thread(target=work, args=(requests[i::threads],)) for i in range(threads)]
    for worker in workers:
        worker.start()
    with contextlib.suppress(threading.BrokenBarrierError):  # `errors` says why
        ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    if errors:
        raise errors[0]
    return len(requests) / (time.perf_counter() - start)


def _answer(line: socket.socket, *, may_refuse: bool) -> bool:
    """Read one answer to its end; False for 503 if that is allowed, otherwise it must be 2xx."""
    data = b""
    while b"\r\n\r\n" not in data:
        chunk = line.recv(65536)
        if not chunk:
            raise ConnectionError("the server hung up")
        data += chunk
    head, _, body = data.partition(b"\r\n\r\n")
    length = next(
        int(value)
        for name, _, value in (text.partition(b":") for text in head.lower().split(b"\r\n"))
        if name == b"content-length"
    )
    while len(body) < length:
        body += line.recv(65536)
    if may_refuse and head.startswith(b"HTTP/1.1 503"):
        return False
    if not head.startswith(b"HTTP/1.1 2"):
        raise AssertionError(f"{head.splitlines()[0]!r}: {body[:500]!r}")
    return True
