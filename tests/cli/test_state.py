"""The state file: private, whole or not at all, never a secret; and which host it is of."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from escrow_cli import state as states
from escrow_cli.errors import Usage
from escrow_cli.state import State, write_private


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return State("https://recovery.example.org")


def test_the_file_is_private_and_has_three_fields(state: State, tmp_path: Path) -> None:
    state.keep_manifest("0" * 32, b"\1" * 32, [])
    assert state.path == tmp_path / "escrow" / "recovery.example.org.json"
    assert stat.S_IMODE(state.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(state.path.parent.stat().st_mode) == 0o700
    assert list(json.loads(state.path.read_text())) == ["bearer", "checkpoint", "deposits"]
    assert state.manifest_hash("0" * 32) == b"\1" * 32
    assert state.manifest_hash("1" * 32) is None


def test_a_change_that_fails_changes_nothing(state: State) -> None:
    state.keep_manifest("0" * 32, b"\1" * 32)
    before = state.path.read_bytes()
    with pytest.raises(RuntimeError), state.change() as found:
        found["deposits"].clear()
        raise RuntimeError
    assert state.path.read_bytes() == before
    assert {path.suffix for path in state.path.parent.iterdir()} == {".json", ".lock"}


def test_changes_at_once_are_all_kept(state: State) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: state.keep_manifest(f"{n:032x}", b"\1" * 32), range(40)))
    assert len(state.read()["deposits"]) == 40


@pytest.mark.parametrize("content", ["", "{", "[]", '{"bearer":null}'])
def test_a_damaged_file_is_never_written_over(state: State, content: str) -> None:
    state.path.parent.mkdir(parents=True)
    state.path.write_text(content)
    with pytest.raises(Usage) as refused:
        state.keep_manifest("0" * 32, b"\1" * 32)
    assert refused.value.reason == "damaged_state"
    assert state.path.read_text() == content


def test_a_private_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "kit"
    write_private(path, b"one")
    with pytest.raises(FileExistsError):
        write_private(path, b"two")
    assert path.read_bytes() == b"one"
    assert list(tmp_path.iterdir()) == [path]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("said", "url"),
    [
        ("recovery.example.org", "https://recovery.example.org"),
        ("https://Recovery.Example.org/", "https://recovery.example.org"),
        ("recovery.example.org:8443", "https://recovery.example.org:8443"),
        ("127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("https://127.0.0.1", "https://127.0.0.1"),
    ],
)
def test_hosts(said: str, url: str) -> None:
    assert states.base_url(said) == url


@pytest.mark.parametrize(
    "said",
    [
        "http://recovery.example.org",
        "ftp://recovery.example.org",
        "https://user@recovery.example.org",
        "https://recovery.example.org/x",
        "https://recovery.example.org:0",
        "https://recovery.example.org:99999",
        "http://localhost.example.org",
        "http://127.0.0.1.example.org",
        "https://",
        "",
    ],
)
def test_hosts_that_are_refused(said: str) -> None:
    with pytest.raises(Usage):
        states.base_url(said)


def test_the_only_known_host_is_used(state: State, tmp_path: Path) -> None:
    with pytest.raises(Usage):
        states.known_host()
    state.keep_manifest("0" * 32, b"\1" * 32)
    assert states.known_host() == "recovery.example.org"
    State("http://127.0.0.1:8080").keep_manifest("0" * 32, b"\1" * 32)
    with pytest.raises(Usage):
        states.known_host()
