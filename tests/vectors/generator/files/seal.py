"""seal.json: HPKE to the custodian service and to a recovery's session."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .. import hpke, kept
from ..basics import Cases, fixed, flip, identifier, pae, raw, sha256
from ..world import (
    ALONE,
    MAIN,
    PROVIDER_PUBLIC_KEY,
    PROVIDER_SEED,
    RECOVERY,
    SESSION,
    SESSION_PUBLIC_KEY,
    SESSION_SEED,
)

DESCRIPTION = "Section 8: sealing with X-Wing, HKDF-SHA256, ChaCha20-Poly1305, one shot, no AAD"


@dataclass
class Context:
    purpose: str
    deposit: str
    custody: str
    manifest_hash: bytes
    recovery: str | None
    session: str | None

    def info(self, public_key: bytes) -> bytes:
        return pae(
            "escrow/v1/seal/" + self.purpose,
            raw(self.deposit),
            raw(self.custody),
            self.manifest_hash,
            raw(self.recovery),
            raw(self.session),
            sha256(public_key),
        )


DEPOSIT = Context("deposit", MAIN.id, MAIN.provider.id, MAIN.manifest_hash, None, None)
RELEASE = Context("release", MAIN.id, MAIN.contacts[0].id, MAIN.manifest_hash, RECOVERY, SESSION)


def add_keys(cases: Cases) -> None:
    for name, seed in {
        "provider": PROVIDER_SEED,
        "session": SESSION_SEED,
        "all zero": bytes(32),
    }.items():
        cases.good(
            f"key: {name}", "seal_public_key", {"seed": seed}, public_key=hpke.public_key(seed)
        )
    for context, public_key in ((DEPOSIT, PROVIDER_PUBLIC_KEY), (RELEASE, SESSION_PUBLIC_KEY)):
        given = asdict(context) | {"public_key": public_key}
        output = context.info(public_key)
        cases.good(f"info: {context.purpose}", "seal_info", given, info=output)


def add_opening(cases: Cases) -> None:
    for context, seed, plaintext in (
        (DEPOSIT, PROVIDER_SEED, MAIN.payload(MAIN.provider)),
        (RELEASE, SESSION_SEED, MAIN.payload(MAIN.contacts[0])),
    ):
        purpose = context.purpose
        name = f"open: {purpose}"
        info = context.info(hpke.public_key(seed))
        sealed = kept.sealed(name, seed, plaintext, info)
        good: dict[str, Any] = asdict(context) | {"seed": seed, "sealed": sealed}
        cases.good(name, "open_seal", good, plaintext=plaintext)
        changes: dict[str, dict[str, Any]] = {
            "another deposit": {"deposit": ALONE.id},
            "another custody": {"custody": MAIN.contacts[1].id},
            "another manifest": {"manifest_hash": flip(MAIN.manifest_hash)},
            "another private key": {"seed": fixed("another hpke key", 32)},
            "last byte changed": {"sealed": flip(sealed, -1)},
            "first byte of the ciphertext changed": {"sealed": flip(sealed, 1120)},
            "first byte of enc changed": {"sealed": flip(sealed)},
            "X25519 share changed": {"sealed": flip(sealed, 1119)},
            "cut by one byte": {"sealed": sealed[:-1]},
            "a byte too many": {"sealed": sealed + b"\x00"},
            "cut in the tag": {"sealed": sealed[:1130]},
            "enc alone": {"sealed": sealed[:1120]},
            "cut in enc": {"sealed": sealed[:1000]},
            "empty": {"sealed": b""},
        }
        if purpose == "release":
            changes |= {
                "another recovery": {"recovery": identifier("another recovery")},
                "another session": {"session": identifier("another session")},
                "no session": {"session": None},
            }
        for how, change in changes.items():
            cases.bad(f"open: {purpose}: {how}", "open_seal", good | change, "not_opened")
    right = RELEASE.info(SESSION_PUBLIC_KEY)
    wrong = {
        "under the other purpose's label": right.replace(b"seal/release", b"seal/deposit"),
        "without the public key's hash": right[:-32] + bytes(32),
        "without info": b"",
    }
    for name, info in wrong.items():
        sealed = kept.sealed(f"open: sealed {name}", SESSION_SEED, b"{}", info)
        given = asdict(RELEASE) | {"seed": SESSION_SEED, "sealed": sealed}
        cases.bad(f"open: sealed {name}", "open_seal", given, "not_opened")


def add_wrong_keys(cases: Cases) -> None:
    good = asdict(RELEASE) | {"plaintext": b"{}"}
    key = SESSION_PUBLIC_KEY
    for name, public_key in {
        "one byte short": key[:-1],
        "one byte long": key + b"\x00",
        "empty": b"",
        "an X25519 key alone": key[1184:],
        "a coefficient past the modulus": b"\xff\xff" + key[2:],
    }.items():
        given = good | {"public_key": public_key}
        cases.bad(f"seal: {name}", "seal", given, "wrong_public_key")


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    add_keys(made)
    add_opening(made)
    add_wrong_keys(made)
    return made
