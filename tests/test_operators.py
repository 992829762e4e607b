"""Operators' keys: made once, kept private, named in the settings without doubt."""

import json
from pathlib import Path
from typing import Any

import pytest

from escrow import config
from escrow.errors import ConfigurationError
from escrow.operators import Operator, OperatorKey, parse_all
from escrow.protocol import keys
from tests.test_config import GOOD

ANNA = Operator("anna", bytes(range(32))).line
PIET = Operator("piet", bytes(range(1, 33))).line


def test_operators_come_from_the_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "escrow.toml"
    file.write_text(f"operators = {json.dumps([ANNA, PIET])}\n")
    assert [o.name for o in config.load(file, {}, **GOOD).operators] == ["anna", "piet"]
    environment = {"ESCROW_OPERATORS": f"{PIET}, {ANNA}"}
    assert [o.name for o in config.load(file, environment, **GOOD).operators] == ["piet", "anna"]
    assert config.load(None, {"ESCROW_OPERATORS": ""}, **GOOD).operators == ()


@pytest.mark.parametrize(
    "operators",
    [
        [ANNA, ANNA],
        [ANNA, "anna" + PIET.removeprefix("piet")],
        [ANNA, "piet" + ANNA.removeprefix("anna")],
        ["anna"],
        ["anna:"],
        ["anna:AAAA"],
        [ANNA + "A"],
        ["Anna" + ANNA.removeprefix("anna")],
        [":" + ANNA.removeprefix("anna:")],
        ["a" * 41 + ANNA.removeprefix("anna")],
        [7],
        7,
        {"anna": 1},
    ],
)
def test_operators_that_leave_a_doubt_are_refused(operators: Any) -> None:
    with pytest.raises(ConfigurationError):
        config.load(None, {}, **GOOD, operators=operators)


def test_a_key_is_made_once_and_kept_private(tmp_path: Path) -> None:
    path = tmp_path / "anna.key"
    made = OperatorKey.create("anna", path)
    assert path.stat().st_mode & 0o777 == 0o600
    loaded = OperatorKey.load(path)
    assert loaded.operator == made.operator == parse_all(made.operator.line)[0]
    assert keys.public_bytes(loaded.key) == made.operator.public_key
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        OperatorKey.create("anna", path)
    assert path.read_bytes() == before
    seed = json.loads(before)["seed"]
    assert seed not in repr(made) + str(made) + made.operator.line
    path.chmod(0o640)
    with pytest.raises(ConfigurationError, match="open to others"):
        OperatorKey.load(path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format":"escrow/v1/operator-key"}'])
def test_a_damaged_key_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "anna.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigurationError, match="damaged"):
        OperatorKey.load(path)
