"""The log: which route answered what, and nothing that a person typed or holds."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from flask.testing import FlaskClient

from escrow import log
from tests.support.browser import API
from tests.support.mailbox import Mailbox
from tests.support.people import Customer

SECRETS = {
    "an address": "mira@example.org",
    "a token": "A" * 20 + "-_" + "b" * 21,
    "a code": "123456",
    "a key": "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQ",
    "an authenticator": "otpauth://totp/x?secret=ABCDEFGH",
    "a link": "https://recovery.test/invite/ab#Zm9vYmFyZm9vYmFyZm9vYg",
    "a query": "/deposits?after=swordfish",
}


@pytest.fixture
def logged() -> Iterator[StringIO]:
    """What the log says, through the installed handler."""
    root = logging.getLogger("escrow")
    before = (root.handlers[:], root.level, root.propagate)
    log.configure(logging.DEBUG)
    stream = StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(stream)
    yield stream
    root.handlers[:], root.propagate = before[0], before[2]
    root.setLevel(before[1])


def lines(logged: StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in logged.getvalue().splitlines()]


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS.keys())
def test_a_secret_does_not_reach_the_log_by_its_shape(logged: StringIO, secret: str) -> None:
    logger = logging.getLogger("escrow.test")
    logger.warning("before %s after", secret, extra={"note": f"x {secret} y"})
    [line] = lines(logged)
    assert secret not in json.dumps(line)
    assert "swordfish" not in json.dumps(line)
    assert line["level"] == "warning"
    assert line["event"].startswith("before ")


def test_identifiers_and_times_stay_whole(logged: StringIO) -> None:
    """Six digits in them are no code."""
    identifier = "ec7f0000aa123456bb00dc50ffff0001"
    logging.getLogger("escrow.test").info("mail %s", identifier, extra={"mail": identifier})
    [line] = lines(logged)
    assert (line["event"], line["mail"]) == (f"mail {identifier}", identifier)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", line["timestamp"])


@pytest.mark.parametrize(
    "name", ["token", "secret", "session_token", "Authorization", "cookie", "recipient", "words"]
)
def test_a_secret_does_not_reach_the_log_by_its_name(logged: StringIO, name: str) -> None:
    logging.getLogger("escrow.test").info("x", extra={name: "short"})
    assert lines(logged)[0][name] == "[redacted]"


def test_an_exception_says_where_and_not_what(logged: StringIO) -> None:
    """Its message may quote what was sent: `invalid literal for int(): 'my secret'`."""
    try:
        int("my secret")
    except ValueError:
        logging.getLogger("escrow.test").exception("it failed")
    [line] = lines(logged)
    assert "my secret" not in json.dumps(line)
    assert line["exception"] == "ValueError"
    assert line["at"].startswith("test_log.py:")


def test_a_whole_sign_up_leaves_nothing_of_it_in_the_log(
    logged: StringIO, client: FlaskClient, customer: Customer, smtp: Mailbox
) -> None:
    customer.http.clock.move(600)
    customer.sign_in()
    client.get(f"{API}/sessions?surprise=swordfish", headers={"Authorization": "Bearer swordfish"})
    said = logged.getvalue()
    found = lines(logged)
    rules = {line["rule"] for line in found if line["event"] == "request"}
    assert f"{API}/logins/<id:login>/totp" in rules
    assert {line["status_code"] for line in found if line["event"] == "request"} >= {200, 201, 400}
    secrets = {customer.address, customer.totp_secret, str(customer.http.token), customer.account}
    codes = {
        str(mail["Subject"]).rsplit(" ", 2)[-2] + str(mail["Subject"]).rsplit(" ", 1)[-1]
        for _, mail in smtp.mails
    }
    for secret in {*secrets, *codes, "swordfish", "example.org"}:
        assert secret not in said
