"""The register of lies is whole: every row has its test, its reason and its patch."""

import ast
import functools
from pathlib import Path

import pytest

from tests.malicious.lies import KINDS, ROOT, TOLD_BY, Lie, read
from tests.sabotage.run import FOLDER, read_patch

LIES = read()
ROWS = pytest.mark.parametrize("row", LIES, ids=lambda row: f"{row.kind}: {row.lie}")


@functools.cache
def _named(path: Path) -> dict[str, str]:
    """Return what a test file defines by name: functions with decorators, and constants."""
    lines = path.read_text("utf-8").splitlines()
    found = {}
    for node in ast.parse("\n".join(lines)).body:
        start, name = node.lineno, ""
        if isinstance(node, ast.FunctionDef):
            name = node.name
            start = min(each.lineno for each in (node, *node.decorator_list))
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            name = ast.unparse(target)
        found[name] = "\n".join(lines[start - 1 : node.end_lineno])
    return found


def test_every_kind_of_lie_has_rows_and_no_other_is_there() -> None:
    assert tuple(dict.fromkeys(row.kind for row in LIES)) == KINDS


def test_no_row_stands_twice() -> None:
    assert len({(row.kind, row.lie, row.refused_by) for row in LIES}) == len(LIES)


@ROWS
def test_a_row_says_how_the_lie_is_told_and_names_a_test_that_exists(row: Lie) -> None:
    assert set(row.told_by) <= TOLD_BY
    path, _, name = row.test.partition("::")
    assert name in _named(ROOT / path)


@ROWS
def test_the_reason_stands_in_the_test_or_in_what_it_uses(row: Lie) -> None:
    path, _, name = row.test.partition("::")
    named = _named(ROOT / path)
    used = [text for other, text in named.items() if other and other in named[name]]
    if row.reason is not None:
        assert any(row.reason in text for text in used)


@ROWS
def test_a_patch_takes_the_check_out_and_names_the_rows_test(row: Lie) -> None:
    for name in row.patches:
        tests = read_patch(FOLDER / f"{name}.patch").tests
        assert row.test in {test.partition("[")[0] for test in tests}, name


def test_a_row_without_a_patch_says_why() -> None:
    text = (ROOT / "tests/malicious/README.md").read_text("utf-8")
    without = [row.lie for row in LIES if not row.patches]
    for lie in without:
        [line] = [line for line in text.splitlines() if line.startswith(f"| {lie} |")]
        assert line.rsplit(" | ", 1)[1].startswith("– (")
