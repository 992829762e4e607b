"""Where mails go: the next mail server, or the demo's folder."""

import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Protocol

from escrow.config import Settings

TIMEOUT_SECONDS = 30


class Transport(Protocol):
    """Where mails go: the next mail server, or the demo's folder."""

    def send(self, mail: EmailMessage) -> "Answer":
        """Hand over one mail."""
        ...

    def close(self) -> None:
        """End the conversation."""
        ...


@dataclass(frozen=True)
class Answer:
    """What the next server said: `outcome` is sent, refused or later."""

    outcome: str
    code: str


class Smtp:
    """One conversation with the next mail server, with the settings' kind of TLS."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._server: smtplib.SMTP | None = None
        self._is_away = False

    def send(self, mail: EmailMessage) -> Answer:
        """Hand over one mail; a server that is away or misconfigured means later."""
        if self._is_away:
            return Answer("later", "connection")
        try:
            server = self._connection()
            server.send_message(mail)
        except smtplib.SMTPRecipientsRefused as error:
            code = next(iter(error.recipients.values()))[0]
            return self._refused(code)
        except smtplib.SMTPDataError as error:
            return self._refused(error.smtp_code)
        except smtplib.SMTPResponseException as error:  # greeting, sign-in, sender: our own fault
            self._drop()
            return Answer("later", str(error.smtp_code))
        except (OSError, smtplib.SMTPException) as error:
            self._drop()
            self._is_away = not isinstance(error, smtplib.SMTPServerDisconnected)
            return Answer("later", "connection")
        return Answer("sent", "250")

    def _refused(self, code: int) -> Answer:
        if self._server is not None:
            try:
                self._server.rset()
            except (OSError, smtplib.SMTPException):
                self._drop()
        return Answer("refused" if 500 <= code < 600 else "later", str(code))

    def _connection(self) -> smtplib.SMTP:
        if self._server is None:
            self._server = self._connect()
        return self._server

    def _connect(self) -> smtplib.SMTP:
        settings = self.settings
        if settings.smtp_security == "tls":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.smtp_host,
                settings.smtp_port,
                timeout=TIMEOUT_SECONDS,
                context=_certified(),
            )
        else:
            server = smtplib.SMTP(settings.smtp_host, settings.smtp_port, timeout=TIMEOUT_SECONDS)
            if settings.smtp_security == "starttls":
                server.starttls(context=_certified())
        if settings.smtp_user:
            server.login(settings.smtp_user, settings.smtp_password)
        return server

    def _drop(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    def close(self) -> None:
        """Say goodbye."""
        if self._server is not None:
            try:
                self._server.quit()
            except (OSError, smtplib.SMTPException):
                self._server.close()
            self._server = None


def _certified() -> ssl.SSLContext:
    """Trust a server with a certificate of its name; made only where TLS is: it takes a while."""
    return ssl.create_default_context()


class Folder:
    """The demo's mailbox: one file a mail, readable by its owner only."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def send(self, mail: EmailMessage) -> Answer:
        """Write one mail under its Message-ID: a repeat replaces it."""
        name = str(mail["Message-ID"]).strip("<>").split("@", maxsplit=1)[0]
        path = self.folder / f"{name}.eml"
        part = self.folder / f".{name}.part"
        part.touch(mode=0o600)
        part.write_bytes(mail.as_bytes())
        part.replace(path)
        return Answer("sent", "250")

    def close(self) -> None:
        """Nothing to end."""


def mailbox_of(settings: Settings) -> Path:
    """Return the demo mailbox's folder."""
    return settings.data_dir / "mailbox"
