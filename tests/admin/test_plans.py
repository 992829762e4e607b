"""No page of the admins reads a whole table, on either database, however many keys there are."""

from __future__ import annotations

import re

import pytest
from sqlalchemy import insert

from bench import admins
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import Outbox
from tests.admin.crew import Crew, hired
from tests.support import statements
from tests.support.world import World

KEYS = 12_000
LARGE = (
    "deposit",
    "custody",
    "address",
    "account",
    "outbox",
    "recoverability_change",
    "ledger_event",
    "daily_count",
)

# One of each filter, and what an auditor puts together.
FILTERS = (
    *("role=customer", "piece=due", "piece=missing", "role=contact&piece=proven", "days=90"),
    *(
        "policy=2-of-3",
        "policy=1-of-1&state=safe",
        "policy=4-of-7&state=safe",
        f"domain={admins.DOMAIN.hex()}",
    ),
    f"domain={admins.DOMAIN.hex()}&piece=due&days=90",
    *("role=provider&days=30&state=at_risk", "role=contact&piece=missing&policy=2-of-3"),
)


@pytest.fixture
def olga(world: World, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setattr(admins, "A_CUSTOMER", 1)
    mails = [
        {
            "id": admins.id_of("mail", number),
            "key": str(number),
            "message": "login_code",
            "state": "sent",
            "is_customer": True,
            "address_hash": bytes(32),
            "created_at": number,
            "next_at": number,
        }
        for number in range(KEYS)
    ]
    entries = [
        {
            "id": admins.id_of("entry", number),
            "index": 1000 + number,
            "author": "web",
            "type": "custody attested",
            "recovery": admins.id_of("recovery", number),
            "at": number,
            "mac": bytes(32),
            "acted": True,
        }
        for number in range(KEYS)
    ]
    with world.database.transaction() as db:
        db.execute(insert(Outbox), mails)
        db.execute(insert(LedgerEvent), entries)
    admins.fill(world.database, world.web_keys, KEYS)
    return hired(world, "auditor")


def test_no_page_reads_a_whole_table(world: World, olga: Crew) -> None:
    key, middle = admins.id_of("deposit", KEYS // 2), "8" + "0" * 31
    engine = world.database.engine
    with statements.asked(engine) as said:
        for path in (
            "/admin",
            *("/admin/custody", f"/admin/custody?after={middle}"),
            f"/admin/custody?state=at_risk&after={middle}",
            f"/admin/custody?account={admins.id_of('account', 7)}",
            *(f"/admin/custody?{filter}" for filter in FILTERS),
            *(
                f"/admin/custody?{filter}&after=1000-{middle}"
                for filter in FILTERS
                if "=" in filter
            ),
            f"/admin/support/{admins.id_of('account', 7)}",
            *(
                "/admin/recoveries",
                "/admin/approvals",
                "/admin/mail",
                "/admin/losses",
                "/admin/you",
            ),
            "/admin/unusual",
            "/admin/drills",
            "/admin/drills?show=done",
            "/admin/ledger",
        ):
            assert olga.page(path).status_code == 200, path
        olga.post("/admin/support", {"address": "customer7@example.org"}).ok()
        olga.post("/admin/lookups", {"find": "customer7@example.org", "domain": "example.org"}).ok()
        olga.post("/admin/lookups", {"find": key}).ok()
        olga.post("/admin/exports/keys", {"state": "not_recoverable"}).ok()
        olga.post("/admin/exports/keys", {"role": "contact", "piece": "due"}).ok()
    plans = {}
    explain = "EXPLAIN QUERY PLAN " if world.database.is_sqlite else "EXPLAIN "
    with engine.connect() as connection:
        for statement, parameters in dict(said).items():
            if statement.lstrip().startswith("SELECT"):
                found = connection.exec_driver_sql(explain + statement, parameters)
                plans[statement] = "\n".join(str(line[-1]) for line in found)
        connection.rollback()
    assert len(plans) > 10
    # Through an index, in order and up to a limit, is no reading of the whole.
    whole = re.compile(
        rf"SCAN ({'|'.join(LARGE)})(?! USING)|Seq Scan on ({'|'.join(LARGE)})\b", re.MULTILINE
    )
    assert {s: p for s, p in plans.items() if whole.search(p)} == {}


def test_a_list_reads_of_a_key_only_what_it_shows(world: World, olga: Crew) -> None:
    with statements.asked(world.database.engine) as said:
        for path in (
            *("/admin/custody", "/admin/custody?role=contact", "/admin/custody?days=90"),
            *("/admin/drills", "/admin/drills?show=done", "/admin/losses"),
        ):
            assert olga.page(path).status_code == 200, path
        olga.post("/admin/exports/keys", {"state": "not_recoverable"}).ok()
    listing = [statement for statement, _ in said if re.search(r"FROM \w*deposit", statement)]
    assert len(listing) >= 5
    assert [statement for statement in listing if "deposit.manifest" in statement] == []
