"""Statements of a recovery: proof of the person, release, completion, replacement.

    proof     PAE("escrow/v1/proof", deposit, custody, recovery, session, SHA-256(public_key),
                  checkpoint_hash), by a release key; session and key hash empty at `open`
    release   PAE("escrow/v1/release", deposit, custody, recovery, session, manifest_hash,
                  SHA-256(public_key), SHA-256(sealed), time), by the custody's release key
    complete  PAE("escrow/v1/complete", deposit, recovery, manifest_hash, time), by the owner key
    replaced  PAE("escrow/v1/replaced", old deposit, new manifest_hash), by the old owner key

`proof` is one of PROOFS: what a recovery was opened with. A slower one waits longer.
Source: PROTOCOL.md sections 10 and 11.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys
from escrow.protocol.encoding import digits, pae, pae_hash, raw_id

PROOFS = ("totp", "kit", "contacts", "totp+kit", "totp+contacts")
NUMBER_DIGITS = 8
_DAY_SECONDS = 86400


@dataclass(frozen=True)
class Release:
    """One custody's release to one session. Hashes have 32 bytes, `time` is in Unix seconds."""

    deposit: str
    custody: str
    recovery: str
    session: str
    manifest_hash: bytes
    public_key_sha256: bytes
    sealed_sha256: bytes
    time: int

    def _message(self) -> bytes:
        return pae(
            "escrow/v1/release",
            raw_id(self.deposit),
            raw_id(self.custody),
            raw_id(self.recovery),
            raw_id(self.session),
            self.manifest_hash,
            self.public_key_sha256,
            self.sealed_sha256,
            self.time,
        )


def sign(release: Release, key: Ed25519PrivateKey) -> bytes:
    """Sign a release with the custody's release key; returns 64 bytes."""
    return key.sign(release._message())


def verify(release: Release, signature: bytes, release_key: bytes) -> None:
    """Check a release by the 32-byte public release key; raises BadSignature."""
    keys.verify(release_key, signature, release._message())


@dataclass(frozen=True)
class Proof:
    """Proof of the person by a piece. Session and key hash are None when a recovery is opened."""

    deposit: str
    custody: str
    recovery: str
    session: str | None
    public_key_sha256: bytes | None
    checkpoint_hash: bytes

    def _message(self) -> bytes:
        return pae(
            "escrow/v1/proof",
            raw_id(self.deposit),
            raw_id(self.custody),
            raw_id(self.recovery),
            raw_id(self.session),
            self.public_key_sha256,
            self.checkpoint_hash,
        )


def shortest_wait(proof: str, waiting_seconds: int) -> int:
    """Return the least wait in seconds for a proof and the manifest's waiting time.

    The provider and a late change may only lengthen it. Raises KeyError for an unknown proof.
    """
    return {
        "totp": waiting_seconds,
        "kit": max(3 * waiting_seconds, 7 * _DAY_SECONDS),
        "contacts": max(waiting_seconds, 30 * _DAY_SECONDS),
        "totp+kit": max(2 * waiting_seconds, 14 * _DAY_SECONDS),
        "totp+contacts": max(2 * waiting_seconds, 14 * _DAY_SECONDS),
    }[proof]


def number(recovery: str) -> str:
    """Return the 8 digits by which customer and contact know on the telephone which one it is."""
    return digits(pae_hash("escrow/v1/recovery/number", raw_id(recovery)), NUMBER_DIGITS)


def sign_proof(proof: Proof, key: Ed25519PrivateKey) -> bytes:
    """Sign a proof of the person with a release key; returns 64 bytes."""
    return key.sign(proof._message())


def verify_proof(proof: Proof, signature: bytes, release_key: bytes) -> None:
    """Check a proof of the person; raises BadSignature."""
    keys.verify(release_key, signature, proof._message())


def _complete_message(deposit: str, recovery: str, manifest_hash: bytes, time: int) -> bytes:
    return pae("escrow/v1/complete", raw_id(deposit), raw_id(recovery), manifest_hash, time)


def sign_complete(
    key: Ed25519PrivateKey, deposit: str, recovery: str, manifest_hash: bytes, time: int
) -> bytes:
    """State with the owner key, which only `R` gives, that a recovery succeeded; 64 bytes."""
    return key.sign(_complete_message(deposit, recovery, manifest_hash, time))


def verify_complete(
    owner_key: bytes,
    signature: bytes,
    deposit: str,
    recovery: str,
    manifest_hash: bytes,
    time: int,
) -> None:
    """Check the statement that a recovery succeeded; raises BadSignature."""
    keys.verify(owner_key, signature, _complete_message(deposit, recovery, manifest_hash, time))


def _replaced_message(old_deposit: str, new_manifest_hash: bytes) -> bytes:
    return pae("escrow/v1/replaced", raw_id(old_deposit), new_manifest_hash)


def sign_replaced(key: Ed25519PrivateKey, old_deposit: str, new_manifest_hash: bytes) -> bytes:
    """State with the old owner key that a new deposit takes the old one's place; 64 bytes."""
    return key.sign(_replaced_message(old_deposit, new_manifest_hash))


def verify_replaced(
    owner_key: bytes, signature: bytes, old_deposit: str, new_manifest_hash: bytes
) -> None:
    """Check a statement of replacement; raises BadSignature."""
    keys.verify(owner_key, signature, _replaced_message(old_deposit, new_manifest_hash))
