"""What mails say: complete in both languages, plain, and nothing that could be abused."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from escrow.config import Settings
from escrow.mail import demo, letter
from escrow.mail.transport import Folder

SETTINGS = Settings(
    data_dir=Path("/nowhere"),
    public_url="https://recovery.test",
    provider_name="Test Telecom",
    provider_phone="+31 20 1234567",
    provider_support="help@recovery.test",
    mail_from="recovery@recovery.test",
)
MESSAGES = sorted(letter.names())
# Our words, not the customer's (EXPERIENCE.md).
NOT_PLAIN = re.compile(
    r"\b(escrow|threshold|secret sharing|hpke|slip-?39|custod\w+|manifest|deposit|attest\w*)\b",
    re.IGNORECASE,
)


def write(message: str, locale: str, **contents: str) -> tuple[str, str]:
    filled = dict.fromkeys(letter.places(message, locale) - letter.PROVIDED, "<x>") | contents
    letter.check(message, locale, filled)
    return letter.write(SETTINGS, message, locale, filled)


def test_there_are_messages() -> None:
    assert {"login_code", "recovery_opened_contact", "deposit_complete"} <= set(MESSAGES)


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_exists_in_both_languages_with_the_same_places(message: str) -> None:
    assert letter.places(message, "nl") == letter.places(message, "en")
    assert write(message, "nl")[1] != write(message, "en")[1]


@pytest.mark.parametrize("locale", ["nl", "en"])
@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_short_plain_and_says_whom_to_call(message: str, locale: str) -> None:
    subject, text = write(message, locale)
    assert subject
    assert "\n" not in subject
    assert len(subject) < 100
    assert "+31 20 1234567" in text
    assert "help@recovery.test" in text
    assert "$" not in subject + text
    assert not NOT_PLAIN.search(subject + text)
    assert not re.search(r"(?i)click here|klik hier|dear|geachte|urgent|dringend", text)
    words = [len(line.split()) for line in re.split(r"[.?!:]\s", text)]
    assert sum(words) / len(words) < 16


@pytest.mark.parametrize("locale", ["nl", "en"])
@pytest.mark.parametrize("message", MESSAGES)
def test_a_link_is_the_services_own(message: str, locale: str) -> None:
    assert set(re.findall(r"https?://\S+", write(message, locale)[1])) <= {"https://recovery.test"}


def test_every_contacts_mail_can_carry_the_phrase_that_the_contact_chose() -> None:
    for message in MESSAGES:
        _, text = write(message, "nl", phrase="blauwe fiets")
        assert text.startswith("Uw zin: blauwe fiets\n")
        assert "Uw zin" not in write(message, "nl")[1]


def test_text_typed_by_people_stays_on_its_line() -> None:
    """A label cannot look like a paragraph of ours, nor start a header."""
    label = "x\r\nBcc: all@example.org\n\nCall\u2028this number"
    subject, text = write("recovery_opened_customer", "en", label=label)
    assert "“x Bcc: all@example.org Call this number”" in subject
    assert "\nCall" not in text
    mail = letter.compose(SETTINGS, "ab" * 16, "a@example.org", subject, text, 1_795_000_000)
    assert "Bcc" not in mail
    assert mail["Subject"] == subject


def test_a_value_that_looks_like_a_place_stays_as_it_is() -> None:
    subject, _ = write("deposit_complete", "en", label="$phone ${link}")
    assert "$phone ${link}" in subject


def test_without_a_telephone_number_the_page_is_named() -> None:
    silent = replace(SETTINGS, provider_phone="", provider_support="")
    _, text = letter.write(silent, "login_code", "en", {"code": "1"})
    assert "Questions? https://recovery.test" in text


@pytest.mark.parametrize("name", ["../secret", "Login", "frame.en", ""])
def test_only_messages_are_read(name: str) -> None:
    with pytest.raises(KeyError):
        letter.check(name, "en", {})


def test_the_demo_mailbox_shows_mails_as_text(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "mailbox")
    subject, text = write("deposit_complete", "en", label="<script>alert(1)</script>")
    folder.send(letter.compose(SETTINGS, "ab" * 16, "a@example.org", subject, text, 1))
    folder.send(letter.compose(SETTINGS, "ab" * 16, "a@example.org", subject, text, 1))
    [mail] = demo.read(tmp_path / "mailbox")
    assert (mail.to, mail.subject) == ("a@example.org", subject)
    assert mail.text.strip() == text.strip()
    assert demo.read(tmp_path / "none") == []
