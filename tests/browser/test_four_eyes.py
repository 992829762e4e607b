"""Four eyes in Chromium: two people, each with a browser and an authenticator of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect
from sqlalchemy import select

from escrow.admin.models import Approval
from escrow.admin.signedfile import write_proposal
from escrow.custodian.resume import resume
from escrow.custodian.takeup import DatabaseBehind
from escrow.deposit.models import Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import b64url, b64url_decode
from tests.admin.office import Office, new_operator
from tests.admin.test_resume import proposal
from tests.browser.test_admin_pages import accept, invited
from tests.browser.walks import AUTHENTICATOR
from tests.custodian.test_takeup import restore, rows
from tests.support.people import Customer, Deposited
from tests.support.world import World

WAITS = "waits for another person"


@pytest.fixture
def host() -> str:
    """With a name, so that there can be passkeys."""
    return "localhost"


@dataclass
class Person:
    """An admin before a browser."""

    site: World
    page: Page
    name: str

    @classmethod
    def sit_down(cls, site: World, browser: Browser, name: str) -> Person:
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.set_default_timeout(15_000)
        page = context.new_page()
        line = context.new_cdp_session(page)
        line.send("WebAuthn.enable")
        line.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        page.clock.set_system_time(site.clock.now())
        return cls(site, page, name)

    def open(self, path: str) -> None:
        self.page.goto(f"{self.site.settings.public_url}{path}")

    def propose(self, path: str, reason: str) -> str:
        """Propose something; returns the address of its page."""
        self.open(path)
        self.page.fill("#reason", reason)
        self.page.click("button[type=submit]")
        self.page.wait_for_url("**/admin/approvals/*")
        self.site.run()
        self.page.reload()
        return self.page.url.removeprefix(self.site.settings.public_url)

    def approve(self, path: str) -> None:
        """Read what was proposed, sign it, and wait until the page says what became of it."""
        self.open(path)
        button = self.page.locator("[data-step=approve] button[type=submit]")
        button.click()
        self.page.get_by_text("The service looks at it").wait_for()
        with self.page.expect_navigation():
            self.site.run()


@pytest.fixture
def olga(site: World, browser: Browser) -> Iterator[Person]:
    """The first owner."""
    person = Person.sit_down(site, browser, "Olga")
    accept(person.page, invited(site))
    person.page.locator('[data-part="entering"]').wait_for()
    site.run()
    person.page.wait_for_url("**/admin")
    yield person
    person.page.context.close()


def invite(olga: Person, person: Person) -> str:
    """Invite somebody, who makes a passkey; returns the code that the new page shows."""
    olga.open("/admin/people")
    olga.page.fill("#name", person.name)
    olga.page.select_option("#role", "owner")
    olga.page.click("button[type=submit]")
    link = olga.page.locator("[data-slot=link]")
    expect(link).to_be_visible()
    person.page.goto(str(link.text_content()))
    person.page.locator('[data-step="passkey"]').wait_for()
    person.page.fill("#name", person.name)
    person.page.click("button[type=submit]")
    code = person.page.locator("[data-slot=code]")
    expect(code).to_be_visible()
    olga.page.reload()
    return str(code.text_content())


def addition(olga: Person) -> str:
    """Return where the person who waits is proposed."""
    link = olga.page.get_by_role("link", name="Propose as an admin")
    return str(link.get_attribute("href"))


@pytest.fixture
def piet(site: World, browser: Browser, olga: Person) -> Iterator[Person]:
    """The second one, invited and added on the pages."""
    person = Person.sit_down(site, browser, "Piet")
    invite(olga, person)
    olga.propose(addition(olga), "Second owner, as the board decided.")
    person.page.wait_for_url("**/admin")  # it goes on by itself
    yield person
    person.page.context.close()


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def made(site: World, customer: Customer) -> Deposited:
    return site.enrol(customer)[0]


def state_of(site: World, deposit: str) -> str:
    with site.database.reading() as db:
        return db.get_one(Deposit, deposit).state


def executed(site: World) -> int:
    with site.database.reading() as db:
        query = select(LedgerEvent.id).where(LedgerEvent.type == "admin executed")
        return len(db.scalars(query).all())


def ending(made: Deposited) -> str:
    return f"/admin/propose/close-deposit/{made.deposit}"


def test_all_pages_show_one_code_and_it_is_that_of_the_passkey_that_is_signed(
    site: World, browser: Browser, olga: Person
) -> None:
    person = Person.sit_down(site, browser, "Piet")
    code = invite(olga, person)
    assert code in str(olga.page.locator("main").text_content())
    path = addition(olga)
    olga.open(path)
    expect(olga.page.locator("[data-slot=code]")).to_have_text(code)
    olga.propose(path, "Second owner.")
    expect(olga.page.locator("[data-slot=code]")).to_have_text(code)
    person.page.context.close()


def test_the_other_rejects_what_was_proposed_and_it_is_never_done(
    site: World, olga: Person, piet: Person, made: Deposited
) -> None:
    path = olga.propose(ending(made), "The contract has ended.")
    piet.open(path)
    piet.page.get_by_role("button", name="Reject it").click()
    expect(piet.page.get_by_text("Piet rejected or withdrew it.")).to_be_visible()
    assert piet.page.locator("[data-step=approve]").count() == 0
    site.run()
    olga.open(path)
    expect(olga.page.get_by_text("Piet rejected or withdrew it.")).to_be_visible()
    assert state_of(site, made.deposit) == "complete"
    assert executed(site) == 1  # Piet's own addition


def test_one_proposes_the_other_reads_and_approves_and_it_is_done(
    site: World, olga: Person, piet: Person, customer: Customer, made: Deposited
) -> None:
    path = olga.propose(ending(made), "The contract has ended.")
    expect(olga.page.get_by_text(WAITS)).to_be_visible()
    assert olga.page.locator("[data-step=approve]").count() == 0  # not her own
    assert state_of(site, made.deposit) == "complete"
    piet.open("/admin/approvals")
    row = piet.page.locator("tr", has_text="The contract has ended.")
    assert row.locator("a").get_attribute("href") == path
    assert "Olga" in str(row.text_content())
    piet.approve(path)
    expect(piet.page.get_by_text("Done on")).to_be_visible()
    assert state_of(site, made.deposit) == "closing"
    told = [str(mail["Subject"]) for mail in site.mailbox.to(customer.address)]
    assert any("We will destroy" in subject for subject in told)


def test_one_person_puts_a_recovery_on_hold_and_two_let_it_go_on(
    site: World, olga: Person, piet: Person, customer: Customer, made: Deposited
) -> None:
    recovery = site.open_recovery(customer, made)
    olga.open("/admin/recoveries")
    path = olga.page.get_by_role("link", name="Put on hold").get_attribute("href")
    olga.propose(str(path), "The customer called: it was not she.")
    expect(olga.page.get_by_text("Done on")).to_be_visible()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "frozen"
    piet.open("/admin/recoveries")
    path = piet.page.get_by_role("link", name="Let it go on").get_attribute("href")
    waits = piet.propose(str(path), "Called back: it was she after all.")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "frozen"
    olga.approve(waits)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"


def test_whoever_proposed_does_not_approve_however_it_is_sent(
    site: World, olga: Person, piet: Person, made: Deposited
) -> None:
    before = executed(site)
    sent = sent_by(olga, lambda: olga.propose(ending(made), "Alone."))
    assert again(olga, sent) == 200  # the same once more is harmless, and still one person's
    assert again(olga, sent | {"credential": credential_of(piet)}) == 401
    site.run()
    assert state_of(site, made.deposit) == "complete"
    assert executed(site) == before


def test_a_replayed_or_altered_approval_approves_nothing(
    site: World, olga: Person, piet: Person, customer: Customer, made: Deposited
) -> None:
    other, _ = site.enrol(customer, 0, 0)
    path = olga.propose(ending(made), "The contract has ended.")
    sent = sent_by(piet, lambda: piet.approve(path))
    assert state_of(site, made.deposit) == "closing"
    olga.propose(ending(other), "The other one too.")
    before = executed(site)
    body = json.loads(b64url_decode(sent["body"]))
    altered = json.dumps(body | {"reason": "Whatever."}, separators=(",", ":"), sort_keys=True)
    for change in (
        {"target": other.deposit},
        {"expires": sent["expires"] + 1},
        {"body": b64url(altered.encode())},
    ):
        assert again(piet, sent | change) in {400, 401}
    assert again(piet, sent) == 200
    site.run()
    assert executed(site) == before
    assert state_of(site, other.deposit) == "complete"


def test_the_browser_signs_what_it_shows_and_not_what_a_lying_service_meant(
    site: World, olga: Person, piet: Person, made: Deposited
) -> None:
    path = olga.propose(ending(made), "The contract has ended.")

    def lie(route: Route) -> None:
        answer = route.fetch()
        document = answer.json()
        body = json.loads(b64url_decode(document["body"]))
        told = json.dumps(body | {"reason": "Nothing much."}, separators=(",", ":"))
        document["body"] = b64url(told.encode())
        route.fulfill(response=answer, body=json.dumps(document))

    piet.page.route("**/admin/proposals/*", lie)
    piet.open(path)
    expect(piet.page.get_by_text("Nothing much.")).to_be_visible()
    piet.page.locator("[data-step=approve] button[type=submit]").click()
    expect(piet.page.locator("[data-step=approve] [role=alert]")).to_contain_text(
        "signed another version"
    )
    site.run()
    assert state_of(site, made.deposit) == "complete"


def test_an_approval_written_into_the_database_is_refused_and_the_page_says_so(
    site: World, olga: Person, piet: Person, made: Deposited
) -> None:
    path = olga.propose(ending(made), "The contract has ended.")
    before = executed(site)
    with site.database.transaction() as db:
        row = db.scalars(select(Approval).where(Approval.executed_at.is_(None))).one()
        copy = {name.key: getattr(row, name.key) for name in Approval.__table__.columns}
        copy |= {"id": "ab" * 16, "credential": credential_of(piet)}
        db.add(Approval(**copy))
        row.executed_at = site.clock.now()
    site.run()
    site.custodian.run_pass()
    assert state_of(site, made.deposit) == "complete"
    assert executed(site) == before
    piet.open(path)
    expect(piet.page.get_by_text("What is stored is not what was signed")).to_be_visible()
    assert piet.page.get_by_text("Done on").count() == 0


def test_an_expired_proposal_is_shown_as_such_and_signed_by_nobody(
    site: World, olga: Person, piet: Person, made: Deposited
) -> None:
    path = olga.propose(ending(made), "The contract has ended.")
    site.wait(7 * 86400)
    piet.page.clock.set_system_time(site.clock.now())
    piet.open("/admin/sign-in")
    piet.page.click("button[type=submit]")
    piet.page.wait_for_url("**/admin")
    piet.open(path)
    expect(piet.page.get_by_text("It expired before enough people")).to_be_visible()
    assert piet.page.locator("[data-step=approve]").count() == 0
    assert state_of(site, made.deposit) == "complete"


def sent_by(person: Person, act: Any) -> dict[str, Any]:
    """Return the approval that a browser sends while it does something."""
    with person.page.expect_request("**/api/v1/approvals") as request:
        act()
    found: dict[str, Any] = json.loads(request.value.post_data or "")
    return found


def again(person: Person, document: dict[str, Any]) -> int:
    """Send an approval once more, from the same browser."""
    answer = person.page.request.post(
        f"{person.site.settings.public_url}/api/v1/approvals",
        data=document,
        headers={"Sec-Fetch-Site": "same-origin"},
    )
    return answer.status


def credential_of(person: Person) -> str:
    from escrow.admin import people
    from escrow.admin.approvers import credential_of as named

    with person.site.database.reading() as db:
        [found] = [
            row.id
            for row in people.everybody(db, person.site.web_keys)
            if people.name_of(person.site.web_keys, row) == person.name
        ]
    return named(found)


def test_two_owners_sign_for_a_restored_backup_and_the_service_goes_on(
    site: World, olga: Person, piet: Person, tmp_path: Path
) -> None:
    backup = rows(site.database)
    site.customer()
    restore(site.database, backup)
    site.restart_custodian()
    with pytest.raises(DatabaseBehind):
        site.custodian.run_pass()
    office = Office(site, new_operator("anna"), new_operator("bert"))
    named = replace(proposal(office), expires=site.clock.now() + 86400)
    (tmp_path / "state.json").write_bytes(write_proposal(named))
    files = []
    for person in (olga, piet):
        person.open("/admin/backup")
        person.page.set_input_files("#file", tmp_path / "state.json")
        expect(person.page.get_by_text("The disk died.")).to_be_visible()
        with person.page.expect_download() as saved:
            person.page.click("button[type=submit]")
        files.append(Path(saved.value.path()).read_bytes())
    assert resume(site.custodian, files)
    site.run()
    olga.open("/admin/backup")
    (tmp_path / "rubbish.json").write_text("{}")
    olga.page.set_input_files("#file", tmp_path / "rubbish.json")
    expect(olga.page.locator("[role=alert]:visible")).to_contain_text("damaged")
