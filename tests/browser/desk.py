"""A person with the browser's client, asked from a test; the service is real."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cli.service import Customer, Service
from tests.support.node import ROOT, Asked, asked

SCRIPT = str(ROOT / "tests" / "browser" / "client" / "desk.js")
SECRET = b"correct horse\x00\xff battery\n"
DAY_SECONDS = 86400


class BrowserDesk:
    """One page's worth of memory. What it refuses is a `Refusal` with the error's code."""

    def __init__(self, service: Service, node: Asked) -> None:
        self.service = service
        self._node = node

    def ask(self, operation: str, /, **given: Any) -> dict[str, Any]:
        return self._node.ask(operation, **given)

    def sign_in(self, customer: Customer) -> None:
        """Sign in as a page does, with the code of a mail and of the authenticator app."""
        customer.make_room()
        after = len(self.service.mailbox.mails)
        login = self.ask("ask_code", address=customer.address)["login"]
        code = self.service.mailbox.code(customer.address, after=after)
        self.ask("mail_code", login=login, code=code)
        self.ask("totp", login=login, account=customer.account, code=customer.totp())

    def enrol(
        self,
        *contacts: tuple[str, str],
        secret: bytes = SECRET,
        recovery_key: bytes | None = None,
        **plan: Any,
    ) -> str:
        """Make a deposit without sending it; returns its identifier.

        `recovery_key` is that of the deposit which `replaces` names.
        """
        decided = {
            "label": "Laptop backup",
            "secret": secret,
            "contacts": [{"name": name, "address": address} for name, address in contacts],
            "needed": min(2, len(contacts)),
            "waitingSeconds": 3 * DAY_SECONDS,
            **plan,
        }
        made = self.ask("enrol", plan=decided, recovery_key=recovery_key)
        assert made["secret"] == "00" * len(secret)  # overwritten
        return str(made["deposit"])

    def send(self) -> dict[str, Any]:
        """Send what was made and wait for the provider; returns the kit: `file` and `paper`."""
        self.ask("send")
        self.ask("wait")
        return self.ask("kit")

    def finish(self, kit: dict[str, Any]) -> list[dict[str, Any]]:
        """Type the digits that the kit shows; returns the invitations."""
        self.ask("confirm", digits=kit["paper"]["confirmation"])
        found: list[dict[str, Any]] = self.ask("invitations")["invitations"]
        return found

    def accept(self, link: str, digits: str) -> dict[str, Any]:
        """Accept an invitation with a card; returns it: `file` and `paper`."""
        self.ask("fetch", link=link)
        self.ask("open", digits=digits)
        card = self.ask("card")
        self.ask("card_is_kept")
        assert self.ask("accept")["state"] == "held"
        return card

    def changes_sent(self) -> list[str]:
        """Name what was sent since the last `lie`, reading apart."""
        return [line for line in self.ask("sent")["sent"] if not line.startswith("GET ")]


@contextmanager
def browser_desk(service: Service) -> Iterator[BrowserDesk]:
    """Open a page; leaving it forgets everything."""
    with asked(SCRIPT, service.url, str(service.clock.path)) as node:
        yield BrowserDesk(service, node)
