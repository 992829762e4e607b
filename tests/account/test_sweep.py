"""What is over is thrown away; what counts stays."""

from flask.testing import FlaskClient
from sqlalchemy import func, select

from escrow.account.models import Account, Address, AuthSession, MailCode, RateCount, Totp
from escrow.account.sweep import KEPT_SECONDS, sweep
from escrow.context import Web
from escrow.mail.models import Outbox
from tests.support.browser import API
from tests.support.clocks import FakeClock
from tests.support.people import Customer

TABLES = (Account, Address, AuthSession, MailCode, RateCount, Totp, Outbox)


def counts(web: Web) -> dict[str, int]:
    with web.database.reading() as db:
        return {
            table.__tablename__: db.scalar(select(func.count()).select_from(table)) or 0
            for table in TABLES
        }


def test_a_day_later_only_the_customer_is_left(
    client: FlaskClient, customer: Customer, web: Web, clock: FakeClock
) -> None:
    """An address that somebody typed, and that nobody confirmed, is not kept."""
    client.post(f"{API}/accounts", json={"address": "never@example.org", "locale": "nl"})
    client.post(f"{API}/logins", json={"address": "unknown@example.org", "locale": "nl"})
    before = counts(web)
    assert (before["account"], before["address"]) == (2, 2)
    clock.move(KEPT_SECONDS + 12 * 3600)
    with web.database.transaction() as db:
        sweep(db, clock.now())
    left = counts(web)
    assert left["outbox"] == 2  # one was sent less than 30 days ago, one waits to be sent
    assert {name: count for name, count in left.items() if count and name != "outbox"} == {
        "account": 1,
        "address": 1,
        "totp": 1,
    }
    customer.sign_in()


def test_what_lives_is_not_touched(
    client: FlaskClient, customer: Customer, web: Web, clock: FakeClock
) -> None:
    made = client.post(f"{API}/accounts", json={"address": "new@example.org", "locale": "nl"})
    login = client.post(f"{API}/logins", json={"address": customer.address, "locale": "nl"})
    before = counts(web)
    clock.move(10 * 60)
    with web.database.transaction() as db:
        sweep(db, clock.now())
    assert counts(web) == before
    assert customer.http.get("/sessions").status == 200
    headers = {"Authorization": f"Bearer {made.get_json()['token']}"}
    code = customer.mailbox.code("new@example.org", "account_code")
    path = f"{API}/accounts/{made.get_json()['account']}/code"
    assert client.post(path, json={"code": code}, headers=headers).status_code == 200
    code = customer.mailbox.code(customer.address, "login_code")
    path = f"{API}/logins/{login.get_json()['login']}/code"
    assert client.post(path, json={"code": code}).status_code == 200
