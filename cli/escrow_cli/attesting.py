"""Proofs that a piece is there, without showing it: made, and checked (PROTOCOL.md section 9)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from escrow.i18n import N_
from escrow.protocol import attestation as attestations
from escrow.protocol import keys
from escrow.protocol.encoding import b64url
from escrow.protocol.errors import Mismatch
from escrow.protocol.ledger import Event
from escrow.protocol.manifest import Manifest
from escrow.protocol.share import Payload
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow
from escrow_cli.ledger import Ledger

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

CLOCKS_SECONDS = 600  # how far a signer's clock may be ahead of the ledger's
_LEFT = ("declined", "lost")


def attest_share(
    cli: Cli, ledger: Ledger, manifest: Manifest, payload: Payload, *, locale: str | None = None
) -> str:
    """Prove with the whole piece (means `share`); returns the custody's state.

    `locale` is the language in which a contact wants its mails.
    """
    share = payload.check_with(manifest)
    key = keys.release_key(share.value, payload.deposit, payload.custody)
    return _attest(cli, ledger, manifest, payload.custody, "share", key, locale)


def attest_check(cli: Cli, ledger: Ledger, manifest: Manifest, custody: str, seed: bytes) -> str:
    """Prove with the check code only (means `check`); returns the custody's state."""
    key = keys.attest_key(seed, manifest.deposit, custody)
    return _attest(cli, ledger, manifest, custody, "check", key)


def _attest(
    cli: Cli,
    ledger: Ledger,
    manifest: Manifest,
    custody: str,
    means: str,
    key: Ed25519PrivateKey,
    locale: str | None = None,
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
    if locale is not None:
        body["locale"] = locale
    try:
        answer = cli.client.post(f"custodies/{custody}/attestations", body, repeat=True)
    except NotNow as error:
        if error.params.get("state") not in _LEFT:
            raise
        raise _given_up(means) from None
    return str(answer["state"])


def _given_up(means: str) -> NotNow:
    """Say how a piece that was declined or reported lost comes back, or that it is too late."""
    if means == "share":
        return NotNow(
            N_("This piece was given up or reported lost more than 30 days ago."),
            N_("Ask for a new invitation."),
            reason="wrong_state",
        )
    return NotNow(
        N_("This piece was given up or reported lost."),
        N_("`escrow check --share` with the piece itself brings it back, within 30 days."),
        reason="wrong_state",
    )


def check_attested(manifest: Manifest, event: Event) -> None:
    """Check an entry `custody attested`: signed by the piece's holder, not dated after its entry.

    Raises BadSignature or Mismatch.
    """
    data = event.data
    proof = attestations.Attestation(
        manifest.deposit,
        str(event.custody),
        manifest.hash,
        data["means"],
        data["checkpoint_hash"],
        data["time"],
    )
    attestations.verify(proof, data["signature"], manifest)
    if data["time"] > event.at + CLOCKS_SECONDS:
        raise Mismatch("A proof is dated after its entry.", code="wrong_proof")
