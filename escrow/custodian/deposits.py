"""What the custodian does for deposits: takes its own share in, and says active and complete."""

import secrets

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries, Entry
from escrow.custodian.letters import tell_customer
from escrow.custodian.service import Custodian
from escrow.custodian.shares import (
    ProviderShare,
    Refusal,
    checked_manifest,
    open_share,
    provider_row,
)
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger.append import append
from escrow.ledger.models import LedgerEvent
from escrow.ledger.read import newest_checkpoint
from escrow.protocol import attestation as attestations
from escrow.protocol.attestation import Attestation
from escrow.protocol.encoding import sha256

VERIFY_SECONDS = 86400
# Beyond this no date can be written and no wait be lengthened: it would never end anyway.
MAX_WAITING_SECONDS = 10 * 366 * 86400
ATTEST_SECONDS = 30 * 86400
_SPREAD_SECONDS = 3600


def take_in(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `deposit created`: open, check and attest the provider's share, or reject it."""
    deposit = db.get(Deposit, entry.event.deposit, with_for_update=True)
    if deposit is None or deposit.state != "pending":
        return
    row = provider_row(db, deposit.id)
    if row.state != "invited":
        return
    try:
        share = _accept(custodian, db, deposit, entry)
    except Refusal as refusal:
        row.state = "rejected"
        deposit.state = "rejected"
        say(custodian, db, row, "rejected", reason=refusal.reason)
        tell_customer(custodian, db, deposit, "custody_rejected", {"reason": refusal.reason})
        custodian.alarm("provider share rejected", deposit=deposit.id, reason=refusal.reason)
        return
    row.state = "held"
    attest(custodian, db, row, share)
    say(custodian, db, row, "held")


def _accept(custodian: Custodian, db: Session, deposit: Deposit, entry: Entry) -> ProviderShare:
    if deposit.account != entry.event.account:
        raise Refusal("another account")
    manifest = checked_manifest(deposit, entry.event.data["manifest_hash"])
    if manifest.ledger_vkey != custodian.keys.signer.verifier.vkey:
        raise Refusal("another ledger")
    accepted = custodian.keys.accepted_since(custodian.clock.now() - VERIFY_SECONDS)
    if manifest.provider_key_sha256 not in {sha256(key) for key in accepted}:
        raise Refusal("not our key")
    shortest = custodian.settings.minimum_waiting_seconds
    if manifest.kind == "real" and manifest.waiting_seconds < shortest:
        raise Refusal("waiting time too short")
    if manifest.waiting_seconds > MAX_WAITING_SECONDS:
        raise Refusal("waiting time too long")
    envelope = custodies.blob_of(db, deposit.id, "envelope")
    if envelope is None or sha256(envelope.data) != manifest.envelope_sha256:
        raise Refusal("another envelope")
    return open_share(db, custodian.keys, manifest)


def attest(custodian: Custodian, db: Session, row: CustodyRow, share: ProviderShare) -> None:
    """Append the provider's own `share` attestation and note its date."""
    now = custodian.clock.now()
    checkpoint = newest_checkpoint(db)
    checkpoint_hash = checkpoint.hash if checkpoint else bytes(32)
    proof = Attestation(
        share.manifest.deposit, row.id, share.manifest.hash, "share", checkpoint_hash, now
    )
    say(
        custodian,
        db,
        row,
        "attested",
        means="share",
        checkpoint_hash=checkpoint_hash,
        time=now,
        signature=attestations.sign(proof, share.release_key()),
    )
    row.last_share_at = now
    row.verified_at = now - secrets.randbelow(_SPREAD_SECONDS)


def say(custodian: Custodian, db: Session, row: CustodyRow, what: str, **data: object) -> None:
    append(
        db,
        custodian.author,
        f"custody {what}",
        dict(data),
        account=row.account,
        deposit=row.deposit,
        custody=row.id,
    )


def count_in(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `custody held`: say `active` and `complete` when enough is held.

    Decided from sequenced entries: active when customer and provider hold theirs, complete when
    the needed contacts do too. Of several that are sequenced together the first says it for all.
    """
    deposit = db.get(Deposit, entry.event.deposit, with_for_update=True)
    if deposit is None:
        return
    manifest = custodies.manifest_of(deposit)
    entries = Entries(db, custodian.keys).of_deposit(deposit.id)
    held = {found.event.custody for found in entries if found.event.type == "custody held"}
    roles = {
        role: {line.custody for line in manifest.of_role(role)}
        for role in ("customer", "contact", "provider")
    }
    both = roles["customer"] <= held and roles["provider"] <= held
    if both and not _is_said(custodian, db, deposit, "active"):
        _advance(custodian, db, deposit, "active")
    enough = len(roles["contact"] & held) >= manifest.contacts_needed
    if both and enough and not _is_said(custodian, db, deposit, "complete"):
        _advance(custodian, db, deposit, "complete")


def _is_said(custodian: Custodian, db: Session, deposit: Deposit, state: str) -> bool:
    """Tell whether a deposit's new state was said, be it an entry already or not yet."""
    identifier = custodian.once(f"deposit {state}", deposit.id)
    return db.scalar(select(LedgerEvent.id).where(LedgerEvent.id == identifier)) is not None


def _advance(custodian: Custodian, db: Session, deposit: Deposit, state: str) -> None:
    """Say a deposit's new state once. While it is closing the state comes back at its reopening."""
    if deposit.state == "closing":
        deposit.state_before_closing = state
    elif deposit.state in {"pending", "active"}:
        deposit.state = state
    append(
        db,
        custodian.author,
        f"deposit {state}",
        account=deposit.account,
        deposit=deposit.id,
        event_id=custodian.once(f"deposit {state}", deposit.id),
    )
    if deposit.kind == "drill":  # whoever drills sits before the screen
        return
    if deposit.contacts_needed > 0:
        tell_customer(custodian, db, deposit, f"deposit_{state}")
    elif state == "active":  # kit and provider are all there is, so it is complete as well
        tell_customer(custodian, db, deposit, "deposit_alone")
