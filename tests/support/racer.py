"""One process of a race: many threads send one request at the same moment.

Started as `python -m tests.support.racer`; reads what to do as JSON from standard input, writes the
statuses as JSON to standard output.
"""

import json
import sys
import threading
from pathlib import Path
from typing import Any

from escrow.app import create_app
from escrow.config import Settings
from escrow.db import Database
from escrow.webkeys import WebKeys
from tests.support.browser import PUBLIC_URL
from tests.support.clocks import FakeClock


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
    database = Database(task["database"], pool_size=task["threads"])
    app = create_app(settings, database, keys, FakeClock(task["time"]))
    statuses: list[int] = []
    ready = threading.Barrier(task["threads"] + 1)

    def send() -> None:
        client = app.test_client()
        ready.wait()
        answer: Any = client.post(
            task["path"], base_url=PUBLIC_URL, json=task["body"], headers=task["headers"]
        )
        statuses.append(answer.status_code)

    threads = [threading.Thread(target=send) for _ in range(task["threads"])]
    for thread in threads:
        thread.start()
    ready.wait()
    for thread in threads:
        thread.join()
    json.dump(statuses, sys.stdout)


if __name__ == "__main__":
    main()
