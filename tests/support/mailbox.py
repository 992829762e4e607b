"""A real SMTP server on the loopback address, and what arrived there."""

import email
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.policy import default
from typing import Any

from aiosmtpd.controller import Controller

_CODE = re.compile(r"^\s*(\d{3}[ -]?\d{3})\s*$", re.MULTILINE)


@dataclass
class Mailbox:
    """Mails by the order of their arrival; `refuse` maps an address to an SMTP answer."""

    port: int = 0
    mails: list[tuple[str, EmailMessage]] = field(default_factory=list)
    refuse: dict[str, str] = field(default_factory=dict)
    deliver: Any = None

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if address in self.refuse:
            return self.refuse[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        message = email.message_from_bytes(envelope.content, policy=default)
        for address in envelope.rcpt_tos:
            self.mails.append((address, message))  # type: ignore[arg-type]
        return "250 OK"

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address, after everything due was sent."""
        if self.deliver is not None:
            self.deliver()
        return [mail for found, mail in self.mails if found == address]

    def code(self, address: str, message: str) -> str:
        """Return the newest six-digit code that came to an address."""
        for mail in reversed(self.to(address)):
            found = _CODE.search(text_of(mail))
            if found:
                return found[1]
        raise AssertionError(f"no code came to {address} ({message})")


def text_of(mail: EmailMessage) -> str:
    body = mail.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running() -> Iterator[Mailbox]:
    mailbox = Mailbox()
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port(), ready_timeout=30)
    controller.start()
    try:
        mailbox.port = controller.port
        yield mailbox
    finally:
        controller.stop()
