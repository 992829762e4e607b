"""What admins take out: only with a fresh answer of the passkey, in the ledger, safe to open."""

from __future__ import annotations

import csv
import io
from hashlib import sha256
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from escrow.admin import exporting
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from tests.admin.crew import Crew, hired
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


def lines_of(document: dict[str, Any]) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(document["csv"], newline="")))


def exported(world: World) -> list[Event]:
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(LedgerEvent.type == "admin exported")
        return [Event.parse(body) for body in db.scalars(query) if body is not None]


def test_a_list_is_the_one_on_the_page_and_the_ledger_names_its_hash(world: World) -> None:
    olga, customer = hired(world, "auditor"), world.customer()
    made, _ = world.enrol(customer, 2, 3)
    other, _ = world.enrol(customer, 0, 0)
    found = olga.post("/admin/exports/keys", {"state": "safe"}).ok()
    [line] = lines_of(found)
    assert tuple(line) == exporting.HEAD
    # Every cell in quotation marks, so that no separator of a spreadsheet's country cuts one.
    assert found["csv"].splitlines()[0] == ",".join(f'"{name}"' for name in exporting.HEAD)
    assert (line["key"], line["recoverability"], line["state"]) == (
        made.deposit,
        "safe",
        "complete",
    )
    assert (line["contacts"], line["contacts_holding"], line["contacts_needed"]) == ("3", "3", "2")
    assert customer.address not in found["csv"]
    [event] = exported(world)
    assert event.data["body_sha256"] == sha256(found["csv"].encode()).digest()
    assert event.data["what"].startswith("list of keys (state safe) by admin ")
    world.run()
    with world.database.reading() as db:
        row = db.scalars(select(LedgerEvent).where(LedgerEvent.type == "admin exported")).one()
        assert row.refused is None
        assert row.index is not None
    both = olga.post("/admin/exports/keys", {"account": customer.account}).ok()
    assert {line["key"] for line in lines_of(both)} == {made.deposit, other.deposit}


def test_without_a_fresh_answer_of_the_passkey_nothing_leaves(world: World) -> None:
    olga = hired(world)
    world.clock.move(5 * 60)
    refused = olga.post("/admin/exports/keys")
    assert (refused.status, refused.json["code"]) == (403, "step_up_required")
    assert exported(world) == []
    olga.step_up().ok()
    olga.post("/admin/exports/keys").ok()
    assert len(exported(world)) == 1


def test_support_exports_nothing(world: World) -> None:
    assert hired(world, "support").post("/admin/exports/keys").status == 404
    assert Crew(world).post("/admin/exports/keys").status == 401
    assert exported(world) == []


def test_a_long_list_comes_in_parts_of_which_each_is_in_the_ledger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporting, "PART", 2)
    olga, customer = hired(world), world.customer()
    made = sorted(world.enrol(customer, 0, 0)[0].deposit for _ in range(5))
    seen, after = [], None
    while True:
        part = olga.post("/admin/exports/keys", {"after": after}).ok()
        seen += [line["key"] for line in lines_of(part)]
        after = part["next"]
        if after is None:
            break
    assert seen == made
    assert len(exported(world)) == 3


@given(st.text())
def test_no_spreadsheet_computes_a_cell(cell: str) -> None:
    written = exporting.guarded(cell)
    assert not written.startswith(("=", "+", "-", "@", "\t", "\r"))
    assert written.removeprefix("'") in {cell, cell.removeprefix("'")}


def test_an_address_that_looks_like_a_formula_is_text(world: World) -> None:
    world.enrol(world.customer("=cmd@customer.test"), 0, 0)
    [line] = lines_of(hired(world).post("/admin/exports/keys").ok())
    assert line["customer"] == "'=…@customer.test"
