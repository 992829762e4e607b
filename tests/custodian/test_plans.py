"""A pass reads no whole table: what it looks for has an index, on both databases."""

from sqlalchemy import text

from escrow.custodian.acts import due
from escrow.db import Database
from tests.support import statements
from tests.support.world import World

ROWS = 20_000


def _fill(database: Database) -> None:
    """Write many entries that were acted upon, as years of service leave them.

    SQLite has no statistics here, as in an installation, and plans without them.
    """
    columns = '(id, "index", author, type, at, body, mac, acted)'
    series = (
        "WITH RECURSIVE x(b) AS (SELECT {blob}), "
        "n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < :rows) "
        "SELECT 'e' || g, g + 1000000, 'web', 'tick', 0, x.b, x.b, {true} FROM n, x"
    )
    sqlite = database.is_sqlite
    body = series.format(
        true="1" if sqlite else "true", blob="x'00'" if sqlite else "'\\x00'::bytea"
    )
    with database.transaction() as db:
        db.execute(text(f"INSERT INTO ledger_event {columns} {body}"), {"rows": ROWS})
        if not sqlite:
            db.execute(text("ANALYZE ledger_event"))


def test_the_acts_of_a_pass_search_by_index(world: World) -> None:
    customer = world.customer()
    world.enrol(customer)
    _fill(world.database)
    engine = world.database.engine
    with statements.asked(engine) as said:
        due(world.custodian, world.custodian.acts)
        for act in world.custodian.acts:
            act(world.custodian)
    explain = "EXPLAIN QUERY PLAN " if world.database.is_sqlite else "EXPLAIN "
    plans = {}
    with engine.connect() as connection:
        for statement, parameters in said:
            if statement.lstrip().startswith(("SELECT", "UPDATE", "DELETE")):
                found = connection.exec_driver_sql(explain + statement, parameters)
                plans[statement] = "\n".join(str(line[-1]) for line in found)
        connection.rollback()
    assert len(plans) >= 8
    scanned = ("SCAN ledger_event", "Seq Scan on ledger_event")
    wrong = [s for s, plan in plans.items() if any(line in plan for line in scanned)]
    assert wrong == []
    if world.database.is_sqlite:  # elsewhere the planner rightly scans a table of a few rows
        whole = [f"SCAN {table}\n" for table in ("custody", "deposit", "outbox", "account")]
        assert [s for s, p in plans.items() if any(line in f"{p}\n" for line in whole)] == []


def test_a_pass_that_finds_nothing_asks_for_it_all_at_once(world: World) -> None:
    world.enrol(world.customer())
    with statements.asked(world.database.engine) as said:
        world.custodian.run_pass()
    assert len([one for one, _ in said if one != "BEGIN"]) == 3  # events, what is due, approvals
