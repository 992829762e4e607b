"""The first command that anybody types: deploy/bootstrap.py, without the network.

What is installed is stubbed here; that it really installs, .ci/run shows on a new machine.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import ModuleType

import pytest

SOURCE = Path(__file__).resolve().parents[2] / "deploy" / "bootstrap.py"


@pytest.fixture
def bootstrap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The script, at home in an empty checkout, with nothing on PATH."""
    spec = importlib.util.spec_from_file_location("bootstrap_under_test", SOURCE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)
    spec.loader.exec_module(module)
    root = tmp_path / "checkout"
    (root / "bin").mkdir(parents=True)
    for name in ("pyproject.toml", "hatch_build.py", "requirements.lock"):
        (root / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", root)
    monkeypatch.setattr(module, "VENV", root / ".venv")
    monkeypatch.setattr(module, "VENV_PYTHON", root / ".venv" / "bin" / "python")
    monkeypatch.setattr(module, "STAMP", root / ".venv" / "escrow.stamp")
    monkeypatch.setattr(module, "LOCK", root / "requirements.lock")
    monkeypatch.setenv("PATH", str(root / "bin"))
    monkeypatch.delenv("PYTHON_FOR_VENV", raising=False)
    return module


@pytest.fixture
def installs(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Stub the installing; tells for each time whether everything was installed."""
    done: list[bool] = []

    def install(python: object, uv: object, held: int, everything: bool) -> None:
        assert not bootstrap.STAMP.exists()
        done.append(everything)
        bootstrap.VENV_PYTHON.parent.mkdir(parents=True, exist_ok=True)
        if not bootstrap.VENV_PYTHON.exists():
            bootstrap.VENV_PYTHON.symlink_to(sys.executable)

    monkeypatch.setattr(bootstrap, "install", install)
    return done


def _program(bootstrap: ModuleType, name: str, body: str) -> Path:
    path = bootstrap.ROOT / "bin" / name
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def _python(bootstrap: ModuleType, name: str, version: str, lacks: str = "") -> None:
    answer = json.dumps([f"/opt/{name}", [int(v) for v in version.split(".")], lacks.split()])
    _program(bootstrap, name, f"echo '{answer}'")


def test_a_shim_that_only_fails_is_passed_over(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _program(bootstrap, "python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    _python(bootstrap, "python3.12", "3.12.4")
    _python(bootstrap, "python3", "3.9.2")
    monkeypatch.setattr(sys, "executable", str(bootstrap.ROOT / "bin" / "python3"))
    python, _ = bootstrap.find_python(with_pip=True)
    assert python.path == "/opt/python3.12"


def test_a_python_newer_than_tested_is_the_last_resort(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    _python(bootstrap, "python3", "3.14.0")
    monkeypatch.setattr(sys, "executable", str(bootstrap.ROOT / "bin" / "python3"))
    assert bootstrap.find_python(with_pip=True)[0].name == "3.14.0"
    _python(bootstrap, "python", "3.11.2")
    assert bootstrap.find_python(with_pip=True)[0].name == "3.11.2"


def test_the_chosen_python_is_taken(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    _python(bootstrap, "mine", "3.12.9")
    monkeypatch.setenv("PYTHON_FOR_VENV", str(bootstrap.ROOT / "bin" / "mine"))
    assert bootstrap.find_python(with_pip=True)[0].name == "3.12.9"


def test_a_chosen_python_that_does_not_do_is_named(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PYTHON_FOR_VENV", "/nowhere/python3")
    with pytest.raises(SystemExit):
        bootstrap.main(["install"])
    said = capsys.readouterr().err
    assert "PYTHON_FOR_VENV names /nowhere/python3" in said
    assert "on this machine" not in said


@pytest.mark.parametrize("through_make", [True, False])
def test_help_names_the_command_that_was_typed(
    bootstrap: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    through_make: bool,
) -> None:
    monkeypatch.delenv("MAKELEVEL", raising=False)
    if through_make:
        monkeypatch.setenv("MAKELEVEL", "1")
    with pytest.raises(SystemExit):
        bootstrap.main(["--help"])
    assert capsys.readouterr().out.startswith(
        "usage: make VERB" if through_make else "usage: bootstrap.py"
    )


def test_all_that_is_missing_is_named_in_one_line(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _python(bootstrap, "python3", "3.9.2")
    monkeypatch.setattr(sys, "executable", str(bootstrap.ROOT / "bin" / "python3"))
    monkeypatch.setattr(bootstrap.Path, "glob", lambda *_: iter(()))  # no PostgreSQL anywhere
    everything = "age chromium git make postgresql python3 python3-venv restic softhsm2"
    assert bootstrap.main(["deps"]) == 0
    assert capsys.readouterr().out == f"{everything}\n"
    with pytest.raises(SystemExit):
        bootstrap.main(["test"])
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "error: no Python 3.11 or newer starts on this machine"
    assert f"apt-get install {everything} " in said[1]
    assert len(said) == 2


def test_without_ensurepip_the_package_for_it_is_named_and_uv_needs_none(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _python(bootstrap, "python3", "3.11.2", lacks="ensurepip")
    monkeypatch.setattr(sys, "executable", str(bootstrap.ROOT / "bin" / "python3"))
    with pytest.raises(SystemExit):
        bootstrap.main(["install"])
    said = capsys.readouterr().err
    assert "error: Python 3.11.2 lacks ensurepip" in said
    assert "apt-get install python3.11-venv " in said
    assert bootstrap.find_python(with_pip=False)[0].name == "3.11.2"


def test_second_run_installs_nothing(bootstrap: ModuleType, installs: list[bool]) -> None:
    bootstrap.prepare("install")
    bootstrap.prepare("install")
    assert installs == [True]


@pytest.mark.parametrize(
    ("changed", "everything"),
    [("requirements.lock", True), ("pyproject.toml", False), ("hatch_build.py", False)],
)
def test_what_changed_decides_what_is_installed_anew(
    bootstrap: ModuleType, installs: list[bool], changed: str, everything: bool
) -> None:
    bootstrap.prepare("install")
    (bootstrap.ROOT / changed).write_text("changed")
    bootstrap.prepare("install")
    bootstrap.prepare("install")
    assert installs == [True, everything]


def test_a_venv_of_another_folder_or_python_is_not_this_one(
    bootstrap: ModuleType, installs: list[bool]
) -> None:
    bootstrap.prepare("install")
    for key, other in (("folder", "/elsewhere"), ("python", "3.11.0")):
        stamp = json.loads(bootstrap.STAMP.read_text())
        bootstrap.STAMP.write_text(json.dumps(stamp | {key: other}))
        bootstrap.prepare("install")
    bootstrap.VENV_PYTHON.unlink()  # its interpreter was uninstalled
    bootstrap.prepare("install")
    assert installs == [True] * 4


@pytest.mark.parametrize("blow", [KeyboardInterrupt, MemoryError])
def test_an_interrupted_install_starts_again_from_nothing(
    bootstrap: ModuleType,
    installs: list[bool],
    monkeypatch: pytest.MonkeyPatch,
    blow: type[BaseException],
) -> None:
    install = bootstrap.install

    def interrupted(*arguments: object) -> None:
        install(*arguments)
        raise blow

    for change in ("", "pyproject.toml"):  # also when only the project was installed anew
        if change:
            bootstrap.prepare("install")
            (bootstrap.ROOT / change).write_text("changed")
        monkeypatch.setattr(bootstrap, "install", interrupted)
        with pytest.raises(blow):
            bootstrap.prepare("install")
        assert not bootstrap.STAMP.exists()
        monkeypatch.setattr(bootstrap, "install", install)
        bootstrap.prepare("install")
        assert installs[-1] is True


def test_every_download_is_checked_against_its_hash(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands: list[list[str]] = []
    monkeypatch.setattr(bootstrap.subprocess, "run", lambda c, **_: commands.append(list(c)))
    for uv in (None, "/opt/uv"):
        commands.clear()
        bootstrap.install(bootstrap.Python("/opt/python3", (3, 11, 2), []), uv, 0, True)
        downloads = [c for c in commands if "install" in c and "--editable" not in c]
        assert len(downloads) == 2
        for command in [c for c in commands if "install" in c]:
            assert "--no-deps" in command
            assert "--no-build-isolation" in command
        assert all("--require-hashes" in command for command in downloads)


def test_build_back_ends_come_from_the_lock(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "LOCK", SOURCE.parents[1] / "requirements.lock")
    found = bootstrap.build_requirements()
    names = {line.split("==")[0] for line in found.splitlines() if line[0].isalpha()}
    assert names == bootstrap.BUILD_BACKENDS
    assert found.count("--hash=sha256:") >= len(names)


def test_a_second_run_waits_for_the_first(
    bootstrap: ModuleType, installs: list[bool], capsys: pytest.CaptureFixture[str]
) -> None:
    handle = os.open(bootstrap.ROOT, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    threading.Timer(0.3, os.close, [handle]).start()
    bootstrap.prepare("install")
    assert "waiting" in capsys.readouterr().err
    assert installs == [True]


@pytest.fixture
def server(bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stub `escrow server`: keeps a line for each verb; `init` makes the data folder."""
    said: list[str] = []
    data = bootstrap.ROOT / ".data"

    def begin(command: list[str], env: dict[str, str], **_: object) -> object:
        folder = Path(env["ESCROW_DATA_DIR"])
        said.append(f"{command[2]} {folder.name}")
        if command[2] == "init":
            folder.mkdir()
        return subprocess.CompletedProcess(command, 3 if "fails" in said[0] else 0)

    def become(_: str, command: list[str], env: dict[str, str]) -> None:
        assert {"ESCROW_CONFIG", "ESCROW_DATABASE_URL"}.isdisjoint(env)
        begin(command, env)
        raise SystemExit(0)

    monkeypatch.setattr(bootstrap, "DATA", data)
    monkeypatch.setattr(bootstrap.subprocess, "run", begin)
    monkeypatch.setattr(bootstrap.os, "execve", become)
    monkeypatch.setenv("ESCROW_DATABASE_URL", "postgresql://the-real-one")
    monkeypatch.setenv("ESCROW_CONFIG", "/etc/escrow/escrow.toml")
    monkeypatch.chdir(bootstrap.ROOT)  # and back afterwards: `run` changes it
    return said


def _run(bootstrap: ModuleType) -> int:
    with pytest.raises(SystemExit) as end:
        bootstrap.run([])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_demo_is_made_once_and_then_only_run(bootstrap: ModuleType, server: list[str]) -> None:
    assert [_run(bootstrap), _run(bootstrap)] == [0, 0]
    assert server == ["init .data.new", "run .data", "run .data"]


@pytest.mark.parametrize("asked", ["--help", "-h"])
def test_who_asks_for_help_gets_no_demo(
    bootstrap: ModuleType, server: list[str], asked: str
) -> None:
    with pytest.raises(SystemExit):
        bootstrap.run([asked])
    assert server == ["run .data"]
    assert not bootstrap.DATA.exists()


def test_demo_gets_new_tables(bootstrap: ModuleType, server: list[str]) -> None:
    _run(bootstrap)
    versions = bootstrap.ROOT / "escrow" / "migrations" / "versions"
    versions.mkdir(parents=True)
    (versions / "0002_more.py").touch()
    _run(bootstrap)
    _run(bootstrap)
    assert server[2:] == ["migrate .data", "run .data", "run .data"]


def test_interrupted_init_leaves_nothing_that_looks_finished(
    bootstrap: ModuleType, server: list[str]
) -> None:
    server.append("fails")
    assert [_run(bootstrap), _run(bootstrap)] == [3, 3]
    assert server[1:] == ["init .data.new"] * 2
    assert not bootstrap.DATA.exists()


def test_help_names_every_verb(bootstrap: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bootstrap.main(["--help"])
    said = capsys.readouterr().out
    assert all(f"\n{verb} " in said for verb in bootstrap.VERBS)
    makefile = (SOURCE.parents[1] / "Makefile").read_text("utf-8")
    assert f"VERBS := {' '.join(bootstrap.VERBS)}" in makefile.replace(
        "install deps", "install deps"
    )


def test_what_the_pages_load_is_built_when_it_is_stale(
    bootstrap: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[tuple[str, ...]] = []

    def inside(_: str, *arguments: str) -> int:
        started.append(arguments)
        return 0

    monkeypatch.setattr(bootstrap, "inside", inside)
    browser = bootstrap.ROOT / "escrow" / "browser"
    browser.mkdir(parents=True)
    source = SOURCE.parents[1] / "escrow" / "browser" / "build.py"
    (browser / "build.py").write_bytes(source.read_bytes())
    for name in ("package.json", "package-lock.json", ".npmrc"):
        (bootstrap.ROOT / name).write_text(name)
    bootstrap.make_built_files(for_tests=False)
    assert started == [()]
    static = bootstrap.ROOT / "escrow" / "static"
    static.mkdir()
    spec = importlib.util.spec_from_file_location("building", browser / "build.py")
    assert spec is not None and spec.loader is not None
    building = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(building)
    (static / "escrow.json").touch()
    manifest = {"inputs": building.inputs(bootstrap.ROOT), "files": []}
    (static / "manifest.json").write_text(json.dumps(manifest))
    bootstrap.make_built_files(for_tests=False)
    assert started == [()]
    (browser / "new.js").touch()
    bootstrap.make_built_files(for_tests=False)
    bootstrap.make_built_files(for_tests=True)
    assert started == [(), (), ("--tests",)]
