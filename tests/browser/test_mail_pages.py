"""The pages behind the links in mails, in a real browser: a link opens, the button acts."""

from __future__ import annotations

import re

import pytest

from escrow.deposit import custodies
from escrow.recovery.models import Recovery
from tests.browser.conftest import Watched
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, new_id
from tests.support.world import World

DAY = 86400
PHONE = {"viewport": {"width": 320, "height": 640}}
DUTCH = {"locale": "nl-NL"}
PAGES = (
    "/",
    f"/invite/{'ab' * 16}#{'x' * 22}",
    f"/contact/{'ab' * 16}",
    f"/contact/{'ab' * 16}/stop#{'x' * 43}",
    f"/contact/{'ab' * 16}/lost#{'x' * 43}",
    f"/veto/{'ab' * 16}#{'x' * 43}",
    f"/reopen/{'ab' * 16}#{'x' * 43}",
    "/admin/invitation",
    "/api/docs",
    "/demo/mailbox",
)


@pytest.fixture
def customer(site: World) -> Customer:
    return site.customer()


@pytest.fixture
def enrolled(site: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = site.enrol(customer)
    return made, contact


def link(site: World, address: str, page: str) -> str:
    """Return the newest link to a page from the mails to an address."""
    texts = [text_of(mail) for mail in site.mailbox.to(address)]
    found = re.findall(rf"{site.settings.public_url}{page}#\S+", "\n".join(texts))
    return str(found[-1])


def press(watched: Watched, url: str) -> str:
    """Open a link, press its one button; returns what the page says then."""
    watched.page.goto(url)
    watched.page.get_by_role("button").click()
    return said_on(watched)


def said_on(watched: Watched) -> str:
    """Wait until the page says something; returns it."""
    said = watched.page.get_by_role("status")
    said.filter(has_text=re.compile(".")).wait_for()
    return said.inner_text()


def state_of(site: World, recovery: str) -> str:
    with site.database.reading() as db:
        return db.get_one(Recovery, recovery).state


def test_the_button_behind_a_contacts_mail_link_stops_a_recovery(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, contact = enrolled
    recovery = site.open_recovery(customer, made)
    url = link(site, contact.address, f"/veto/{recovery}")
    watched.page.goto(url)
    assert state_of(site, recovery) == "waiting"
    assert press(watched, url).startswith("Stopped.")
    assert state_of(site, recovery) == "cancelled"
    assert watched.page.get_by_role("button").count() == 0
    assert look_again(watched, url).startswith("There is nothing left to do here")


def look_again(watched: Watched, url: str) -> str:
    """Open a link from a second look at the mail: the fragment alone loads nothing anew."""
    watched.page.goto("about:blank")
    watched.page.goto(url)
    said = said_on(watched)
    assert watched.page.get_by_role("button").count() == 0
    return said


def test_a_link_to_stop_what_somebody_else_has_stopped_offers_no_button(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, contact = enrolled
    recovery = site.open_recovery(customer, made)
    url = link(site, contact.address, f"/veto/{recovery}")
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    assert look_again(watched, url).startswith("There is nothing left to do here")
    site.open_recovery(customer, made)  # another one is no business of this link
    assert look_again(watched, url).startswith("There is nothing left to do here")


def test_the_token_leaves_the_address_bar_and_stands_in_no_request(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, _ = enrolled
    recovery = site.open_recovery(customer, made)
    url = link(site, customer.address, f"/veto/{recovery}")
    token = url.partition("#")[2]
    press(watched, url)
    assert watched.page.url == url.partition("#")[0]
    assert token not in watched.page.content()
    assert all(token not in sent.partition("#")[0] for sent in watched.requests)
    assert all(sent.startswith(site.settings.public_url) for sent in watched.requests)


@pytest.mark.parametrize("context", [{}, DUTCH], indirect=True)
def test_the_page_names_the_deposit_to_who_has_the_token_and_to_nobody_else(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, _ = enrolled
    recovery = site.open_recovery(customer, made)
    url = link(site, customer.address, f"/veto/{recovery}")
    with watched.page.expect_response("**/api/v1/links/veto") as refused:
        watched.page.goto(f"{url.partition('#')[0]}#{'x' * 43}")
    assert refused.value.status == 410
    watched.page.get_by_role("status").filter(has_text=re.compile(".")).wait_for()
    assert watched.page.get_by_role("button").count() == 0
    assert "Laptop backup" not in watched.page.content()
    watched.page.goto("about:blank")
    watched.page.goto(url)
    about = watched.page.get_by_text("“Laptop backup”")
    about.wait_for()
    assert re.search(r"\b20\d\d\.$", about.inner_text())
    assert state_of(site, recovery) == "waiting"


def test_a_closing_deposit_is_kept_by_the_button(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, _ = enrolled
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "old"}).ok()
    site.run()
    said = press(watched, link(site, customer.address, f"/reopen/{made.deposit}"))
    assert said.startswith("Kept.")
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["state"] == "complete"


@pytest.mark.parametrize(("page", "state"), [("stop", "declined"), ("lost", "lost")])
def test_a_contact_stops_or_reports_a_loss_by_the_button(
    site: World, enrolled: tuple[Deposited, Contact], watched: Watched, page: str, state: str
) -> None:
    _, contact = enrolled
    press(watched, link(site, contact.address, f"/contact/{contact.custody}/{page}"))
    with site.database.reading() as db:
        assert custodies.find_custody(db, contact.custody).state == state


@pytest.mark.parametrize(
    ("fragment", "says"), [("#" + "x" * 43, "used before"), ("#short", "not complete"), ("", "not")]
)
def test_a_wrong_link_says_what_to_do(
    site: World, watched: Watched, fragment: str, says: str
) -> None:
    watched.page.goto(f"{site.settings.public_url}/veto/{new_id()}{fragment}")
    said = watched.page.get_by_role("status")
    said.filter(has_text=says).wait_for()
    assert watched.page.get_by_role("button").count() == 0  # nothing to press in vain


def test_without_a_connection_nothing_is_lost_and_the_button_stays(
    site: World, customer: Customer, enrolled: tuple[Deposited, Contact], watched: Watched
) -> None:
    made, _ = enrolled
    recovery = site.open_recovery(customer, made)
    watched.page.goto(link(site, customer.address, f"/veto/{recovery}"))
    watched.page.context.set_offline(True)
    watched.page.get_by_role("button").click()
    watched.page.get_by_role("status").filter(has_text="did not work").wait_for()
    watched.page.context.set_offline(False)
    watched.page.get_by_role("button").click()
    watched.page.get_by_role("status").filter(has_text="Stopped").wait_for()


@pytest.mark.parametrize("context", [{"java_script_enabled": False}], indirect=True)
def test_without_javascript_the_page_names_the_command(site: World, watched: Watched) -> None:
    watched.page.goto(f"{site.settings.public_url}/veto/{new_id()}#{'x' * 43}")
    assert watched.page.get_by_role("button").count() == 0
    assert "escrow veto" in watched.page.get_by_role("main").inner_text()


@pytest.mark.parametrize("context", [PHONE | DUTCH], indirect=True)
def test_every_page_fits_a_phone_and_speaks_the_browsers_language(
    site: World, watched: Watched
) -> None:
    for page in PAGES:
        watched.page.goto(site.settings.public_url + page)
        width = watched.page.evaluate(
            "[document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert width[0] <= width[1], page
        if not page.startswith(("/api", "/demo")):
            assert watched.page.get_attribute("html", "lang") == "nl"
            assert watched.page.get_by_role("heading", level=1).count() == 1


def test_the_language_can_be_switched(site: World, watched: Watched) -> None:
    watched.page.goto(site.settings.public_url)
    watched.page.get_by_role("link", name="Nederlands").click()
    watched.page.get_by_role("heading", name="Sleutelherstel").wait_for()
    watched.page.get_by_role("link", name="English").click()
    watched.page.get_by_role("heading", name="Key recovery").wait_for()


def test_the_icon_is_where_browsers_look_for_it(site: World) -> None:
    answer = site.app.test_client().get("/favicon.ico", base_url=site.settings.public_url)
    assert (answer.status_code, answer.mimetype) == (200, "image/svg+xml")
    assert answer.data.startswith(b"<svg ")
