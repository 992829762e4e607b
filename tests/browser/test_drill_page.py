"""Practising in the browser: the whole recovery of a dummy, and a report that stands by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from escrow.deposit.models import CustodyRow, Deposit
from escrow_cli.report import Report
from tests.browser.conftest import Watched
from tests.browser.seeing import Eye
from tests.browser.test_account_pages import said
from tests.browser.test_deposit_page import kit_file, now
from tests.browser.walks import Visitor
from tests.support.people import Customer, Deposited, attest, make_deposit
from tests.support.world import World


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def visitor(site: World, watched: Watched, customer: Customer) -> Visitor:
    return Visitor(site, watched.page, Eye(watched.page, "en"), customer)


def open_page(visitor: Visitor, made: Deposited) -> None:
    visitor.sign_in()
    now(visitor)
    visitor.open(f"/deposits/{made.deposit}/drill")
    visitor.ready()
    visitor.page.locator("#kit-word-1").wait_for(state="attached")


def test_a_drill_brings_a_dummy_back_and_its_report_proves_the_real_pieces(
    site: World, visitor: Visitor, customer: Customer, tmp_path: Path
) -> None:
    made, _ = site.enrol(customer, label="Laptop backup")
    site.wait(86400)
    open_page(visitor, made)
    page = visitor.page
    with site.working():
        page.set_input_files("#kit-file", kit_file(made))
        visitor.send()
        page.locator('[data-step="report"]').wait_for(timeout=60_000)
    shown = page.locator('[data-step="report"]').inner_text()
    assert "you and we could have brought this key back" in shown
    assert "not shown yet" in shown, "the contact has not answered yet"
    assert "asked your contacts" in shown
    with page.expect_download() as download:
        page.locator('[data-act="save"]').click()
    path = tmp_path / "report.json"
    download.value.save_as(path)
    report = Report.parse(path.read_bytes())
    verdict = report.check()
    assert verdict.is_recoverable
    assert report.manifest.deposit == made.deposit
    assert {one.role for one in verdict.custodians if one.at is not None} == {
        "customer",
        "provider",
    }
    assert [contact.name for contact in report.contacts] == ["Contact 0"]
    site.run()
    with site.database.reading() as db:
        dummy = db.get_one(Deposit, report.drill.deposit)
        assert (dummy.kind, dummy.state) == ("drill", "closed")
        assert db.get_one(Deposit, made.deposit).state == "complete"
        kit = db.get_one(CustodyRow, made.payloads[0].custody)
        assert kit.last_share_at is not None and kit.last_share_at >= verdict.drilled_at
    assert any(
        "drill" in str(mail["Subject"]).lower() for mail in site.mailbox.to(customer.address)
    )


def test_who_has_not_accepted_yet_is_not_said_to_be_asked(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    contact = site.new_contacts(1)[0]
    made = make_deposit(customer.http, [contact], 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    site.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    site.run()
    open_page(visitor, made)
    with site.working():
        visitor.page.set_input_files("#kit-file", kit_file(made))
        visitor.send()
        visitor.page.locator('[data-step="report"]').wait_for(timeout=60_000)
    shown = visitor.page.locator('[data-step="report"]').inner_text()
    assert "not shown yet" in shown
    assert "asked your contacts" not in shown


def test_the_kit_of_another_key_starts_no_drill(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, _ = site.enrol(customer)
    other, _ = site.enrol(customer)
    open_page(visitor, made)
    visitor.page.set_input_files("#kit-file", kit_file(other))
    visitor.send()
    said(visitor, "another key of yours")
    with site.database.reading() as db:
        assert db.query(Deposit).filter_by(kind="drill").count() == 0


@pytest.mark.parametrize("is_known", [True, False], ids=["before", "since the page was opened"])
def test_no_drill_begins_while_a_key_is_brought_back_in_earnest(
    site: World, visitor: Visitor, customer: Customer, is_known: bool
) -> None:
    made, _ = site.enrol(customer)
    if is_known:
        site.open_recovery(customer, made)
    open_page(visitor, made)
    warning = visitor.page.locator('[data-if="recovery"]')
    assert warning.is_visible() == is_known
    if not is_known:
        site.open_recovery(customer, made)
    visitor.page.set_input_files("#kit-file", kit_file(made))
    visitor.send()
    said(visitor, "Practise when that is over")
    with site.database.reading() as db:
        assert db.query(Deposit).filter_by(kind="drill").count() == 0


def test_a_provider_whose_piece_of_the_dummy_is_altered_is_found_out(
    site: World, visitor: Visitor, customer: Customer
) -> None:
    made, _ = site.enrol(customer)

    def lie(route: Any) -> None:
        answer = route.fetch()
        document = answer.json()
        for line in document.get("releases", []):
            if line["sealed"]:
                line["sealed"] = ("B" if line["sealed"][0] == "A" else "A") + line["sealed"][1:]
        route.fulfill(response=answer, json=document)

    visitor.page.route("**/recoveries/*/sessions/*", lie)
    open_page(visitor, made)
    with site.working():
        visitor.page.set_input_files("#kit-file", kit_file(made))
        visitor.send()
        visitor.page.locator("[role=alert]:visible").filter(has_text="so we stopped here").wait_for(
            timeout=60_000
        )
    assert visitor.page.locator('[data-step="report"]').is_hidden()
