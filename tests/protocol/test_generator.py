"""The vectors come from an independent hand, and come out the same each time."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "vectors"
SOURCES = [FOLDER / "generate.py", *sorted((FOLDER / "generator").rglob("*.py"))]
FILES = sorted(FOLDER.glob("*.json"))


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_generator_does_not_import_the_code_under_test(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imported: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported.append(node.module or "")
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            imported.append(ast.unparse(node.args[0]).strip("f'\""))
    roots = {name.split(".", maxsplit=1)[0] for name in imported}
    assert not roots & {"escrow", "escrow_cli", "tests"}


def test_writing_again_changes_nothing() -> None:
    command = [sys.executable, str(FOLDER / "generate.py"), "--check"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_check_sees_a_difference(tmp_path: Path) -> None:
    """On a copy in which one byte of one file is another, --check names that file."""
    for source in [*SOURCES, *FILES]:
        target = tmp_path / source.relative_to(FOLDER)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    changed = tmp_path / "qr.json"
    changed.write_bytes(changed.read_bytes().replace(b"escrow1s", b"escrow1x", 1))
    command = [sys.executable, str(tmp_path / "generate.py"), "--check", "qr", "tree"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (1, "differs: qr.json\n"), result.stderr


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_form_of_a_file(path: Path) -> None:
    document = json.loads(path.read_bytes())
    assert set(document) == {"description", "cases"}
    names = [case["name"] for case in document["cases"]]
    assert len(set(names)) == len(names)
    for case in document["cases"]:
        ends = set(case) - {"name", "operation", "input"}
        assert ends == {"output"} or ends - {"field", "details"} == {"error"}, case["name"]
