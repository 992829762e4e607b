"""`escrow server init` makes everything once; `doctor` sees what is wrong and says what to do."""

import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import click
import pytest
from click.testing import CliRunner, Result

from escrow import doctor, install, webkeyfile
from escrow.admin import people
from escrow.admin.models import Admin
from escrow.config import Settings
from escrow.custodian.keyring import open_keyring
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.process import make
from escrow.db import Base, Database
from escrow.errors import ConfigurationError
from escrow.ledger.append import Author, append
from escrow.ledger.models import LedgerEvent
from escrow.operators import Operator
from escrow_cli.server import WrongConfiguration, _ask_about_clock, server
from tests.support.clocks import FakeClock
from tests.support.mailbox import Mailbox

HOUR = 3600


@pytest.fixture
def settings(tmp_path: Path, database_url: str, mail_server: Mailbox) -> Settings:
    """An installation to be made: SQLite's file does not exist, PostgreSQL has the tables."""
    return Settings(
        data_dir=tmp_path / "data",
        public_url="https://recovery.test",
        database_url="" if database_url.startswith("sqlite") else database_url,
        smtp_host="127.0.0.1",
        smtp_port=mail_server.port,
        smtp_security="none",
        mail_from="recovery@recovery.test",
    ).check()


@pytest.fixture
def made(settings: Settings, clock: FakeClock) -> install.Installation:
    return install.install(settings, clock)


def test_everything_is_there_and_private(settings: Settings, made: install.Installation) -> None:
    keys = CustodianKeys.load(settings.key_dir, open_keyring(settings))
    assert keys.origin == "recovery.test/ledger"
    assert made.ledger_vkey == keys.signer.verifier.vkey
    assert made.ledger_digits == keys.signer.verifier.key_digits()
    assert Outside(settings.outside_dir).size == 0
    for path in settings.data_dir.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path


def test_the_first_admin_gets_a_link_of_which_only_a_hash_is_kept(
    settings: Settings, made: install.Installation, clock: FakeClock
) -> None:
    match = re.fullmatch(r"https://recovery\.test/admin/invitation#([\w-]{43})", made.admin_link)
    assert match is not None
    assert match[1] not in repr(made)
    keys = webkeyfile.load(settings.key_dir)
    database = Database(settings.database)
    with database.reading() as db:
        admin = db.query(Admin).one()
        assert admin.invitation_hash == keys.hash("admin invitation", match[1])
        assert (admin.role, admin.state) == ("owner", "invited")
        keys.check_row(admin)
        assert admin.expires_at == clock.now() + 7 * 86400
        assert keys.decrypt(people.NAME, admin.id, admin.id, admin.name) == "First admin"
    database.close()


def test_keys_are_never_made_twice(
    settings: Settings, made: install.Installation, clock: FakeClock
) -> None:
    before = {path: path.read_bytes() for path in settings.key_dir.iterdir()}
    with pytest.raises(ConfigurationError, match="set up already"):
        install.install(settings, clock)
    assert {path: path.read_bytes() for path in settings.key_dir.iterdir()} == before


def test_an_init_that_did_not_finish_is_said(
    settings: Settings, made: install.Installation, clock: FakeClock
) -> None:
    (settings.key_dir / "custodian.json").unlink()
    with pytest.raises(ConfigurationError, match="did not finish"):
        install.install(settings, clock)


def test_a_database_of_another_installation_is_left_alone(
    settings: Settings, made: install.Installation, clock: FakeClock, tmp_path: Path
) -> None:
    from dataclasses import replace

    other = replace(settings, data_dir=tmp_path / "other", database_url=settings.database)
    with pytest.raises(ConfigurationError, match="another installation"):
        install.install(other, clock)
    assert not (other.key_dir / "custodian.json").exists()


# --- doctor -----------------------------------------------------------------------------


@pytest.fixture
def well(settings: Settings, made: install.Installation, clock: FakeClock) -> Settings:
    """An installation that has worked for a moment."""
    custodian = make(settings, clock)
    custodian.acts = []
    while custodian.run_pass():
        pass
    custodian.database.close()
    return settings


def wrong(settings: Settings, clock: FakeClock) -> dict[str, str]:
    """Return what doctor finds wrong: subject → sentence and advice."""
    return {
        finding.what: f"{finding.said} → {finding.advice}"
        for finding in doctor.examine(settings, clock)
        if not finding.is_well
    }


def test_a_well_installation(well: Settings, clock: FakeClock) -> None:
    assert wrong(well, clock) == {}
    clock.move(11 * HOUR)
    assert wrong(well, clock) == {}


def test_a_custodian_that_never_ran(
    settings: Settings, made: install.Installation, clock: FakeClock
) -> None:
    assert list(wrong(settings, clock)) == ["custodian"]


def test_a_custodian_that_is_asleep(well: Settings, clock: FakeClock) -> None:
    clock.move(13 * HOUR)
    assert "13 hours old" in wrong(well, clock)["custodian"]


def test_events_that_wait(well: Settings, clock: FakeClock) -> None:
    database = Database(well.database)
    author = Author("web", webkeyfile.load(well.key_dir).mac_key)
    with database.transaction() as db:
        append(db, author, "account created", {"addresses": []}, account="ab" * 16)
    assert wrong(well, clock) == {}
    clock.move(61)
    assert "1 events wait" in wrong(well, clock)["custodian"]
    with database.transaction() as db:
        db.query(LedgerEvent).filter(LedgerEvent.index.is_(None)).update({"refused": "wrong mac"})
    assert "1 × wrong mac" in wrong(well, clock)["refused events"]
    database.close()


@pytest.mark.parametrize("name", ["web.json", "custodian.json", "keyring.key"])
def test_keys_that_others_can_read(well: Settings, clock: FakeClock, name: str) -> None:
    (well.key_dir / name).chmod(0o640)
    found = wrong(well, clock)
    assert "chmod 600" in found["web keys" if name == "web.json" else "custodian's keys"]


def test_a_database_that_is_away(well: Settings, clock: FakeClock) -> None:
    from dataclasses import replace

    if well.database_url:
        away = replace(well, database_url="postgresql+psycopg://escrow@127.0.0.1:1/x")
    else:
        Path(well.data_dir / "escrow.db").rename(well.data_dir / "gone")
        away = well
    found = wrong(away, clock)
    assert "database" in found
    assert not (well.data_dir / "escrow.db").exists() or well.database_url


def test_tables_of_another_version(well: Settings, clock: FakeClock) -> None:
    from sqlalchemy import text

    database = Database(well.database)
    with database.transaction() as db:
        db.execute(text("DELETE FROM alembic_version"))
    database.close()
    assert "escrow server migrate" in wrong(well, clock)["database"]


def test_a_restored_backup(well: Settings, clock: FakeClock) -> None:
    database = Database(well.database)
    with database.transaction() as db:
        for table in reversed(Base.metadata.sorted_tables):
            db.execute(table.delete())
    database.close()
    assert "restored backup" in wrong(well, clock)["files outside the database"]


def test_missing_outside_files(well: Settings, clock: FakeClock) -> None:
    (well.outside_dir / "lines").unlink()
    assert "lines is missing" in wrong(well, clock)["files outside the database"]


@pytest.mark.parametrize(
    ("seconds", "said"), [(-HOUR, "behind the ledger"), (37 * HOUR, "--accept-clock")]
)
def test_a_wrong_clock(well: Settings, clock: FakeClock, seconds: int, said: str) -> None:
    clock.move(seconds)
    assert said in wrong(well, clock)["clock"]


def test_a_mail_server_that_is_away(well: Settings, clock: FakeClock) -> None:
    from dataclasses import replace

    assert "cannot be used" in wrong(replace(well, smtp_port=1), clock)["mail"]
    refused = wrong(replace(well, smtp_security="starttls"), clock)["mail"]
    assert "cannot be used" in refused


# --- the commands -----------------------------------------------------------------------


def types(settings: Settings, *arguments: str, language: str = "en") -> Result:
    environment = {
        "ESCROW_LANGUAGE": language,
        "ESCROW_DATA_DIR": str(settings.data_dir),
        "ESCROW_PUBLIC_URL": settings.public_url,
        "ESCROW_DATABASE_URL": settings.database_url,
        "ESCROW_SMTP_HOST": settings.smtp_host,
        "ESCROW_SMTP_PORT": str(settings.smtp_port),
        "ESCROW_SMTP_SECURITY": "none",
        "ESCROW_MAIL_FROM": settings.mail_from,
    }
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("ESCROW_")]:
            patch.delenv(name)
        return CliRunner(env=environment).invoke(server, list(arguments))


def test_init_tells_what_to_keep(settings: Settings) -> None:
    done = types(settings, "init")
    assert done.exit_code == 0, done.output
    assert "/admin/invitation#" in done.output
    assert "recovery.test/ledger+" in done.output
    assert "back up the key directory" in done.output
    again = types(settings, "init")
    assert again.exit_code == 78
    assert "set up already" in again.output


def test_migrate_and_doctor(settings: Settings, made: install.Installation) -> None:
    assert types(settings, "migrate").exit_code == 0
    done = types(settings, "doctor")
    assert done.exit_code == 1
    assert "has never signed a checkpoint" in done.output
    assert "ok     mail" in done.output


def test_an_operators_time_must_be_the_machines(
    settings: Settings, made: install.Installation
) -> None:
    done = types(settings, "custodian", "--accept-clock", "2020-01-01T00:00")
    assert done.exit_code == 78
    assert "not the time that you gave" in done.output


def test_settings_come_from_a_file_too(tmp_path: Path) -> None:
    path = tmp_path / "escrow.toml"
    path.write_text('data_dir = "x"\npublic_url = "https://a.example"\nunknown = 1\n')
    done = CliRunner().invoke(server, ["--config", str(path), "doctor"])
    assert done.exit_code == 78
    assert "no setting “unknown”" in done.output


def test_too_few_operators_are_a_warning(well: Settings, clock: FakeClock) -> None:
    def said(settings: Settings) -> doctor.Finding:
        found = doctor.examine(settings, clock)
        return next(finding for finding in found if finding.what == "operators")

    anna, piet = (Operator(name, bytes([number]) * 32) for number, name in enumerate("ap"))
    for operators, count in (((), "0"), ((anna,), "1")):
        finding = said(replace(well, operators=operators))
        assert finding.said.startswith(f"{count} can approve")
        assert (finding.is_warning, finding.is_well) == (True, True)
    finding = said(replace(well, operators=(anna, piet)))
    assert (finding.said, finding.advice) == ("2 can approve", "")
    assert "warn   operators: 0 can approve" in types(well, "doctor").output


@pytest.mark.parametrize("is_right", [True, False])
def test_whoever_says_that_the_clock_is_wrong_is_told_to_set_it(
    well: Settings, monkeypatch: pytest.MonkeyPatch, is_right: bool
) -> None:
    checkpoint = well.outside_dir / "checkpoint"
    past = str(int(time.time()) - 37 * HOUR)
    checkpoint.write_text(past + "\n" + checkpoint.read_text().partition("\n")[2])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    asked = []

    def answer(question: str, **_options: object) -> str:
        asked.append(question)
        return "j" if is_right else "n"

    monkeypatch.setattr(click, "prompt", answer)
    monkeypatch.setenv("ESCROW_LANGUAGE", "nl")
    if is_right:
        assert _ask_about_clock(well, None)[0] == "--accept-clock"
    else:
        with pytest.raises(WrongConfiguration, match="klok van deze machine gelijk"):
            _ask_about_clock(well, None)
    assert asked[0].startswith("Is het nu ")


def test_operators_are_spoken_to_in_their_language(well: Settings) -> None:
    said = types(well, "doctor", language="nl").output
    assert "goed    database: bereikbaar, tabellen zijn bij" in said
    assert "let op  beheerders: 0 kunnen goedkeuren" in said
    (well.key_dir / webkeyfile.NAME).chmod(0o644)
    said = types(well, "doctor", language="nl").output
    assert f"is open voor anderen: chmod 600 {well.key_dir}" in said
    refused = types(replace(well, smtp_host=""), "doctor", language="nl")
    assert refused.exit_code == 78
    assert "fout: Stel smtp_host en mail_from in" in refused.output
