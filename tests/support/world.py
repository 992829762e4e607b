"""The whole service in one process: web tier, custodian, mail; every part real but the clock."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from flask import Flask

from escrow.config import Settings
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.db import Database
from escrow.mail.send import Sender
from escrow.webkeys import WebKeys
from tests.support import apps
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox
from tests.support.people import Contact, Customer, Deposited, Http, Session, make_deposit, new_id

_STEP_SECONDS = 30 * 3600


@dataclass
class World:
    """A service with its people."""

    settings: Settings
    database: Database
    clock: FakeClock
    mailbox: Mailbox
    web_keys: WebKeys
    keys: CustodianKeys
    app: Flask
    custodian: Custodian
    contacts: list[Contact] = field(default_factory=list)

    @classmethod
    def make(cls, database: Database, directory: Path, mailbox: Mailbox, **changes: Any) -> "World":
        clock = FakeClock()
        settings = Settings(
            data_dir=directory,
            public_url="https://recovery.test",
            provider_name="Test Telecom",
            provider_phone="+31 20 1234567",
            smtp_host="127.0.0.1",
            smtp_port=mailbox.port,
            smtp_security="none",
            mail_from="Key recovery <recovery@recovery.test>",
        )
        settings = replace(settings, **changes).check()
        web_keys = WebKeys.generate()
        keys = CustodianKeys.generate(settings.origin, clock.now())
        app = apps.made(settings, database, web_keys, clock)
        outside = Outside.create(settings.outside_dir, settings.origin)
        sender = Sender(settings, database, web_keys, clock)
        custodian = Custodian(settings, database, keys, web_keys, clock, outside, sender)
        world = cls(settings, database, clock, mailbox, web_keys, keys, app, custodian)
        mailbox.mails.clear()
        mailbox.refuse.clear()
        mailbox.deliver = world.send_mail
        world.run()
        return world

    def send_mail(self) -> None:
        assert self.custodian.sender is not None
        while self.custodian.sender.run_once():
            pass

    def run(self) -> None:
        """Let the custodian make passes, and mail go out, until nothing is left to do."""
        for _ in range(30):
            did = self.custodian.run_pass()
            self.send_mail()
            if not did:
                return
        raise AssertionError("the custodian finds something to do for ever")

    @contextmanager
    def working(self) -> Iterator[None]:
        """Let the custodian work beside whoever waits for it, as it does in earnest."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(0.2):
                self.run()

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def restart_custodian(self) -> None:
        """As after a crash: everything that was in memory is gone."""
        old = self.custodian
        outside = Outside(self.settings.outside_dir)
        self.custodian = Custodian(
            old.settings, old.database, old.keys, old.web_keys, old.clock, outside, old.sender
        )

    def with_settings(self, **changes: Any) -> None:
        self.settings = replace(self.settings, **changes)

    def http(self) -> Http:
        return Http(self.app.test_client(), self.clock, self.settings.public_url)

    def customer(self, address: str = "") -> Customer:
        customer = Customer(self.http(), self.mailbox, address or f"{new_id()}@customer.test")
        customer.sign_up()
        self.run()
        return customer

    def new_contacts(self, count: int) -> list[Contact]:
        return [
            Contact(self.http(), f"Contact {i}", f"{new_id()}@contact.test") for i in range(count)
        ]

    def enrol(
        self, customer: Customer, needed: int = 1, count: int = 1, **changes: Any
    ) -> tuple[Deposited, list[Contact]]:
        """Enrol a deposit whose custodians all hold their piece."""
        from tests.support.people import attest

        contacts = self.new_contacts(count)
        made = make_deposit(customer.http, contacts, needed, **changes)
        customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
        self.run()
        attest(customer.http, made.manifest, made.payloads[0]).ok()
        self.run()
        for contact in contacts:
            self.accept(contact)
        self.run()
        return made, contacts

    def accept(self, contact: Contact) -> None:
        """Let a contact accept: the `fetched` entry is sequenced between the two requests."""
        assert contact.link is not None
        self.record_fetch(contact)
        self.run()
        contact.accept()
        self.run()

    def record_fetch(self, contact: Contact) -> None:
        from escrow.context import Web
        from escrow.deposit import flow

        assert contact.link is not None
        web = self.app.extensions["escrow"]
        assert isinstance(web, Web)
        with self.database.transaction() as db:
            token = contact.link.fetch_token(contact.custody)
            flow.fetch_invitation(db, web, contact.custody, token)

    def open_recovery(self, customer: Customer, made: Deposited) -> str:
        """Open a recovery with mail code and TOTP; the notices go out."""
        recovery = new_id()
        customer.sign_in()
        body = {"deposit": made.deposit, "reason": "My laptop crashed."}
        customer.http.put(f"/recoveries/{recovery}", body).ok()
        self.run()
        return recovery

    def wait(self, seconds: int, at_once: int = _STEP_SECONDS) -> None:
        """Let time pass a day at a time and more: over 36 hours the custodian distrusts a jump."""
        while seconds > 0:
            step = min(seconds, at_once)
            self.clock.move(step)
            self.run()
            seconds -= step

    def begin_unattended(self, customer: Customer, made: Deposited, recovery: str) -> Session:
        """Begin collecting, with mail code and TOTP once more; the custodian does nothing yet."""
        customer.sign_in()
        session = Session(customer.http, made, recovery)
        session.begin().ok()
        return session

    def begin(self, customer: Customer, made: Deposited, recovery: str) -> Session:
        """Begin collecting, and let the provider release."""
        session = self.begin_unattended(customer, made, recovery)
        self.run()
        return session

    def ready_recovery(self, customer: Customer, made: Deposited) -> str:
        """Open a recovery and wait until it can be finished."""
        recovery = self.open_recovery(customer, made)
        self.wait(made.manifest.waiting_seconds)
        return recovery
