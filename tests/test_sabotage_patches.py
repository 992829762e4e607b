"""Patches rot as the code moves on; here each must still apply and name tests that exist.

Whether the tests turn red is `make sabotage`, which takes longer.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path

import pytest

from tests.sabotage.run import FOLDER, ROOT, applies, read_patch

PATCHES = sorted(FOLDER.glob("*.patch"))


@functools.cache
def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text("utf-8"))
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    found = {node.name for node in tree.body if isinstance(node, functions)}
    for group in tree.body:
        if isinstance(group, ast.ClassDef):
            found |= {f"{group.name}::{n.name}" for n in group.body if isinstance(n, functions)}
            # hypothesis: TestMachine = Machine.TestCase
        if isinstance(group, ast.Assign):
            found |= {f"{t.id}::runTest" for t in group.targets if isinstance(t, ast.Name)}
    return found


def test_there_are_patches() -> None:
    assert PATCHES


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_patch_applies(path: Path) -> None:
    assert applies(read_patch(path), ROOT, check_only=True) == ""


@pytest.mark.parametrize("path", PATCHES, ids=lambda path: path.stem)
def test_patch_names_tests_that_exist(path: Path) -> None:
    for test in read_patch(path).tests:
        file, _, name = test.partition("::")
        assert (ROOT / file).is_file(), test
        assert name.partition("[")[0] in _tests_in(file), test


def test_a_patch_without_promise_or_test_is_refused(tmp_path: Path) -> None:
    diff = "--- a/escrow/x.py\n+++ b/escrow/x.py\n@@ -1 +1 @@\n-a\n+b\n"
    for head in ("", "promise: x\n", "test: tests/t.py::test_x\n"):
        path = tmp_path / "x.patch"
        path.write_text(head + diff)
        with pytest.raises(ValueError, match=r"x\.patch"):
            read_patch(path)
    path.write_text("promise: x\ntest: escrow/x.py::test_x\n" + diff)
    with pytest.raises(ValueError, match="sabotages the test itself"):
        read_patch(path)


def test_every_file_beside_the_patches_is_known() -> None:
    names = {path.name for path in FOLDER.iterdir() if path.suffix != ".patch"}
    assert names <= {"run.py", "outcomes.py", "__init__.py", "__pycache__", "README.md"}
