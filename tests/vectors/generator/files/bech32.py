"""bech32.json: the recovery key as an age identity."""

from ..basics import Cases, fixed
from ..bech32 import ALPHABET, from_groups, identity, to_groups

DESCRIPTION = "Section 4: Bech32 with the prefix AGE-SECRET-KEY-"


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    keys = {
        "c2sp.org/age example": bytes([0x42]) * 32,
        "all zero": bytes(32),
        "all one": b"\xff" * 32,
        "random": fixed("identity", 32),
    }
    for name, key in keys.items():
        text = identity(key)
        made.good(f"write: {name}", "write_identity", {"key": key}, identity=text)
        made.good(f"read: {name}", "read_identity", {"identity": text}, key=key)
    key = fixed("identity", 32)
    text = identity(key)
    groups = to_groups(key)
    at = len("AGE-SECRET-KEY-1") + 7
    other = ALPHABET[(ALPHABET.index(text[at].lower()) + 1) % 32].upper()
    wrong = {
        "one character changed": text[:at] + other + text[at + 1 :],
        "two neighbours swapped": text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        "the last character changed": text[:-1] + ("Q" if text[-1] != "Q" else "P"),
        "one character short": text[:-1],
        "one character long": text + "Q",
        "a character outside the alphabet": text[:at] + "B" + text[at + 1 :],
        "a character outside ASCII": text[:at] + "É" + text[at + 1 :],
        "a character whose upper case is ASCII": text[:at] + "ſ" + text[at + 1 :],
        "mixed case": text[:-1] + text[-1].lower()
        if text[-1].isalpha()
        else text[:-2] + text[-2].lower() + text[-1],
        "the Kelvin sign for K": text.replace("K", "\u212a", 1),
        "another prefix": from_groups("age-secret-key-pq-", groups).upper(),
        "a recipient's prefix": from_groups("age", groups),
        "no separator": text.replace("-1", "-", 1),
        "31 bytes": from_groups("age-secret-key-", to_groups(key[:31])).upper(),
        "33 bytes": from_groups("age-secret-key-", to_groups(key + b"\x00")).upper(),
        "no bytes": from_groups("age-secret-key-", []).upper(),
        "bits in the last group that belong to no byte": from_groups(
            "age-secret-key-", to_groups(key, padding=1)
        ).upper(),
        "a whole group too many": from_groups("age-secret-key-", [*groups, 0]).upper(),
        "a space in front": " " + text,
        "a line break at the end": text + "\n",
        "nothing": "",
    }
    for name, spelling in wrong.items():
        made.bad(f"read: {name}", "read_identity", {"identity": spelling}, "wrong_bech32")
    return made
