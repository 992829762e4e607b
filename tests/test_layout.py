"""The house rules that a machine can check: who may import whom, and what stands where.

Order of the domains, lowest first; each may import itself and what stands below it:

    protocol ← errors, config, db ← ledger, mail ← account ← deposit ← recovery ← admin ← app

`custodian` may import the domains, and nothing that the web app imports may import it: the
web tier cannot even name a private key of the provider. Modules that are not in this list
are looked through, so what they import counts for whoever imports them.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.sabotage.run import tree_files

ROOT = Path(__file__).resolve().parent.parent

ORDER = {
    "protocol": 0,
    "errors": 1,
    "config": 1,
    "db": 1,
    "ledger": 2,
    "mail": 2,
    "account": 3,
    "deposit": 4,
    "recovery": 5,
    "admin": 6,
    "app": 7,
    "custodian": 7,
}
PROTOCOL_MAY_IMPORT = {"cryptography", "pyrage", "escrow"}
PROTOCOL_MAY_NOT_IMPORT = {
    *("asyncio", "calendar", "datetime", "http", "os", "pathlib", "random", "select", "socket"),
    *("sqlite3", "subprocess", "tempfile", "threading", "time", "urllib", "zoneinfo"),
}
SERVER_ONLY = {
    *("alembic", "apiflask", "flask", "flask_babel", "granian", "prometheus_client", "psycopg"),
    *("pydantic", "pyotp", "sqlalchemy", "structlog", "werkzeug", "boto3", "pkcs11"),
}


class Import(NamedTuple):
    name: str
    line: int
    lazy: bool  # inside a function: runs when the function does


class Module(NamedTuple):
    name: str
    path: Path
    tree: ast.Module
    imports: tuple[Import, ...]


def _imports(node: ast.AST, package: str, lazy: bool = False) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            yield from _imports(ast.Module(child.orelse, []), package, lazy)
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield Import(alias.name, child.lineno, lazy)
        elif isinstance(child, ast.ImportFrom):
            base = child.module or ""
            if child.level:
                parents = package.split(".")
                above = parents[: len(parents) - child.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            yield Import(base, child.lineno, lazy)
            for alias in child.names:
                yield Import(f"{base}.{alias.name}", child.lineno, lazy)
        else:
            inner = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            yield from _imports(child, package, lazy or inner)


def _read(top: Path, folder: str) -> dict[str, Module]:
    modules = {}
    for path in sorted((top / folder).rglob("*.py")):
        if "node_modules" in path.parts:
            continue
        parts = path.relative_to(top).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        package = name if is_package else name.rpartition(".")[0]
        tree = ast.parse(path.read_text("utf-8"), str(path))
        modules[name] = Module(name, path, tree, tuple(_imports(tree, package)))
    return modules


ESCROW = _read(ROOT, "escrow")
CLI = _read(ROOT / "cli", "escrow_cli")
ALL = ESCROW | CLI


def _targets(module: Module, *, lazy: bool = True) -> Iterator[tuple[str, int]]:
    """Name the modules of ours that a module imports, with the packages around them."""
    for imported in module.imports:
        if imported.lazy and not lazy:
            continue
        parts = imported.name.split(".")
        for end in range(2, len(parts) + 1):
            if (name := ".".join(parts[:end])) in ALL and name != module.name:
                yield name, imported.line


def _rank(name: str) -> int | None:
    parts = name.split(".")
    return ORDER.get(parts[1]) if parts[0] == "escrow" and len(parts) > 1 else None


def _reach(start: str, *, lazy: bool = True) -> dict[str, str]:
    """Name every module reached from one, each with the way by which it was reached."""
    ways = {start: start}
    waiting = [start]
    while waiting:
        name = waiting.pop()
        for target, _ in _targets(ALL[name], lazy=lazy):
            if target not in ways:
                ways[target] = f"{ways[name]} → {target}"
                waiting.append(target)
    return ways


def _upward(module: Module, rank: int) -> Iterator[str]:
    """Name each import that leads upwards, directly or through modules without a rank."""
    domain = module.name.split(".")[1]
    seen = {module.name}
    waiting = [(module.name, module.name)]
    while waiting:
        name, way = waiting.pop()
        for target, line in _targets(ALL[name]):
            if target in seen:
                continue
            seen.add(target)
            target_rank = _rank(target)
            if target_rank is None:
                waiting.append((target, f"{way} → {target}"))
            elif target_rank > rank or (target_rank == 7 and target.split(".")[1] != domain):
                yield f"{way} → {target} (line {line} of {name})"


def test_domains_import_downwards_only() -> None:
    ranked = [(module, _rank(module.name)) for module in ESCROW.values()]
    wrong = [way for module, rank in ranked if rank is not None for way in _upward(module, rank)]
    assert not wrong, "\n".join(wrong)


def test_protocol_is_pure() -> None:
    """No Flask, no database, no clock, no environment, no files, nothing but cryptography."""
    wrong = []
    for module in ESCROW.values():
        if module.name.split(".")[:2] != ["escrow", "protocol"]:
            continue
        for imported in module.imports:
            top = imported.name.split(".")[0]
            ours = imported.name.split(".")[:2] == ["escrow", "protocol"]
            foreign = top not in sys.stdlib_module_names and top not in PROTOCOL_MAY_IMPORT
            if foreign or top in PROTOCOL_MAY_NOT_IMPORT or (top == "escrow" and not ours):
                wrong.append(f"{module.path.name}:{imported.line}: {imported.name}")
    assert not wrong, "\n".join(wrong)


def test_web_app_cannot_name_the_custodian() -> None:
    if "escrow.app" not in ALL:
        return
    ways = _reach("escrow.app")
    assert [way for name, way in ways.items() if f"{name}.".startswith("escrow.custodian.")] == []
    by_name = re.compile(r"escrow\.custodian[\w.:]*")  # importlib, entry points, blueprints
    named = [
        f"{name}: {node.value!r}"
        for name in ways
        for node in ast.walk(ALL[name].tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and by_name.fullmatch(node.value)
    ]
    assert not named, "\n".join(named)


def test_importing_the_web_app_loads_no_custodian() -> None:
    """The same as above, seen from the running interpreter."""
    if "escrow.app" not in ALL:
        return
    program = (
        "import sys, escrow.app\n"
        "print(*[name for name in sys.modules if name.startswith('escrow.custodian')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == ""


def test_client_needs_no_server_code() -> None:
    """The client is installed without the `server` extra; only `escrow server` may want it."""
    verbs = [name for name in CLI if not name.startswith("escrow_cli.server")]
    ways = {target: way for verb in verbs for target, way in _reach(verb, lazy=False).items()}
    wrong = [
        f"{way} → {imported.name} (line {imported.line})"
        for name, way in ways.items()
        for imported in ALL[name].imports
        if not imported.lazy and imported.name.split(".")[0] in SERVER_ONLY
    ]
    assert not wrong, "\n".join(wrong)


def test_only_db_commits() -> None:
    wrong = [
        f"{module.path.relative_to(ROOT)}:{node.lineno}"
        for module in ALL.values()
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and node.attr == "commit"
        if module.name != "escrow.db" and not module.name.startswith("escrow.protocol.")
    ]
    assert not wrong, "\n".join(wrong)


def test_no_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "helper", "services", "misc", "common"}
    assert [name for name in ALL if drawers & set(name.split("."))] == []


def test_no_package_registry_is_named() -> None:
    """A checkout installs from wherever its user's tools are set to."""
    names = "|".join(("pypi", "pythonhosted", "npmjs", "debian"))
    host = re.compile(rf"\b(?:{names})\.(?:org|com|net)\b")
    wrong = []
    for name in tree_files():
        try:
            text = (ROOT / name).read_text("utf-8")
        except (UnicodeDecodeError, FileNotFoundError):
            continue
        wrong += [f"{name}: {found.group()}" for found in host.finditer(text)]
    assert not wrong, "\n".join(wrong)


def test_bootstrap_can_be_read_by_an_old_python() -> None:
    source = (ROOT / "deploy" / "bootstrap.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 8))


def test_lock_pins_every_package_by_hash() -> None:
    text = (ROOT / "requirements.lock").read_text("utf-8")
    blocks = re.findall(r"(?ms)^\S.*?(?=^\S|\Z)", text)
    assert len(blocks) > 50
    assert [block.splitlines()[0] for block in blocks if "--hash=sha256:" not in block] == []


@pytest.mark.parametrize(
    ("source", "package", "names"),
    [
        ("import escrow.db", "escrow", {"escrow.db"}),
        ("from escrow import db", "escrow", {"escrow", "escrow.db"}),
        ("from . import db", "escrow", {"escrow", "escrow.db"}),
        ("from ..custodian import x", "escrow.admin", {"escrow.custodian", "escrow.custodian.x"}),
        ("def f():\n import escrow.custodian", "escrow", {"escrow.custodian"}),
        ("class C:\n import a\nif x:\n import b\nelse:\n import c", "escrow", {"a", "b", "c"}),
        ("if TYPE_CHECKING:\n import a\nelse:\n import b", "escrow", {"b"}),
    ],
)
def test_imports_are_read_right(source: str, package: str, names: set[str]) -> None:
    assert {found.name for found in _imports(ast.parse(source), package)} == names
