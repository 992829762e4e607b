"""What a list of keys is narrowed by, as it stands in a page's address, an export and a view.

    state=at_risk       how the key is doing
    role=contact        lists pieces of this party, the longest unproven first
    piece=due           pieces that are proven, due for a proof, or missing (not held)
    days=90             pieces whose last proof is at least so many days old
    policy=2-of-3       keys of which so many contacts of so many are needed
    domain=64 hex       pieces of contacts at one mail domain, by the keyed hash of its name
    account=32 hex      keys of one customer

Neither an address nor the name of a domain is among them: `escrow.admin.lookup` finds what stands
here instead, so that neither gets into a browser's history or a log.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self

from escrow.deposit.recoverability import STATES

ROLES = ("customer", "contact", "provider")
PIECES = ("proven", "due", "missing")
PATTERNS = {
    "state": "|".join(STATES),
    "role": "|".join(ROLES),
    "piece": "|".join(PIECES),
    # 1 to 3650: ten years.
    "days": "[1-9][0-9]{0,2}|[12][0-9]{3}|3[0-5][0-9]{2}|36[0-4][0-9]|3650",
    "policy": r"[0-9]{1,2}-of-[0-9]{1,2}",
    "domain": "[0-9a-f]{64}",
    "account": "[0-9a-f]{32}",
}
_CURSOR = re.compile(r"(?:(0|[1-9][0-9]{0,14})-)?([0-9a-f]{32})")


@dataclass(frozen=True)
class Filter:
    """What is wanted; a field that is empty narrows nothing."""

    state: str = ""
    role: str = ""
    piece: str = ""
    days: str = ""
    policy: str = ""
    domain: str = ""
    account: str = ""

    def __post_init__(self) -> None:
        """Refuse what names no filter; raises ValueError."""
        for name, value in self.query().items():
            if not re.fullmatch(PATTERNS[name], value):
                raise ValueError(name)

    @classmethod
    def read(cls, given: Mapping[str, str]) -> Self:
        """Read those fields that are given; raises ValueError."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in given.items() if name in known})

    def query(self) -> dict[str, str]:
        """Return the fields that narrow something, in one order."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name))}

    @property
    def is_of_pieces(self) -> bool:
        """Whether single pieces are listed, each with its key, instead of keys."""
        return bool(self.role or self.piece or self.days or self.domain)

    @property
    def is_compared(self) -> bool:
        """Whether pieces are asked of keys of some kind, which no index of pieces knows.

        Those of one customer are found by the customer.
        """
        return self.is_of_pieces and bool(self.state or self.policy) and not self.account

    @property
    def roles(self) -> tuple[str, ...]:
        """The parties whose pieces are listed; a mail domain is a contact's."""
        if self.domain:
            return ("contact",) if self.role in {"", "contact"} else ()
        return (self.role,) if self.role else ROLES

    @property
    def contacts(self) -> tuple[int, int] | None:
        """How many contacts of how many are needed."""
        if not self.policy:
            return None
        needed, _, count = self.policy.partition("-of-")
        return int(needed), int(count)

    def told(self) -> str:
        """Say it for the ledger: which customer or domain it was about stays out."""
        told = {**self.query(), **dict.fromkeys(("domain", "account"), "one")}
        given = (f"{name} {told[name]}" for name in self.query())
        return ", ".join(given) or "all"


@dataclass(frozen=True)
class Cursor:
    """Where a list goes on: after a key, or after a piece of a date of proof (Unix seconds)."""

    after: str = ""
    at: int = -1

    @classmethod
    def read(cls, written: str) -> Self:
        """Read what `str()` wrote; the beginning for nothing. Raises ValueError."""
        if not written:
            return cls()
        found = _CURSOR.fullmatch(written)
        if found is None:
            raise ValueError("after")
        return cls(found[2], int(found[1] or -1))

    def __str__(self) -> str:
        """Write it for a page's address."""
        return self.after if self.at < 0 else f"{self.at}-{self.after}"
