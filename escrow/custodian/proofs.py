"""Proof of the person, verified by the custodian itself: before notices, and before a release.

The web tier has checked the same and is not believed: only signatures by the release keys of the
manifest that the ledger names count, and only for what the sequenced entries say. (An
authenticator's code leaves nothing to verify.) Source: PROTOCOL.md section 10.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entry
from escrow.custodian.shares import Refusal
from escrow.protocol import release as releases
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import BadSignature
from escrow.protocol.manifest import Manifest
from escrow.recovery.models import RecoveryProof
from escrow.recovery.proofs import AT_OPENING, OF_CONTACTS, PAST_VETO, WITH_KIT


class NotYet(Refusal):
    """Nothing is wrong, but contacts have to release first."""


def check_opened(db: Session, manifest: Manifest, opened: Entry, of_deposit: list[Entry]) -> None:
    """Check what a recovery was opened with; raises Refusal.

    Reasons: no contact's veto, contacts do not replace, kit proof, contacts' proofs.
    """
    proof = opened.event.data["proof"]
    vetoed = _vetoers(of_deposit, opened)
    if proof in PAST_VETO and not vetoed:
        raise Refusal("no contact's veto")
    if proof == "contacts" and not manifest.contacts_replace_totp:
        raise Refusal("contacts do not replace")
    proven = _proven(db, manifest, str(opened.event.recovery))
    if proof in WITH_KIT and manifest.of_role("customer")[0].custody not in proven:
        raise Refusal("kit proof")
    if proof in OF_CONTACTS:
        contacts = {line.custody for line in manifest.of_role("contact")} - vetoed
        if not 1 <= manifest.contacts_needed <= len(proven & contacts):
            raise Refusal("contacts' proofs")


def check_begun(
    db: Session, manifest: Manifest, opened: Entry, begun: Entry, of_recovery: list[Entry]
) -> None:
    """Check what a session was begun with; raises Refusal (kit proof), NotYet (contacts)."""
    proof = opened.event.data["proof"]
    if proof in WITH_KIT:
        key, session = begun.event.data["public_key"], begun.event.data["session"]
        proven = _proven(db, manifest, str(opened.event.recovery), session, sha256(key))
        if manifest.of_role("customer")[0].custody not in proven:
            raise Refusal("kit proof")
    if proof in OF_CONTACTS:
        released = {
            str(entry.event.custody)
            for entry in of_recovery
            if entry.event.type == "release made" and _is_release(manifest, begun, entry)
        }
        if len(released) < manifest.contacts_needed:
            raise NotYet("contacts' releases")


def _vetoers(of_deposit: list[Entry], opened: Entry) -> set[str]:
    """Return the contacts who stopped a recovery before this one was opened."""
    return {
        str(entry.event.custody)
        for entry in of_deposit
        if entry.event.type == "recovery vetoed"
        and entry.event.data["by"] == "contact"
        and entry.index < opened.index
    }


def _proven(
    db: Session,
    manifest: Manifest,
    recovery: str,
    session: str = AT_OPENING,
    public_key_sha256: bytes | None = None,
) -> set[str]:
    """Return the custodies whose stored proofs verify."""
    query = select(RecoveryProof).where(
        RecoveryProof.recovery == recovery, RecoveryProof.session == session
    )
    keys = {line.custody: line.release_key for line in manifest.custodies}
    found = set()
    for row in db.scalars(query):
        named = releases.Proof(
            manifest.deposit,
            row.custody,
            recovery,
            session or None,
            public_key_sha256,
            row.checkpoint_hash,
        )
        if row.custody in keys and _holds(named, row.signature, keys[row.custody]):
            found.add(row.custody)
    return found


def _holds(named: releases.Proof, signature: bytes, release_key: bytes) -> bool:
    try:
        releases.verify_proof(named, signature, release_key)
    except BadSignature:
        return False
    return True


def _is_release(manifest: Manifest, begun: Entry, entry: Entry) -> bool:
    """Tell whether an entry is a contact's own release to this session and this key."""
    data, event = entry.event.data, entry.event
    keys = {line.custody: line.release_key for line in manifest.of_role("contact")}
    named = (begun.event.data["session"], sha256(begun.event.data["public_key"]))
    if event.custody not in keys or (data["session"], data["public_key_sha256"]) != named:
        return False
    if data["signature"] is None or data["time"] is None:
        return False
    made = releases.Release(
        manifest.deposit,
        event.custody,
        str(event.recovery),
        data["session"],
        manifest.hash,
        data["public_key_sha256"],
        data["sealed_sha256"],
        data["time"],
    )
    try:
        releases.verify(made, data["signature"], keys[event.custody])
    except BadSignature:
        return False
    return True
