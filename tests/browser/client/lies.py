"""What a service may say that is not true."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import note
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.manifest import Manifest
from tests.browser.client.line import Tamper
from tests.support.world import World

OTHER_KEY = Ed25519PrivateKey.generate()


def in_path(part: str, change: Callable[[dict[str, Any]], None]) -> Tamper:
    """Change the documents of some paths."""

    def tamper(_method: str, path: str, document: dict[str, Any]) -> None:
        if part in path:
            change(document)

    return tamper


def checkpoints(change: Callable[[str], str]) -> Tamper:
    """Change every checkpoint, in whatever document it stands."""

    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if "checkpoint" in document:
            document["checkpoint"] = change(document["checkpoint"])
        for found in (document, *document.get("releases", [])):
            if isinstance(found.get("proof"), str):
                head, _, signed = found["proof"].partition("\n\n")
                found["proof"] = head + "\n\n" + change(signed)

    return tamper


def resigned(world: World, **changes: Any) -> Callable[[str], str]:
    """Alter a checkpoint and sign it with the real ledger key, as a corrupt custodian could."""

    def change(signed: str) -> str:
        found = note.Checkpoint.parse(note.split_note(signed)[0])
        more = changes.get("more", 0)
        size = changes.get("size", found.size + more)
        return note.sign(replace(found, size=size, root=b"\1" * 32).text, [world.keys.ledger[0]])

    return change


def signed_by_another(signed: str) -> str:
    text = note.split_note(signed)[0]
    return note.sign(text, [note.Signer(text.split("\n")[0], OTHER_KEY)])


def manifests(change: Callable[[Manifest], tuple[Manifest, bytes]]) -> Tamper:
    """Change every description of a deposit."""

    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if "manifest" in document:
            made, signature = change(Manifest.parse(b64url_decode(document["manifest"])))
            document["manifest"] = b64url(made.data)
            document["manifest_signature"] = b64url(signature)

    return tamper


def taken_over(manifest: Manifest) -> tuple[Manifest, bytes]:
    """A description that is consistent in itself, but another owner's."""
    owner = Ed25519PrivateKey.generate()
    made = replace(manifest, label="Mine", owner_key=owner.public_key().public_bytes_raw())
    return made, made.sign(owner)


def unsigned(manifest: Manifest) -> tuple[Manifest, bytes]:
    return replace(manifest, label="Mine"), b"\0" * 64


def altered_event(entry: dict[str, Any], **data: Any) -> None:
    """Change what an entry says, as if nobody would compare it with the ledger."""
    event = json.loads(b64url_decode(entry["event"]))
    event["data"] |= data
    text = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
    entry["event"] = b64url(text.encode())


def without(*types: str) -> Tamper:
    """Leave entries of some types out."""

    def change(document: dict[str, Any]) -> None:
        document["events"] = [
            entry
            for entry in document["events"]
            if json.loads(b64url_decode(entry["event"]))["type"] not in types
        ]

    return in_path("/events", change)
