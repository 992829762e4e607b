"""wrap.json: copies of share and check seed under a passkey's PRF output."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..basics import Cases, fixed, flip, hkdf, pae, raw, sha256
from ..world import ALONE, MAIN

DESCRIPTION = "Section 7: passkey-wrapped copies, 12 random bytes and AES-256-GCM"


def wrap_key(given: dict[str, Any]) -> bytes:
    context = sha256(pae("escrow/v1/context", raw(given["deposit"])))
    label = "escrow/v1/key/wrap/" + given["kind"]
    return hkdf(given["prf"], context, pae(label, raw(given["custody"]), given["manifest_hash"]))


def wrap(given: dict[str, Any], nonce: bytes, plaintext: bytes) -> bytes:
    label = "escrow/v1/wrap/" + given["kind"]
    fields = (raw(given["deposit"]), raw(given["custody"]), given["manifest_hash"])
    aad = pae(label, *fields, given["credential_id"])
    return nonce + AESGCM(wrap_key(given)).encrypt(nonce, plaintext, aad)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    contact = MAIN.contacts[0]
    plaintexts = {"share": MAIN.payload(contact), "check": contact.check_seed}
    for kind, plaintext in plaintexts.items():
        given: dict[str, Any] = {
            "kind": kind,
            "deposit": MAIN.id,
            "custody": contact.id,
            "manifest_hash": MAIN.manifest_hash,
            "prf": fixed("prf " + kind, 32),
        }
        made.good(f"key: {kind}", "wrap_key", given, key=wrap_key(given))
        given["credential_id"] = fixed("credential", 48)
        blob = wrap(given, fixed("gcm nonce " + kind, 12), plaintext)
        good = given | {"blob": blob}
        made.good(f"open: {kind}", "open_wrap", good, plaintext=plaintext)
        changes: dict[str, Any] = {
            "kind": "check" if kind == "share" else "share",
            "deposit": ALONE.id,
            "custody": MAIN.contacts[1].id,
            "manifest_hash": flip(MAIN.manifest_hash),
            "credential_id": flip(given["credential_id"]),
            "prf": flip(given["prf"]),
            "blob": flip(blob, -1),
        }
        for key, value in changes.items():
            name = f"open: {kind}: another {key.replace('_', ' ')}"
            made.bad(name, "open_wrap", good | {key: value}, "not_opened")
        for how, cut in {
            "nonce changed": flip(blob),
            "first byte of the ciphertext changed": flip(blob, 12),
            "cut by one byte": blob[:-1],
            "cut in the tag": blob[:20],
            "cut in the nonce": blob[:5],
            "empty": b"",
        }.items():
            made.bad(f"open: {kind}: {how}", "open_wrap", good | {"blob": cut}, "not_opened")
    return made
