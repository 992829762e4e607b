"""`make soak`: the long versions of the tests, and a dated report of them in `bench/reports/`."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[1]
REPORTS = ROOT / "bench" / "reports"


def main(arguments: list[str]) -> int:
    """Run `tests/soak`; returns pytest's status."""
    started = datetime.now(UTC)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-v",
        "-rP",
        "--durations=0",
        "tests/soak",
        *arguments,
    ]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        print(line, end="")
        lines.append(line)
    status = process.wait()
    minutes = (datetime.now(UTC) - started).total_seconds() / 60
    head = f"# Soak of {started:%Y-%m-%d}\n\n{minutes:.0f} minutes, status {status}.\n\n"
    report = head + "```\n" + "".join(lines[-400:]) + "```\n"
    REPORTS.mkdir(exist_ok=True)
    (REPORTS / f"soak-{started:%Y-%m-%d}.md").write_text(report, "utf-8")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
