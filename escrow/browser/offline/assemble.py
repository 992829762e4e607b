"""Assemble the offline page: one HTML file with script, style and every language in it.

It works from a disk with the network cut, so nothing may be loaded: its policy, in a `<meta>`,
names the SHA-256 of its one script and its one style and forbids the rest. `add` puts it beside
what build.py has made and into the list of SHA-256 that is served at /.well-known/escrow.json; the
same sources and catalogues give the same bytes. Called by hatch_build.py, where no part of `escrow`
can be imported but by its path.
"""

from __future__ import annotations

import base64
import fcntl
import gettext as catalogues
import hashlib
import importlib.util
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

from jinja2 import Environment, StrictUndefined

NAME = "offline.html"
PATH = f"/{NAME}"
KEY_FILE = "key.txt"
HERE = Path(__file__).resolve().parent


def N_(message: str) -> str:
    """Mark a message for extraction; see escrow.i18n."""
    return message


# What `escrow combine` says, in its words, by the code of the refusal.
REFUSALS = {
    "check_code_given": N_("This is the check code. Scan the code beside the words instead."),
    "wrong_manifest_code": N_("The deposit's code has 24 digits."),
    "malformed_identifier": N_("The number of a piece has 32 characters."),
    "malformed_envelope": N_("This is not an encrypted key: an age file, a code or a kit file."),
    "missing_envelope": N_("The encrypted key is missing."),
    "wrong_deposit": N_("This piece belongs to another deposit."),
    "wrong_manifest": N_("The description of the deposit is not the one that your piece names."),
    "wrong_custody": N_("This piece was made for somebody else."),
    "wrong_signature": N_("A signature does not fit. What was signed may have been changed."),
    "wrong_envelope": N_("The encrypted key is not the one of this deposit."),
    "wrong_contact": N_("The contacts named are not those of this deposit."),
    "wrong_share": N_("This piece is not genuine: it does not fit the deposit's description."),
    "wrong_owner_key": N_("The pieces do not belong to this deposit's description."),
    "malformed_kit": N_("This is not an intact kit or card."),
    "malformed_card": N_("This is not an intact kit or card."),
    "malformed_share": N_("This is not an intact piece."),
    "malformed_qr": N_("This is not a code of this kind."),
    "wrong_key": N_("This does not open it."),
    "damaged_envelope": N_("The encrypted file is damaged."),
    "wrong_word_count": N_("The piece has 33 words."),
    "unknown_word": N_("A word is not in the word list: compare it with the paper."),
    "wrong_checksum": N_("A word is wrong: compare the words with the paper."),
    "mixed_sets": N_("The pieces are of different deposits."),
    "mixed_headers": N_("The pieces were not made together."),
    "duplicate_share": N_("The same piece was given twice."),
    "surplus_share": N_("One piece too many was given: leave it out."),
    "missing_share": N_("More pieces are needed."),
    "wrong_digest": N_("The pieces do not fit together: one of them is not genuine."),
}
OTHER_PAPERS = N_("Use pieces of one deposit: compare the numbers on the papers.")
SENTENCES = REFUSALS | {
    "check-failed": N_("A check failed ({code})."),
    "piece-problem": N_("{piece}: {problem}"),
    "words-swapped": N_("Words {first} and {second} are swapped."),
    "is-it": N_("Word {number}: is it {words}?"),
    "which-word": N_("It is word {number}."),
    "not-in-list": N_("Word {number} is not in the word list: compare it with the paper."),
    "empty-word": N_("Word {number} is still empty."),
    "paper_given": N_("This is the PDF: that one is for printing."),
    "paper_given-hint": N_("Choose the file beside it that ends in .json, or type the words."),
    "no_code": N_("No code was found in this picture."),
    "no_code-hint": N_(
        "Take the photo from straight above, in good light, with the whole code in it. Or type the "
        "words."
    ),
    "camera_refused": N_("The camera may not be used."),
    "camera_refused-hint": N_("Allow it in the browser, or choose a photo instead."),
    "no_camera": N_("No camera was found."),
    "no_camera-hint": N_("Choose a photo or a file instead."),
    "unreadable_file": N_("This file cannot be read."),
    "unreadable_file-hint": N_("Choose a kit file, a card file, or a photo of the code."),
    "unforeseen": N_("This did not work, and we do not know why."),
    "old_browser": N_("This browser is too old, or does not let this page do its work."),
    "old_browser-hint": N_("Open the page in an up-to-date Firefox, Chrome, Edge or Safari."),
    "wrong_deposit-hint": OTHER_PAPERS,
    "wrong_manifest-hint": OTHER_PAPERS,
    "mixed_sets-hint": OTHER_PAPERS,
    "wrong_share-hint": OTHER_PAPERS,
    "wrong_digest-hint": N_("Remove the piece that you trust least, and give another."),
    "duplicate_share-hint": N_("Give another piece: the card of a contact, or your kit."),
    "surplus_share-hint": N_("Nothing is lost. It works without this one."),
    "wrong_checksum-hint": N_("All that you typed is still there."),
    "unknown_word-hint": N_("All that you typed is still there."),
    "wrong_envelope-hint": N_("Use the kit file or the kit that belongs to these pieces."),
    "wrong_key-hint": N_("Use the kit file or the kit that belongs to these pieces."),
    "malformed_kit-hint": N_("Choose a kit file, a card file, or a photo of the code."),
    "malformed_qr-hint": N_("Scan the other code on the paper."),
    "piece": N_("piece {number}"),
    "customer": N_("Your kit"),
    "contact": N_("A contact’s card"),
    "provider": N_("The provider’s piece"),
    "the-envelope": N_("Your key, encrypted"),
    "from-camera": N_("scanned"),
    "from-words": N_("typed"),
    "from-text": N_("typed"),
    "about": N_("“{label}”, {date}"),
    "remove": N_("Remove: {piece}"),
    "is-in": N_("{piece}: it fits."),
    "removed": N_("{piece}: removed."),
    "same-again": N_("The camera sees a piece that is here already. Hold up the other one."),
    "copied": N_("Copied. Paste it where it is needed."),
    "not-copied": N_("Copying does not work here. Show it, and copy it by hand."),
    "saved": N_("The browser has saved it as {file}."),
    "too-long": N_("It is too long for a code. Save it as a file."),
    "cleared": N_("Everything was cleared. The key and the pieces are gone from this page."),
}


@dataclass(frozen=True)
class Language:
    """One language of the page."""

    locale: str
    gettext: Callable[[str], str]


def add(root: Path, building: ModuleType) -> bool:
    """Put the page among the built files unless it is fresh; tells whether it did.

    `building` is escrow/browser/build.py, whose `build` has been called. Raises its BuildError.
    """
    static = root / "escrow" / "static"
    manifest = json.loads((static / building.MANIFEST).read_text("utf-8"))
    made_from = _inputs(root, building)
    if manifest.get("offline") == made_from and (static / NAME).is_file():
        return False
    page = assemble(root, building)
    listing = json.loads((static / "escrow.json").read_text("utf-8"))
    files = [line for line in listing["files"] if line["path"] != PATH]
    listing["files"] = [*files, {"path": PATH, "sha256": hashlib.sha256(page).hexdigest()}]
    manifest["files"] = sorted({*manifest["files"], NAME})
    manifest["offline"] = made_from
    handle = os.open(static, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        for name, contents in (
            (NAME, page),
            ("escrow.json", _document(listing)),
            (building.MANIFEST, _document(manifest)),
        ):
            unfinished = static / f".{name}.{os.getpid()}"
            unfinished.write_bytes(contents)
            unfinished.replace(static / name)
    finally:
        os.close(handle)
    return True


def _document(value: dict[str, Any]) -> bytes:
    return (json.dumps(value, indent=1, ensure_ascii=False) + "\n").encode()


def _catalogue_files(root: Path) -> list[Path]:
    return sorted(root.glob("escrow/translations/*/LC_MESSAGES/*.po"))


def _inputs(root: Path, building: ModuleType) -> str:
    whole = hashlib.sha256(building.inputs(root).encode())
    for path in (*_catalogue_files(root), root / "escrow" / "triptych.py"):
        whole.update(path.read_bytes())
    return whole.hexdigest()


def assemble(root: Path, building: ModuleType) -> bytes:
    """Return the page's bytes; raises BuildError."""
    script, style, notices = _bundled(root, building)
    if "</script" in script.lower() or "<!--" in script or "</style" in style.lower():
        raise building.BuildError("the offline page's script or style would end too early")
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string((HERE / "page.html").read_text("utf-8"))
    page = template.render(
        policy=policy(script, style),
        script=script,
        style=style,
        notices=notices,
        languages=_languages(root),
        pictures=_pictures(root),
        sentences=lambda _: {name: _(text) for name, text in SENTENCES.items()},
        file_name=KEY_FILE,
    )
    return f"{page}\n".encode()


def policy(script: str, style: str) -> str:
    """Return the policy: this script and this style run, and nothing is loaded or sent."""
    return (
        f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; "
        "base-uri 'none'; form-action 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _bundled(root: Path, building: ModuleType) -> list[str]:
    node, _ = building.node_programs()
    with tempfile.TemporaryDirectory() as out:
        program = root / "escrow" / "browser" / "offline" / "join.mjs"
        done = subprocess.run(
            [node, str(program), out],
            cwd=root,
            env=building.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise building.BuildError(f"join.mjs failed\n{done.stdout}{done.stderr}")
        names = ("script.js", "style.css", "notices.txt")
        return [(Path(out) / name).read_text("utf-8") for name in names]


def _languages(root: Path) -> list[Language]:
    """Return English, which is in the sources, and every language with a catalogue."""
    found = [Language("en", catalogues.NullTranslations().gettext)]
    for path in _catalogue_files(root):
        with path.with_suffix(".mo").open("rb") as stream:
            gettext = catalogues.GNUTranslations(stream).gettext
        found.append(Language(path.parent.parent.name, gettext))
    return found


def _pictures(root: Path) -> dict[str, str]:
    """Draw the picture for each set of pieces that are here: you, contacts, provider."""
    triptych = _load(root / "escrow" / "triptych.py")
    states = (triptych.Panel.INVITED, triptych.Panel.PROVEN)
    return {
        "".join(map(str, here)): triptych.svg(*(states[panel] for panel in here), "")
        for here in product((0, 1), repeat=3)
    }


def _load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"escrow_offline_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
