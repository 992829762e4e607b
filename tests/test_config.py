"""Settings: from a file and the environment, refused when they would weaken a promise."""

from pathlib import Path
from typing import Any

import pytest

from escrow import config
from escrow.errors import ConfigurationError

GOOD: dict[str, Any] = {
    "data_dir": "/var/lib/escrow",
    "public_url": "https://recovery.example.org",
    "smtp_host": "mail.example.org",
    "mail_from": "recovery@example.org",
}


def load(**changes: Any) -> config.Settings:
    return config.load(None, {}, **{**GOOD, **changes})


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    file = tmp_path / "escrow.toml"
    file.write_text(
        'data_dir = "/a"\npublic_url = "https://a.example.org"\nsmtp_host = "m"\n'
        'mail_from = "a@example.org"\nsmtp_port = 25\n'
    )
    found = config.load(file, {"ESCROW_SMTP_PORT": "465", "ESCROW_DEMO": "no"})
    assert (found.smtp_port, found.data_dir, found.demo) == (465, Path("/a"), False)


@pytest.mark.parametrize(
    "changes",
    [
        {"public_url": "http://recovery.example.org"},
        {"public_url": "recovery.example.org"},
        {"public_url": "https://recovery.example.org/path"},
        {"public_url": ""},
        {"data_dir": ""},
        {"minimum_waiting_seconds": 86399},
        {"minimum_waiting_seconds": "soon"},
        {"proof_days": 59},
        {"proof_days": 801},
        {"smtp_security": "maybe"},
        {"smtp_host": ""},
        {"mail_from": ""},
        {"timezone": "Nowhere/Atlantis"},
        {"timezone": "../../etc/passwd"},
        {"demo": True, "listen_host": "192.0.2.1"},
        {"demo": "perhaps"},
        {"provider_colour": "blue"},
        {"provider_colour": "#1f5fa8;}"},
        {"provider_logo": "/nowhere/logo.svg"},
        {"provider_logo": "/etc/hostname"},
        {"waiting_seconds": 1},
        {"clock": "2030-01-01"},
    ],
)
def test_a_setting_that_cannot_work_or_weakens_a_promise_is_refused(
    changes: dict[str, Any],
) -> None:
    with pytest.raises(ConfigurationError):
        load(**changes)


@pytest.mark.parametrize("text", ["not = toml =", "\xff", 'surprise = "x"'])
def test_a_file_that_cannot_be_read_says_so(tmp_path: Path, text: str) -> None:
    file = tmp_path / "escrow.toml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(ConfigurationError):
        config.load(file, {}, **GOOD)
    with pytest.raises(ConfigurationError):
        config.load(tmp_path / "missing.toml", {}, **GOOD)


def test_nothing_can_move_time_or_skip_a_check() -> None:
    """No setting's name speaks of the clock, of time, or of leaving something out."""
    names = config.Settings.__annotations__
    assert not [
        n for n in names if any(w in n for w in ("clock", "now", "skip", "insecure", "debug"))
    ]


def test_dates_have_the_providers_time_zone() -> None:
    assert str(load(timezone="Europe/Amsterdam").zone) == "Europe/Amsterdam"
    assert load().zone is None


def test_a_demo_names_somebody_to_call_who_plainly_is_nobody(tmp_path: Path) -> None:
    given = {"data_dir": tmp_path, "public_url": "http://localhost:8080", "demo": True}
    demo = config.load(None, {}, **given)
    assert (demo.provider_phone, demo.provider_support) == ("555-0100 (demo)", "help@example.org")
    named = config.load(None, {"ESCROW_PROVIDER_PHONE": "112"}, **given)
    assert named.provider_phone == "112"
    real = {
        "public_url": "https://a.test",
        "demo": False,
        "smtp_host": "a",
        "mail_from": "a@a.test",
    }
    assert config.load(None, {}, **given | real).provider_phone == ""


def test_a_logo_is_a_small_picture(tmp_path: Path) -> None:
    logo = tmp_path / "logo.svg"
    logo.write_bytes(b"<svg/>")
    assert load(provider_logo=str(logo)).provider_logo == logo
    assert load(provider_logo="").provider_logo is None
    logo.write_bytes(b" " * 50_001)
    with pytest.raises(ConfigurationError):
        load(provider_logo=str(logo))


@pytest.mark.parametrize(
    ("shown", "called"),
    [
        ("+31 (0)20 123 45 67", "tel:+31201234567"),
        ("0800-0402", "tel:08000402"),
        ("555-0100 (demo)", "tel:5550100"),
    ],
)
def test_a_number_is_called_without_what_stands_in_it_for_the_eye(shown: str, called: str) -> None:
    assert load(provider_phone=shown).phone_uri == called
