"""Attestation: a custodian's proof that it still holds its share, without showing it.

    PAE("escrow/v1/attest", deposit, custody, manifest_hash, means, checkpoint_hash, time)

`means` is `share`, signed with the release key (acceptance, enrolment, drill, provider), or
`check`, signed with the attest key (check code or passkey). `checkpoint_hash` is the SHA-256 of the
text of a checkpoint that the signer has seen: the proof was made after it. Source: PROTOCOL.md
section 9.
"""

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import keys
from escrow.protocol.encoding import pae, raw_id
from escrow.protocol.manifest import Manifest

MEANS = ("share", "check")


@dataclass(frozen=True)
class Attestation:
    """What is attested. `checkpoint_hash` has 32 bytes, `time` is in Unix seconds."""

    deposit: str
    custody: str
    manifest_hash: bytes
    means: str
    checkpoint_hash: bytes
    time: int

    def _message(self) -> bytes:
        return pae(
            "escrow/v1/attest",
            raw_id(self.deposit),
            raw_id(self.custody),
            self.manifest_hash,
            self.means,
            self.checkpoint_hash,
            self.time,
        )


def sign(attestation: Attestation, key: Ed25519PrivateKey) -> bytes:
    """Sign with the release key (means `share`) or the attest key (means `check`); 64 bytes."""
    return key.sign(attestation._message())


def verify(attestation: Attestation, signature: bytes, manifest: Manifest) -> None:
    """Check a proof against the manifest's key for its means; raises BadSignature or Mismatch."""
    line = manifest.custody(attestation.custody)
    key = line.release_key if attestation.means == "share" else line.attest_key
    keys.verify(key, signature, attestation._message())
