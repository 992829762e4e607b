"""Making a deposit: split, describe, sign, seal. Pure but for the random generator.

Before anything is sent the recovery key is brought back from every pair of groups, every contact
taking part at least once. Source: PROTOCOL.md sections 3 to 7.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from escrow.i18n import N_
from escrow.protocol import envelope as envelopes
from escrow.protocol import invitation as invitations
from escrow.protocol import keys, seal, slip39
from escrow.protocol.encoding import b64url, sha256
from escrow.protocol.kit import Contact, Kit
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.qr import InvitationLink
from escrow.protocol.share import Payload
from escrow_cli.errors import ClientError

NONCE_LENGTH_BYTES = 16


@dataclass(frozen=True)
class Plan:
    """What the customer decided. `contacts` are (name, address)."""

    label: str
    secret: bytes = field(repr=False)
    contacts: tuple[tuple[str, str], ...]
    needed: int
    waiting_seconds: int
    contacts_replace_totp: bool
    replaces: str | None
    ledger_vkey: str
    provider_key: bytes = field(repr=False)
    url: str
    kind: str = "real"
    generated: str | None = None  # the file of a password that was made for this deposit alone


@dataclass(frozen=True)
class Invited:
    """One contact's invitation as it will travel: link and digits by two ways."""

    custody: str
    contact: Contact
    sealed: bytes = field(repr=False)
    fetch_sha256: bytes = field(repr=False)
    link: str = field(repr=False)
    digits: str = field(repr=False)


@dataclass(frozen=True)
class Made:
    """A deposit that is ready to be sent."""

    kit: Kit = field(repr=False)
    provider_share: bytes = field(repr=False)
    invited: tuple[Invited, ...] = field(repr=False)

    @property
    def manifest(self) -> Manifest:
        return self.kit.manifest

    def body(self) -> dict[str, Any]:
        """The body of PUT deposits/{d}."""
        return {
            "manifest": b64url(self.manifest.data),
            "manifest_signature": b64url(self.kit.manifest_signature),
            "envelope": b64url(self.kit.envelope),
            "provider_share": b64url(self.provider_share),
            "contacts": [
                {
                    "custody": line.custody,
                    "invitation": b64url(line.sealed),
                    "fetch_sha256": b64url(line.fetch_sha256),
                    "name": line.contact.name,
                    "address": line.contact.address,
                    "nonce": b64url(line.contact.nonce),
                }
                for line in self.invited
            ],
        }


def make(plan: Plan, now: int) -> Made:
    """Make a deposit. The recovery key exists only inside this function."""
    recovery_key = bytearray(secrets.token_bytes(slip39.RECOVERY_KEY_LENGTH_BYTES))
    try:
        return _make(plan, now, bytes(recovery_key))
    finally:
        recovery_key[:] = bytes(len(recovery_key))


def _make(plan: Plan, now: int, recovery_key: bytes) -> Made:
    deposit = secrets.token_hex(16)
    shares = slip39.split(recovery_key, plan.needed, len(plan.contacts))
    contacts = [
        Contact(name, address, secrets.token_bytes(NONCE_LENGTH_BYTES))
        for name, address in plan.contacts
    ]
    envelope = envelopes.seal(plan.secret, recovery_key)
    owner = keys.owner_key(recovery_key, deposit)
    manifest = Manifest(
        kind=plan.kind,
        deposit=deposit,
        created_at=now,
        label=plan.label,
        replaces=plan.replaces,
        contacts_needed=plan.needed,
        contacts_count=len(contacts),
        contacts_replace_totp=plan.contacts_replace_totp,
        waiting_seconds=plan.waiting_seconds,
        slip39_id=shares[0].identifier,
        ledger_vkey=plan.ledger_vkey,
        provider_key_sha256=sha256(plan.provider_key),
        custodies=tuple(_lines(shares, contacts, deposit)),
        envelope_sha256=sha256(envelope),
        owner_key=keys.public_bytes(owner),
    )
    manifest.check()
    prove(recovery_key, shares, manifest)
    signature = manifest.sign(owner)
    payloads = [
        Payload(deposit, line.custody, line.role, share.words(), manifest.hash)
        for line, share in zip(manifest.custodies, shares, strict=True)
    ]
    kit = Kit(
        payloads[0], manifest, signature, envelope, urlsplit(plan.url).netloc, tuple(contacts)
    )
    binding = seal.Binding(deposit, payloads[-1].custody, manifest.hash)
    made = Made(
        kit,
        seal.seal(payloads[-1].data, plan.provider_key, binding),
        tuple(
            _invite(plan.url, payload, contact, manifest, signature)
            for payload, contact in zip(payloads[1:-1], contacts, strict=True)
        ),
    )
    Kit.parse(kit.data)
    return made


def _lines(
    shares: Sequence[slip39.Share], contacts: Sequence[Contact], deposit: str
) -> Iterator[Custody]:
    last = len(shares) - 1
    for number, share in enumerate(shares):
        role = {0: "customer", last: "provider"}.get(number, "contact")
        commitment = contacts[number - 1].commitment() if role == "contact" else None
        yield Custody.of_share(share, deposit, secrets.token_hex(16), role, commitment)


def prove(recovery_key: bytes, shares: Sequence[slip39.Share], manifest: Manifest) -> None:
    """Bring the recovery key back from every pair of groups; raises ClientError if one fails."""
    customer, contacts, provider = shares[0], shares[1:-1], shares[-1]
    teams = list(_teams(contacts, manifest.contacts_needed))
    sets: list[tuple[slip39.Share, ...]] = [(customer, provider)]
    sets += [(customer, *team) for team in teams]
    sets += [(*team, provider) for team in teams]
    if any(slip39.combine([share.words() for share in one]) != recovery_key for one in sets):
        raise ClientError(N_("The pieces made do not bring the key back. Nothing was sent."))
    for share, line in zip(shares, manifest.custodies, strict=True):
        manifest.check_share(share, line.custody)


def _teams(contacts: Sequence[slip39.Share], needed: int) -> Iterator[tuple[slip39.Share, ...]]:
    """Choose teams of `needed` contacts so that every contact is in one."""
    for start in range(0, len(contacts), needed or 1):
        last = min(start, len(contacts) - needed)
        yield tuple(contacts[last : last + needed])


def _invite(
    url: str, payload: Payload, contact: Contact, manifest: Manifest, signature: bytes
) -> Invited:
    password = invitations.Password.generate()
    invitation = invitations.Invitation(payload, contact, manifest, signature)
    sealed = invitation.seal(password)
    link = InvitationLink(url, payload.custody, password.fragment).text
    token = password.fetch_token(payload.custody)
    return Invited(payload.custody, contact, sealed, sha256(token), link, password.digits)
