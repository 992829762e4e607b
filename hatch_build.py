"""Compile the message catalogues, for wheels and for editable installs alike.

Hatchling calls the hook when it builds; `python hatch_build.py` does the same by hand
(deploy/bootstrap.py calls it when a catalogue has changed).
"""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
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


class CustomBuildHook(BuildHookInterface[Any]):
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        compile_translations(Path(self.root))


if __name__ == "__main__":
    for path in compile_translations(Path(__file__).resolve().parent):
        sys.stdout.write(f"compiled {path.name} for {path.parent.parent.name}\n")
