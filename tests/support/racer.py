"""Races: many threads of two processes send requests at the same moment.

`race` starts the processes. Each runs `python -m tests.support.racer`, reads what to do as JSON
from standard input and writes the statuses as JSON to standard output.
"""

import json
import subprocess
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from escrow.app import create_app
from escrow.config import Settings
from escrow.db import Database
from escrow.webkeys import WebKeys
from tests.support.browser import PUBLIC_URL
from tests.support.clocks import FakeClock

ROOT = Path(__file__).resolve().parents[2]
PROCESSES = 2


@dataclass(frozen=True)
class Sent:
    """One request of a race; `path` begins with /api/v1."""

    method: str
    path: str
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def data(self) -> bytes:
        """The body as it is sent, and as a contact signs it."""
        return json.dumps(self.body).encode()


def race(
    settings: Settings, database: Database, keys: WebKeys, time: int, requests: Sequence[Sent]
) -> list[int]:
    """Send all at once, half of them from each of two processes; returns their statuses."""
    racers = []
    for number in range(PROCESSES):
        racer = subprocess.Popen(
            [sys.executable, "-m", "tests.support.racer"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        task = {
            "database": database.url,
            "data_dir": str(settings.data_dir),
            "keys": [key.hex() for key in (keys.column_key, keys.lookup_key, keys.mac_key)],
            "time": time,
            "requests": [asdict(one) for one in requests[number::PROCESSES]],
        }
        assert racer.stdin is not None
        racer.stdin.write(json.dumps(task))
        racer.stdin.close()
        racers.append(racer)
    statuses: list[int] = []
    for racer in racers:
        assert racer.stdout is not None
        statuses += json.loads(racer.stdout.read())
        assert racer.wait() == 0
    return statuses


def main() -> None:
    task = json.load(sys.stdin)
    settings = Settings(
        data_dir=Path(task["data_dir"]),
        public_url=PUBLIC_URL,
        smtp_host="127.0.0.1",
        mail_from="recovery@recovery.test",
        requests_an_hour=100_000,
    )
    keys = WebKeys(*(bytes.fromhex(key) for key in task["keys"]))
    requests = [Sent(**one) for one in task["requests"]]
    database = Database(task["database"], pool_size=len(requests))
    app = create_app(settings, database, keys, FakeClock(task["time"]))
    statuses: list[int] = []
    ready = threading.Barrier(len(requests) + 1)

    def send(one: Sent) -> None:
        client = app.test_client()
        ready.wait()
        answer: Any = client.open(
            one.path,
            method=one.method,
            base_url=PUBLIC_URL,
            data=one.data,
            headers={**one.headers, "Content-Type": "application/json"},
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=send, args=(one,)) for one in requests]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join()
    json.dump(statuses, sys.stdout)


if __name__ == "__main__":
    main()
