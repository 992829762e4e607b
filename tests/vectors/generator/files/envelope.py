"""envelope.json: age files to the identity of the recovery key."""

from __future__ import annotations

import base64

from .. import age
from ..basics import Cases, fixed, flip
from ..world import ALONE, MAIN

DESCRIPTION = "Section 5: the envelope; the plaintext is the secret, byte for byte"
LONGEST = 65536


def armoured(data: bytes) -> bytes:
    text = base64.b64encode(data).decode()
    lines = [text[i : i + 64] for i in range(0, len(text), 64)]
    label = "AGE ENCRYPTED FILE-----"
    return "\n".join([f"-----BEGIN {label}", *lines, f"-----END {label}", ""]).encode()


def add_good(cases: Cases) -> None:
    key = MAIN.recovery_key
    for deposit in (MAIN, ALONE):
        given = {"envelope": deposit.envelope, "recovery_key": deposit.recovery_key}
        cases.good(f"open: {deposit.name}", "open_envelope", given, secret=deposit.secret)
    for name, secret in {
        "one byte": b"\x00",
        "every byte": bytes(range(256)),
        "line ends stay": b"a\r\nb\rc\n\n",
    }.items():
        given = {"envelope": age.checked(secret, key, name), "recovery_key": key}
        cases.good(f"open: {name}", "open_envelope", given, secret=secret)
    sealed = age.checked(b"\xa5" * LONGEST, key, "64 KiB")
    given = {"envelope": sealed, "recovery_key": key}
    cases.good("open: 64 KiB", "open_envelope", given, secret=b"\xa5" * LONGEST)


def add_bad(cases: Cases) -> None:
    key, sealed, secret = MAIN.recovery_key, MAIN.envelope, MAIN.secret

    def bad(name: str, envelope: bytes, error: str = "damaged_envelope", by: bytes = key) -> None:
        given = {"envelope": envelope, "recovery_key": by}
        cases.bad(f"open: {name}", "open_envelope", given, error)

    bad("another key", sealed, "wrong_key", ALONE.recovery_key)
    bad("another key by one bit", sealed, "wrong_key", flip(key, 9))
    for name, plaintext in {
        "no secret": b"",
        "64 KiB and one byte": b"\xa5" * (LONGEST + 1),
    }.items():
        given = {"secret": plaintext, "recovery_key": key}
        cases.bad(f"seal: {name}", "seal_envelope", given, "wrong_secret_length")
    end = sealed.index(b"--- ")
    start = sealed.index(b"\n", end) + 1
    bad("first byte of the body", flip(sealed, start + 16))
    bad("last byte of the body", flip(sealed, -1))
    bad("nonce of the body", flip(sealed, start))
    bad("cut by one byte", sealed[:-1])
    bad("cut after the header", sealed[:start])
    bad("cut in the header", sealed[:end])
    bad("a byte after the end", sealed + b"\x00")
    bad("empty", b"")
    bad("not age", b"secret\n" * 20)
    bad("armoured", armoured(sealed))
    bad("version 2", sealed.replace(b"/v1\n", b"/v2\n", 1))
    mac = sealed[end + 4 : start - 1]
    other = b"A" if mac[:1] != b"A" else b"B"
    bad("another header MAC", sealed[: end + 4] + other + sealed[end + 5 :])
    bad(
        "body of another age file with the same key",
        sealed[:start] + age.checked(secret, key, "x")[start:],
    )
    scrypt = b"-> scrypt " + age.raw64(fixed("salt", 16)) + b" 10\n" + age.raw64(bytes(32)) + b"\n"
    bad("to a passphrase", age.encrypt(secret, key, "scrypt", wrapped=scrypt), "wrong_key")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_good(made)
    add_bad(made)
    return made
