"""What `deploy/` shows to an operator is true: settings exist, commands exist, units start them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from escrow import config
from escrow_cli.server import server

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
UNITS = sorted(DEPLOY.glob("systemd/*.service"))


def test_the_settings_file_is_accepted_as_it_stands() -> None:
    settings = config.load(DEPLOY / "escrow.toml", {})
    assert settings.public_url.startswith("https://")


def test_the_settings_file_names_every_setting_that_an_operator_may_want() -> None:
    text = (DEPLOY / "escrow.toml").read_text()
    named = set(re.findall(r"^(?:# )?([a-z0-9_]+)(?: =|:)", text, re.MULTILINE))
    assert set(config.Settings.__annotations__) - {"demo"} <= named


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.stem)
def test_a_unit_starts_a_verb_that_exists_and_writes_where_its_settings_say(unit: Path) -> None:
    lines = [line.partition("=")[::2] for line in unit.read_text().splitlines() if "=" in line]
    verb = dict(lines)["ExecStart"].removeprefix("/opt/escrow/bin/escrow server ")
    assert verb in server.commands
    environment = [value for name, value in lines if name == "Environment"]
    own = [v.partition("=")[2] for v in environment if v.startswith("ESCROW_DATA_DIR=")]
    settings = tomllib.loads((DEPLOY / "escrow.toml").read_text())
    assert dict(lines)["ReadWritePaths"] == (own[0] if own else settings["data_dir"])
    assert dict(lines)["RestartPreventExitStatus"] == "78"


def test_every_command_on_the_page_exists() -> None:
    text = (DEPLOY / "README.md").read_text()
    verbs = set(re.findall(r"escrow server ([a-z]+)", text))
    assert verbs
    assert verbs <= set(server.commands)


def test_every_file_that_the_page_names_is_there() -> None:
    text = (DEPLOY / "README.md").read_text()
    named = re.findall(r"\]\(([^)#]+)\)", text)
    assert named
    assert all((DEPLOY / name).exists() for name in named)
