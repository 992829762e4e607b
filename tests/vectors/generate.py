"""Write every vector file from the protocol page, without the code under test.

    python tests/vectors/generate.py           write tests/vectors/*.json
    python tests/vectors/generate.py --check   say which files would change; exit 1 if any
    python tests/vectors/generate.py kit qr    write these two

Nothing here imports `escrow`: what this writes is a check on it. Every random
choice comes from a name, so the same bytes come out each time; only ciphertexts
of HPKE, whose library draws its own randomness, are kept from the files that
are there.
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
NAMES = [
    "attestation",
    "bech32",
    "call",
    "encoding",
    "envelope",
    "invitation",
    "keys",
    "kit",
    "ledger",
    "manifest",
    "move",
    "note",
    "prime_shares",
    "qr",
    "release",
    "request",
    "seal",
    "share",
    "slip39",
    "tree",
    "wrap",
]


def written(name: str) -> str:
    """Give the text of one vector file."""
    cases = importlib.import_module(f"generator.files.{name}").cases()
    return json.dumps(cases.document(), ensure_ascii=True, indent=1) + "\n"


def main(arguments: list[str]) -> int:
    """Write all files or those named, or with --check only compare them."""
    changed = []
    for name in [name for name in arguments if name in NAMES] or NAMES:
        path = FOLDER / f"{name}.json"
        text = written(name)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            changed.append(path.name)
            if "--check" not in arguments:
                path.write_text(text, encoding="utf-8")
    for name in changed:
        print("differs:" if "--check" in arguments else "written:", name)
    return 1 if changed and "--check" in arguments else 0


if __name__ == "__main__":
    sys.path.insert(0, str(FOLDER))
    raise SystemExit(main(sys.argv[1:]))
