"""What a mail says: `messages/<message>.<locale>.txt`, filled in and framed.

A new message is a pair of files, `x.en.txt` and `x.nl.txt`, with the same places, and a call of
`outbox.queue(…, message="x", contents={…})`; nothing else. In a file:

    The subject, on the first line             at most 78 characters; names in it are shortened

    A paragraph with $places in it.            an empty line ends it

    # What you do now                          a heading

    1. First this                              a list; `- ` makes one without numbers
    2. Then that

        $code                                  four spaces: a code, large

    [Stop it] $link                            the one button: a link to a page, whose own button
                                               is a POST

Places that every message may use: `provider`, `phone`, `support`, `url`, and `Call_us` or `call_us`
for “call us”, which tells to write where the settings name no telephone. A letter about a deposit
(`escrow.custodian.letters`) fills `label`, `customer`, `name`, `custody_link`, `number` (how the
number on the contact's card begins); one about a recovery also `opened`, `ready`, `expires`, and to
its customer `reason` when it was put on hold. One about a closing that operators decided has their
`reason` too. The test of all messages (tests/mail/test_letters.py)
says what else is wanted: the same places in both languages, sentences of at most 15 words on
average, plain words. Say what happened, what to do, by when; the frame says what never to do and
whom to call.

A sign of life that a contact chose (`phrase`) stands on top of each mail to it. Values are put on
one line and lose characters that steer the direction of text, so that nothing typed by a person
looks like text of ours.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from string import Template

from escrow.config import Settings
from escrow.i18n import N_, supported_locale, translator
from escrow.mail import render

# Filled in from the settings, or empty, when the contents do not say them.
PROVIDED = frozenset({"provider", "phone", "support", "url", "phrase", "call_us", "Call_us"})
# Typed by people: set apart from our own text, and shortened where a subject is too long.
PERSONAL = frozenset({"label", "name", "contact", "customer", "phrase", "reason", "address"})
MAX_SUBJECT_LENGTH = 78
_SHORTEST = 8
_NAME = re.compile(r"[a-z][a-z_]*\Z")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_JOINERS = "\u200c\u200d"  # emoji and some scripts are made with them
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"


@dataclass(frozen=True)
class Letter:
    """A mail's subject and its text, plain and as HTML."""

    subject: str
    text: str
    html: str


def check(message: str, locale: str, contents: dict[str, str]) -> None:
    """Refuse contents that leave a place of the message empty; raises KeyError."""
    missing = places(message, locale) - PROVIDED - set(contents)
    if missing:
        raise KeyError(f"{message}.{locale}: nothing fills {', '.join(sorted(missing))}")


def subject_of(message: str, locale: str) -> str:
    """Return the subject by which a mail is found, “…” for each of its places.

    A mail of an earlier release, of which there is no file any more, keeps its name.
    """
    try:
        subject, _ = _read(message, supported_locale(locale))
    except KeyError:
        return message
    return subject.substitute(dict.fromkeys(subject.get_identifiers(), "…"))


def places(message: str, locale: str) -> set[str]:
    """Return the names of a message's places."""
    subject, text = _read(message, supported_locale(locale))
    return set(subject.get_identifiers()) | set(Template(text).get_identifiers())


def names() -> set[str]:
    """Return the names of all messages."""
    files = resources.files("escrow.mail").joinpath("messages").iterdir()
    found = {file.name.split(".")[0] for file in files if file.name.endswith(".txt")}
    return found - {"frame", "phrase"}


def write(settings: Settings, message: str, locale: str, contents: dict[str, str]) -> Letter:
    """Fill a message in, with phrase and frame; both parts are made of the same blocks."""
    locale = supported_locale(locale)
    values = _values(settings, contents, locale) | _call_us(settings, locale)
    subject, text = _read(message, locale)
    phrase = render.blocks(_source("phrase", locale)) if values["phrase"] else []
    own, frame = render.blocks(text), render.blocks(_source("frame", locale))
    title = _subject(subject, values)
    plain = {name: _isolated(name, value) for name, value in values.items()}
    look = render.Look(locale, title, settings.provider_colour, values["provider"])
    return Letter(
        title,
        render.as_text([*phrase, *own, *frame], plain),
        render.as_html(phrase, own, frame, values, PERSONAL, look),
    )


def _values(settings: Settings, contents: dict[str, str], locale: str) -> dict[str, str]:
    given = {
        "provider": settings.called(translator(locale)),
        "phone": settings.provider_phone,
        "support": settings.provider_support,
        "url": settings.public_url,
        "phrase": "",
        **contents,
    }
    values = {name: clean(value) for name, value in given.items()}
    for name in PERSONAL & set(values):  # mail programs make a link of whatever looks like one
        values[name] = values[name].replace("://", ": //")
    reachable = [values[name] for name in ("phone", "support") if values[name]]
    return {**values, "reachable": ", ".join(reachable) or values["url"]}


def _call_us(settings: Settings, locale: str) -> dict[str, str]:
    """Say how to reach the provider, at the start of a sentence and inside one.

    Nobody is told to call where there is no number: then to write, or just to say so.
    """
    words = (N_("Contact us"), N_("contact us"))
    if settings.provider_phone:
        words = (N_("Call us"), N_("call us"))
    elif settings.provider_support:
        words = (N_("Write to us"), N_("write to us"))
    t = translator(locale)
    return {"Call_us": t.gettext(words[0]), "call_us": t.gettext(words[1])}


def clean(value: str) -> str:
    """Put a value on one line, in NFC, without control and direction characters."""
    kept = unicodedata.normalize("NFC", _BLANK.sub(" ", value))
    return "".join(
        character
        for character in kept
        if character in _JOINERS or unicodedata.category(character) not in {"Cf", "Cc", "Cs"}
    ).strip()


def _isolated(name: str, value: str) -> str:
    """Keep what is written from right to left from turning the sentence around it."""
    turns = any(unicodedata.bidirectional(character) in {"R", "AL"} for character in value)
    return f"{_ISOLATE}{value}{_END_ISOLATE}" if turns and name in PERSONAL else value


def _subject(template: Template, values: dict[str, str]) -> str:
    """Fill a subject in; what people typed is shortened until it has at most 78 characters."""
    short = dict(values)
    named = PERSONAL & set(template.get_identifiers())
    while True:
        filled = {name: _isolated(name, value) for name, value in short.items()}
        subject = template.substitute(filled)
        excess = len(subject) - MAX_SUBJECT_LENGTH
        longest = max(named, key=lambda name: len(short[name]), default="")
        if excess <= 0 or not longest or len(short[longest]) <= _SHORTEST:
            return subject
        length = max(_SHORTEST, len(short[longest]) - excess) - 1
        short[longest] = _cut(short[longest], length) + "…"


def _cut(value: str, length: int) -> str:
    """Shorten a value without leaving half a character behind."""
    while length and (unicodedata.combining(value[length]) or value[length] in "\ufe0f\u200d"):
        length -= 1
    return value[:length].rstrip(" \u200d")


@lru_cache(maxsize=256)
def _read(message: str, locale: str) -> tuple[Template, str]:
    subject, _, text = _source(message, locale).partition("\n\n")
    return Template(subject.strip()), text


@lru_cache(maxsize=256)
def _source(message: str, locale: str) -> str:
    if not _NAME.match(message):
        raise KeyError(message)
    file = resources.files("escrow.mail").joinpath("messages", f"{message}.{locale}.txt")
    try:
        return file.read_text("utf-8")
    except FileNotFoundError:
        raise KeyError(f"there is no message {message}.{locale}") from None
