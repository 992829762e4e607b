"""Tokens in mail links: for one purpose, once, for a while; only their hash is stored."""

import re
import threading

import pytest

from escrow.context import Web
from escrow.errors import Gone
from escrow.mail import tokens
from escrow.mail.models import MailToken
from tests.support.clocks import FakeClock

RECOVERY = "ab" * 16


def issue(web: Web, purpose: str = "veto", lifetime: int = 3600) -> str:
    with web.database.transaction() as db:
        return tokens.issue(
            db, web.keys, web.clock.now(), purpose, recovery=RECOVERY, lifetime=lifetime
        )


def peek(web: Web, token: str, purpose: str = "veto") -> MailToken:
    with web.database.reading() as db:
        return tokens.peek(db, web.keys, web.clock.now(), purpose, token)


def spend(web: Web, token: str, purpose: str = "veto") -> MailToken:
    with web.database.transaction() as db:
        return tokens.spend(db, web.keys, web.clock.now(), purpose, token)


def test_a_token_may_be_looked_at_often_and_used_once(web: Web) -> None:
    token = issue(web)
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", token)
    assert peek(web, token).recovery == peek(web, token).recovery == RECOVERY
    assert spend(web, token).recovery == RECOVERY
    with pytest.raises(Gone):
        spend(web, token)
    with pytest.raises(Gone):
        peek(web, token)


def test_a_token_is_for_one_purpose(web: Web) -> None:
    with pytest.raises(Gone):
        spend(web, issue(web), "reopen")
    with pytest.raises(ValueError, match="release"):
        issue(web, "release")


def test_a_token_is_too_old_after_its_lifetime(web: Web, clock: FakeClock) -> None:
    token = issue(web)
    clock.move(3599)
    assert peek(web, token).purpose == "veto"
    clock.move(1)
    with pytest.raises(Gone):
        spend(web, token)
    with web.database.transaction() as db:
        tokens.sweep(db, clock.now())
        assert db.query(MailToken).count() == 0


def test_only_a_keyed_hash_is_stored(web: Web) -> None:
    token = issue(web)
    with web.database.reading() as db:
        [row] = db.query(MailToken).all()
    assert token.encode() not in row.hash
    assert row.hash == web.keys.hash("mail-token", "veto", token)


@pytest.mark.parametrize("token", ["", "x", "A" * 43, "é" * 43, "\x00"])
def test_what_is_no_token_is_gone(web: Web, token: str) -> None:
    with pytest.raises(Gone):
        spend(web, token)


def test_of_two_at_once_one_uses_it(web: Web) -> None:
    token = issue(web)
    outcomes: list[str] = []
    ready = threading.Barrier(8)

    def use() -> None:
        ready.wait()
        try:
            spend(web, token)
            outcomes.append("used")
        except Gone:
            outcomes.append("gone")

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["gone"] * 7 + ["used"]
