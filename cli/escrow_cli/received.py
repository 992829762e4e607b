"""What the service hands over during a recovery, checked before it is used.

A sealed piece counts only with its entry in the ledger and its custodian's signature; what was
sealed in it must be the piece of the deposit's description, so a cheater is named. Source:
PROTOCOL.md sections 6, 8 and 10.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from escrow.i18n import N_
from escrow.protocol import release as releases
from escrow.protocol import seal, slip39
from escrow.protocol.encoding import b64url_decode, sha256
from escrow.protocol.errors import NotOpened, ProtocolError
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.share import Payload
from escrow_cli.context import Cli
from escrow_cli.errors import NOTHING_SENT, Refused, of_protocol
from escrow_cli.ledger import Ledger, say_look
from escrow_cli.ledgerkeys import open_ledger
from escrow_cli.piece import Piece, altered


@dataclass(frozen=True)
class Target:
    """The deposit to be brought back. The manifest is pinned, or proven only after combining."""

    manifest: Manifest
    signature: bytes
    envelope: bytes = field(repr=False)
    custodies: dict[str, dict[str, Any]]
    ledger: Ledger


@dataclass(frozen=True)
class Session:
    """One collection: recovery, session, the key in memory."""

    recovery: str
    session: str
    key: seal.PrivateKey = field(repr=False)
    public_key: bytes

    @property
    def path(self) -> str:
        return f"recoveries/{self.recovery}/sessions/{self.session}"


def check_document(cli: Cli, document: dict[str, Any], own: Piece | None) -> Target:
    """Check a deposit document against what this person has: kit, or the state file."""
    try:
        manifest = Manifest.parse(b64url_decode(document["manifest"]))
        signature = b64url_decode(document["manifest_signature"])
        manifest.verify(signature)
        if manifest.deposit != document["deposit"]:
            raise altered()
        envelope = b64url_decode(document["envelope"]) if document["envelope"] else b""
        manifest.check_envelope(envelope)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None
    pinned = cli.state.manifest_hash(manifest.deposit)
    if pinned not in {None, manifest.hash} or (own and own.manifest.hash != manifest.hash):
        raise altered()
    ledger, _ = open_ledger(cli, manifest.ledger_vkey)
    say_look(cli, ledger)
    lines = {line["custody"]: line for line in document["custodies"]}
    return Target(manifest, signature, envelope, lines, ledger)


def opened(target: Target, session: Session, line: Custody, found: dict[str, Any]) -> slip39.Share:
    """Check a release completely, then open it; a false piece names who sent it."""
    manifest = target.manifest
    try:
        sealed = b64url_decode(found["sealed"])
        check_entry(target, session, line, found, sealed)
        binding = seal.Binding(
            manifest.deposit, line.custody, manifest.hash, session.recovery, session.session
        )
        payload = Payload.parse(seal.open(sealed, session.key, binding))
        if payload.custody != line.custody:
            raise NotOpened("another custody's piece", code="wrong_custody")
        return payload.check_with(manifest)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None


def check_entry(
    target: Target, session: Session, line: Custody, found: dict[str, Any], sealed: bytes
) -> None:
    """Check that exactly this release stands in the ledger, and who signed it."""
    event = target.ledger.event(found["entry"], found["proof"])
    data = event.data
    fits = (
        event.type == "release made"
        and (event.deposit, event.custody, event.recovery)
        == (target.manifest.deposit, line.custody, session.recovery)
        and data["session"] == session.session
        and data["public_key_sha256"] == sha256(session.public_key)
        and data["sealed_sha256"] == sha256(sealed)
    )
    if not fits:
        raise Refused(
            N_("The ledger does not say that this piece was sent to you."),
            NOTHING_SENT,
            reason="release_not_in_ledger",
        )
    made = releases.Release(
        target.manifest.deposit,
        line.custody,
        session.recovery,
        session.session,
        target.manifest.hash,
        sha256(session.public_key),
        sha256(sealed),
        found["time"],
    )
    releases.verify(made, b64url_decode(found["signature"]), line.release_key)
