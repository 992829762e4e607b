"""What clients send, made before the clock runs: enrolments and contacts' releases.

Everything is real (split, sealed, signed) but for the invitation: the server cannot look into it,
and its scrypt takes a fifth of a second, so all deposits carry the bytes of one.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import envelope, invitation, keys, kit, release, request, seal, slip39
from escrow.protocol.encoding import b64url, sha256
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.share import Payload

API = "/api/v1"
CONTACT = "Anna de Vries"
SECRET = b"correct horse battery staple"


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass(frozen=True)
class Sent:
    """One request, ready to go."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = field(repr=False)


@dataclass(frozen=True)
class Enrolled:
    """What is kept of an enrolment to release its contact's share later."""

    deposit: str
    account: str
    manifest: Manifest
    contact: Payload = field(repr=False)
    put: Sent = field(repr=False)


def sealed_invitation() -> bytes:
    """Seal one real invitation, of the length that all of them have."""
    shares = slip39.split(secrets.token_bytes(32), 1, 1)
    deposit, custody = new_id(), new_id()
    owner = keys.owner_key(secrets.token_bytes(32), deposit)
    lines = tuple(
        Custody.of_share(share, deposit, new_id(), role, commitment)
        for share, role, commitment in zip(
            shares, ("customer", "contact", "provider"), (None, bytes(32), None), strict=True
        )
    )
    manifest = Manifest(
        kind="real",
        deposit=deposit,
        created_at=1_795_000_000,
        label="Laptop backup",
        replaces=None,
        contacts_needed=1,
        contacts_count=1,
        contacts_replace_totp=False,
        waiting_seconds=3 * 86400,
        slip39_id=shares[0].identifier,
        ledger_vkey="x" * 80,
        provider_key_sha256=bytes(32),
        custodies=lines,
        envelope_sha256=bytes(32),
        owner_key=keys.public_bytes(owner),
    )
    payload = Payload(deposit, custody, "contact", shares[1].words(), manifest.hash)
    person = kit.Contact(CONTACT, "anna@contact.test", secrets.token_bytes(16))
    opened = invitation.Invitation(payload, person, manifest, manifest.sign(owner))
    return opened.seal(invitation.Password.generate())


@dataclass(frozen=True)
class Maker:
    """Makes enrolments for one service: its ledger, its provider key, one invitation."""

    ledger_vkey: str
    provider_key: bytes
    invitation: bytes = field(default_factory=sealed_invitation, repr=False)

    def enrolment(self, account: str, token: str, now: int) -> Enrolled:
        """Split a fresh key with one contact; the request that stores it all."""
        recovery_key, deposit = secrets.token_bytes(32), new_id()
        shares = slip39.split(recovery_key, 1, 1)
        roles = ("customer", "contact", "provider")
        ids = [new_id() for _ in shares]
        person = kit.Contact(CONTACT, f"{new_id()}@contact.test", secrets.token_bytes(16))
        commitments = (None, person.commitment(), None)
        lines = tuple(
            Custody.of_share(share, deposit, custody, role, commitment)
            for share, custody, role, commitment in zip(
                shares, ids, roles, commitments, strict=True
            )
        )
        sealed_secret = envelope.seal(SECRET, recovery_key)
        owner = keys.owner_key(recovery_key, deposit)
        manifest = Manifest(
            kind="real",
            deposit=deposit,
            created_at=now,
            label="Laptop backup",
            replaces=None,
            contacts_needed=1,
            contacts_count=1,
            contacts_replace_totp=False,
            waiting_seconds=3 * 86400,
            slip39_id=shares[0].identifier,
            ledger_vkey=self.ledger_vkey,
            provider_key_sha256=sha256(self.provider_key),
            custodies=lines,
            envelope_sha256=sha256(sealed_secret),
            owner_key=keys.public_bytes(owner),
        )
        payloads = [
            Payload(deposit, custody, role, share.words(), manifest.hash)
            for share, custody, role in zip(shares, ids, roles, strict=True)
        ]
        binding = seal.Binding(deposit, ids[-1], manifest.hash)
        body = {
            "manifest": b64url(manifest.data),
            "manifest_signature": b64url(manifest.sign(owner)),
            "envelope": b64url(sealed_secret),
            "provider_share": b64url(seal.seal(payloads[-1].data, self.provider_key, binding)),
            "contacts": [
                {
                    "custody": ids[1],
                    "invitation": b64url(self.invitation),
                    "fetch_sha256": b64url(secrets.token_bytes(32)),
                    "name": person.name,
                    "address": person.address,
                    "nonce": b64url(person.nonce),
                }
            ],
        }
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        put = Sent("PUT", f"{API}/deposits/{deposit}", headers, json.dumps(body).encode())
        return Enrolled(deposit, account, manifest, payloads[1], put)


def release_of(made: Enrolled, recovery: str, session: str, public_key: bytes, now: int) -> Sent:
    """Seal the contact's share to a session and sign; the request that hands it over."""
    custody = made.contact.custody
    binding = seal.Binding(made.deposit, custody, made.manifest.hash, recovery, session)
    sealed = seal.seal(made.contact.data, public_key, binding)
    key: Ed25519PrivateKey = keys.release_key(made.contact.share().value, made.deposit, custody)
    named = release.Release(
        made.deposit,
        custody,
        recovery,
        session,
        made.manifest.hash,
        sha256(public_key),
        sha256(sealed),
        now,
    )
    body = json.dumps(
        {
            "sealed": b64url(sealed),
            "signature": b64url(release.sign(named, key)),
            "time": now,
        }
    ).encode()
    path = f"{API}/recoveries/{recovery}/sessions/{session}/releases/{custody}"
    said = request.Request(custody, "PUT", path, body, now)
    headers = {
        "Content-Type": "application/json",
        "Escrow-Custody": custody,
        "Escrow-Time": str(now),
        "Escrow-Signature": b64url(request.sign(said, key)),
    }
    return Sent("PUT", path, headers, body)
