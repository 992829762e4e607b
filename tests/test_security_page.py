"""SECURITY.md names a test for each threat; here each of them exists."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
THREATS = 38


def rows() -> dict[int, list[str]]:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    found = re.findall(r"^\| A(\d+) \| .+ \| .+ \| (.+) \|$", text, re.MULTILINE)
    return {int(number): [cell] for number, cell in found}


def test_every_threat_has_its_line() -> None:
    assert sorted(rows()) == list(range(1, THREATS + 1))


def test_every_named_test_exists() -> None:
    named = [name for [cell] in rows().values() for name in re.findall(r"`(tests/[^`]+)`", cell)]
    assert len(named) > THREATS
    for name in named:
        path, _, test = name.partition("::")
        tree = ast.parse((ROOT / path).read_text("utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert test in functions, name


def test_a_threat_without_a_test_says_why() -> None:
    for number, [cell] in rows().items():
        assert "`tests/" in cell or re.search(r"\*(limit|comes|approvals come)", cell), number
