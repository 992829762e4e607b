"""What a mail says: plain text from `messages/<message>.<locale>.txt`, filled in and framed.

The first line of a message is its subject, then an empty line, then the text; `$name` is filled in.
A sign of life that a contact chose (`phrase`) stands on top of each mail to it; below each mail
stands whom to call. Values are put on one line, so that nothing typed by a person looks like text
of ours.
"""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, parseaddr
from functools import lru_cache
from importlib import resources
from string import Template

from escrow.config import Settings
from escrow.i18n import supported_locale

SERVICE_NAMES = {"en": "Key recovery", "nl": "Sleutelherstel"}
# Filled in from the settings, or empty, when the contents do not say them.
PROVIDED = frozenset({"provider", "phone", "support", "url", "phrase"})
_NAME = re.compile(r"[a-z][a-z_]*\Z")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f\u2028\u2029]+")


def check(message: str, locale: str, contents: dict[str, str]) -> None:
    """Refuse contents that leave a place of the message empty; raises KeyError."""
    missing = places(message, locale) - PROVIDED - set(contents)
    if missing:
        raise KeyError(f"{message}.{locale}: nothing fills {', '.join(sorted(missing))}")


def places(message: str, locale: str) -> set[str]:
    """Return the names of a message's places."""
    subject, text = _read(message, supported_locale(locale))
    return set(subject.get_identifiers()) | set(text.get_identifiers())


def names() -> set[str]:
    """Return the names of all messages."""
    files = resources.files("escrow.mail").joinpath("messages").iterdir()
    found = {file.name.split(".")[0] for file in files if file.name.endswith(".txt")}
    return found - {"frame", "phrase"}


def write(
    settings: Settings, message: str, locale: str, contents: dict[str, str]
) -> tuple[str, str]:
    """Return (subject, text) of a mail."""
    locale = supported_locale(locale)
    values = {
        "provider": settings.provider_name,
        "phone": settings.provider_phone,
        "support": settings.provider_support,
        "url": settings.public_url,
        "phrase": "",
        **contents,
    }
    values = {name: _BLANK.sub(" ", value).strip() for name, value in values.items()}
    subject, text = _read(message, locale)
    parts = []
    if values["phrase"]:
        parts.append(_whole("phrase", locale).substitute(values))
    parts += [text.substitute(values), _whole("frame", locale).substitute(_frame(values, locale))]
    return subject.substitute(values), "\n\n".join(part.strip("\n") for part in parts) + "\n"


def _frame(values: dict[str, str], locale: str) -> dict[str, str]:
    reachable = [values[name] for name in ("phone", "support") if values[name]]
    return {**values, "reachable": ", ".join(reachable) or values["url"]}


def compose(
    settings: Settings, identifier: str, recipient: str, subject: str, text: str, at: int
) -> EmailMessage:
    """Make the mail: plain text; the same Message-ID whenever it is tried again."""
    from datetime import UTC, datetime

    mail = EmailMessage(policy=SMTP.clone(utf8=False))
    name, sender = parseaddr(settings.mail_from or f"recovery@{settings.host.split(':')[0]}")
    mail["From"] = Address(display_name=name or settings.provider_name, addr_spec=sender)
    mail["To"] = Address(addr_spec=recipient)
    mail["Subject"] = subject
    mail["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    mail["Message-ID"] = f"<{identifier}@{settings.host.split(':')[0]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail["X-Auto-Response-Suppress"] = "All"
    mail.set_content(text, charset="utf-8", cte="quoted-printable")
    return mail


@lru_cache(maxsize=256)
def _read(message: str, locale: str) -> tuple[Template, Template]:
    subject, _, text = _source(message, locale).partition("\n\n")
    return Template(subject), Template(text)


@lru_cache(maxsize=8)
def _whole(name: str, locale: str) -> Template:
    return Template(_source(name, locale))


def _source(message: str, locale: str) -> str:
    if not _NAME.match(message):
        raise KeyError(message)
    file = resources.files("escrow.mail").joinpath("messages", f"{message}.{locale}.txt")
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise KeyError(f"there is no message {message}.{locale}") from None
