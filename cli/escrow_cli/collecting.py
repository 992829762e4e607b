"""Collecting two pieces and combining them (PROTOCOL.md sections 8 and 10).

The key that pieces are sealed to is made here, lives in memory only, and only after the wait.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from escrow.i18n import N_
from escrow.protocol import envelope as envelopes
from escrow.protocol import keys, seal, slip39
from escrow.protocol import release as releases
from escrow.protocol.encoding import b64url, b64url_decode, sha256
from escrow.protocol.errors import NotOpened, ProtocolError
from escrow.protocol.manifest import Custody, Manifest
from escrow.protocol.share import Payload
from escrow_cli.calling import call
from escrow_cli.context import Cli
from escrow_cli.errors import NOTHING_SENT, NotNow, Refused, Usage, of_protocol
from escrow_cli.ledger import Ledger, open_ledger, say_look
from escrow_cli.piece import Piece, altered, ask
from escrow_cli.signin import with_step_up

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PROVIDER_SECONDS = 30
_POLL_SECONDS = 0.5


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


def collect(
    cli: Cli, target: Target, recovery: str, own: Piece | None, contacts: tuple[str, ...]
) -> tuple[bytes, Ed25519PrivateKey]:
    """Collect pieces of two groups; returns the secret and the owner key."""
    use_contacts = bool(contacts) or (own is None and _prefers_contacts(cli, target))
    callees = _callees(cli, target, contacts) if use_contacts else []
    if own is None and not use_contacts:
        own = ask(cli)
        if own.manifest.hash != target.manifest.hash:
            raise altered()
    session = _begin(cli, recovery)
    shares = [own.share()] if own else []
    if own is None or not use_contacts:
        shares.append(_provider_share(cli, target, session))
    for line in callees:
        name = str(target.custodies[line.custody]["name"])
        call(
            cli,
            session.path,
            target.manifest,
            recovery,
            session.session,
            line,
            name,
            session.public_key,
        )
        shares.append(_share(cli, target, session, line))
        cli.terminal.say(cli.t.gettext("The piece of {name} has come.", name=name))
    return _combined(cli, target, shares)


def _prefers_contacts(cli: Cli, target: Target) -> bool:
    if not target.manifest.contacts_count:
        return False
    lines = [cli.t.gettext("my kit"), cli.t.gettext("a contact, on the telephone")]
    return cli.terminal.choose(cli.t.gettext("Which piece is at hand?"), lines, "ESCROW_PIECE") == 1


def _callees(cli: Cli, target: Target, wanted: tuple[str, ...]) -> list[Custody]:
    """Choose as many contacts as are needed, by name, address or custody."""
    manifest = target.manifest
    held = [
        line
        for line in manifest.of_role("contact")
        if target.custodies.get(line.custody, {}).get("state") == "held"
    ]
    found: list[Custody] = []
    for name in wanted:
        fits = [line for line in held if _is_called(target.custodies[line.custody], name)]
        if len(fits) != 1 or fits[0] in found:
            raise Usage(N_("“{name}” is not one contact who holds a piece."), name=name)
        found += fits
    while len(found) < manifest.contacts_needed:
        left = [line for line in held if line not in found]
        if len(found) + len(left) < manifest.contacts_needed:
            raise NotNow(
                N_("Not enough contacts hold a piece."), N_("Use your kit."), reason="no_contacts"
            )
        if len(left) == 1:
            found += left
            break
        names = [str(target.custodies[line.custody]["name"]) for line in left]
        found.append(left[cli.terminal.choose(cli.t.gettext("Whom do you call?"), names)])
    return found[: manifest.contacts_needed]


def _is_called(line: dict[str, Any], name: str) -> bool:
    known = {str(line.get(part)).casefold() for part in ("name", "address", "custody")}
    return name.strip().casefold() in known


def _begin(cli: Cli, recovery: str) -> Session:
    """Make the key, in memory only, and begin; earlier sessions end for ever."""
    key = seal.PrivateKey.generate()
    session = Session(recovery, secrets.token_hex(16), key, key.public_key())
    body = {"public_key": b64url(session.public_key)}
    with cli.terminal.progress(cli.t.gettext("Beginning …")):
        with_step_up(cli, lambda: cli.client.put(session.path, body))
    return session


def _provider_share(cli: Cli, target: Target, session: Session) -> slip39.Share:
    line = target.manifest.of_role("provider")[0]
    with cli.terminal.progress(cli.t.gettext("Getting the provider's piece …")):
        return _share(cli, target, session, line, PROVIDER_SECONDS)


def _share(
    cli: Cli, target: Target, session: Session, line: Custody, seconds: int = PROVIDER_SECONDS
) -> slip39.Share:
    """Wait for one custody's release and open it."""
    for _ in range(int(seconds / _POLL_SECONDS)):
        for found in cli.client.get(session.path)["releases"]:
            if found["custody"] == line.custody and found["sealed"] is not None:
                return _opened(target, session, line, found)
        time.sleep(_POLL_SECONDS)
    raise NotNow(
        N_("The piece has not come."),
        N_("Start the same command again; it begins anew and nothing is lost."),
        reason="no_release",
    )


def _opened(target: Target, session: Session, line: Custody, found: dict[str, Any]) -> slip39.Share:
    """Check a release completely, then open it; a false piece names who sent it."""
    manifest = target.manifest
    try:
        sealed = b64url_decode(found["sealed"])
        _check_entry(target, session, line, found, sealed)
        binding = seal.Binding(
            manifest.deposit, line.custody, manifest.hash, session.recovery, session.session
        )
        payload = Payload.parse(seal.open(sealed, session.key, binding))
        if payload.custody != line.custody:
            raise NotOpened("another custody's piece", code="wrong_custody")
        return payload.check_with(manifest)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None


def _check_entry(
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
    if line.role == "provider":
        return
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


def _combined(
    cli: Cli, target: Target, shares: list[slip39.Share]
) -> tuple[bytes, Ed25519PrivateKey]:
    """Combine, and check all that combining makes checkable, before the key is believed."""
    manifest = target.manifest
    with cli.terminal.progress(cli.t.gettext("Combining the pieces …")):
        try:
            recovery_key = bytearray(slip39.combine_shares(shares))
            try:
                manifest.check_recovered(bytes(recovery_key), target.envelope, target.signature)
                secret = envelopes.open(target.envelope, bytes(recovery_key))
                owner = keys.owner_key(bytes(recovery_key), manifest.deposit)
            finally:
                recovery_key[:] = bytes(len(recovery_key))
        except ProtocolError as error:
            raise of_protocol(error, Refused) from None
    return secret, owner
