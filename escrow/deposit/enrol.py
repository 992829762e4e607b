"""Enrolment: everything a deposit consists of, in one transaction."""

import secrets
from dataclasses import dataclass

from sqlalchemy import and_, bindparam, func, select
from sqlalchemy.orm import Session

from escrow.account.models import Account, Address
from escrow.context import Web
from escrow.deposit import custodies, views
from escrow.deposit.models import FIRST_REMINDER_SECONDS, Blob, CustodyRow, Deposit
from escrow.errors import Conflict, MalformedRequest, RateLimited, StepUpRequired, WrongState
from escrow.ledger.append import append_all, new_event
from escrow.ledger.models import LedgerEvent
from escrow.ledger.read import NEWEST_KEY_CHANGE, CurrentKeys, keys_since_change
from escrow.protocol import envelope as age
from escrow.protocol import manifest as manifests
from escrow.protocol import seal
from escrow.protocol.encoding import pae_hash
from escrow.protocol.errors import ProtocolError
from escrow.protocol.manifest import Manifest
from escrow.sql import Prepared, new_row

MAX_DEPOSITS = 100
MAX_DRILLS_A_DAY = 10
INVITATION_SECONDS = 14 * 86400
_DAY_SECONDS = 86400
# All that a new deposit is checked against; a row for each of the customer's own addresses.
_KNOWN = Prepared(
    select(
        Address.lookup,
        select(Deposit.id).where(Deposit.id == bindparam("deposit")).label("earlier"),
        select(func.count())
        .where(
            Deposit.account == bindparam("account"),
            Deposit.kind == "real",
            Deposit.state != "closed",
        )
        .label("held"),
        NEWEST_KEY_CHANGE.label("key_change"),
    )
    .select_from(Account)
    .outerjoin(
        Address,
        and_(
            Address.account == Account.id,
            Address.removed_at.is_(None),
            Address.verified_at.is_not(None),
        ),
    )
    .where(Account.id == bindparam("account"))
)


@dataclass(frozen=True)
class NewContact:
    """One contact of a new deposit, as the client sends it."""

    custody: str
    invitation: bytes
    fetch_sha256: bytes
    name: str
    address: str
    nonce: bytes


@dataclass(frozen=True)
class NewDeposit:
    """A new deposit, as the client sends it."""

    deposit: str
    manifest: bytes
    manifest_signature: bytes
    envelope: bytes
    provider_share: bytes
    contacts: tuple[NewContact, ...]

    def hash(self) -> bytes:
        """Return the 32 bytes by which a repeat is told from another body."""
        fields: list[bytes | str] = [
            self.manifest,
            self.manifest_signature,
            self.envelope,
            self.provider_share,
        ]
        for contact in self.contacts:
            fields += contact.__dict__.values()
        return pae_hash("escrow/v1/body/deposit", *fields)


@dataclass(frozen=True)
class Stored:
    """What was stored with a new deposit, so that the answer need not read it again."""

    envelope: bytes
    custodies: list[CustodyRow]


def put_deposit(
    db: Session, web: Web, account: str, new: NewDeposit, *, stepped_up: bool
) -> tuple[Deposit, Stored | None]:
    """Store a new deposit, or find the same one again; returns (deposit, what is new with it).

    Raises Conflict, MalformedRequest (with the field), RateLimited, StepUpRequired; IntegrityError
    for identifiers that are taken, see `refuse_taken`.
    """
    known = _KNOWN(db, account=account, deposit=new.deposit).all()
    earlier = db.get(Deposit, new.deposit) if known[0].earlier else None
    if earlier is not None:
        if earlier.account != account or earlier.body_sha256 != new.hash():
            raise Conflict
        return earlier, None
    keys = keys_since_change(web.database, db, known[0].key_change)
    manifest = _check_manifest(web, new, keys)
    _check_contacts(web, manifest, new, own={line.lookup for line in known})
    _check_sizes(new)
    _check_replaces(db, manifest, account, stepped_up=stepped_up)
    if manifest.kind == "drill":
        _check_drills(db, web, account)
    elif known[0].held >= MAX_DEPOSITS:
        raise RateLimited(_DAY_SECONDS, f"An account has at most {MAX_DEPOSITS} deposits.")
    row, lines = _insert(db, web, account, manifest, new)
    return row, Stored(new.envelope, lines)


def refuse_taken(db: Session, new: NewDeposit) -> None:
    """Refuse custodies of another deposit, when storing has failed; raises Conflict."""
    named = [line.custody for line in Manifest.parse(new.manifest).custodies]
    taken = select(CustodyRow.id).where(CustodyRow.id.in_(named), CustodyRow.deposit != new.deposit)
    if db.scalars(taken).first() is not None:
        raise Conflict


def _check_manifest(web: Web, new: NewDeposit, keys: CurrentKeys) -> Manifest:
    try:
        manifest = Manifest.parse(new.manifest)
        manifest.verify(new.manifest_signature)
        manifest.check_envelope(new.envelope)
    except ProtocolError as error:
        field = getattr(error, "field", "")
        raise MalformedRequest(f"manifest.{field}" if field else "manifest", str(error)) from None
    if manifest.deposit != new.deposit:
        raise MalformedRequest("manifest.deposit", "The description is of another deposit.")
    if abs(manifest.created_at - web.clock.now()) > custodies.CLIENT_TIME_SECONDS:
        raise MalformedRequest("manifest.created_at", "Set this computer's clock.")
    shortest = web.settings.minimum_waiting_seconds
    if manifest.kind == "real" and manifest.waiting_seconds < shortest:
        raise MalformedRequest("manifest.waiting_seconds", f"At least {shortest} seconds.")
    if manifest.ledger_vkey != keys.ledger_vkey:
        raise MalformedRequest("manifest.ledger_vkey", "This is not the key of our ledger.")
    recent = keys.provider_hashes_since(web.clock.now() - _DAY_SECONDS)
    if manifest.provider_key_sha256 not in recent:
        raise MalformedRequest("manifest.provider_key_sha256", "This is not our key.")
    return manifest


def _check_contacts(web: Web, manifest: Manifest, new: NewDeposit, own: set[bytes]) -> None:
    lines = manifest.of_role("contact")
    if [line.custody for line in lines] != [contact.custody for contact in new.contacts]:
        raise MalformedRequest("contacts", "These are not the contacts of the description.")
    seen: set[bytes] = set()
    for i, (line, contact) in enumerate(zip(lines, new.contacts, strict=True)):
        found = manifests.contact_commitment(contact.nonce, contact.name, contact.address)
        if found != line.contact_commitment:
            raise MalformedRequest(f"contacts.{i}", "Name or address differ from the description.")
        hashed = web.keys.lookup(contact.address)
        if hashed in own:
            raise MalformedRequest(
                f"contacts.{i}.address", "A contact must be someone else: this address is yours."
            )
        if hashed in seen:
            raise MalformedRequest(f"contacts.{i}.address", "Two contacts have one address.")
        seen.add(hashed)


def _check_sizes(new: NewDeposit) -> None:
    smallest = seal.ENC_LENGTH_BYTES + seal.TAG_LENGTH_BYTES
    if not smallest < len(new.provider_share) <= seal.MAX_SEALED_LENGTH_BYTES:
        raise MalformedRequest("provider_share")
    if len(new.envelope) > age.MAX_ENVELOPE_LENGTH_BYTES:
        raise MalformedRequest("envelope")


def _check_replaces(db: Session, manifest: Manifest, account: str, *, stepped_up: bool) -> None:
    if manifest.replaces is None:
        return
    old = db.get(Deposit, manifest.replaces)
    if old is None or old.account != account or old.state == "closed":
        raise MalformedRequest("manifest.replaces", "There is no such deposit of yours.")
    if "drill" in (old.kind, manifest.kind):
        raise MalformedRequest("manifest.replaces", "A drill replaces nothing.")
    if not stepped_up:
        raise StepUpRequired


def _check_drills(db: Session, web: Web, account: str) -> None:
    """Refuse a drill beside a recovery in earnest, whose mails would contradict each other.

    Too many are refused as well: counted apart, they never stand in a real one's way.
    """
    real = select(Deposit.id).where(
        Deposit.account == account, Deposit.kind == "real", Deposit.state != "closed"
    )
    if any(views.running_recovery(db, deposit) is not None for deposit in db.scalars(real)):
        raise WrongState("recovery")
    query = select(func.count()).where(
        Deposit.account == account,
        Deposit.kind == "drill",
        Deposit.created_at > web.clock.now() - _DAY_SECONDS,
    )
    if (db.scalar(query) or 0) >= MAX_DRILLS_A_DAY:
        raise RateLimited(_DAY_SECONDS, f"At most {MAX_DRILLS_A_DAY} drills a day.")


def _insert(
    db: Session, web: Web, account: str, manifest: Manifest, new: NewDeposit
) -> tuple[Deposit, list[CustodyRow]]:
    row = new_row(
        Deposit,
        id=manifest.deposit,
        account=account,
        kind=manifest.kind,
        state="pending",
        label=web.keys.encrypt(custodies.LABEL, manifest.deposit, account, manifest.label),
        replaces=manifest.replaces,
        created_at=web.clock.now(),
        contacts_needed=manifest.contacts_needed,
        contacts_count=manifest.contacts_count,
        manifest=new.manifest,
        manifest_signature=new.manifest_signature,
        manifest_hash=manifest.hash,
        body_sha256=new.hash(),
    )
    lines = _custodies(web, account, manifest, new)
    provider = next(line.id for line in lines if line.role == "provider")
    blobs = [
        _blob(row.id, "envelope", None, new.envelope),
        _blob(row.id, "provider_share", provider, new.provider_share),
        *(_blob(row.id, "invitation", given.custody, given.invitation) for given in new.contacts),
    ]
    append_all(db, _events(web, row, lines), [row], lines, blobs)
    return row, lines


def _events(web: Web, row: Deposit, lines: list[CustodyRow]) -> list[LedgerEvent]:
    subject = {"account": row.account, "deposit": row.id}
    said = {"manifest_hash": row.manifest_hash}
    created = new_event(web.author, "deposit created", said, **subject)
    invited = [
        new_event(
            web.author, "custody invited", {"until": line.invited_until}, **subject, custody=line.id
        )
        for line in lines
        if line.role == "contact"
    ]
    return [created, *invited]


def _custodies(web: Web, account: str, manifest: Manifest, new: NewDeposit) -> list[CustodyRow]:
    contacts = {contact.custody: contact for contact in new.contacts}
    until = web.clock.now() + INVITATION_SECONDS
    return [
        _custody(web, account, manifest.deposit, line, contacts.get(line.custody), until)
        for line in manifest.custodies
    ]


def _custody(
    web: Web,
    account: str,
    deposit: str,
    line: manifests.Custody,
    contact: NewContact | None,
    until: int,
) -> CustodyRow:
    row = new_row(
        CustodyRow,
        id=line.custody,
        deposit=deposit,
        account=account,
        role=line.role,
        group=line.group,
        member=line.member,
        state="invited",
        attest_key=line.attest_key,
        release_key=line.release_key,
        contact_commitment=line.contact_commitment,
    )
    if contact is not None:
        row.name = web.keys.encrypt(custodies.NAME, row.id, account, contact.name)
        row.address = web.keys.encrypt(custodies.ADDRESS, row.id, account, contact.address)
        row.address_hash = web.keys.lookup(contact.address)
        row.domain_hash = web.keys.domain(contact.address)
        row.nonce = web.keys.encrypt(custodies.NONCE, row.id, account, contact.nonce.hex())
        row.fetch_sha256 = contact.fetch_sha256
        row.invited_until = until
        row.due_at = web.clock.now() + FIRST_REMINDER_SECONDS
    return row


def _blob(deposit: str, kind: str, custody: str | None, data: bytes) -> Blob:
    identifier = secrets.token_hex(16)
    return new_row(Blob, id=identifier, deposit=deposit, kind=kind, custody=custody, data=data)
