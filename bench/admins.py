"""Part 7: the admins' pages over a million keys, beside the bare SQL of what they show."""

from __future__ import annotations

import hashlib
import secrets
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask.testing import FlaskClient
from sqlalchemy import Connection, insert, text

from bench.measure import Line, Part, milliseconds
from bench.service import _directory
from escrow.account.models import Account, Address
from escrow.admin import people, signin
from escrow.admin.exporting import PART
from escrow.admin.overview import OUTCOMES, ROLES
from escrow.admin.unusual import KINDS
from escrow.app import create_app
from escrow.clock import SystemClock
from escrow.config import Settings
from escrow.context import Web
from escrow.db import Database
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange, RecoverabilityCount
from escrow.headers import admin_cookie_name
from escrow.install import install
from escrow.ledger.models import DailyCount
from escrow.webkeyfile import load
from escrow.webkeys import WebKeys
from tests.support import postgres, statements

DEPOSITS, A_CUSTOMER = 1_000_000, 4
CHUNK = 20_000
ROUNDS = 15
AIM_RATIO, AIM_SECONDS = 2.0, 0.020
DAY_SECONDS = 86400
DOMAIN = bytes(31) + b"\1"  # of one contact in a hundred
HOST, API = "http://localhost:8080", "/api/v1"
SAME = {"Sec-Fetch-Site": "same-origin"}
# One in fifty is at risk, one in a thousand is gone.
SHARES = ((1000, "not_recoverable"), (50, "at_risk"))


def run_sqlite(rounds: int = ROUNDS, deposits: int = DEPOSITS) -> Part:
    part = _part("SQLite", deposits)
    with _directory() as directory:
        _one(part, directory, "", rounds, deposits)
    return part


def run_postgresql(rounds: int = ROUNDS, deposits: int = DEPOSITS) -> Part:
    part = _part("PostgreSQL", deposits)
    with _directory() as directory, postgres.started("-c max_connections=20") as server:
        _one(part, directory, server.url(server.create()), rounds, deposits)
    return part


def _part(name: str, deposits: int) -> Part:
    return Part(
        f"The admins' pages: {name}",
        f"{deposits:,} keys of {deposits // A_CUSTOMER:,} customers, {3 * deposits:,} pieces, a "
        "year of counts. A page from the session's cookie to the last byte of HTML, in one "
        "process, beside the very queries that it asked, by the driver alone; medians, in turn. "
        "Where the SQL takes a fraction of a millisecond, checking the session and writing HTML "
        "weigh most.",
    )


def _one(part: Part, directory: Path, url: str, rounds: int, deposits: int) -> None:
    settings = Settings(
        data_dir=directory / "data", database_url=url, public_url=HOST, demo=True
    ).check()
    install(settings, SystemClock())
    database, keys = Database(settings.database), load(settings.key_dir)
    try:
        began = time.perf_counter()
        fill(database, keys, deposits)
        part.add(Line("filling", f"{time.perf_counter() - began:.0f} s", f"{deposits:,} keys"))
        app = create_app(settings, database, keys)
        client, web = app.test_client(), app.extensions["escrow"]
        client.set_cookie(
            admin_cookie_name(settings), _signed_in(database, web), domain="localhost"
        )
        for page in _pages(deposits):
            _compare(part, page, client, database, rounds)
    finally:
        database.close()


def _signed_in(database: Database, web: Web) -> str:
    with database.transaction() as db:
        token, now = secrets.token_urlsafe(32), web.clock.now()
        row = people.invite(db, web.keys, "Auditor", "auditor", now, token)
        people.accept(db, web.keys, row, "Auditor", b"credential", b"key")
        people.admit(db, web.keys, row, "auditor")
        _, cookie = signin.create(db, web, row.id)
    return cookie


def id_of(kind: str, number: int) -> str:
    return hashlib.md5(f"{kind}{number}".encode(), usedforsecurity=False).hexdigest()


def _state(number: int) -> str:
    return next((state for step, state in SHARES if number % step == 0), "safe")


# What charts and comparisons are drawn from; a few a day, whatever the number of keys.
DAILY = (
    *(f"custody attested {role}" for role in ROLES),
    *{*KINDS, *(f"recovery {outcome}" for outcome in OUTCOMES)},
)


def fill(database: Database, keys: WebKeys, deposits: int, now: int = 0) -> None:
    """Write keys with all that belongs to them into an empty database, a year old at `now`."""
    now = now or int(time.time())
    for start in range(0, deposits, CHUNK):
        numbers = range(start, min(start + CHUNK, deposits))
        with database.transaction() as db:
            connection = db.connection()
            for table, rows in _rows(keys, numbers, now):
                connection.execute(insert(table), rows)
    with database.transaction() as db:
        counts = dict.fromkeys(("safe", "at_risk", "not_recoverable"), 0)
        for number in range(deposits):
            counts[_state(number)] += 1
        for ago in range(365, -1, -1):
            day = now // DAY_SECONDS - ago
            for state, count in counts.items():
                part = count * (365 - ago) // 365
                db.add(RecoverabilityCount(state=state, day=day, count=part))
            for kind in DAILY:
                db.add(DailyCount(kind=kind, day=day, count=deposits // 400 + ago % 7))
    with database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("ANALYZE"))


def _rows(keys: WebKeys, numbers: range, now: int) -> Iterator[tuple[Any, list[dict[str, Any]]]]:
    owners = sorted({number // A_CUSTOMER for number in numbers})
    new = [owner for owner in owners if owner * A_CUSTOMER >= numbers.start]
    yield (
        Account,
        [
            {"id": id_of("account", one), "state": "active", "locale": "en", "created_at": now}
            for one in new
        ],
    )
    yield Address, [_address(keys, one, now) for one in new]
    yield Deposit, [_deposit(one, now) for one in numbers]
    yield (
        RecoverabilityChange,
        [
            {
                "deposit": id_of("deposit", one),
                "was": None if _state(one) == "safe" else "safe",
                "now": _state(one),
                "is_loss": _state(one) != "safe",
                "at": now - one,
            }
            for one in numbers
        ],
    )
    yield (
        CustodyRow,
        [
            _custody(one, group, role, now)
            for one in numbers
            for group, role in enumerate(("customer", "contact", "provider"))
        ],
    )


def _address(keys: WebKeys, number: int, now: int) -> dict[str, Any]:
    identifier, account = id_of("address", number), id_of("account", number)
    written = f"customer{number}@example.org"
    return {
        "id": identifier,
        "account": account,
        "lookup": keys.lookup(written),
        "address": keys.encrypt(("address", "address"), identifier, account, written),
        "created_at": now,
        "verified_at": now,
    }


def _deposit(number: int, now: int) -> dict[str, Any]:
    needed, count = (3, 5) if number % 5000 == 0 else (1, 1)
    return {
        "id": id_of("deposit", number),
        "account": id_of("account", number // A_CUSTOMER),
        "kind": "real",
        "state": "complete",
        "label": b"label",
        "created_at": now - number,
        "contacts_needed": needed,
        "contacts_count": count,
        "manifest": b"{}",
        "manifest_signature": bytes(64),
        "manifest_hash": bytes(32),
        "body_sha256": bytes(32),
        "recoverability": _state(number),
        "recoverability_at": now - number,
        "recoverability_until": now + number,
        # One in ten was practised with.
        "drilled_at": now - number if number % 10 == 0 else 0,
    }


def _custody(number: int, group: int, role: str, now: int) -> dict[str, Any]:
    return {
        "id": id_of(role, number),
        "deposit": id_of("deposit", number),
        "account": id_of("account", number // A_CUSTOMER),
        "role": role,
        "group": group,
        "member": 0,
        "state": "held",
        "attest_key": bytes(32),
        "release_key": bytes(32),
        "paused": False,
        "last_share_at": now - number,
        "proven_at": now - number,
        "domain_hash": DOMAIN if role == "contact" and number % 100 == 0 else None,
    }


@dataclass(frozen=True)
class Page:
    """What an admin asks for: a page, or with a `body` something of the API."""

    what: str
    path: str
    body: dict[str, str] | None = None
    lines: int = 50  # of an export: as many as are in one part


def _pages(deposits: int) -> list[Page]:
    middle = "8" + "0" * 31
    wanted = deposits // A_CUSTOMER // 2
    owner, one = id_of("account", wanted), id_of("deposit", deposits // 2)
    listed, part = "/admin/custody", min(PART, deposits)
    return [
        Page("overview", "/admin"),
        Page("all keys, first page", listed),
        Page("all keys, deep page", f"{listed}?after={middle}"),
        Page("at risk, deep page", f"{listed}?state=at_risk&after={middle}"),
        Page("at risk, of a rare policy", f"{listed}?state=at_risk&policy=3-of-5"),
        Page("a policy that no key has", f"{listed}?state=at_risk&policy=4-of-7"),
        Page("a customer's", f"{listed}?account={owner}"),
        Page("contacts' pieces, 5 days and older", f"{listed}?role=contact&days=5"),
        Page("missing pieces, of which there is none", f"{listed}?piece=missing"),
        Page("pieces of a policy that no key has", f"{listed}?days=1&policy=4-of-7"),
        Page("pieces of keys not recoverable", f"{listed}?days=1&state=not_recoverable"),
        Page("contacts at one mail domain", f"{listed}?domain={DOMAIN.hex()}"),
        Page("contacts at a domain, at risk, due", f"{listed}?{_ALL_FILTERS}"),
        Page("search: an address", "/admin/lookups", {"find": f"customer{wanted}@example.org"}),
        Page("search: a number", "/admin/lookups", {"find": one}),
        Page("one key", f"/admin/deposits/{one}"),
        Page("a customer, for support", f"/admin/support/{owner}"),
        Page("what lost a way back", "/admin/losses"),
        Page("never practised with", "/admin/drills"),
        Page("practised with", "/admin/drills?show=done"),
        Page("unusual numbers", "/admin/unusual"),
        Page("export: all keys", "/admin/exports/keys", {}, part),
        Page(
            "export: keys at risk",
            "/admin/exports/keys",
            {"state": "at_risk"},
            min(PART, deposits // 50),
        ),
    ]


_ALL_FILTERS = f"domain={DOMAIN.hex()}&piece=due&days=90&state=at_risk"


def _compare(part: Part, page: Page, client: FlaskClient, database: Database, rounds: int) -> None:
    def ask() -> None:
        if page.body is None:
            answer = client.get(page.path, base_url=HOST, headers={"Accept": "text/html"})
        else:
            answer = client.post(API + page.path, base_url=HOST, json=page.body, headers=SAME)
        assert answer.status_code == 200, (page.path, answer.status_code, answer.text)

    queries = _said(database, ask)
    with database.engine.connect() as connection:
        ours, bare = [], []
        for turn in range(rounds + 1):
            taken = _seconds(ask), _seconds(lambda: _read(connection, queries))
            if turn:  # the first one fills caches
                ours.append(taken[0])
                bare.append(taken[1])
    ratio = statistics.median(a / b for a, b in zip(ours, bare, strict=True))
    page_time, sql_time = statistics.median(ours), statistics.median(bare)
    beside = f"SQL alone: {milliseconds(sql_time)}"
    part.add(Line(page.what, milliseconds(page_time), beside, ratio, AIM_RATIO))
    # An export is no page: what as many of its lines take as stand on one.
    share = page_time * 50 / max(page.lines, 50)
    limit = f"{milliseconds(AIM_SECONDS)} a page"
    if page.lines > 50:
        limit = f"{milliseconds(AIM_SECONDS)} for 50 of its {page.lines:,} lines"
    part.add(Line(page.what, milliseconds(page_time), limit, share / AIM_SECONDS, 1.0))


def _said(database: Database, ask: Callable[[], object]) -> list[statements.Statement]:
    """Return the queries that a page asks, with their values as the driver gets them."""
    with statements.asked(database.engine) as said:
        ask()
    return [query for query in said if query[0].lstrip().startswith("SELECT")]


def _read(connection: Connection, queries: list[statements.Statement]) -> None:
    """Ask the driver itself, so that only the database's and the driver's work counts."""
    cursor = connection.connection.cursor()
    for statement, values in queries:
        cursor.execute(statement, values)
        cursor.fetchall()
    cursor.close()


def _seconds(do: Callable[[], object]) -> float:
    start = time.perf_counter()
    do()
    return time.perf_counter() - start
