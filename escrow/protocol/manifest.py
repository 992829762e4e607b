"""The manifest: the owner-signed public description of a deposit. It never changes.

A JSON document in the one serialisation, at most 16 KiB, signed with the owner key, which comes
from `R`; every share carries its hash. Who holds a share therefore refuses any other manifest, and
who combines shares can check it completely. Source: PROTOCOL.md section 6.

    manifest_hash = SHA-256(PAE("escrow/v1/manifest", bytes))
    signature     = Ed25519(owner key, PAE("escrow/v1/manifest/signed", bytes))
    manifest code = 24 digits of manifest_hash
"""

import hmac
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys, note, slip39
from escrow.protocol.encoding import (
    BOOLEAN,
    HASH,
    ID,
    INTEGER,
    KEY,
    ListOf,
    Shape,
    choice,
    digits,
    nullable,
    pae,
    pae_hash,
    read_document,
    sha256,
    text,
    write_document,
)
from escrow.protocol.errors import Malformed, Mismatch, ProtocolError

MAX_LENGTH_BYTES = 16384
MIN_WAITING_SECONDS = 86400
CODE_DIGITS = 24
ROLES = ("customer", "contact", "provider")
_WHAT = "manifest"
_SHAPE = Shape(
    format=choice("escrow/v1/manifest"),
    kind=choice("real", "drill"),
    deposit=ID,
    created_at=INTEGER,
    label=text(80, 1),
    replaces=nullable(ID),
    contacts=Shape(needed=INTEGER, count=INTEGER),
    contacts_replace_totp=BOOLEAN,
    waiting_seconds=INTEGER,
    slip39_id=INTEGER,
    ledger_vkey=text(256),
    provider_key_sha256=HASH,
    custodies=ListOf(
        Shape(
            custody=ID,
            role=choice(*ROLES),
            group=INTEGER,
            member=INTEGER,
            contact_commitment=nullable(HASH),
            attest_key=KEY,
            release_key=KEY,
        ),
        slip39.MAX_CONTACTS + 2,
    ),
    envelope_sha256=HASH,
    owner_key=KEY,
)


@dataclass(frozen=True)
class Custody:
    """One custodian's line: who, which SLIP-39 share, which public keys (32 bytes)."""

    custody: str
    role: str
    group: int
    member: int
    contact_commitment: bytes | None
    attest_key: bytes
    release_key: bytes

    @classmethod
    def of_share(
        cls,
        share: slip39.Share,
        deposit: str,
        custody: str,
        role: str,
        contact_commitment: bytes | None = None,
    ) -> "Custody":
        """Compute the line of a share: both public keys come from its value."""
        attest_key, release_key = share_public_keys(share, deposit, custody)
        return cls(
            custody,
            role,
            share.group_index,
            share.member_index,
            contact_commitment,
            attest_key,
            release_key,
        )


@dataclass(frozen=True)
class Manifest:
    """A deposit's public description; its bytes (`data`) are what is stored, hashed and signed."""

    kind: str
    deposit: str
    created_at: int
    label: str
    replaces: str | None
    contacts_needed: int
    contacts_count: int
    contacts_replace_totp: bool
    waiting_seconds: int
    slip39_id: int
    ledger_vkey: str
    provider_key_sha256: bytes
    custodies: tuple[Custody, ...]
    envelope_sha256: bytes
    owner_key: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Manifest":
        """Read a manifest from its bytes; raises Malformed("manifest")."""
        found = read_document(data, _SHAPE, _WHAT, MAX_LENGTH_BYTES)
        found.pop("format")
        contacts = found.pop("contacts")
        found["custodies"] = tuple(Custody(**line) for line in found["custodies"])
        manifest = cls(
            contacts_needed=contacts["needed"], contacts_count=contacts["count"], **found
        )
        manifest.check()
        return manifest

    @cached_property
    def data(self) -> bytes:
        """The one serialisation of the manifest."""
        value: dict[str, Any] = {
            **self.__dict__,
            "format": "escrow/v1/manifest",
            "contacts": {"needed": self.contacts_needed, "count": self.contacts_count},
            "custodies": [line.__dict__ for line in self.custodies],
        }
        return write_document(value, _SHAPE)

    def check(self) -> None:
        """Check what the fields say together; raises Malformed("manifest")."""
        for field, wrong in (
            ("contacts", not slip39.is_policy(self.contacts_needed, self.contacts_count)),
            ("waiting_seconds", self.kind == "real" and self.waiting_seconds < MIN_WAITING_SECONDS),
            ("contacts_replace_totp", self.contacts_replace_totp and not self.contacts_count),
            ("replaces", self.replaces == self.deposit),
            ("slip39_id", self.slip39_id > 0x7FFF),
            ("custodies", not self._custodies_fit()),
        ):
            if wrong:
                raise Malformed(_WHAT, field, "not allowed together with the rest")
        try:
            note.Verifier.parse(self.ledger_vkey)
        except ProtocolError:
            raise Malformed(_WHAT, "ledger_vkey", "a verifier key is needed") from None

    def _custodies_fit(self) -> bool:
        expected = [("customer", 0, 0)]
        expected += [("contact", 1, member) for member in range(self.contacts_count)]
        expected.append(("provider", 2 if self.contacts_count else 1, 0))
        lines = self.custodies
        public_keys = {key for line in lines for key in (line.attest_key, line.release_key)}
        return (
            [(line.role, line.group, line.member) for line in lines] == expected
            and len({line.custody for line in lines}) == len(lines)
            and len(public_keys) == 2 * len(lines)
            and all((line.contact_commitment is None) == (line.role != "contact") for line in lines)
        )

    @cached_property
    def hash(self) -> bytes:
        """The 32-byte manifest hash."""
        return manifest_hash(self.data)

    def code(self) -> str:
        """Return the manifest code: 24 digits, for people."""
        return digits(self.hash, CODE_DIGITS)

    def sign(self, owner_key: Ed25519PrivateKey) -> bytes:
        """Sign with the owner key; returns 64 bytes."""
        return owner_key.sign(pae("escrow/v1/manifest/signed", self.data))

    def verify(self, signature: bytes) -> None:
        """Check the owner's signature; raises BadSignature."""
        keys.verify(self.owner_key, signature, pae("escrow/v1/manifest/signed", self.data))

    def custody(self, custody: str) -> Custody:
        """Return the line of a custody; raises Mismatch("wrong_custody")."""
        for line in self.custodies:
            if line.custody == custody:
                return line
        raise Mismatch("This custody is not of this deposit.", code="wrong_custody")

    def of_role(self, role: str) -> tuple[Custody, ...]:
        """Return the lines of one role, in member order."""
        return tuple(line for line in self.custodies if line.role == role)

    def check_share(self, share: slip39.Share, custody: str) -> None:
        """Check that a share is the one this manifest describes for a custody.

        Its header and both keys recomputed from its value must equal the manifest's: this names a
        custodian who hands over a false share. Raises Mismatch("wrong_share").
        """
        line = self.custody(custody)
        needed = self.contacts_needed if line.role == "contact" else 1
        header = (
            share.identifier == self.slip39_id
            and share.extendable
            and share.iteration_exponent == 0
            and (share.group_index, share.member_index) == (line.group, line.member)
            and share.group_threshold == slip39.GROUPS_NEEDED
            and share.group_count == (3 if self.contacts_count else 2)
            and share.member_threshold == needed
            and len(share.value) == slip39.RECOVERY_KEY_LENGTH_BYTES
        )
        expected = (line.attest_key, line.release_key)
        if not header or share_public_keys(share, self.deposit, custody) != expected:
            raise Mismatch("This share is not the one of this deposit.", code="wrong_share")

    def check_recovered(self, recovery_key: bytes, envelope: bytes, signature: bytes) -> None:
        """Check everything that combining makes checkable, before the envelope is opened.

        Raises Mismatch (wrong_owner_key, wrong_envelope) or BadSignature.
        """
        owner = keys.public_bytes(keys.owner_key(recovery_key, self.deposit))
        if not hmac.compare_digest(owner, self.owner_key):
            raise Mismatch(
                "The shares do not belong to this deposit's description.", code="wrong_owner_key"
            )
        self.verify(signature)
        self.check_envelope(envelope)

    def check_envelope(self, envelope: bytes) -> None:
        """Check that this is the deposit's envelope; raises Mismatch("wrong_envelope")."""
        if sha256(envelope) != self.envelope_sha256:
            raise Mismatch("The envelope is not the one of this deposit.", code="wrong_envelope")


def manifest_hash(data: bytes) -> bytes:
    """Return the 32-byte hash of a manifest's bytes."""
    return pae_hash("escrow/v1/manifest", data)


def share_public_keys(share: slip39.Share, deposit: str, custody: str) -> tuple[bytes, bytes]:
    """Compute (attest key, release key), 32 bytes each, of a share in a custody."""
    seed = keys.check_seed(share.value, deposit, custody)
    return (
        keys.public_bytes(keys.attest_key(seed, deposit, custody)),
        keys.public_bytes(keys.release_key(share.value, deposit, custody)),
    )


def contact_commitment(nonce: bytes, name: str, address: str) -> bytes:
    """Commit to a contact's name and address with a 16-byte nonce; returns 32 bytes."""
    return pae_hash("escrow/v1/contact", nonce, name, address)
