"""The register of lies, read from the README beside it."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = Path(__file__).with_name("README.md")

# What a malicious server was asked to be tested for: each has a heading, and rows under it.
KINDS = (
    "swapped recovery public key",
    "swapped custodian key at enrolment",
    "swapped or altered manifest",
    "rows swapped between two deposits or accounts",
    "back-dated or inserted or deleted events",
    "deleted veto",
    "replayed release, release of another recovery or session",
    "contact's address changed",
    "wait shortened",
    "forged, forked or rewound checkpoint",
    "recovery not in the ledger",
    "call with a reveal that does not open `c`",
    "call with two nonces",
    "another custody's call",
    "key revealed early",
    "invitation for another custody",
    "attestation of another deposit",
    "approval altered",
    "approval replayed",
    "approval expired",
    "approval self-approved",
    "approval written as a flag",
)
TOLD_BY = {"proxy", "database", "web keys", "custodian keys", "request", "file"}
_HEADING = re.compile(r"## (.+)")
_CODE = re.compile(r"`([^`]+)`")


@dataclass(frozen=True)
class Lie:
    """One row. `reason` is None where it is told in words; `test` is `file::function`."""

    kind: str
    lie: str
    told_by: tuple[str, ...]
    refused_by: str
    reason: str | None
    test: str
    patches: tuple[str, ...]


def read() -> list[Lie]:
    """Read the table; raises ValueError for a row that is none."""
    found, kind = [], ""
    for line in README.read_text("utf-8").splitlines():
        if heading := _HEADING.fullmatch(line):
            kind = heading[1]
        elif line.startswith("| ") and not line.startswith("| lie |"):
            lie, told_by, refused_by, reason, test, patches = line[2:-2].split(" | ")
            named = _CODE.fullmatch(reason)
            found.append(
                Lie(
                    kind,
                    lie,
                    tuple(told_by.split(", ")),
                    refused_by,
                    named[1] if named else None,
                    test.strip("`"),
                    tuple(_CODE.findall(patches)),
                )
            )
    return found
