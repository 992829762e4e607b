"""Whole deposits as a customer's client makes them, for tests of what needs no service."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import envelope, keys, slip39
from escrow.protocol.kit import Card, Contact, Kit
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.note import Checkpoint, Signer, sign
from escrow.protocol.share import Payload

CREATED_AT = 1_795_698_600  # 2026-11-26
HOST = "https://recovery.example"
LEDGER = Signer("recovery.example/ledger", Ed25519PrivateKey.from_private_bytes(b"\x07" * 32))
NAMES = ("Zoë van Dijk", "Иван Петров", "Ώρα Παπαδάκη", "Anna Müller-Łukasiewicz")
SECRET = b"correct horse battery staple\n"


@dataclass(frozen=True)
class Made:
    """A deposit with everybody's piece."""

    kit: Kit
    cards: tuple[Card, ...]
    provider: Payload
    secret: bytes
    recovery_key: bytes

    @property
    def manifest(self) -> Manifest:
        return self.kit.manifest

    @property
    def envelope(self) -> bytes:
        return self.kit.envelope


def checkpoint(size: int = 40_961) -> str:
    root = hashlib.sha256(b"root").digest()
    return sign(Checkpoint(LEDGER.name, size, root).text, [LEDGER])


def make(
    needed: int = 2,
    count: int = 3,
    *,
    secret: bytes = SECRET,
    label: str = "Laptop backup",
    kind: str = "real",
    waiting_seconds: int = 259_200,
    names: tuple[str, ...] = NAMES,
) -> Made:
    recovery_key, deposit = secrets.token_bytes(32), secrets.token_hex(16)
    shares = slip39.split(recovery_key, needed, count)
    contacts = tuple(
        Contact(names[i % len(names)], f"contact{i}@example.org", secrets.token_bytes(16))
        for i in range(count)
    )
    roles = ["customer", *["contact"] * count, "provider"]
    commitments = [None, *(contact.commitment() for contact in contacts), None]
    sealed = envelope.seal(secret, recovery_key)
    lines = tuple(
        Custody.of_share(share, deposit, secrets.token_hex(16), role, commitment)
        for share, role, commitment in zip(shares, roles, commitments, strict=True)
    )
    owner = keys.owner_key(recovery_key, deposit)
    manifest = Manifest(
        kind=kind,
        deposit=deposit,
        created_at=CREATED_AT,
        label=label,
        replaces=None,
        contacts_needed=needed,
        contacts_count=count,
        contacts_replace_totp=needed >= 2,
        waiting_seconds=waiting_seconds,
        slip39_id=shares[0].identifier,
        ledger_vkey=LEDGER.verifier.vkey,
        provider_key_sha256=hashlib.sha256(b"provider").digest(),
        custodies=lines,
        envelope_sha256=hashlib.sha256(sealed).digest(),
        owner_key=keys.public_bytes(owner),
    )
    signature = manifest.sign(owner)
    payloads = [
        Payload(deposit, line.custody, line.role, share.words(), manifest.hash)
        for line, share in zip(lines, shares, strict=True)
    ]
    kit = Kit(payloads[0], manifest, signature, sealed, HOST, contacts)
    cards = tuple(Card(p, manifest, signature, HOST, checkpoint()) for p in payloads[1:-1])
    return Made(kit, cards, payloads[-1], secret, recovery_key)
