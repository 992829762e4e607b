"""Collecting two pieces and combining them (PROTOCOL.md section 10).

The key that pieces are sealed to is made here, lives in memory only, and only after the wait.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from escrow.i18n import N_
from escrow.protocol import envelope as envelopes
from escrow.protocol import keys, seal, slip39
from escrow.protocol.encoding import b64url
from escrow.protocol.errors import ProtocolError
from escrow.protocol.manifest import Custody
from escrow_cli import vouching
from escrow_cli.calling import call
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, Refused, Usage, of_protocol
from escrow_cli.piece import Piece, altered, ask
from escrow_cli.received import Session, Target, opened
from escrow_cli.signin import with_step_up

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PROVIDER_SECONDS = 30
_POLL_SECONDS = 0.5


def collect(
    cli: Cli, target: Target, running: dict[str, Any], own: Piece | None, contacts: tuple[str, ...]
) -> tuple[bytes, Ed25519PrivateKey]:
    """Collect pieces of two groups; returns the secret and the owner key.

    Where contacts have vouched, the provider releases only after them.
    """
    recovery, proof = running["recovery"], running["proof"]
    contacts_first = proof in vouching.OF_CONTACTS
    use_contacts = bool(contacts) or contacts_first
    use_contacts = use_contacts or (own is None and _prefers_contacts(cli, target))
    callees = _callees(cli, target, contacts) if use_contacts else []
    if own is None and not use_contacts:
        own = ask(cli)
        if own.manifest.hash != target.manifest.hash:
            raise altered()
    session = _begin(cli, target, recovery, own if proof in vouching.WITH_KIT else None)
    shares = [own.share()] if own else []
    use_provider = own is None or not use_contacts
    if use_provider and not contacts_first:
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
    if use_provider and contacts_first:
        shares.append(_provider_share(cli, target, session))
    return _combined(cli, target, shares)


def _prefers_contacts(cli: Cli, target: Target) -> bool:
    if not target.manifest.contacts_count:
        return False
    lines = [cli.t.gettext("my kit"), cli.t.gettext("a contact, on the telephone")]
    return cli.terminal.choose(cli.t.gettext("Which piece is at hand?"), lines, "ESCROW_PIECE") == 1


def check_named(target: Target, wanted: tuple[str, ...]) -> None:
    """Refuse contacts that cannot help, before everybody is told of a recovery; raises Usage."""
    found = _named(target, wanted)
    needed = target.manifest.contacts_needed
    if len(found) > needed:
        raise Usage(
            N_("Too many contacts are named: {needed} is enough."),
            reason="too_many_contacts",
            needed=needed,
        )


def _held(target: Target) -> list[Custody]:
    """Return the contacts who hold a piece."""
    return [
        line
        for line in target.manifest.of_role("contact")
        if target.custodies.get(line.custody, {}).get("state") == "held"
    ]


def _named(target: Target, wanted: tuple[str, ...]) -> list[Custody]:
    """Find contacts by name, address or custody; raises Usage."""
    found: list[Custody] = []
    for name in wanted:
        fits = [line for line in _held(target) if _is_called(target.custodies[line.custody], name)]
        if len(fits) != 1 or fits[0] in found:
            raise Usage(
                N_("“{name}” is not one contact who holds a piece."),
                N_("`escrow status` shows your contacts."),
                reason="no_such_contact",
                name=name,
            )
        found += fits
    return found


def _callees(cli: Cli, target: Target, wanted: tuple[str, ...]) -> list[Custody]:
    """Choose as many contacts as are needed, by name, address or custody."""
    manifest, held = target.manifest, _held(target)
    found = _named(target, wanted)
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


def _begin(cli: Cli, target: Target, recovery: str, proving: Piece | None) -> Session:
    """Make the key, in memory only, and begin; earlier sessions end for ever."""
    key = seal.PrivateKey.generate()
    session = Session(recovery, secrets.token_hex(16), key, key.public_key())
    body: dict[str, Any] = {"public_key": b64url(session.public_key)}
    if proving is not None:
        body["piece"] = vouching.signed(proving, target.ledger, recovery, session)
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
                return opened(target, session, line, found)
        time.sleep(_POLL_SECONDS)
    raise NotNow(
        N_("The piece has not come."),
        N_("Start the same command again; it begins anew and nothing is lost."),
        reason="no_release",
    )


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
