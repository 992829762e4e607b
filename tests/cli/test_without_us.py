"""The promise on the kit's last page, kept with nothing of ours: paper, `shamir`, Python, `age`.

What the paper says is taken from the PDF itself: the words and the script from its text, the
envelope from its code as a scanner reads it.
"""

from __future__ import annotations

import ast
import os
import shutil
import stat
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from escrow.other_programs import OPEN_ENVELOPE, SCRIPT
from escrow.protocol import keys
from tests.cli.deposits import Made, make
from tests.cli.test_paper import card_of, codes_of, kit_of, pages_of, text_of, words_in

SHAMIR = Path(sys.executable).with_name("shamir")
BARE = {"PATH": os.environ["PATH"], "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
EVERY_BYTE = bytes(range(256))


@pytest.fixture(autouse=True)
def age() -> str:
    found = shutil.which("age")
    if found is None:
        pytest.skip("`age` is not installed: apt-get install age")
    return found


def printed_script(pdf: bytes) -> str:
    """Copy the script from the page as a person does: the lines from its first to its last."""
    lines = text_of(pdf).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("import base64"))
    end = next(i for i, line in enumerate(lines) if line.startswith('open("envelope.age"'))
    return "".join(f"{line.strip()}\n" for line in lines[start : end + 1])


def hex_by_shamir(words: list[str]) -> str:
    """Type the words of every piece into `shamir recover`; returns all that it shows."""
    done = subprocess.run(
        [SHAMIR, "recover"],
        input="".join(f"{line}\n" for line in words),
        env=BARE | {"LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "SUCCESS" in done.stdout
    return done.stdout.strip().splitlines()[-1]


def run_script(script: str, folder: Path, answer: str) -> None:
    (folder / "key.py").write_text(script)
    subprocess.run(
        [sys.executable, "-I", "key.py"],
        input=f"{answer}\n", cwd=folder, env=BARE, text=True, check=True, capture_output=True,
    )  # fmt: skip


def open_with_age(folder: Path) -> bytes:
    """Run the printed line as it is."""
    subprocess.run(OPEN_ENVELOPE[0], shell=True, cwd=folder, env=BARE, check=True)  # noqa: S602
    return (folder / "key.txt").read_bytes()


def words_on_papers(made: Made, locale: str) -> list[str]:
    """Read the words of the kit and of the last contacts' cards from the papers."""
    papers = [pages_of(kit_of(made, locale))[0]]
    for card in made.cards[-made.manifest.contacts_needed :]:
        papers.append(pages_of(card_of(replace(made, cards=(card,)), locale))[0])
    return [" ".join(words_in(paper)) for paper in papers]


@pytest.mark.parametrize("locale", ["en", "nl"])
@pytest.mark.parametrize(("needed", "count"), [(1, 1), (2, 3)])
def test_paper_alone_gives_the_identical_secret(
    tmp_path: Path, locale: str, needed: int, count: int
) -> None:
    made = make(needed, count, secret=EVERY_BYTE)
    kit = kit_of(made, locale)
    scanned = next(code for code in codes_of(kit) if code.startswith("escrow1e:"))
    (tmp_path / "envelope.txt").write_text(scanned + "\n")
    shown = hex_by_shamir(words_on_papers(made, locale))
    assert shown.endswith(made.recovery_key.hex())
    run_script(printed_script(kit), tmp_path, shown)
    assert (tmp_path / "envelope.age").read_bytes() == made.envelope
    identity = tmp_path / "identity.txt"
    assert identity.read_text() == keys.age_identity(made.recovery_key) + "\n"
    assert stat.S_IMODE(identity.stat().st_mode) == 0o600
    assert open_with_age(tmp_path) == EVERY_BYTE


def test_a_long_secret_comes_from_the_kit_file(tmp_path: Path) -> None:
    made = make(1, 1, secret=EVERY_BYTE * 256, names=("Zoë Иван 張偉",))
    kit = kit_of(made)
    (tmp_path / "kit.escrow.json").write_bytes(made.kit.data)
    shown = hex_by_shamir(words_on_papers(made, "en"))
    run_script(printed_script(kit), tmp_path, shown)
    assert open_with_age(tmp_path) == EVERY_BYTE * 256


def test_the_printed_script_is_the_tested_one_and_old_pythons_read_it() -> None:
    made = make(1, 1)
    for locale in ("en", "nl"):
        assert printed_script(kit_of(made, locale)) == SCRIPT
    ast.parse(SCRIPT, feature_version=(3, 8))
    lines = SCRIPT.splitlines()
    assert len(lines) <= 17
    assert max(map(len, lines)) <= 100
    assert all(line == line.strip() for line in lines), "copying must not need indentation"
    assert SCRIPT.isascii()


def test_a_code_that_was_broken_into_lines_still_works(tmp_path: Path) -> None:
    """Editors wrap, Windows adds a mark at the start and other line ends."""
    made = make(1, 1)
    code = next(code for code in codes_of(kit_of(made)) if code.startswith("escrow1e:"))
    wrapped = "\r\n".join(code[i : i + 60] for i in range(0, len(code), 60))
    (tmp_path / "envelope.txt").write_bytes(b"\xef\xbb\xbf" + wrapped.encode() + b"\r\n")
    run_script(SCRIPT, tmp_path, f"  {made.recovery_key.hex().upper()} ")
    assert open_with_age(tmp_path) == made.secret


def test_the_script_refuses_what_is_no_key(tmp_path: Path) -> None:
    for answer in ("abc", "z" * 64, "0" * 63):
        with pytest.raises(subprocess.CalledProcessError):
            run_script(SCRIPT, tmp_path, answer)
    assert not (tmp_path / "identity.txt").exists()


@pytest.mark.parametrize("first_byte", range(0, 256, 37))
def test_the_script_writes_any_key_as_age_does(tmp_path: Path, first_byte: int) -> None:
    key = bytes([first_byte]) + os.urandom(31)
    (tmp_path / "envelope.txt").write_text("escrow1e:")
    run_script(SCRIPT, tmp_path, key.hex())
    assert (tmp_path / "identity.txt").read_text().strip() == keys.age_identity(key)
