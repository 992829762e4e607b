"""The outbox: at most one mail by its key, encrypted until sent, sent once, given up late."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from escrow.context import Web
from escrow.mail import letter, outbox, send
from escrow.mail.models import Outbox
from escrow.mail.send import GIVE_UP_SECONDS, RETRY_SECONDS, Sender
from escrow.mail.transport import Answer, Smtp, mailbox_of
from tests.mail.test_letters import EVERY, USUAL
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox, free_port, text_of

ADDRESS = "anna@example.org"
Queue = Callable[..., str]


@pytest.fixture
def queue(web: Web) -> Queue:
    def queue(key: str = "k", **changes: Any) -> str:
        given: dict[str, Any] = {
            "key": key,
            "message": "login_code",
            "address": ADDRESS,
            "locale": "nl",
            "contents": {"code": "123 456"},
            **changes,
        }
        with web.database.transaction() as db:
            return outbox.queue(db, web.keys, web.clock.now(), **given)

    return queue


@pytest.fixture
def sender(web: Web, smtp: Mailbox) -> Sender:
    return Sender(web.settings, web.database, web.keys, web.clock)


def row_of(web: Web, identifier: str) -> Outbox:
    with web.database.reading() as db:
        return db.get_one(Outbox, identifier)


def test_a_mail_is_queued_once_by_its_key(web: Web, queue: Queue) -> None:
    first = queue("same")
    assert queue("same", contents={"code": "000 000"}) == first
    assert queue("other") != first
    with web.database.reading() as db:
        assert len(db.scalars(select(Outbox)).all()) == 2


def test_recipient_and_contents_are_encrypted_and_gone_once_sent(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox
) -> None:
    identifier = queue()
    row = row_of(web, identifier)
    stored = (row.recipient or b"") + (row.contents or b"")
    assert ADDRESS.encode() not in stored
    assert b"123" not in stored
    assert sender.run_once() == 1
    row = row_of(web, identifier)
    assert (row.state, row.answer, row.recipient, row.contents) == ("sent", "250", None, None)
    assert row.address_hash == web.keys.lookup(ADDRESS)
    assert [address for address, _ in smtp.mails] == [ADDRESS]
    assert sender.run_once() == 0


def test_contents_that_leave_a_place_empty_are_a_mistake_when_queued(queue: Queue) -> None:
    with pytest.raises(KeyError, match="code"):
        queue(contents={})
    with pytest.raises(KeyError):
        queue(message="no_such_message")


def test_a_mail_says_that_it_is_automatic_and_carries_nothing_else(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox
) -> None:
    identifier = queue()
    sender.run_once()
    [(_, mail)] = smtp.mails
    assert mail.get_content_type() == "multipart/alternative"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"] == f"<{identifier}@recovery.test>"
    assert mail["From"] == "Key recovery <recovery@recovery.test>"
    assert mail["Subject"] == "Uw code: 123 456"
    allowed = {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version"),
        *("Content-Type", "Content-Transfer-Encoding", "X-Auto-Response-Suppress", "X-Peer"),
        *("X-MailFrom", "X-RcptTo", "List-Id", "Content-Language"),
    }
    assert set(mail.keys()) <= allowed
    text = text_of(mail)
    assert "    123 456\r\n" in text
    assert "+31 20 1234567" in text
    assert "http" not in text.replace("https://recovery.test", "")


def test_a_mail_to_nobody_known_is_never_sent_and_soon_deleted(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox, clock: FakeClock
) -> None:
    identifier = queue(void=True)
    clock.move(GIVE_UP_SECONDS)
    assert sender.run_once() == 0
    with web.database.transaction() as db:
        send.sweep(db, clock.now())
        assert db.get(Outbox, identifier) is None
    assert smtp.mails == []


def test_settled_mails_are_deleted_after_30_days_but_not_those_of_a_recovery(
    web: Web, queue: Queue, sender: Sender, clock: FakeClock
) -> None:
    plain, kept = queue("a"), queue("b", recovery="ab" * 16)
    sender.run_once()
    clock.move(send.KEPT_SECONDS + send.CLAIM_SECONDS)
    waiting = queue("c")
    with web.database.transaction() as db:
        send.sweep(db, clock.now())
        left = set(db.scalars(select(Outbox.id)))
    assert left == {kept, waiting}
    assert plain not in left


def test_a_recipient_that_is_refused_is_final(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox
) -> None:
    smtp.refuse[ADDRESS] = "550 5.1.1 nobody here"
    identifier, other = queue(), queue("other", address="ben@example.org")
    assert sender.run_once() == 2
    row = row_of(web, identifier)
    assert (row.state, row.answer, row.recipient) == ("refused", "550", None)
    assert row_of(web, other).state == "sent"


def test_a_temporary_refusal_is_tried_again_later_and_later(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox, clock: FakeClock
) -> None:
    smtp.refuse[ADDRESS] = "451 4.7.1 come back"
    identifier = queue()
    for seconds in RETRY_SECONDS:
        assert sender.run_once() == 1
        assert row_of(web, identifier).next_at == clock.now() + seconds
        clock.move(seconds - 1)
        assert sender.run_once() == 0
        clock.move(1)
    smtp.refuse.clear()
    assert sender.run_once() == 1
    assert row_of(web, identifier).state == "sent"


def test_after_48_hours_of_temporary_refusals_a_mail_is_refused(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox, clock: FakeClock
) -> None:
    smtp.refuse[ADDRESS] = "451 4.7.1 come back"
    identifier = queue()
    started = clock.now()
    while row_of(web, identifier).state == "queued":
        clock.time = row_of(web, identifier).next_at
        sender.run_once()
    assert GIVE_UP_SECONDS <= clock.now() - started < GIVE_UP_SECONDS + RETRY_SECONDS[-1]
    assert (row_of(web, identifier).state, row_of(web, identifier).answer) == ("refused", "451")


def test_a_mail_server_that_is_away_delays_and_loses_nothing(
    web: Web, queue: Queue, smtp: Mailbox, clock: FakeClock
) -> None:
    identifiers = [queue(str(i)) for i in range(3)]
    away = Sender(replace(web.settings, smtp_port=free_port()), web.database, web.keys, web.clock)
    assert away.run_once() == 3
    assert {row_of(web, i).answer for i in identifiers} == {"connection"}
    clock.move(60)
    Sender(web.settings, web.database, web.keys, web.clock).run_once()
    assert {row_of(web, i).state for i in identifiers} == {"sent"}
    assert len(smtp.mails) == 3


def test_no_transaction_is_open_while_smtp_is_spoken(
    web: Web, queue: Queue, sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow mail server never blocks a customer: here it writes to the database itself."""
    identifier = queue()

    def slow(self: object, mail: object) -> Answer:
        queue("written meanwhile")
        return Answer("sent", "250")

    monkeypatch.setattr(Smtp, "send", slow)
    assert sender.run_once() == 1
    assert row_of(web, identifier).state == "sent"
    assert row_of(web, queue("written meanwhile")).attempts == 0


def test_a_crash_after_the_servers_answer_repeats_the_same_message(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox, clock: FakeClock, monkeypatch: Any
) -> None:
    queue()

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sender, "_settle", crash)
        with pytest.raises(KeyboardInterrupt):
            sender.run_once()
    clock.move(60)
    assert sender.run_once() == 0
    clock.move(send.CLAIM_SECONDS)
    assert sender.run_once() == 1
    first, second = (mail for _, mail in smtp.mails)
    assert first["Message-ID"] == second["Message-ID"]
    assert first["Date"] == second["Date"]


def test_two_senders_never_send_one_mail_twice(web: Web, queue: Queue, smtp: Mailbox) -> None:
    for i in range(20):
        queue(str(i))
    senders = [Sender(web.settings, web.database, web.keys, web.clock) for _ in range(3)]
    threads = [threading.Thread(target=sender.run_once) for sender in senders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    identifiers = [mail["Message-ID"] for _, mail in smtp.mails]
    assert len(identifiers) == len(set(identifiers)) == 20


@pytest.mark.parametrize("column", ["recipient", "contents"])
def test_a_mail_swapped_in_the_database_is_not_sent(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox, column: str
) -> None:
    """A code is never mailed to another address by who can write to the database."""
    mine = queue("mine", address="thief@example.org")
    hers = queue("hers")
    with web.database.transaction() as db:
        setattr(db.get_one(Outbox, hers), column, getattr(db.get_one(Outbox, mine), column))
    sender.run_once()
    assert [address for address, _ in smtp.mails] == ["thief@example.org"]
    assert (row_of(web, hers).state, row_of(web, hers).answer) == ("refused", "forged")


def test_a_redirected_recipient_is_noticed(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox
) -> None:
    identifier = queue()
    with web.database.transaction() as db:
        db.get_one(Outbox, identifier).address_hash = web.keys.lookup("thief@example.org")
    sender.run_once()
    assert smtp.mails == []
    assert row_of(web, identifier).state == "refused"


def test_a_demo_keeps_mails_in_a_folder_that_only_its_owner_reads(web: Web, queue: Queue) -> None:
    shown = replace(web.settings, smtp_host="", demo=True)
    identifier = queue()
    Sender(shown, web.database, web.keys, web.clock).run_once()
    folder = mailbox_of(shown)
    [file] = folder.iterdir()
    assert file.name == f"{identifier}.eml"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert file.stat().st_mode & 0o777 == 0o600
    assert message_from_bytes(file.read_bytes())["To"] == ADDRESS


@contextmanager
def tls_server(directory: Path, mailbox: Mailbox, *, implicit: bool) -> Iterator[int]:
    """Run a mail server with a certificate of its own; what trusts it is in `ca.pem`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(_certificate(directory))
    options: dict[str, Any] = (
        {"ssl_context": context} if implicit else {"tls_context": context, "require_starttls": True}
    )
    controller = Controller(
        mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=30, **options
    )
    controller.start()
    try:
        yield controller.port
    finally:
        controller.stop()


def _certificate(directory: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = certificate.public_bytes(serialization.Encoding.PEM)
    (directory / "ca.pem").write_bytes(pem)
    chain = directory / "chain.pem"
    chain.write_bytes(
        pem
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return chain


@pytest.mark.parametrize("security", ["tls", "starttls"])
def test_mail_goes_over_tls_to_a_server_that_can_be_trusted(
    web: Web, queue: Queue, tmp_path: Path, security: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mailbox = Mailbox()
    identifier = queue()
    with tls_server(tmp_path, mailbox, implicit=security == "tls") as port:
        settings = replace(
            web.settings, smtp_host="localhost", smtp_port=port, smtp_security=security
        )
        sender = Sender(settings, web.database, web.keys, web.clock)
        sender.run_once()
        assert (row_of(web, identifier).answer, mailbox.mails) == ("connection", [])
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
        web.clock.move(60)  # type: ignore[attr-defined]
        sender.run_once()
    assert row_of(web, identifier).state == "sent"
    assert len(mailbox.mails) == 1


def test_a_server_without_tls_gets_no_mail_when_tls_is_set(
    web: Web, queue: Queue, smtp: Mailbox
) -> None:
    """Nobody between us and the mail server can talk us out of TLS."""
    identifier = queue()
    settings = replace(web.settings, smtp_security="starttls")
    Sender(settings, web.database, web.keys, web.clock).run_once()
    assert (row_of(web, identifier).state, smtp.mails) == ("queued", [])


def test_a_wrong_mail_password_is_our_fault_and_not_the_recipients(
    web: Web, queue: Queue, smtp: Mailbox
) -> None:
    identifier = queue()
    settings = replace(web.settings, smtp_user="escrow", smtp_password="wrong")
    Sender(settings, web.database, web.keys, web.clock).run_once()
    assert row_of(web, identifier).state == "queued"


def test_every_message_goes_through_a_mail_server_in_both_languages(
    web: Web, queue: Queue, smtp: Mailbox
) -> None:
    wanted = {}
    for message, locale in EVERY:
        named = letter.places(message, locale) - letter.PROVIDED
        contents = {name: USUAL[name] for name in named} | {"name": "שרה 👩\u200d🔬 Zoë"}
        identifier = queue(f"{message}/{locale}", message=message, locale=locale, contents=contents)
        wanted[f"<{identifier}@recovery.test>"] = letter.write(
            web.settings, message, locale, contents
        )
    assert len(smtp.to(ADDRESS)) == len(EVERY) == len(wanted)
    for _, mail in smtp.mails:
        made = wanted[mail["Message-ID"]]
        assert mail["Subject"] == made.subject
        assert [part.get_content_type() for part in mail.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        parts = [part.get_content().replace("\r\n", "\n") for part in mail.iter_parts()]
        assert parts == [made.text, made.html]
        assert mail.defects == []


def test_a_mail_written_again_after_a_crash_is_the_same_mail(
    web: Web, queue: Queue, sender: Sender, smtp: Mailbox
) -> None:
    """The row was lost with its transaction, or with a restored backup: the Message-ID is not."""
    first = queue("same")
    sender.run_once()
    with web.database.transaction() as db:
        db.delete(db.get_one(Outbox, first))
    assert queue("same") == first
    assert queue("other") != first
    sender.run_once()
    assert len({mail["Message-ID"] for _, mail in smtp.mails}) == 2
