"""The protocol has the same modules, names and constants in both languages.

The rule is written in escrow/browser/platform/names.js. What stands below as an exception is all of
them, each with its reason.
"""

from __future__ import annotations

import ast
import importlib
import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest

from tests.support.node import ROOT
from tests.support.node import node as run_node

FOLDER = ROOT / "escrow" / "protocol"
# The words of SLIP-0039 are a text file in Python, which a browser cannot import.
ONLY_THERE = {"slip39_words"}
NOT_THERE = {
    # For an HSM and for vectors: it hands out private halves, which WebCrypto never does.
    ("seal", "PrivateKey", "parts"),
}
MORE_THERE = {
    # Overwrites the secret that it holds; Python's bytes cannot be overwritten.
    "wipe",
}
# Python's only: how an error takes its code. In JavaScript an attribute has no declaration.
CODES = {"code"}


@lru_cache(maxsize=1)
def theirs() -> dict[str, Any]:
    names = sorted({name for module in ours().values() for name in _names(module)})
    done = run_node("tests/browser/protocol/names.mjs", *names)
    assert done.returncode == 0, done.stdout
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@lru_cache(maxsize=1)
def ours() -> dict[str, ast.Module]:
    paths = [path for path in FOLDER.glob("*.py") if path.stem != "__init__"]
    return {path.stem: ast.parse(path.read_text("utf-8")) for path in paths}


def _public(name: str) -> bool:
    return not name.startswith("_")


def _names(module: ast.Module) -> Iterator[str]:
    for node in ast.walk(module):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and _public(node.name):
            yield node.name
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _top(module: ast.Module) -> Iterator[tuple[str, ast.stmt]]:
    for node in module.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        yield name.id, node
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id, node


def _is_type(name: str) -> bool:
    """Tell an alias of a type from a constant, which is in capitals, and from a function."""
    return re.fullmatch(r"(?:[A-Z][a-z]+)+", name) is not None


def _there(name: str) -> str:
    camel: str = theirs()["camel"].get(name, name)
    return name if name.isupper() or name[:1].isupper() else camel


def test_same_modules() -> None:
    assert set(theirs()["found"]) - ONLY_THERE == set(ours())


@pytest.mark.parametrize("module", sorted(ours()))
def test_same_names(module: str) -> None:
    found = theirs()["found"][module]
    expected, types = set(), set()
    for name, statement in _top(ours()[module]):
        if not _public(name):
            continue
        is_alias = _is_type(name) and not isinstance(statement, ast.ClassDef)
        (types if is_alias else expected).add(_there(name))
    assert set(found["exports"]) == expected
    assert types <= set(found["types"])


def _members(node: ast.ClassDef) -> Iterator[str]:
    for child in node.body:
        if isinstance(child, ast.FunctionDef):
            yield child.name
            if child.name == "__init__":
                for inner in ast.walk(child):
                    if isinstance(inner, ast.Attribute) and isinstance(inner.ctx, ast.Store):
                        yield inner.attr
        elif isinstance(child, ast.AnnAssign) and isinstance(child.target, ast.Name):
            yield child.target.id


@pytest.mark.parametrize("module", sorted(ours()))
def test_same_members(module: str) -> None:
    for name, node in _top(ours()[module]):
        if not isinstance(node, ast.ClassDef) or not _public(name):
            continue
        expected = {
            theirs()["camel"].get(member, _camel(member))
            for member in _members(node)
            if _public(member) and (module, name, member) not in NOT_THERE
        }
        found = set(theirs()["found"][module]["exports"][name]["members"])
        assert found - MORE_THERE - CODES == expected - CODES, name


def _camel(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda found: found[1].upper(), name)


@pytest.mark.parametrize("module", sorted(ours()))
def test_same_constants(module: str) -> None:
    values = importlib.import_module(f"escrow.protocol.{module}")
    for name, found in theirs()["found"][module]["exports"].items():
        if not name.isupper() or found["constant"] is None:
            continue
        value = getattr(values, name)
        if isinstance(value, bytes):
            value = value.hex()
        elif isinstance(value, tuple | dict):
            value = list(value)
        assert found["constant"] == value, name


def test_the_rule_can_be_turned_round() -> None:
    """Fields of documents become attributes and come back."""
    rule = theirs()
    for name, camel in rule["camel"].items():
        if name == name.lower():
            assert camel == _camel(name)
            assert rule["back"][name] == name


def test_same_words() -> None:
    text = (ROOT / "escrow" / "browser" / "protocol" / "slip39_words.js").read_text("ascii")
    words = " ".join(re.findall(r'^  "([a-z ]+)",$', text, re.MULTILINE)).split()
    assert words == (FOLDER / "slip39_words.txt").read_text("ascii").split()
