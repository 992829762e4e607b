"""The authenticator: each step once, few tries, and one winner of any race."""

from pathlib import Path
from typing import Any

import pyotp
import pytest
from sqlalchemy import func, select, update

from escrow.account import totp
from escrow.account.models import AuthSession, Totp
from escrow.context import Web
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Answer, Customer, Http
from tests.support.racer import Sent, race

ROOT = Path(__file__).resolve().parents[2]
THREADS = 25


def enter(customer: Customer, code: str) -> Answer:
    return customer.http.post(
        f"/logins/{customer.login}/totp", {"account": customer.account, "code": code}
    )


def code_at(customer: Customer, steps: int = 0) -> str:
    """Return the code that is valid some steps from now."""
    return pyotp.TOTP(customer.totp_secret).at(customer.http.clock.now() + 30 * steps)


def wrong_code(customer: Customer) -> str:
    near = {code_at(customer, steps) for steps in (-1, 0, 1)}
    return next(code for code in ("000000", "111111", "222222", "333333") if code not in near)


@pytest.fixture
def waiting(customer: Customer) -> Customer:
    """Somebody whose mail code was right, ten minutes after she last used her authenticator."""
    customer.http.clock.move(600)
    customer.mail_login()
    return customer


@pytest.mark.parametrize("steps", [-1, 0, 1])
def test_the_codes_of_three_steps_are_right(waiting: Customer, steps: int) -> None:
    assert enter(waiting, code_at(waiting, steps)).status == 200


@pytest.mark.parametrize("steps", [-2, 2])
def test_an_older_or_later_code_is_wrong(waiting: Customer, steps: int) -> None:
    answer = enter(waiting, code_at(waiting, steps))
    assert (answer.status, answer.json["tries_left"]) == (401, 4)


def test_a_code_works_once(waiting: Customer) -> None:
    code = code_at(waiting)
    assert enter(waiting, code).status == 200
    assert enter(waiting, code).status == 401


def test_a_code_before_the_last_used_one_is_wrong(waiting: Customer) -> None:
    assert enter(waiting, code_at(waiting, 1)).status == 200
    assert enter(waiting, code_at(waiting, 0)).status == 401
    assert enter(waiting, code_at(waiting, -1)).status == 401


def test_five_wrong_codes_lock_for_15_minutes(waiting: Customer, clock: FakeClock) -> None:
    for left in (4, 3, 2, 1, 0):
        assert enter(waiting, wrong_code(waiting)).json["tries_left"] == left
    clock.move(60)
    locked = enter(waiting, code_at(waiting))
    assert (locked.status, locked.code, locked.json["retry_after"]) == (429, "locked", 14 * 60)
    clock.move(14 * 60)
    waiting.mail_login()
    assert enter(waiting, code_at(waiting)).status == 200


def test_a_right_code_clears_the_count(waiting: Customer, clock: FakeClock) -> None:
    for _ in range(3):
        for _ in range(4):
            assert enter(waiting, wrong_code(waiting)).status == 401
        assert enter(waiting, code_at(waiting)).status == 200
        clock.move(30)


def test_a_hundred_wrong_codes_in_a_row_stop_it_for_good(
    waiting: Customer, clock: FakeClock, web: Web
) -> None:
    """Over weeks too: a million codes are never tried five an hour."""
    for i in range(100):
        with web.database.transaction() as db:
            totp.debit(db, web, waiting.account)
        if i % 5 == 4:
            clock.move(15 * 60)
    clock.move(30 * 86400)
    waiting.mail_login()
    answer = enter(waiting, code_at(waiting))
    assert (answer.status, answer.code) == (429, "locked")
    assert "kit" in answer.json["detail"]


def test_a_try_is_committed_before_the_code_is_looked_at(
    waiting: Customer, web: Web, monkeypatch: Any
) -> None:
    def crash(*_: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(totp, "spend", crash)
    assert enter(waiting, "000000").status == 500
    with web.database.reading() as db:
        row = db.get_one(Totp, waiting.account)
        assert (row.window_tries, row.wrong_in_a_row) == (1, 1)


def test_of_two_that_read_the_row_before_either_wrote_one_wins(waiting: Customer, web: Web) -> None:
    """The UPDATE carries the condition: not even without locks do two spend one step."""
    from escrow.account import rows

    with web.database.reading() as db:
        first = db.get_one(Totp, waiting.account)
    with web.database.reading() as db:
        second = db.get_one(Totp, waiting.account)
    step = waiting.http.clock.now() // 30
    won = []
    for row in (first, second):
        with web.database.transaction() as db:
            won.append(rows.swap(db, web.keys, row, last_step=step))
    assert won == [True, False]


def test_fifty_parallel_guesses_of_two_processes_have_one_winner(
    waiting: Customer, web: Web
) -> None:
    sent = Sent(
        "POST",
        f"/api/v1/logins/{waiting.login}/totp",
        {"account": waiting.account, "code": code_at(waiting)},
        {"Authorization": f"Bearer {waiting.http.token}"},
    )
    requests = [sent] * (2 * THREADS)
    statuses = race(web.settings, web.database, web.keys, web.clock.now(), requests)
    assert len(statuses) == 2 * THREADS
    assert statuses.count(200) == 1
    assert set(statuses) <= {200, 401, 429}
    with web.database.reading() as db:
        full = select(func.count()).where(
            AuthSession.login == waiting.login, AuthSession.level == "full"
        )
        assert db.scalar(full) == 1


def test_a_row_changed_in_the_database_is_not_used(waiting: Customer, web: Web) -> None:
    """Who can write to the database cannot give a spent step back."""
    code = code_at(waiting)
    assert enter(waiting, code).status == 200
    with web.database.transaction() as db:
        db.execute(update(Totp).values(last_step=0))
    answer = enter(waiting, code)
    assert (answer.status, answer.code) == (503, "unavailable")


def test_a_secret_copied_from_another_account_is_not_used(
    waiting: Customer, web: Web, smtp: Mailbox
) -> None:
    """A thief with an account of his own and the database cannot lend his authenticator."""
    http = Http(waiting.http.client, waiting.http.clock, waiting.http.base_url)
    thief = Customer(http, smtp, "thief@example.org")
    thief.sign_up()
    with web.database.transaction() as db:
        row = db.get_one(Totp, thief.account)
        db.execute(
            update(Totp)
            .where(Totp.account == waiting.account)
            .values(secret=row.secret, mac=row.mac, last_step=row.last_step)
        )
    waiting.http.clock.move(60)
    answer = enter(waiting, code_at(thief))
    assert (answer.status, answer.code) == (503, "unavailable")


def test_the_secret_is_stored_encrypted_only(customer: Customer, web: Web) -> None:
    with web.database.reading() as db:
        row = db.get_one(Totp, customer.account)
        assert customer.totp_secret.encode() not in (row.secret or b"")
        assert row.pending_secret is None


def test_a_new_authenticator_counts_once_it_is_confirmed(
    customer: Customer, clock: FakeClock, smtp: Mailbox
) -> None:
    found = customer.http.post(f"/accounts/{customer.account}/totp").ok()
    clock.move(600)
    customer.mail_login()
    assert enter(customer, pyotp.TOTP(found["totp_secret"]).at(clock.now())).status == 401
    signed_in = enter(customer, code_at(customer))
    assert signed_in.status == 200
    customer.http.token = signed_in.json["token"]
    clock.move(30)
    code = pyotp.TOTP(found["totp_secret"]).at(clock.now())
    confirmed = customer.http.post(f"/accounts/{customer.account}/totp/confirm", {"code": code})
    assert confirmed.ok()["token"] is None
    account = customer.http.get(f"/accounts/{customer.account}").ok()
    assert account["totp_changed_at"] == clock.now()
    subjects = [str(mail["Subject"]) for mail in smtp.to(customer.address)]
    assert "Your account has a new authenticator app" in subjects
    clock.move(600)
    customer.mail_login()
    assert enter(customer, code_at(customer)).status == 401
    customer.totp_secret = found["totp_secret"]
    assert enter(customer, code_at(customer)).status == 200


def test_changing_the_authenticator_ends_the_other_sessions(
    customer: Customer, clock: FakeClock
) -> None:
    first = customer.http.token
    clock.move(600)
    customer.sign_in()
    found = customer.http.post(f"/accounts/{customer.account}/totp").ok()
    clock.move(30)
    code = pyotp.TOTP(found["totp_secret"]).at(clock.now())
    customer.http.post(f"/accounts/{customer.account}/totp/confirm", {"code": code}).ok()
    assert customer.http.get("/sessions").status == 200
    customer.http.token = first
    assert customer.http.get("/sessions").status == 401


def test_changing_the_authenticator_needs_a_fresh_code_of_the_old_one(
    customer: Customer, clock: FakeClock
) -> None:
    clock.move(301)
    answer = customer.http.post(f"/accounts/{customer.account}/totp")
    assert (answer.status, answer.code) == (403, "step_up_required")


def test_wrong_codes_at_the_confirmation_are_counted_too(customer: Customer) -> None:
    customer.http.post(f"/accounts/{customer.account}/totp").ok()
    path = f"/accounts/{customer.account}/totp/confirm"
    for _ in range(5):
        assert customer.http.post(path, {"code": wrong_code(customer)}).status == 401
    assert customer.http.post(path, {"code": wrong_code(customer)}).code == "locked"
