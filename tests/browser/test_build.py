"""The browser's build: small, the same bytes anywhere, nothing half done, in wheels."""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.sabotage.run import tree_files
from tests.support.node import ROOT, build_browser, building, node

STATIC = ROOT / "escrow" / "static"
KIBIBYTE = 1024
READ = ("escrow/browser/", "escrow/translations/", "escrow/triptych.py")
# Gzipped bytes of what a page loads before it runs; the rest comes when it is needed.
MOST = {"recover.js": 60, "enrol.js": 75, ".js": 75, ".css": 10}
# What a recovery needs of the protocol: so much is left for the page itself.
RECOVERY = "call envelope errors keys kit ledger manifest note qr release seal share slip39 tree"
MOST_RECOVERY = 48


@pytest.fixture(scope="module")
def built() -> dict[str, Any]:
    build_browser(ROOT)
    found: dict[str, Any] = json.loads((STATIC / "manifest.json").read_bytes())
    return found


def copy_of(folder: Path) -> Path:
    """Copy what the build reads; the installed packages are shared."""
    for name in tree_files():
        if name.startswith(READ) or name in building().PACKAGES:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    return folder


def contents(static: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in static.iterdir() if path.is_file()}


def test_two_folders_give_the_same_bytes(built: dict[str, Any], tmp_path: Path) -> None:
    made = []
    for name in ("one", "another/further down"):
        folder = copy_of(tmp_path / name)
        assert build_browser(folder)
        made.append(contents(folder / "escrow" / "static"))
    assert made[0] == made[1] == contents(STATIC)


def test_fresh_output_is_left_alone_and_stale_output_is_not(tmp_path: Path) -> None:
    folder = copy_of(tmp_path)
    assert building().build(folder)
    static = folder / "escrow" / "static"
    before = contents(static)
    assert not building().build(folder)
    page = folder / "escrow" / "browser" / "style" / "page.css"
    page.write_text(page.read_text("utf-8") + "main { margin: 1px; }\n")
    assert building().build(folder)
    after = contents(static)
    assert set(before) != set(after)
    named = json.loads(after["manifest.json"])["files"]
    assert set(after) == {*named, "manifest.json", "escrow.json"}  # the old ones are gone
    (static / named[0]).unlink()
    assert building().build(folder)


def test_a_failed_build_leaves_the_old_one(tmp_path: Path) -> None:
    folder = copy_of(tmp_path)
    assert building().build(folder)
    static = folder / "escrow" / "static"
    before = contents(static)
    (folder / "escrow" / "browser" / "pages" / "act" / "index.js").write_text("import './no.js'")
    with pytest.raises(building().BuildError, match=r"no\.js"):
        building().build(folder)
    assert contents(static) == before
    assert [path for path in static.iterdir() if path.is_dir()] == []


def test_the_listing_names_every_file(built: dict[str, Any]) -> None:
    listing = json.loads((STATIC / "escrow.json").read_bytes())
    served = {line["path"].removeprefix("/assets/"): line["sha256"] for line in listing["files"]}
    named = {name.removeprefix("/"): hashed for name, hashed in served.items()}
    assert served.keys() - named.keys() == {"/offline.html"}  # all others under /assets/
    assert set(named) == set(built["files"])
    for name, expected in named.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == expected
    loaded = {name for files in built["entries"].values() for name in files}
    assert loaded <= set(named)


def test_no_page_is_too_large(built: dict[str, Any]) -> None:
    for entry, files in built["entries"].items():
        most = MOST.get(entry, MOST[Path(entry).suffix])
        size = sum(len(gzip.compress((STATIC / name).read_bytes(), 9)) for name in files)
        assert size <= most * KIBIBYTE, (entry, size)


def test_the_protocol_leaves_room_for_the_recovery_page(tmp_path: Path) -> None:
    modules = (ROOT / "escrow" / "browser" / "protocol" / f"{name}.js" for name in RECOVERY.split())
    lines = (f'export * as m{i} from "{path}";' for i, path in enumerate(modules))
    (tmp_path / "core.js").write_text("\n".join(lines))
    done = node("tests/browser/bundle.mjs", str(tmp_path), f"core={tmp_path / 'core.js'}")
    assert done.returncode == 0, done.stdout
    found = json.loads(done.stdout)["core"]
    assert found["first"] <= MOST_RECOVERY * KIBIBYTE, found
    # Loaded only in browsers that lack ML-KEM, X25519 or Ed25519.
    assert not {"@noble/post-quantum", "@panva/hpke-noble"} & set(found["packages"])


def test_no_script_of_a_package_runs() -> None:
    lock = json.loads((ROOT / "package-lock.json").read_bytes())
    assert all("resolved" not in package for package in lock["packages"].values())
    pinned = {name for name, package in lock["packages"].items() if "integrity" in package}
    assert pinned == set(lock["packages"]) - {""}
    assert "ignore-scripts=true" in (ROOT / ".npmrc").read_text("utf-8")
    wanted = json.loads((ROOT / "package.json").read_bytes())
    versions = [*wanted["dependencies"].values(), *wanted["devDependencies"].values()]
    assert all(version[0].isdigit() for version in versions)


def hatch(folder: Path, target: str, out: Path) -> Path:
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [made] = out.iterdir()
    return made


def test_a_wheel_from_the_source_distribution_has_what_browsers_load(
    built: dict[str, Any], tmp_path: Path
) -> None:
    source = hatch(ROOT, "sdist", tmp_path / "sdist")
    with tarfile.open(source) as archive:
        names = archive.getnames()
        archive.extractall(tmp_path, filter="data")
    assert not [name for name in names if "node_modules" in name or "/static/" in name]
    [folder] = tmp_path.glob("escrow-*")
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    wheel = hatch(folder, "wheel", tmp_path / "wheel")
    with zipfile.ZipFile(wheel) as archive:
        for name, expected in contents(STATIC).items():
            assert archive.read(f"escrow/static/{name}") == expected
        assert "escrow/translations/nl/LC_MESSAGES/escrow.mo" in archive.namelist()
