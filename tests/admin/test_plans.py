"""No page of the admins reads a whole table, on either database, however many keys there are."""

from __future__ import annotations

import re
from typing import Any

import pytest
from sqlalchemy import event, insert

from bench import admins
from escrow.mail.models import Outbox
from tests.admin.crew import Crew, hired
from tests.support.world import World

KEYS = 12_000
LARGE = ("deposit", "custody", "address", "account", "outbox", "recoverability_change")


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
    with world.database.transaction() as db:
        db.execute(insert(Outbox), mails)
    admins.fill(world.database, world.web_keys, KEYS)
    return hired(world, "auditor")


def test_no_page_reads_a_whole_table(world: World, olga: Crew) -> None:
    key, middle = admins.id_of("deposit", KEYS // 2), "8" + "0" * 31
    said: dict[str, Any] = {}

    def note(_conn: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        said[statement] = parameters

    engine = world.database.engine
    event.listen(engine, "before_cursor_execute", note)
    for path in (
        "/admin",
        *("/admin/custody", f"/admin/custody?after={middle}"),
        f"/admin/custody?state=at_risk&after={middle}",
        "/admin/custody?find=customer7@example.org",
        f"/admin/custody?find={key}",
        f"/admin/support/{admins.id_of('account', 7)}",
        *("/admin/recoveries", "/admin/approvals", "/admin/mail", "/admin/losses", "/admin/you"),
    ):
        assert olga.page(path).status_code == 200, path
    olga.post("/admin/support", {"address": "customer7@example.org"}).ok()
    olga.post("/admin/exports/keys", {"state": "not_recoverable"}).ok()
    event.remove(engine, "before_cursor_execute", note)
    plans = {}
    explain = "EXPLAIN QUERY PLAN " if world.database.is_sqlite else "EXPLAIN "
    with engine.connect() as connection:
        for statement, parameters in said.items():
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
