"""Part 1: splitting and combining, beside PBKDF2 alone and beside other packages."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

from bench import table256
from bench.measure import Line, Part, Timed, milliseconds, side_by_side
from escrow.protocol import gf256, slip39
from tests.vectors.generator.primes import package

AIM = 1.1
ROUNDS = 30


def run(rounds: int = ROUNDS) -> Part:
    part = Part(
        "Splitting and combining",
        "From recovery key to words and back. The floor is what SLIP-39 demands: four times 2 500 "
        "iterations of PBKDF2-HMAC-SHA256, with the inputs of that very key; OpenSSL does it for "
        "all three.",
    )
    for needed, count in ((1, 1), (2, 3)):
        _policy(part, needed, count, rounds)
    _arithmetic(part, rounds)
    return part


def _policy(part: Part, needed: int, count: int, rounds: int) -> None:
    from shamir_mnemonic import combine_mnemonics, generate_mnemonics

    key = secrets.token_bytes(32)
    groups = [(1, 1), (needed, count), (1, 1)]

    def split() -> list[str]:
        return [share.words() for share in slip39.split(key, needed, count)]

    def peer_split() -> Any:
        return generate_mnemonics(2, groups, key, b"", extendable=True, iteration_exponent=0)

    words = split()
    chosen = words[: 1 + needed]
    assert slip39.combine(chosen) == combine_mnemonics(chosen, b"") == key
    found = side_by_side(
        {
            "floor": lambda: _feistel(key, range(4)),
            "floor back": lambda: _feistel(key, range(3, -1, -1)),
            "split": split,
            "combine": lambda: slip39.combine(chosen),
            "peer split": peer_split,
            "peer combine": lambda: combine_mnemonics(chosen, b""),
        },
        rounds,
        calls=10,
    )
    name = f"{needed} of {count}" if count > 1 else "one contact"
    for verb, floor in (("split", "floor"), ("combine", "floor back")):
        part.add(_line(f"{verb}, {name}", found[verb], found[floor], "PBKDF2", AIM))
        part.add(
            _line(f"{verb}, {name}", found[verb], found[f"peer {verb}"], "shamir-mnemonic", None)
        )


def _feistel(key: bytes, rounds: range) -> bytes:
    left, right = key[:16], key[16:]
    for step in rounds:
        left, right = right, hashlib.pbkdf2_hmac("sha256", bytes([step]), right, 2500, 16)
    return left + right


def _arithmetic(part: Part, rounds: int) -> None:
    module = package()
    module.polynomials.randint = lambda low, high: low + secrets.randbelow(high - low + 1)
    sharer = module.HexToHexSecretSharer
    theirs = sharer.split_secret(secrets.token_bytes(32).hex(), 3, 5)[:3]
    points = {x: secrets.token_bytes(32) for x in (0, 254, 255)}
    assert gf256.interpolate(points, 1) == table256.interpolate(points, 1)
    found = side_by_side(
        {
            "gf256": lambda: gf256.interpolate(points, 1),
            "table": lambda: table256.interpolate(points, 1),
            "secretsharing": lambda: sharer.recover_secret(theirs),
        },
        rounds,
        calls=30,
    )
    name = "interpolate 32 bytes from 3 points"
    part.add(_line(name, found["gf256"], found["table"], "log tables", None))
    part.add(_line(name, found["gf256"], found["secretsharing"], "secretsharing", None))


def _line(what: str, ours: Timed, other: Timed, name: str, aim: float | None) -> Line:
    beside = f"{name}: {milliseconds(other.median)}"
    return Line(what, milliseconds(ours.median), beside, ours.ratio(other), aim)
