"""move.json: a contact's move to another address, and which move counts."""

from __future__ import annotations

from typing import Any

from ..basics import Cases, b64url, canonical, fixed, flip, identifier, pae, public_of, sha256, sign
from ..shapes import add_refusals, add_writing_refusals, few, kind_bytes, kind_text
from ..world import MAIN, NOW, Contact

DESCRIPTION = "Sections 6 and 13: a contact's move, and the walk along the moves"
HOLDER = MAIN.contacts[0]
FIRST = HOLDER.contact.commitment() if HOLDER.contact else b""
NEW = Contact("Zoë van Dijk-Мороз", "zoe@new.example.org", fixed("move nonce", 16))
NEWER = Contact("Zoë", "zoe@newer.example.org", fixed("second move nonce", 16))
THIEF = Contact("Zoë", "thief@example.org", fixed("thief's nonce", 16))


def document(to: Contact, previous: bytes) -> dict[str, Any]:
    return {
        "name": to.name,
        "address": to.address,
        "nonce": b64url(to.nonce),
        "previous": b64url(previous),
    }


def entry(
    to: Contact, previous: bytes, time: int, seed: bytes = HOLDER.release_seed
) -> dict[str, Any]:
    """What the ledger keeps of a move."""
    hashed = sha256(canonical(document(to, previous)))
    path = f"/api/v1/custodies/{HOLDER.id}/address"
    custody = bytes.fromhex(HOLDER.id)
    signed = pae("escrow/v1/request", custody, "POST", path, hashed, time)
    return {
        "custody": HOLDER.id,
        "previous": previous,
        "commitment": to.commitment(),
        "body_sha256": hashed,
        "time": time,
        "signature": sign(seed, signed),
    }


def add_walks(cases: Cases) -> None:
    one, two = entry(NEW, FIRST, NOW), entry(NEWER, NEW.commitment(), NOW + 1)
    forged = entry(THIEF, FIRST, NOW, fixed("another signer", 32))
    walks: dict[str, tuple[list[dict[str, Any]], Contact | None]] = {
        "no move": ([], None),
        "one move": ([one], NEW),
        "two moves": ([one, two], NEWER),
        "the second before the first": ([two, one], NEW),
        "the first once more behind the second": ([one, two, one], NEWER),
        "one that follows nothing": ([two], None),
        "signed by another key": ([forged], None),
        "signed by another key, then the holder's": ([forged, one], NEW),
        "another body": ([one | {"body_sha256": flip(one["body_sha256"])}], None),
        "another time": ([one | {"time": NOW + 1}], None),
        "of another custody": ([one | {"custody": identifier("elsewhere")}], None),
        "a second one in the same second": ([one, entry(NEWER, NEW.commitment(), NOW)], NEW),
        "back, with a new signature": (
            [one, two, entry(NEW, NEWER.commitment(), NOW + 2)],
            NEW,
        ),
    }
    for name, (moves, end) in walks.items():
        given = {"commitment": FIRST, "moves": moves, "key": public_of(HOLDER.release_seed)}
        counted = end.commitment() if end else None
        cases.good(f"walk: {name}", "newest_move", given, commitment=counted)


def cases() -> Cases:
    made = Cases(DESCRIPTION)
    move = document(NEW, FIRST)
    good = canonical(move)
    out = {"move": good, "commitment": NEW.commitment()}
    made.good("move: with letters of two scripts", "parse_move", {"move": good}, **out)
    given = {"move": good, "custody": HOLDER.id, "time": NOW}
    kept = entry(NEW, FIRST, NOW)["signature"]
    seed = {"seed": HOLDER.release_seed}
    made.good("move: sign", "sign_move", given | seed, signature=kept)
    kinds = [
        (["name"], few(kind_text(80), 4) | {"empty": ""}),
        (["address"], few(kind_text(254), 4) | {"of two characters": "a@"}),
        (["nonce"], kind_bytes(16)),
        (["previous"], kind_bytes(32)),
    ]
    add_refusals(made, "parse_move", "move", "malformed_move", move, kinds, "move: ")
    add_writing_refusals(made, "parse_move", "move", "malformed_move", good, "move: ")
    padded = {"move": good[:-1] + b" " * 4096 + b"}"}
    made.bad("move: longer than 4 KiB", "parse_move", padded, "malformed_move", "")
    add_walks(made)
    return made
