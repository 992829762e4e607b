"""request.json: a contact's requests and the approvals of admins and operators."""

from __future__ import annotations

from ..basics import Cases, fixed, pae, sha256
from ..signed import BYTES, HASH, ID, NUMBER, TEXT, Signed, add_signed
from ..world import MAIN, NOW

DESCRIPTION = "Section 13: signed requests and approvals"
REQUEST = Signed(
    "request",
    "escrow/v1/request",
    [("custody", ID), ("method", TEXT), ("path", TEXT), ("body:sha256", BYTES), ("time", NUMBER)],
)
APPROVAL = Signed(
    "approval",
    "escrow/v1/approval",
    [("operation", TEXT), ("target", TEXT), ("body_sha256", HASH), ("expires", NUMBER)],
)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    contact = MAIN.contacts[0]
    path = f"/api/v1/custodies/{contact.id}/attestations"
    post = {"custody": contact.id, "method": "POST", "path": path, "body": b"{}", "time": NOW}
    add_signed(made, REQUEST, "POST", post, contact.release_seed)
    get = post | {"method": "GET", "path": f"/api/v1/custodies/{contact.id}/events", "body": b""}
    add_signed(made, REQUEST, "GET without body", get, contact.release_seed, refusals=False)
    approval = {
        "operation": "recovery unfreeze",
        "target": MAIN.id,
        "body_sha256": fixed("approved body", 32),
        "expires": NOW + 600,
    }
    add_signed(made, APPROVAL, "an admin's", approval, fixed("admin key", 32))
    asked = sha256(APPROVAL.message(approval))
    made.good("approval: a passkey's challenge", "approval_challenge", approval, challenge=asked)
    server = fixed("sign-in challenge", 32)
    asked = sha256(pae("escrow/v1/admin/sign-in", server))
    made.good(
        "sign-in: a passkey's challenge", "sign_in_challenge", {"asked": server}, challenge=asked
    )
    return made
