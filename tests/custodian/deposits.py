"""A deposit as the ledger's rules need it: a manifest with one custody of each role."""

from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.deposit.models import Deposit
from escrow.protocol import keys
from escrow.protocol.manifest import Custody, Manifest
from tests.custodian.rig import Rig, new_id


@dataclass(frozen=True)
class Stored:
    """Identifiers of a deposit row whose `deposit created` is not yet said."""

    account: str
    deposit: str
    customer: str
    contact: str
    provider: str
    manifest_hash: bytes

    def on(self, custody: str | None = None, recovery: str | None = None) -> dict[str, Any]:
        """Return the subjects of an event about it."""
        return {
            "account": self.account,
            "deposit": self.deposit,
            "custody": custody,
            "recovery": recovery,
        }


def _public_key() -> bytes:
    return keys.public_bytes(Ed25519PrivateKey.generate())


def _custody(role: str, group: int, commitment: bytes | None = None) -> Custody:
    return Custody(new_id(), role, group, 0, commitment, _public_key(), _public_key())


def store(rig: Rig) -> Stored:
    """Write a deposit's row."""
    custodies = (
        _custody("customer", 0),
        _custody("contact", 1, bytes(32)),
        _custody("provider", 2),
    )
    manifest = Manifest(
        kind="real",
        deposit=new_id(),
        created_at=rig.clock.now(),
        label="Backup",
        replaces=None,
        contacts_needed=1,
        contacts_count=1,
        contacts_replace_totp=False,
        waiting_seconds=3 * 86400,
        slip39_id=7,
        ledger_vkey=rig.keys.signer.verifier.vkey,
        provider_key_sha256=bytes(32),
        custodies=custodies,
        envelope_sha256=bytes(32),
        owner_key=_public_key(),
    )
    account = new_id()
    with rig.database.transaction() as db:
        db.add(
            Deposit(
                id=manifest.deposit,
                account=account,
                kind="real",
                state="pending",
                label=b"",
                created_at=manifest.created_at,
                contacts_needed=manifest.contacts_needed,
                contacts_count=manifest.contacts_count,
                manifest=manifest.data,
                manifest_signature=bytes(64),
                manifest_hash=manifest.hash,
                body_sha256=bytes(32),
            )
        )
    customer, contact, provider = (custody.custody for custody in custodies)
    return Stored(account, manifest.deposit, customer, contact, provider, manifest.hash)


def create(rig: Rig) -> Stored:
    """Write a deposit's row and say `deposit created`, sequenced."""
    stored = store(rig)
    rig.say("deposit created", {"manifest_hash": stored.manifest_hash}, **stored.on())
    rig.settle()
    return stored
