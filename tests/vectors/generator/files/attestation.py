"""attestation.json: proofs of possession."""

from ..basics import Cases, identifier, sign
from ..signed import HASH, ID, NUMBER, TEXT, Signed, add_signed
from ..world import CHECKPOINT_HASH, NOW, PAIR

DESCRIPTION = "Section 9: attestations by share (release key) and by check (attest key)"
FORM = Signed(
    "attestation",
    "escrow/v1/attest",
    [
        ("deposit", ID),
        ("custody", ID),
        ("manifest_hash", HASH),
        ("means", TEXT),
        ("checkpoint_hash", HASH),
        ("time", NUMBER),
    ],
)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    deposit = PAIR
    for custody in deposit.custodies:
        for means, seed in (("share", custody.release_seed), ("check", custody.attest_seed)):
            given = {
                "deposit": deposit.id,
                "custody": custody.id,
                "manifest_hash": deposit.manifest_hash,
                "means": means,
                "checkpoint_hash": CHECKPOINT_HASH,
                "time": NOW,
            }
            others = {"share": "check", "check": "share"}
            add_signed(
                made,
                FORM,
                f"{custody.role}, {means}",
                given,
                seed,
                refusals=custody.role == "contact",
                other_values={"means": others[means], "custody": deposit.customer.id},
                checked_by={"manifest": deposit.manifest},
            )
            stranger = given | {"custody": identifier("stranger")}
            stranger |= {"manifest": deposit.manifest, "signature": sign(seed, FORM.message(given))}
            name = f"attestation: {custody.role}, {means}: of an unknown custody"
            made.bad(name, "verify_attestation", stranger, "wrong_custody")
    return made
