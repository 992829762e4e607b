"""How the client starts and ends: fast, in two languages, without leaking, with its status."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from escrow_cli.exitcodes import MEANINGS, Exit
from escrow_cli.main import VERBS, run

ESCROW = Path(sys.executable).with_name("escrow")
HELP_SECONDS = 0.150


def _escrow(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [ESCROW, *arguments],
        env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        check=False,
        start_new_session=True,
        stdin=subprocess.DEVNULL,
    )


def test_help_answers_before_a_person_notices() -> None:
    """Measured is the processor's time, the best of several: other work on the machine is not."""
    best = 1.0
    for _ in range(20):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert _escrow("--help").returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        used = after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime
        best = min(best, used)
        if best < HELP_SECONDS:
            return
    raise AssertionError(f"escrow --help takes {best:.3f} s")


def test_help_loads_nothing_large() -> None:
    program = (
        "import sys; from escrow_cli.main import run; run(['--help']); "
        "large = {'httpx', 'pyrage', 'cryptography', 'rich', 'fpdf', 'segno', 'flask'}; "
        "sys.exit(' '.join(sorted(large & set(sys.modules))) or None)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_every_verb_and_exit_status() -> None:
    told = _escrow("--help").stdout
    assert all(f"\n  {name} " in told for name in VERBS)
    assert all(f"\n  {int(code)} " in told for code in MEANINGS)
    assert set(MEANINGS) == set(Exit)


def test_help_speaks_dutch() -> None:
    told = _escrow("--help", LC_ALL="nl_NL.UTF-8").stdout
    assert "Haal uw sleutel terug" in told
    assert "Get your key back" not in told


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "server"])
@pytest.mark.parametrize("language", ["en", "nl"])
def test_every_verb_explains_itself(
    verb: str, language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCROW_LANGUAGE", language)
    assert run([verb, "--help"]) == 0
    told = capsys.readouterr().out
    assert "--help" in told
    if verb not in {"completion", "admin"}:  # admin has verbs of its own
        assert ("Eén JSON-document" in told) == (language == "nl")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    done = _escrow("completion", shell)
    assert done.returncode == 0
    assert "_ESCROW_COMPLETE" in done.stdout


def test_completion_of_bash_proposes_verbs() -> None:
    done = _escrow(_ESCROW_COMPLETE="bash_complete", COMP_WORDS="escrow rec", COMP_CWORD="1")
    assert "recover" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nonsense",), "De opdracht nonsense bestaat niet"),
        (("recover", "--nonsense"), "De optie --nonsense bestaat niet"),
        (("accept",), "--save ontbreekt"),
        (("enrol", "--waiting-days", "2"), "Deze waarde kan niet bij --waiting-days"),
        (("completion",), "ontbreekt"),
        (("completion", "tcsh"), "mogelijk is: bash, zsh, fish"),
        (("combine", "--host", "x"), "De optie --host bestaat niet"),
    ],
)
def test_clicks_own_errors_are_said_in_dutch(arguments: tuple[str, ...], told: str) -> None:
    done = _escrow(*arguments, LC_ALL="nl_NL.UTF-8")
    assert done.returncode == Exit.USAGE
    assert told in done.stderr
    assert "wat nu: `escrow" in done.stderr


def test_a_wrong_variable_is_named_and_not_the_option() -> None:
    done = _escrow("status", ESCROW_LANGUAGE="xx")
    assert done.returncode == Exit.USAGE
    assert "ESCROW_LANGUAGE cannot have this value; possible: nl, en." in done.stderr


@pytest.mark.parametrize("verb", ["run", "doctor", "init"])
def test_a_server_without_settings_says_so_and_ends_with_78(verb: str) -> None:
    done = _escrow("server", verb)
    assert done.returncode == 78
    assert done.stderr == "error: The setting “data_dir” is missing.\n"


def test_who_stops_reading_is_no_error_of_ours() -> None:
    pipe = f"{ESCROW} completion bash | true; exit ${{PIPESTATUS[0]}}"
    slow = f"exec 3>&1; ( sleep 0.5; exec {ESCROW} --help ) | true; exit ${{PIPESTATUS[0]}}"
    for command in (pipe, slow):
        done = subprocess.run(
            ["/bin/bash", "-c", command], capture_output=True, text=True, check=False
        )
        assert done.returncode in {Exit.OK, Exit.NOT_READ}
        assert done.stderr == ""


@pytest.mark.parametrize("language", ["en", "nl"])
def test_what_this_computer_refuses_is_said_in_its_words(language: str) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [ESCROW, "--help"],
            env={"PATH": os.environ["PATH"], "LC_ALL": f"{language}_XX.UTF-8"},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == Exit.USAGE
    assert "No space left on device" in done.stderr
    assert done.stderr.count("\n") == 1


def test_click_itself_speaks_dutch() -> None:
    for arguments in ((), ("--help",), ("recover", "--help")):
        done = _escrow(*arguments, LC_ALL="nl_NL.UTF-8")
        told = done.stdout + done.stderr
        assert "Gebruik: escrow" in told
        assert "Opties:" in told
        assert "Deze uitleg tonen." in told
        assert "Show this message" not in told


def test_wrong_use_is_one_document_too() -> None:
    done = _escrow("recover", "--json", "--nonsense")
    assert json.loads(done.stdout)["error"] == "wrong_use"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("nonsense",), "nonsense"),
        (("status", "--host", "http://recovery.example.org"), "without encryption"),
        (("status", "--host", "https://u:p@recovery.example.org"), "not the address"),
        (("status", "--host", "https://recovery.example.org/path"), "not the address"),
        (("status",), "Which service?"),
        (("recover", "--host", "localhost:1", "--print", "--json"), "--print"),
        (("enrol", "--host", "localhost:1", "--contact", "Anna"), "not a contact"),
    ],
)
def test_wrong_use_ends_with_2_and_a_sentence(arguments: tuple[str, ...], told: str) -> None:
    done = _escrow(*arguments, XDG_STATE_HOME="/nonexistent")
    assert done.returncode == Exit.USAGE
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_terminal_the_variable_is_named(tmp_path: Path) -> None:
    done = _escrow("status", "--host", "localhost:1", XDG_STATE_HOME=str(tmp_path))
    assert done.returncode == Exit.USAGE
    assert "ESCROW_ADDRESS" in done.stderr


def test_a_service_that_is_not_there_ends_with_5(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("ESCROW_ADDRESS", "mira@example.org")
    assert run(["status", "--host", "127.0.0.1:1"]) == Exit.UNREACHABLE
    assert "hint: Check your connection" in capsys.readouterr().err


_FAILING = """
import sys
import escrow_cli.main as main
secret = "hunter2hunter2"
def fail(*_):
    local = secret
    raise RuntimeError(f"it was {local}")
main.escrow.invoke = fail
sys.argv = ["escrow", "status"]
main.main()
"""


def test_an_unexpected_error_prints_no_value() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FAILING], capture_output=True, text=True, check=False
    )
    assert done.returncode == Exit.INTERNAL
    assert "RuntimeError" in done.stderr
    assert "Please send these lines to your provider" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_an_error_outside_of_verbs_prints_no_value() -> None:
    program = _FAILING.replace("main.escrow.invoke = fail", "main.run = fail")
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert "RuntimeError" in done.stderr
    assert "hunter2" not in done.stderr + done.stdout


def test_no_core_is_dumped() -> None:
    program = (
        "import resource, sys, escrow_cli.main as main; main.run = lambda _: 0\n"
        "try: main.main()\n"
        "except SystemExit: pass\n"
        "print(resource.getrlimit(resource.RLIMIT_CORE))"
    )
    before = resource.getrlimit(resource.RLIMIT_CORE)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "(0, 0)"
    assert resource.getrlimit(resource.RLIMIT_CORE) == before
