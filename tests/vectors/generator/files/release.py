"""release.json: proof of the person, release, completion, replacement."""

from __future__ import annotations

from ..basics import Cases, digits, fixed, pae, raw, sha256
from ..signed import HASH, ID, NUMBER, Signed, add_signed
from ..world import CHECKPOINT_HASH, MAIN, NOW, PAIR, RECOVERY, SESSION, SESSION_PUBLIC_KEY

DESCRIPTION = "Sections 10 and 11: what the kit, a contact and the owner sign in a recovery"
PROOF = Signed(
    "proof",
    "escrow/v1/proof",
    [
        ("deposit", ID),
        ("custody", ID),
        ("recovery", ID),
        ("session", ID),
        ("public_key:sha256", HASH),
        ("checkpoint_hash", HASH),
    ],
)
RELEASE = Signed(
    "release",
    "escrow/v1/release",
    [
        ("deposit", ID),
        ("custody", ID),
        ("recovery", ID),
        ("session", ID),
        ("manifest_hash", HASH),
        ("public_key:sha256", HASH),
        ("sealed:sha256", HASH),
        ("time", NUMBER),
    ],
)
COMPLETE = Signed(
    "complete",
    "escrow/v1/complete",
    [("deposit", ID), ("recovery", ID), ("manifest_hash", HASH), ("time", NUMBER)],
)
REPLACED = Signed("replaced", "escrow/v1/replaced", [("deposit", ID), ("manifest_hash", HASH)])


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    contact = MAIN.contacts[0]
    opening = {
        "deposit": MAIN.id,
        "custody": MAIN.customer.id,
        "recovery": RECOVERY,
        "session": None,
        "public_key": None,
        "checkpoint_hash": CHECKPOINT_HASH,
    }
    beginning = opening | {"session": SESSION, "public_key": SESSION_PUBLIC_KEY}
    add_signed(made, PROOF, "at open", opening, MAIN.customer.release_seed)
    add_signed(made, PROOF, "at begin", beginning, MAIN.customer.release_seed)
    by_contact = opening | {"custody": contact.id}
    add_signed(made, PROOF, "by a contact", by_contact, contact.release_seed, refusals=False)
    day = 86400
    for proof, days, least in (
        ("totp", 1, 1),
        ("totp", 30, 30),
        ("kit", 1, 7),
        ("kit", 3, 9),
        ("contacts", 3, 30),
        ("contacts", 31, 31),
        ("totp+kit", 3, 14),
        ("totp+kit", 8, 16),
        ("totp+contacts", 7, 14),
        ("totp+contacts", 10, 20),
    ):
        given = {"proof": proof, "waiting_seconds": days * day}
        name = f"shortest wait: {proof}, {days} days"
        made.good(name, "shortest_wait", given, seconds=least * day)
    text = digits(sha256(pae("escrow/v1/recovery/number", raw(RECOVERY))), 8)
    made.good("recovery number", "recovery_number", {"recovery": RECOVERY}, digits=text)
    released = {
        "deposit": MAIN.id,
        "custody": contact.id,
        "recovery": RECOVERY,
        "session": SESSION,
        "manifest_hash": MAIN.manifest_hash,
        "public_key": SESSION_PUBLIC_KEY,
        "sealed": fixed("sealed share", 1120 + 400),
        "time": NOW,
    }
    add_signed(made, RELEASE, "by a contact", released, contact.release_seed)
    completed = {
        "deposit": MAIN.id,
        "recovery": RECOVERY,
        "manifest_hash": MAIN.manifest_hash,
        "time": NOW,
    }
    add_signed(made, COMPLETE, "by the owner", completed, MAIN.owner_seed)
    replaced = {"deposit": MAIN.id, "manifest_hash": PAIR.manifest_hash}
    add_signed(made, REPLACED, "by the old owner", replaced, MAIN.owner_seed)
    return made
