"""The service's own folder of mails instead of a mail server: thousands of mails go out in a play.

It is the mailbox of the demo. What a server refuses for good is played by an address in `refuse`.
"""

from __future__ import annotations

import email
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from escrow.mail.transport import Answer, Folder, Transport
from tests.support.mailbox import Mailbox
from tests.support.world import World


class Postbox(Mailbox):
    """Reads the mails that the service has put into its folder."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self.folder = directory / "mailbox"

    def serve(self, world: World) -> None:
        """Take the place of the mail server of a world."""
        sender = world.custodian.sender
        assert sender is not None
        sender._transport = lambda: Refusing(self.folder, self.refuse)  # type: ignore[attr-defined]

    def to(self, address: str) -> list[EmailMessage]:
        """Return the mails to an address that came since the last look into the folder."""
        self.deliver()
        found = []
        for path in self.folder.glob("*.eml"):
            data = path.read_bytes()
            path.unlink()
            if address.encode() in data:
                found.append(email.message_from_bytes(data, policy=default))
        return found  # type: ignore[return-value]  # of that policy the class is EmailMessage


class Refusing(Folder):
    """Puts mails into the folder, but for addresses that nobody has any more."""

    def __init__(self, folder: Path, refuse: dict[str, str]) -> None:
        super().__init__(folder)
        self.refuse = refuse

    def send(self, mail: EmailMessage) -> Answer:
        if str(mail["To"]) in self.refuse:
            return Answer("refused", "550")
        return super().send(mail)


_: type[Transport] = Refusing
