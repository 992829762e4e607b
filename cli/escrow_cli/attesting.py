"""Proving to the service that a piece is there, without showing it (PROTOCOL.md section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from escrow.protocol import attestation as attestations
from escrow.protocol import keys
from escrow.protocol.encoding import b64url
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import Payload
from escrow_cli.context import Cli
from escrow_cli.ledger import Ledger

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


def attest_share(cli: Cli, ledger: Ledger, manifest: Manifest, payload: Payload) -> str:
    """Prove with the whole piece (means `share`); returns the custody's state."""
    share = payload.check_with(manifest)
    key = keys.release_key(share.value, payload.deposit, payload.custody)
    return _attest(cli, ledger, manifest, payload.custody, "share", key)


def attest_check(cli: Cli, ledger: Ledger, manifest: Manifest, custody: str, seed: bytes) -> str:
    """Prove with the check code only (means `check`); returns the custody's state."""
    key = keys.attest_key(seed, manifest.deposit, custody)
    return _attest(cli, ledger, manifest, custody, "check", key)


def _attest(
    cli: Cli, ledger: Ledger, manifest: Manifest, custody: str, means: str, key: Ed25519PrivateKey
) -> str:
    checkpoint = ledger.newest()
    made = attestations.Attestation(
        manifest.deposit, custody, manifest.hash, means, checkpoint.hash, cli.now()
    )
    signature = attestations.sign(made, key)
    attestations.verify(made, signature, manifest)
    body = {
        "means": means,
        "checkpoint_hash": b64url(checkpoint.hash),
        "time": made.time,
        "signature": b64url(signature),
    }
    answer = cli.client.post(f"custodies/{custody}/attestations", body, repeat=True)
    return str(answer["state"])
