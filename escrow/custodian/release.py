"""The provider's release: every check, then intent, then the sealed share.

Transaction 1 writes the intent. Once it is sequenced, transaction 2 repeats every check and stores
the sealed share: a veto that was sequenced in between wins. The custodian decides from sequenced
entries whose MAC it verified and from its own files, never from state columns alone.
"""

from dataclasses import dataclass

from sqlalchemy import update
from sqlalchemy.orm import Session

from escrow.custodian import proofs, waits
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.service import Custodian
from escrow.custodian.shares import ProviderShare, Refusal, checked_manifest, open_share
from escrow.db import changed
from escrow.deposit.custodies import custodies_of
from escrow.deposit.models import Deposit
from escrow.ledger.append import append
from escrow.ledger.read import newest_checkpoint
from escrow.protocol import release as releases
from escrow.protocol import seal
from escrow.protocol.encoding import sha256
from escrow.protocol.manifest import MIN_WAITING_SECONDS, Manifest
from escrow.recovery import machine
from escrow.recovery.models import Recovery, RecoverySession, ReleaseRow
from escrow.recovery.proofs import OF_CONTACTS

STOPPED = {"frozen", "cancelled", "destroyed"}
_ENDINGS = {"recovery vetoed", "recovery expired", "recovery completed"}


@dataclass(frozen=True)
class Permit:
    """A release that passed every check: what to seal, and to which key."""

    share: ProviderShare
    session: str
    public_key: bytes


def check(custodian: Custodian, db: Session, row: Recovery) -> Permit:
    """Check everything on the provider's list (PROTOCOL.md section 10); raises Refusal."""
    deposit = db.get(Deposit, row.deposit)
    if deposit is None:
        raise Refusal("no deposit")
    entries = Entries(db, custodian.keys)
    of_deposit = entries.of_deposit(deposit.id)
    of_recovery = [e for e in of_deposit if e.event.recovery == row.id]
    created = _only(of_deposit, "deposit created")
    manifest = checked_manifest(deposit, created.event.data["manifest_hash"])
    _check_owner(of_recovery, created, deposit)
    _check_backup(entries, of_recovery)
    if any(e.event.type == "deposit destroyed" for e in of_deposit):
        raise Refusal("deposit destroyed")
    _check_outside(custodian, row)
    opened = _newest(of_recovery, "recovery opened")
    _check_wait(custodian, db, of_recovery, manifest)
    proofs.check_opened(db, manifest, opened, of_deposit)
    begun = _check_begun(custodian, db, row, of_recovery)
    proofs.check_begun(db, manifest, opened, begun, of_recovery)
    share = open_share(db, custodian.keys, manifest)
    return Permit(share, begun.event.data["session"], begun.event.data["public_key"])


def _only(entries: list[Entry], kind: str) -> Entry:
    found = [entry for entry in entries if entry.event.type == kind]
    if len(found) != 1:
        raise Refusal(f"{kind} not in the ledger")
    return found[0]


def _newest(entries: list[Entry], kind: str) -> Entry:
    found = [entry for entry in entries if entry.event.type == kind]
    if not found:
        raise Refusal(f"{kind} not in the ledger")
    return found[-1]


def _check_owner(of_recovery: list[Entry], created: Entry, deposit: Deposit) -> None:
    """The account that opened the recovery is the one that the ledger says owns the deposit."""
    opened = _newest(of_recovery, "recovery opened")
    accounts = {opened.event.data["account"], opened.event.account, deposit.account}
    if accounts != {created.event.account}:
        raise Refusal("another account")


def _check_backup(entries: Entries, of_recovery: list[Entry]) -> None:
    """What ran when a backup was restored may have been stopped after it: it begins anew."""
    accepted = entries.newest("backup accepted")
    if accepted and _newest(of_recovery, "recovery opened").index < accepted.index:
        raise Refusal("opened before the backup")


def _check_outside(custodian: Custodian, row: Recovery) -> None:
    for identifier in (row.id, row.deposit):
        if custodian.outside.last_line(identifier) in STOPPED:
            raise Refusal("stopped outside the database")


def _check_wait(
    custodian: Custodian, db: Session, of_recovery: list[Entry], manifest: Manifest
) -> None:
    """Count from the custodian's own entry, and never before the newest checkpoint's time."""
    opened = _newest(of_recovery, "recovery opened")
    noticed = _newest(of_recovery, "recovery noticed")
    if noticed.author != "custodian" or noticed.index < opened.index:
        raise Refusal("recovery noticed not in the ledger")
    wait = noticed.event.data["wait_seconds"]
    if manifest.kind != "drill" and wait < max(
        releases.shortest_wait(opened.event.data["proof"], manifest.waiting_seconds),
        waits.shortest_wait(custodian, db, noticed.index),
        MIN_WAITING_SECONDS,
        opened.event.data["wait_seconds"],
    ):
        raise Refusal("wait shortened")
    now = custodian.clock.now()
    checkpoint = newest_checkpoint(db)
    if checkpoint is None or now < max(checkpoint.at, custodian.outside.at):
        raise Refusal("clock behind the ledger")
    if now < noticed.at + wait:
        raise Refusal("too early")


def _check_begun(
    custodian: Custodian, db: Session, row: Recovery, of_recovery: list[Entry]
) -> Entry:
    """Only the newest session counts, for one hour, with the key that its entry names."""
    if any(e.event.type in _ENDINGS for e in of_recovery):
        raise Refusal("recovery ended")
    stops = [e.index for e in of_recovery if e.event.type == "recovery frozen"]
    resumed = [e.index for e in of_recovery if e.event.type == "recovery noticed"]
    if stops and max(stops) > max(resumed):
        raise Refusal("recovery frozen")
    begun = _newest(of_recovery, "recovery begun")
    if begun.index < _newest(of_recovery, "recovery noticed").index:
        raise Refusal("recovery begun not in the ledger")
    session = db.get(RecoverySession, begun.event.data["session"])
    if session is None or session.public_key != begun.event.data["public_key"]:
        raise Refusal("another public key")
    if custodian.clock.now() >= begun.at + machine.SESSION_SECONDS:
        raise Refusal("session over")
    if session.id != row.session or session.voided_at is not None:
        raise Refusal("session void")
    return begun


def intend(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `recovery begun`, or to a contact's release: transaction 1, the intent.

    Where the contacts have to release first, the intent is written once the last of them has.
    """
    row = db.get(Recovery, entry.event.recovery)
    session = entry.event.data["session"]
    if row is None or not _hold(db, row, session):
        return
    try:
        permit = check(custodian, db, row)
    except proofs.NotYet:
        return
    except Refusal as refusal:
        _refuse(custodian, db, row, session, refusal)
        return
    if db.get(ReleaseRow, (session, permit.share.custody)) is not None:
        return
    event = append(
        db,
        custodian.author,
        "release intended",
        {"session": session, "public_key_sha256": sha256(permit.public_key)},
        account=row.account,
        deposit=row.deposit,
        custody=permit.share.custody,
        recovery=row.id,
        event_id=custodian.once("release intended", session),
    )
    db.add(
        ReleaseRow(session=session, custody=permit.share.custody, state="intended", event=event.id)
    )


def follow(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `release made`: the provider may have waited for this contact's."""
    row = db.get(Recovery, entry.event.recovery)
    if row is not None and row.proof in OF_CONTACTS and entry.author == "web":
        intend(custodian, db, entry)


def _hold(db: Session, row: Recovery, session: str) -> bool:
    """Compare-and-swap: the recovery collects, and this session is the current one."""
    statement = (
        update(Recovery)
        .where(Recovery.id == row.id, Recovery.state == "collecting", Recovery.session == session)
        .values(session=session)
    )
    held = changed(db, statement) == 1
    db.refresh(row)
    return held


def fulfil(custodian: Custodian, db: Session, entry: Entry) -> None:
    """React to `release intended`: transaction 2, everything checked again, then the share."""
    row = db.get(Recovery, entry.event.recovery)
    session = entry.event.data["session"]
    if row is None or entry.event.custody is None:
        return
    release = db.get(ReleaseRow, (session, entry.event.custody), with_for_update=True)
    if release is None or release.state != "intended" or not _hold(db, row, session):
        return
    try:
        permit = check(custodian, db, row)
        if sha256(permit.public_key) != entry.event.data["public_key_sha256"]:
            raise Refusal("another public key")
    except Refusal as refusal:
        _refuse(custodian, db, row, session, refusal)
        return
    _make(custodian, db, row, release, permit)


def _make(
    custodian: Custodian, db: Session, row: Recovery, release: ReleaseRow, permit: Permit
) -> None:
    manifest_hash = permit.share.manifest.hash
    binding = seal.Binding(row.deposit, permit.share.custody, manifest_hash, row.id, permit.session)
    sealed = seal.seal(permit.share.payload.data, permit.public_key, binding)
    time = custodian.clock.now()
    named = releases.Release(
        row.deposit,
        permit.share.custody,
        row.id,
        permit.session,
        manifest_hash,
        sha256(permit.public_key),
        sha256(sealed),
        time,
    )
    signature = releases.sign(named, permit.share.release_key())
    event = append(
        db,
        custodian.author,
        "release made",
        {
            "session": permit.session,
            "public_key_sha256": named.public_key_sha256,
            "sealed_sha256": named.sealed_sha256,
            "signature": signature,
            "time": time,
        },
        account=row.account,
        deposit=row.deposit,
        custody=permit.share.custody,
        recovery=row.id,
        event_id=custodian.once("release made", permit.session),
    )
    release.state = "made"
    release.sealed = sealed
    release.signature = signature
    release.time = time
    release.event = event.id


def _refuse(
    custodian: Custodian, db: Session, row: Recovery, session: str, refusal: Refusal
) -> None:
    """Keep the reason where the customer sees it, and raise an alarm: nothing is released."""
    custodian.alarm("release refused", recovery=row.id, reason=refusal.reason)
    line = next((r.id for r in custodies_of(db, row.deposit) if r.role == "provider"), None)
    if line is None or db.get(RecoverySession, session) is None:
        return
    found = db.get(ReleaseRow, (session, line))
    if found is None:
        found = ReleaseRow(session=session, custody=line, state="refused", event="")
        db.add(found)
    found.state = "refused"
    found.reason = refusal.reason
