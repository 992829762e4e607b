"""A letter as a mail: headers, plain text and HTML (multipart/alternative).

Message-ID is the row's identifier, which comes from the row's key: whoever is told of one event at
one address gets one Message-ID, however often it is tried. All mails about one recovery, or one
deposit, answer one (never sent) message, so that mail programs show them together. Nothing of it
says what the mail is about to who sees the headers only: the identifiers are keyed hashes.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr

from escrow.config import Settings
from escrow.mail.letter import Letter

SERVICE_NAMES = {"en": "Key recovery", "nl": "Sleutelherstel"}


@dataclass(frozen=True)
class Sent:
    """Where a letter goes: `identifier` and `thread` are hexadecimal, `at` in Unix seconds.

    `stop_page` is the page on which whoever gets such mails again and again can end that.
    """

    identifier: str
    recipient: str
    at: int
    locale: str = "en"
    thread: str = ""
    stop_page: str = ""


def compose(settings: Settings, letter: Letter, sent: Sent) -> EmailMessage:
    """Make the mail. Raises ValueError for what no header can carry."""
    host = settings.host.split(":")[0]
    name, sender = parseaddr(settings.mail_from or f"recovery@{host}")
    mail = EmailMessage(policy=SMTP.clone(utf8=False))
    mail["From"] = Address(display_name=name or settings.provider_name, addr_spec=sender)
    mail["To"] = Address(addr_spec=sent.recipient)
    mail["Subject"] = letter.subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(sent.at, UTC))
    mail["Message-ID"] = f"<{sent.identifier}@{host}>"
    if sent.thread:
        mail["In-Reply-To"] = mail["References"] = f"<{sent.thread}@{host}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail["List-Id"] = f"{SERVICE_NAMES[sent.locale]} <notices.{host}>"
    if sent.stop_page:
        # A page, never List-Unsubscribe-Post: no mail program may end a contact by itself.
        mail["List-Unsubscribe"] = f"<{sent.stop_page}>"
    mail.set_content(letter.text, charset="utf-8", cte="quoted-printable")
    mail.add_alternative(letter.html, subtype="html", charset="utf-8", cte="quoted-printable")
    mail["Content-Language"] = sent.locale
    return mail
