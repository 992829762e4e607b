"""What plain words are: patterns for what is none, and a measure of sentences."""

import re

# Our words, not the customer's (EXPERIENCE.md).
NOT_PLAIN = re.compile(
    r"\b(escrow|threshold|shares?|secret sharing|hpke|slip-?39|custod\w+|manifest|deposit\w*"
    r"|attest\w*|veto\w*|token|cryptogra\w+|quorum|stuk\w*|drempel\w*|geheim\w*|verifi\w+)\b",
    re.IGNORECASE,
)
FAMILIAR = re.compile(r"\b(jij|je|jou|jouw|jullie)\b", re.IGNORECASE)
MEAN_WORDS = 15
MOST_WORDS = 25


def sentences(lines: list[str]) -> list[str]:
    """Take lines of text apart into sentences; the end of a line ends one too."""
    return [part for line in lines for part in re.split(r"(?<=[.?!:]) ", line) if part]


def too_long(found: list[str]) -> str:
    """Say which sentence is too long, or that they are on average; "" if all is well."""
    counted = [len(sentence.split()) for sentence in found]
    if max(counted) > MOST_WORDS:
        return max(found, key=lambda sentence: len(sentence.split()))
    mean = sum(counted) / len(counted)
    return f"{mean:.1f} words on average" if mean > MEAN_WORDS else ""
