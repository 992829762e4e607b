"""What mails say: complete in both languages, plain, and nothing that could be abused."""

import re
import unicodedata
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from string import Template

import pytest

from escrow.config import Settings
from escrow.mail import compose, demo, letter, render
from escrow.mail.letter import Letter
from escrow.mail.transport import Folder
from tests.support import plain
from tests.support.plain import FAMILIAR, NOT_PLAIN

SETTINGS = Settings(
    data_dir=Path("/nowhere"),
    public_url="https://recovery.test",
    provider_name="Test Telecom",
    provider_phone="+31 20 1234567",
    provider_support="help@recovery.test",
    mail_from="recovery@recovery.test",
)
MESSAGES = sorted(letter.names())
# What a place holds in a mail as it is sent.
USUAL = {
    "label": "Laptop backup",
    "name": "Anna",
    "contact": "Anna",
    "customer": "mira@example.org",
    "address": "m…@example.org",
    "until": "Thursday 26 November 2026",
    "number": "48f0 12ab",
    "made": "Monday 23 November 2026",
    "opened": "Monday 23 November 2026, 14:10",
    "ready": "Thursday 26 November 2026, 14:10",
    "expires": "Thursday 10 December 2026, 14:10",
    "code": "123 456",
    **dict.fromkeys(("safe", "at_risk", "not_recoverable", "lost", "proofs", "refused"), "1,234"),
    **dict.fromkeys(("safe_before", "at_risk_before", "not_recoverable_before", "size"), "1,234"),
    **dict.fromkeys(("completed", "vetoed", "expired", "resent", "exported"), "12"),
    **dict.fromkeys(("due_kits", "due_contacts"), "34"),
    "decided": "2 (End a key: 1; Put a recovery on hold: 1)",
    "month": "2026-11",
    "root": "0f" * 32,
    "admin_link": "https://recovery.test/admin",
    "reason": "The helpdesk was called by somebody else.",
    "link": f"https://recovery.test/veto/{'cd' * 16}#" + "x" * 43,
    "stop_link": f"https://recovery.test/contact/{'ab' * 16}/stop#" + "x" * 43,
    "lost_link": f"https://recovery.test/contact/{'ab' * 16}/lost#" + "x" * 43,
    "custody_link": f"https://recovery.test/contact/{'ab' * 16}",
    "deposit_link": f"https://recovery.test/deposits/{'ef' * 16}",
}
PLACES = {"url": SETTINGS.public_url, "provider": SETTINGS.provider_name}
CALL = {
    "en": {"Call_us": "Call us", "call_us": "call us"},
    "nl": {"Call_us": "Bel ons", "call_us": "bel ons"},
}
TAGS = {"html", "head", "meta", "title", "body", "div", "p", "h1", "h2", "a", "span"}
TAGS |= {"ul", "ol", "li", "br"}
EVERY = [(message, locale) for message in MESSAGES for locale in ("en", "nl")]


def write(message: str, locale: str, **contents: str) -> Letter:
    named = letter.places(message, locale) - letter.PROVIDED
    filled = {name: USUAL[name] for name in named} | contents
    letter.check(message, locale, filled)
    return letter.write(SETTINGS, message, locale, filled)


def source(message: str, locale: str) -> str:
    folder = Path(letter.__file__).parent / "messages"
    return (folder / f"{message}.{locale}.txt").read_text("utf-8")


class Words(HTMLParser):
    """What a person reads of an HTML part, and its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.words += "" if tag in {"a", "span"} else " "

    def handle_data(self, data: str) -> None:
        self.words += data


def test_there_are_messages() -> None:
    assert {"login_code", "recovery_opened_contact", "deposit_complete"} <= set(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_states_the_same_facts_in_both_languages(message: str) -> None:
    """The same places in the same numbers, lists and buttons in the same order."""
    english, dutch = source(message, "en"), source(message, "nl")
    there, here = (letter.places(message, locale) for locale in ("en", "nl"))
    assert {name.lower() for name in there} == {name.lower() for name in here}
    kinds = [[block.kind for block in render.blocks(text)] for text in (english, dutch)]
    assert kinds[0] == kinds[1]
    buttons = [re.findall(r"^\[[^]]+\] (\$\w+)$", text, re.M) for text in (english, dutch)]
    assert buttons[0] == buttons[1]
    assert len(buttons[0]) <= 1
    numbers = [sorted(re.findall(r"\d+", text)) for text in (english, dutch)]
    assert numbers[0] == numbers[1]
    times = [text.count("$until") + text.count("$ready") for text in (english, dutch)]
    assert times[0] == times[1]


@pytest.mark.parametrize(("message", "locale"), EVERY)
def test_a_message_is_short_plain_and_says_whom_to_call(message: str, locale: str) -> None:
    made = write(message, locale)
    whole = f"{made.subject}\n{made.text}"
    assert "+31 20 1234567" in made.text
    assert "help@recovery.test" in made.text
    assert "$" not in whole
    assert not NOT_PLAIN.search(re.sub(r"https://\S+", "", whole))
    assert not FAMILIAR.search(whole)
    assert not re.search(r"(?i)click|klik|dear|geachte|urgent|dringend|please note", whole)
    assert not re.search(r"[^ ] {2,}|!", made.text.replace("\n    ", "\n"))


def sentences(message: str, locale: str) -> list[str]:
    """Take the text of a message apart into sentences; a heading or list item ends one."""
    _, text = source(message, locale).split("\n\n", 1)
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("[")]
    lines = [re.sub(r"^(# |\d\. |- | {4})", "", line) for line in lines]
    return plain.sentences(lines)


@pytest.mark.parametrize(("message", "locale"), EVERY)
def test_sentences_have_at_most_fifteen_words_on_average_and_none_is_long(
    message: str, locale: str
) -> None:
    assert plain.too_long(sentences(message, locale)) == ""


def test_a_message_says_what_to_do() -> None:
    """Something to do and by when, or that there is nothing to do."""
    for message, locale in EVERY:
        text = write(message, locale).text
        nothing = {"en": r"do nothing|nothing (more|else)", "nl": r"niets( meer)? te doen"}
        by_when = {
            "en": r"today|now\b|at once|within|before|until|one day|again",
            "nl": r"vandaag|nu\b|meteen|binnen|vóór|tot\b|op een dag|opnieuw",
        }
        assert re.search(nothing[locale], text) or re.search(by_when[locale], text)
        never = {
            "en": "Never give your key",
            "nl": "Geef uw sleutel, herstelset, kaart of een code nooit",
        }
        assert never[locale] in text


def test_a_subject_fits_on_a_line() -> None:
    for message, locale in EVERY:
        subject = write(message, locale).subject
        assert 0 < len(subject) <= 78
        long = dict.fromkeys(("label", "name", "contact"), "Wörter und Zeichen " * 4)
        long["customer"] = "a" * 60 + "@example.org"
        named = {name: long[name] for name in long if name in letter.places(message, locale)}
        subject = write(message, locale, **named).subject
        assert len(subject) <= 78
        for place in re.findall(r"\$(\w+)", source(message, locale).split("\n", 1)[0]):
            assert USUAL.get(place, "") in subject or place in named


def test_a_code_is_never_shortened() -> None:
    assert write("login_code", "nl").subject == "Uw code: 123 456"


def test_both_parts_say_the_same() -> None:
    for message, locale in EVERY:
        made = write(message, locale)
        read = Words(made.html)
        said = re.sub(r"\s+", " ", read.words)
        for block in render.blocks(source(message, locale))[1:]:
            for line in block.lines:
                plain = re.sub(r"^(\d\. |- )", "", line)
                given = USUAL | PLACES | CALL[locale]
                filled = Template(plain).substitute(given)
                if not (block.kind == "button" and line.startswith("$")):
                    assert filled in said
                    assert filled in made.text
        links = {attrs["href"] for tag, attrs in read.tags if tag == "a"}
        assert links == set(re.findall(r"https://\S+", made.text))
        assert made.subject in said


def test_a_link_is_the_services_own_and_the_token_stands_in_its_fragment() -> None:
    for message, locale in EVERY:
        for link in re.findall(r"\w+://\S+", write(message, locale).text):
            assert link.startswith("https://recovery.test")
            assert "?" not in link
            assert "x" * 43 not in link.split("#")[0]


def test_the_html_part_fetches_nothing_and_runs_nothing() -> None:
    for message, locale in EVERY:
        read = Words(write(message, locale).html)
        tags = {tag for tag, _ in read.tags}
        assert tags <= TAGS
        names = {name for _, attrs in read.tags for name in attrs}
        assert names <= {"lang", "dir", "charset", "name", "content", "style", "href"}
        styles = [attrs["style"] or "" for _, attrs in read.tags if "style" in attrs]
        assert not [style for style in styles if re.search(r"url|@|expression|position", style)]


def test_every_contacts_mail_can_carry_the_phrase_that_the_contact_chose() -> None:
    for message in MESSAGES:
        made = write(message, "nl", phrase="blauwe fiets")
        assert made.text.startswith("Uw zin: blauwe fiets\n")
        assert "Uw zin: blauwe fiets" in Words(made.html).words
        assert "Uw zin" not in write(message, "nl").text


def headers(made: Letter, **changes: str) -> compose.EmailMessage:
    given = {"identifier": "ab" * 16, "recipient": "a@example.org", **changes}
    return compose.compose(SETTINGS, made, compose.Sent(at=1_795_000_000, **given))


@pytest.mark.parametrize("place", sorted(letter.PERSONAL))
def test_text_typed_by_people_stays_on_its_line(place: str) -> None:
    """A label cannot look like a paragraph of ours, nor start a header."""
    typed = "x\r\nBcc: all@example.org\n\nCall\u2028this\x85number\x00"
    one_line = "x Bcc: all@example.org Call this number"
    found = [m for m in MESSAGES if f"${place}" in source(m, "en").split("\n", 1)[1]]
    for message in MESSAGES if place == "phrase" else found:
        made = write(message, "en", **{place: typed})
        assert one_line in made.text
        assert "\n" not in made.subject
        mail = headers(made)
        assert "Bcc" not in mail
        assert mail["Subject"] == made.subject


def test_text_typed_by_people_is_no_markup_and_no_link() -> None:
    label = '<a href="https://evil.test">$link</a> [Stop] $link'
    made = write("recovery_opened_customer", "en", label=label)
    read = Words(made.html)
    hosts = {attrs["href"] for tag, attrs in read.tags if tag == "a"}
    assert hosts == {USUAL["link"], SETTINGS.public_url}
    assert "https://evil.test" not in made.text
    assert "$link" in made.subject


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("Zoe\u0308", "Zoë"),
        ("👩\u200d🔬 Ada", "👩\u200d🔬 Ada"),
        ("張 偉", "張 偉"),
        ("a\u202egnp.exe", "agnp.exe"),
        ("a\u2066b\u2069\ufeff\u200b", "ab"),
        ("  two \t words ", "two words"),
    ],
)
def test_names_of_all_kinds_are_shown_as_they_are(typed: str, shown: str) -> None:
    made = write("contact_thanks", "en", name=typed)
    assert f"Hello {shown},\n" in made.text
    assert f">{shown}</span>," in made.html


def test_a_name_from_right_to_left_does_not_turn_the_sentence() -> None:
    made = write("contact_thanks", "nl", name="שרה לוי", label="مفتاح")
    assert "Hallo \u2068שרה לוי\u2069," in made.text
    assert "“\u2068مفتاح\u2069”" in made.subject
    assert '<span dir="auto" style="unicode-bidi:isolate">שרה לוי</span>' in made.html


def test_a_shortened_name_ends_with_a_whole_character() -> None:
    label = "👩\u200d🔬" * 30
    subject = write("deposit_complete", "en", label=label).subject
    cut = subject.split("“")[1].split("…")[0]
    assert not cut.endswith("\u200d")
    assert unicodedata.is_normalized("NFC", subject)


@pytest.mark.parametrize("colour", ["#ffffff", "#000000", "#ffee00", "#1f5fa8", "#7f7f7f"])
def test_a_button_can_be_read_on_any_colour(colour: str) -> None:
    painted = replace(SETTINGS, provider_colour=colour)
    html = letter.write(painted, "deposit_active", "en", USUAL).html
    found = re.search(rf"background:{colour};color:(#\w+);", html)
    assert found is not None
    channels = [[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in (colour, found[1])]
    light, dark = sorted(
        (
            sum(
                w * (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4)
                for w, v in zip((0.2126, 0.7152, 0.0722), part, strict=True)
            )
            for part in channels
        ),
        reverse=True,
    )
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def test_a_colour_that_is_none_does_not_get_into_the_style() -> None:
    strange = replace(SETTINGS, provider_colour='red;x:url("https://evil.test")')
    html = letter.write(strange, "deposit_active", "en", USUAL).html
    assert "evil" not in html


def test_a_value_that_looks_like_a_place_stays_as_it_is() -> None:
    subject = write("deposit_complete", "en", label="$phone ${link}").subject
    assert "$phone ${link}" in subject


def test_without_a_telephone_number_the_page_is_named() -> None:
    silent = replace(SETTINGS, provider_phone="", provider_support="")
    text = letter.write(silent, "login_code", "en", {"code": "1"}).text
    assert "Contact us: https://recovery.test\n" in text


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        ((), ["Then call us: somebody", "Bel ons daarna: misschien"]),
        (("phone",), ["Then write to us: somebody", "Schrijf ons daarna: misschien"]),
        (("phone", "support"), ["Then contact us: somebody", "Waarschuw ons daarna: misschien"]),
    ],
)
def test_nobody_is_told_to_call_where_there_is_no_number(
    missing: tuple[str, ...], said: list[str]
) -> None:
    settings = replace(SETTINGS, **{f"provider_{name}": "" for name in missing})
    for locale, words in zip(("en", "nl"), said, strict=True):
        made = letter.write(settings, "recovery_opened_customer", locale, USUAL)
        assert words in made.text
        assert words in made.html


@pytest.mark.parametrize(
    ("message", "said"),
    [
        # Who is signed in already gave no code from a mail.
        ("recovery_opened_customer", ("or were signed in as you", "of was ingelogd als u")),
        # As `escrow recover` says it: the wait is as long as before, and none of it is over.
        (
            "recovery_frozen",
            ("the waiting time then begins anew", "de wachttijd begint dan opnieuw"),
        ),
    ],
)
def test_a_mail_says_of_a_recovery_what_is_true_of_each(
    message: str, said: tuple[str, str]
) -> None:
    for locale, words in zip(("en", "nl"), said, strict=True):
        assert words in " ".join(write(message, locale).text.split())


@pytest.mark.parametrize("name", ["../secret", "Login", "frame.en", ""])
def test_only_messages_are_read(name: str) -> None:
    with pytest.raises(KeyError):
        letter.check(name, "en", {})


def test_headers_say_that_a_machine_wrote_and_what_belongs_together() -> None:
    mail = headers(write("recovery_ready", "nl"), thread="cd" * 16, locale="nl")
    assert mail["Message-ID"] == f"<{'ab' * 16}@recovery.test>"
    assert mail["In-Reply-To"] == mail["References"] == f"<{'cd' * 16}@recovery.test>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["X-Auto-Response-Suppress"] == "All"
    assert mail["List-Id"] == "Sleutelherstel <notices.recovery.test>"
    assert mail["Content-Language"] == "nl"
    assert mail["Date"].datetime.timestamp() == 1_795_000_000
    assert "List-Unsubscribe" not in mail
    assert "In-Reply-To" not in headers(write("login_code", "nl"))


def test_a_way_to_stop_is_a_page_and_no_mail_program_can_use_it_alone() -> None:
    mail = headers(write("check_reminder", "en"), stop_page=USUAL["stop_link"])
    assert mail["List-Unsubscribe"] == f"<{USUAL['stop_link']}>"
    assert "List-Unsubscribe-Post" not in mail


def test_a_mail_has_both_parts_plain_first_and_short_lines() -> None:
    for message, locale in EVERY:
        made = write(message, locale, phrase="ü" * 80)
        mail = headers(made, stop_page="https://recovery.test/contact/" + "x" * 120)
        assert mail.get_content_type() == "multipart/alternative"
        assert [part.get_content_type() for part in mail.iter_parts()] == [
            "text/plain",
            "text/html",
        ]
        assert max(len(line) for line in mail.as_bytes().split(b"\r\n")) <= 998
        text, html = (part.get_content().replace("\r\n", "\n") for part in mail.iter_parts())
        assert (text, html) == (made.text, made.html)


def test_the_demo_mailbox_shows_mails_as_text(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "mailbox")
    made = write("deposit_complete", "en", label="<script>alert(1)</script>")
    folder.send(headers(made))
    folder.send(headers(made))
    [mail] = demo.read(tmp_path / "mailbox")
    assert (mail.to, mail.subject) == ("a@example.org", made.subject)
    assert mail.text.strip() == made.text.strip()
    assert demo.read(tmp_path / "none") == []


def test_an_unnamed_provider_is_called_in_the_language_of_the_mail() -> None:
    unnamed = Settings(data_dir=Path("/nowhere"), public_url="https://recovery.test")
    english = letter.write(unnamed, "login_code", "en", {"code": "123456"}).text
    dutch = letter.write(unnamed, "login_code", "nl", {"code": "123456"}).text
    assert "Key recovery" in english
    assert "Key recovery" not in dutch
    assert "Sleutelherstel" in dutch
