"""The provider's shares: opening a sealed one and checking it against everything it must match."""

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from escrow.custodian.keys import CustodianKeys
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.protocol import keys, seal, slip39
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import ProtocolError
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import Payload


class Refusal(Exception):
    """The custodian does not do it. `reason` is one of a few fixed words, never a value."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class ProviderShare:
    """The provider's share of a deposit, opened and checked."""

    manifest: Manifest
    custody: str
    payload: Payload
    share: slip39.Share = field(repr=False)

    def release_key(self) -> Ed25519PrivateKey:
        """Return the custody's release key."""
        return keys.release_key(self.share.value, self.manifest.deposit, self.custody)


def checked_manifest(deposit: Deposit, manifest_hash: bytes) -> Manifest:
    """Return the manifest that the ledger names, signed by its owner; raises Refusal."""
    try:
        manifest = Manifest.parse(deposit.manifest)
        manifest.verify(deposit.manifest_signature)
    except ProtocolError:
        raise Refusal("manifest signature") from None
    if manifest.deposit != deposit.id or manifest.hash != manifest_hash:
        raise Refusal("manifest hash")
    return manifest


def provider_row(db: Session, deposit: str) -> CustodyRow:
    """Return the provider's custody of a deposit; raises Refusal."""
    for row in custodies.custodies_of(db, deposit):
        if row.role == "provider":
            return row
    raise Refusal("no provider custody")


def open_share(db: Session, own: CustodianKeys, manifest: Manifest) -> ProviderShare:
    """Open the stored ciphertext and check payload, manifest hash and recomputed keys.

    Raises Refusal: share destroyed, share does not open, share does not fit.
    """
    line = manifest.of_role("provider")[0]
    blob = custodies.blob_of(db, manifest.deposit, "provider_share", line.custody)
    if blob is None:
        raise Refusal("share destroyed")
    binding = seal.Binding(manifest.deposit, line.custody, manifest.hash)
    payload_bytes = _open(blob.data, own, manifest, binding)
    try:
        payload = Payload.parse(payload_bytes)
        if payload.custody != line.custody:
            raise Refusal("share does not fit")
        share = payload.check_with(manifest)
    except ProtocolError:
        raise Refusal("share does not fit") from None
    return ProviderShare(manifest, line.custody, payload, share)


def _open(sealed: bytes, own: CustodianKeys, manifest: Manifest, binding: seal.Binding) -> bytes:
    """Open with the key that the manifest names, or with a later one it was re-sealed to."""
    named = [key for key in own.sealing if sha256(key.public_key()) == manifest.provider_key_sha256]
    if not named:
        raise Refusal("not our key")
    for key in [*named, *(key for key in own.sealing if key not in named)]:
        try:
            return seal.open(sealed, key, binding)
        except ProtocolError:
            continue
    raise Refusal("share does not open")
