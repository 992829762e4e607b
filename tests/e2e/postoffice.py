"""The next mail server: real SMTP, which may be down for a while. Everything is kept."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, field
from typing import Any

from aiosmtpd.controller import Controller

from tests.support.mailbox import Mailbox, free_port, text_of

_CODE = re.compile(r"^\s*(\d{3}[ -]?\d{3})\s*$", re.MULTILINE)
_SECONDS = 60


@dataclass
class PostOffice(Mailbox):
    """A mailbox whose server can be stopped and started; `raw` is what came over the line."""

    raw: list[bytes] = field(default_factory=list)
    _read: dict[str, int] = field(default_factory=dict)
    _controller: Controller | None = None

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.raw.append(envelope.content)
        return await super().handle_DATA(server, session, envelope)

    def start(self) -> None:
        self.port = self.port or free_port()
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=30)
        self._controller.start()

    def stop(self) -> None:
        if self._controller is not None:
            self._controller.stop()
            self._controller = None

    def code(self, address: str, message: str = "") -> str:
        """Wait for a mail with a code that was not read yet; returns the newest one's digits."""
        deadline = time.monotonic() + _SECONDS
        while time.monotonic() < deadline:
            mails = self.to(address)
            found = [
                m[1]
                for mail in mails[self._read.get(address, 0) :]
                if (m := _CODE.search(text_of(mail)))
            ]
            if found:
                self._read[address] = len(mails)
                return "".join(c for c in found[-1] if c.isdigit())
            time.sleep(0.05)
        raise AssertionError(f"no code came to {address}")
