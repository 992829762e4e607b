"""Sending what is in the outbox: one mail never keeps the others waiting."""

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select

from escrow.context import Web
from escrow.mail.models import Outbox
from escrow.mail.send import Sender
from tests.support.mailbox import Mailbox

API = "/api/v1"


def _ask(client: FlaskClient, address: str) -> None:
    body = {"address": address, "locale": "en"}
    assert client.post(f"{API}/accounts", json=body).status_code == 201


@pytest.mark.parametrize("unfit", ["=?utf-8?q?x?=@x.org", "=?utf-8?b?eA==?=@x.org"])
def test_an_address_that_no_header_carries_keeps_no_other_mail_waiting(
    web: Web, client: FlaskClient, smtp: Mailbox, unfit: str
) -> None:
    _ask(client, unfit)
    for number in range(3):
        _ask(client, f"mira{number}@example.org")
    Sender(web.settings, web.database, web.keys, web.clock).run_once()
    assert {found for found, _ in smtp.mails} == {f"mira{n}@example.org" for n in range(3)}
    with web.database.reading() as db:
        states = [(row.state, row.answer) for row in db.scalars(select(Outbox))]
    assert sorted(states) == [("refused", "unfit")] + [("sent", "250")] * 3
