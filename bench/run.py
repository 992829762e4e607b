"""The comparisons with other ways of doing it: `make bench`.

Runs all parts, or those named on the command line, prints what was measured and writes
bench/reports/YYYY-MM-DD.md. Ends with 1 when a hard limit is broken.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
import platform
import sqlite3
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Line, Part

PARTS = {
    "splitting": "splitting:run",
    "sealing": "sealing:run",
    "starting": "starting:run",
    "browser": "chromium:run",
    "admins-sqlite": "admins:run_sqlite",
    "admins-postgresql": "admins:run_postgresql",
    "ledger": "ledger:run",
    "sqlite": "service:run_sqlite",
    "postgresql": "service:run_postgresql",
}
REPORTS = Path(__file__).parent / "reports"


def main(wanted: Sequence[str]) -> int:
    unknown = set(wanted).difference(PARTS)
    if unknown:
        print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
        return 2
    parts = []
    began, load = time.monotonic(), os.getloadavg()[0]
    for name in wanted or PARTS:
        print(f"— {name}", file=sys.stderr, flush=True)
        module, _, function = PARTS[name].partition(":")
        part = getattr(importlib.import_module(f"bench.{module}"), function)()
        print(_chapter(part), flush=True)
        parts.append(part)
        if not wanted:  # after each part: one that fails must not take the others with it
            _write(_report(parts, _broken(parts), load, time.monotonic() - began))
    broken = _broken(parts)
    for line in broken:
        print(f"FAILED: {line.what}: {line.measured} beside {line.beside}", file=sys.stderr)
    return 1 if broken else 0


def _broken(parts: Sequence[Part]) -> list[Line]:
    return [line for part in parts for line in part.lines if line.verdict == "FAILED"]


def _write(text: str) -> None:
    REPORTS.mkdir(exist_ok=True)
    path = REPORTS / f"{datetime.now(UTC):%Y-%m-%d}.md"
    path.write_text(text)
    print(f"written: bench/reports/{path.name}", file=sys.stderr)


def _report(parts: Sequence[Part], broken: Sequence[Line], load: float, seconds: float) -> str:
    verdict = f"{len(broken)} limits broken" if broken else "all limits held"
    head = [
        f"# Comparisons of {datetime.now(UTC):%Y-%m-%d %H:%M} UTC: {verdict}",
        "",
        "Made by `make bench`. A ratio is the median over rounds in which both sides ran in turn, "
        "so it holds on a busy machine, while absolute numbers do not. Verdicts: met, missed (the "
        "aim), FAILED (a hard limit).",
        "",
        _machine(),
        f"Load when it began: {load:.1f}. It took {seconds / 60:.0f} minutes.",
        "",
    ]
    return "\n".join(head) + "\n".join(_chapter(part) for part in parts)


def _machine() -> str:
    import cryptography
    import flask
    import sqlalchemy
    from cryptography.hazmat.backends.openssl import backend

    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    cores = len(os.sched_getaffinity(0))
    return (
        f"{cores} cores ({model}), {platform.system()} {platform.release().split('-')[0]}, Python "
        f"{platform.python_version()}, cryptography {cryptography.__version__} "
        f"({backend.openssl_version_text()}), SQLite {sqlite3.sqlite_version}, SQLAlchemy "
        f"{sqlalchemy.__version__}, Flask {importlib.metadata.version(flask.__name__)}."
    )


def _chapter(part: Part) -> str:
    rows = [f"## {part.title}", "", part.about, ""]
    rows += [
        "| what | measured | beside | ratio | aim | limit | verdict |",
        "|---|---|---|---|---|---|---|",
    ]
    for line in part.lines:
        sign = "≤" if line.better == "less" else "≥"
        ratio = "–" if line.ratio is None else f"{line.ratio:.2f}"
        aim, limit = (
            "–" if bound is None else f"{sign} {bound:g}" for bound in (line.aim, line.limit)
        )
        cells = (line.what, line.measured, line.beside, ratio, aim, limit, line.verdict)
        rows.append(f"| {' | '.join(cells)} |")
    notes = [f"- {line.what}: {line.note}" for line in part.lines if line.note]
    return "\n".join([*rows, "", *notes, *([""] if notes else [])])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
