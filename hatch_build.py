"""Compile the message catalogues and bundle the browser's files, for wheels and editable installs.

Hatchling calls the hook when it builds; `python hatch_build.py` does the same by hand
(deploy/bootstrap.py calls it when one of them has changed). A source distribution carries neither:
whoever builds from it makes them.
"""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from hatchling.builders.hooks.plugin.interface import BuildHookInterface


def compile_translations(root: Path) -> list[Path]:
    """Write the .mo file beside every .po file that is newer; return those written."""
    written = []
    for source in sorted(root.glob("escrow/translations/*/LC_MESSAGES/*.po")):
        target = source.with_suffix(".mo")
        if target.exists() and target.stat().st_mtime_ns >= source.stat().st_mtime_ns:
            continue
        with source.open("rb") as stream:
            catalogue = read_po(stream, locale=source.parent.parent.name, abort_invalid=True)
        compiled = io.BytesIO()
        write_mo(compiled, catalogue)
        # Renamed into place: a reader never sees half a catalogue.
        unfinished = target.with_name(f".{target.name}.{os.getpid()}")
        unfinished.write_bytes(compiled.getvalue())
        unfinished.replace(target)
        written.append(target)
    return written


def browser(root: Path, name: str = "build.py") -> ModuleType:
    """Load a file of escrow/browser, which is no part of the installed package's imports."""
    path = root / "escrow" / "browser" / name
    spec = importlib.util.spec_from_file_location(f"escrow_browser_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ImportError(str(path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    return module


def build_browser(root: Path, building: ModuleType) -> bool:
    """Bundle what pages load, then add the offline page; tells whether anything was stale."""
    bundled = building.build(root)
    added = browser(root, "offline/assemble.py").add(root, building)
    return bool(bundled or added)


class CustomBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "wheel":
            compile_translations(Path(self.root))
            build_browser(Path(self.root), browser(Path(self.root)))


def main(root: Path, wanted: list[str]) -> int:
    """Make what is stale; for `--tests` install their packages too, `--check-types` runs tsc."""
    for path in compile_translations(root):
        sys.stdout.write(f"compiled {path.name} for {path.parent.parent.name}\n")
    building = browser(root)
    try:
        if build_browser(root, building):
            sys.stdout.write("bundled the browser's files\n")
        if wanted:
            building.install_packages(root)
        if "--check-types" in wanted:
            building.check_types(root)
    except building.BuildError as error:
        sys.stderr.write(f"error: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent, sys.argv[1:]))
