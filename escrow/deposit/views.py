"""Deposits and custodies as documents of the API."""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import bodies, custodies, recoverability
from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.errors import MalformedRequest

PAGE = 50
_WRAPS = ("wrap_share", "wrap_check")

# Recoveries stand above deposits and may not be imported here: they say how to find the running
# one of a deposit.
RUNNING: list[Callable[[Session, str], bodies.RunningRecovery | None]] = []


def running_recovery(db: Session, deposit: str) -> bodies.RunningRecovery | None:
    """Return the recovery of a deposit that is under way, or None."""
    return next((found for find in RUNNING if (found := find(db, deposit)) is not None), None)


def list_deposits(
    db: Session, web: Web, accounts: list[str], after: str | None, kind: str = "real"
) -> bodies.DepositList:
    """Return a page of the deposits of some accounts, oldest first; closing ones included.

    Drills are no way back to anything, so they are listed apart.
    """
    query = select(Deposit).where(
        Deposit.account.in_(accounts), Deposit.state != "closed", Deposit.kind == kind
    )
    if after is not None:
        at, _, last = after.partition("-")
        query = query.where(
            or_(
                Deposit.created_at > int(at),
                (Deposit.created_at == int(at)) & (Deposit.id > last),
            )
        )
    rows = list(db.scalars(query.order_by(Deposit.created_at, Deposit.id).limit(PAGE + 1)))
    end = rows[PAGE - 1] if len(rows) > PAGE else None
    return bodies.DepositList(
        deposits=[bodies.DepositLine(**_line(web, row)) for row in rows[:PAGE]],
        next=f"{end.created_at}-{end.id}" if end else None,
    )


def _line(web: Web, row: Deposit) -> dict[str, Any]:
    manifest = custodies.manifest_of(row)
    return {
        "deposit": row.id,
        "account": row.account,
        "label": web.keys.decrypt(custodies.LABEL, row.id, row.account, row.label),
        "kind": row.kind,
        "state": row.state,
        "created_at": row.created_at,
        "replaces": row.replaces,
        "closing_at": row.closing_at,
        "waiting_seconds": manifest.waiting_seconds,
        "contacts": manifest.contacts_count,
        "contacts_vouch": manifest.contacts_replace_totp,
        "recoverability": row.recoverability,
    }


def deposit_document(db: Session, web: Web, row: Deposit) -> bodies.DepositOut:
    """Return a deposit as its customer sees it."""
    envelope = custodies.blob_of(db, row.id, "envelope")
    running = running_recovery(db, row.id)
    return described(
        web,
        row,
        custodies.custodies_of(db, row.id),
        envelope.data if envelope else None,
        recovery=running.recovery if running else None,
    )


def described(
    web: Web,
    row: Deposit,
    lines: Sequence[CustodyRow],
    envelope: bytes | None,
    recovery: str | None,
) -> bodies.DepositOut:
    """Return a deposit from what was read or stored already."""
    document = _line(web, row)
    if recoverability.is_counted_on(row):  # as of now, not of the custodian's last look
        now, fresh = web.clock.now(), web.settings.proof_seconds
        document["recoverability"] = recoverability.assess(row, lines, now, fresh).state
    return bodies.DepositOut(
        **document,
        manifest=row.manifest,
        manifest_signature=row.manifest_signature,
        envelope=envelope,
        custodies=[_custody(web, line) for line in lines],
        recovery=recovery,
    )


def _custody(web: Web, row: CustodyRow) -> bodies.CustodyOut:
    details = custodies.contact_details(web.keys, row)
    return bodies.CustodyOut(
        custody=row.id,
        role=row.role,
        state=row.state,
        name=details[0] if details else None,
        address=details[1] if details else None,
        invited_until=row.invited_until,
        fetched_at=row.fetched_at,
        paused=row.paused,
        last_share_at=row.last_share_at,
        last_check_at=row.last_check_at,
        proven_until=recoverability.proven_until(row, web.settings.proof_seconds),
    )


def public_custody(db: Session, web: Web, row: CustodyRow) -> bodies.PublicCustody:
    """Return what everybody may read who knows a custody's identifier."""
    deposit = custodies.find_deposit(db, row.deposit)
    query = select(Blob).where(Blob.custody == row.id, Blob.kind.in_(_WRAPS)).order_by(Blob.id)
    settings = web.settings
    return bodies.PublicCustody(
        custody=row.id,
        deposit=row.deposit,
        role=row.role,
        state=row.state,
        paused=row.paused,
        manifest=deposit.manifest,
        manifest_signature=deposit.manifest_signature,
        wraps=[
            bodies.WrapOut(
                part=blob.kind.removeprefix("wrap_"),
                credential_id=blob.credential_id or b"",
                data=blob.data,
            )
            for blob in db.scalars(query)
        ],
        recovery=running_recovery(db, row.deposit),
        provider=bodies.ProviderOut(name=settings.provider_name, phone=settings.provider_phone),
    )


def refuse_empty(value: str, field: str) -> None:
    """Refuse text of white space alone; raises MalformedRequest."""
    if not value.strip():
        raise MalformedRequest(field, "Some text is needed.")
