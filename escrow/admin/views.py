"""What operators see on the host: lists in pages, one thing in detail, a customer's export.

Addresses are masked, labels and secrets are not shown. Every list is read in the order of an index
that serves it, `after` the last identifier of the page before.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import addresses
from escrow.account.models import Account
from escrow.admin import people
from escrow.admin.flow import proposal_of
from escrow.admin.models import Admin, Approval
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit
from escrow.errors import NotFound
from escrow.ledger.models import LedgerEvent
from escrow.protocol.encoding import grouped
from escrow.protocol.ledger import Event
from escrow.recovery.flow import times_of
from escrow.recovery.models import Recovery
from escrow.webkeys import ForgedRow

PAGE = 50
Line = dict[str, Any]


def masked(address: str) -> str:
    """Show of an address what tells two of them apart: m…@example.org."""
    name, _, host = address.rpartition("@")
    return f"{name[:1]}…@{host}"


def customer(db: Session, web: Web, account: str) -> list[str]:
    """Return a customer's confirmed addresses, masked."""
    rows = addresses.rows_of(db, account)
    return [masked(addresses.text_of(web.keys, row)) for row in rows if row.verified_at]


def customers(db: Session, web: Web, accounts: Iterable[str]) -> dict[str, list[str]]:
    """Return the confirmed addresses of several customers, masked, read at once."""
    return {
        account: [masked(addresses.text_of(web.keys, row)) for row in found]
        for account, found in addresses.confirmed(db, set(accounts)).items()
    }


def recoveries(db: Session, web: Web, after: str, limit: int) -> tuple[list[Line], str | None]:
    """List the recoveries under way; returns (lines, what the next page is after)."""
    query = select(Recovery).where(Recovery.ended_at.is_(None), Recovery.deposit > after)
    rows = db.scalars(query.order_by(Recovery.deposit).limit(limit)).all()
    owners = customers(db, web, (row.account for row in rows))
    held = frozen_for(db, [row.id for row in rows if row.state == "frozen"])
    lines = [
        {**_recovery(row, owners.get(row.account, [])), "held_for": held.get(row.id)}
        for row in rows
    ]
    return lines, _next(lines, limit, "deposit")


def frozen_for(db: Session, frozen: Sequence[str]) -> dict[str, str]:
    """Return why recoveries were put on hold, by what the ledger says; all read at once."""
    query = select(LedgerEvent).where(
        LedgerEvent.recovery.in_(frozen),
        LedgerEvent.type == "recovery frozen",
        LedgerEvent.refused.is_(None),
        LedgerEvent.body.is_not(None),
    )
    return {
        str(row.recovery): str(Event.parse(row.body).data["reason"])
        for row in db.scalars(query.order_by(LedgerEvent.position))
        if row.body is not None
    }


def _recovery(row: Recovery, owner: list[str]) -> Line:
    times = times_of(row)
    return {
        "recovery": row.id,
        "deposit": row.deposit,
        "account": row.account,
        "customer": owner,
        "state": row.state,
        "proof": row.proof,
        "opened_at": row.opened_at,
        "ready_at": times.ready_at,
        "expires_at": times.expires_at,
    }


def deposits(db: Session, web: Web, after: str, limit: int) -> tuple[list[Line], str | None]:
    """List all deposits; returns (lines, what the next page is after)."""
    query = select(Deposit).where(Deposit.id > after).order_by(Deposit.id).limit(limit)
    rows = db.scalars(query).all()
    owners = customers(db, web, (row.account for row in rows))
    lines = [_deposit(row, owners.get(row.account, [])) for row in rows]
    return lines, _next(lines, limit, "deposit")


def _deposit(row: Deposit, owner: list[str]) -> Line:
    return {
        "deposit": row.id,
        "account": row.account,
        "customer": owner,
        "kind": row.kind,
        "state": row.state,
        "created_at": row.created_at,
        "closing_at": row.closing_at,
    }


def approvals(db: Session, web: Web, after: str, limit: int) -> tuple[list[Line], str | None]:
    """List the approvals that wait for more; returns (lines, what the next page is after)."""
    query = select(Approval).where(
        Approval.executed_at.is_(None), Approval.refused.is_(None), Approval.id > after
    )
    rows = db.scalars(query.order_by(Approval.id).limit(limit))
    lines = [_approval(web, row) for row in rows]
    return lines, _next(lines, limit, "approval")


def _approval(web: Web, row: Approval) -> Line:
    try:
        contents = proposal_of(web.keys, row).contents()
    except (ForgedRow, ValueError):
        contents = {"reason": "?"}
    if "address" in contents:
        contents = {**contents, "address": masked(contents["address"])}
    return {
        "approval": row.id,
        "proposal": row.proposal,
        "operation": row.operation,
        "target": row.target,
        "contents": contents,
        "signed_by": row.credential,
        "expires": row.expires,
        "executed_at": row.executed_at,
        "refused": row.refused,
    }


def admins(db: Session, web: Web, after: str, limit: int) -> tuple[list[Line], str | None]:
    """List admins and who may become one; returns (lines, what the next page is after)."""
    rows = db.scalars(select(Admin).where(Admin.id > after).order_by(Admin.id).limit(limit))
    lines = [_admin(web, row) for row in rows]
    return lines, _next(lines, limit, "admin")


def _admin(web: Web, row: Admin) -> Line:
    web.keys.check_row(row)
    return {
        "admin": row.id,
        "name": people.name_of(web.keys, row),
        "role": row.role,
        "state": row.state,
        "code": grouped(people.key_code(row)) if row.state == "waiting" else "",
        "created_at": row.created_at,
    }


def _next(lines: Sequence[Line], limit: int, name: str) -> str | None:
    return str(lines[-1][name]) if len(lines) == limit else None


LISTS = {
    "recoveries": recoveries,
    "deposits": deposits,
    "approvals": approvals,
    "admins": admins,
}


def show(db: Session, web: Web, identifier: str) -> Line:
    """Show one recovery, deposit, account, or a proposal with its approvals; raises NotFound."""
    if (recovery := db.get(Recovery, identifier)) is not None:
        return _recovery(recovery, customer(db, web, recovery.account))
    if (deposit := db.get(Deposit, identifier)) is not None:
        lines = [_custody(row) for row in custodies.custodies_of(db, deposit.id)]
        owner = customer(db, web, deposit.account)
        return {**_deposit(deposit, owner), "custodies": lines}
    if (account := db.get(Account, identifier)) is not None:
        owned = select(Deposit).where(Deposit.account == account.id).limit(200)
        return {
            "account": account.id,
            "customer": customer(db, web, account.id),
            "state": account.state,
            "created_at": account.created_at,
            "closing_at": account.closing_at,
            "deposits": [row.id for row in db.scalars(owned)],
        }
    found = [_approval(web, row) for row in approvals_of(db, identifier)]
    return {"proposal": found[0]["proposal"], "approvals": found}


def _custody(row: CustodyRow) -> Line:
    return {
        "custody": row.id,
        "role": row.role,
        "state": row.state,
        "last_share_at": row.last_share_at,
        "last_check_at": row.last_check_at,
    }


def approvals_of(db: Session, identifier: str) -> list[Approval]:
    """Return the approvals of a proposal, by its identifier or by that of one of them: NotFound."""
    one = db.get(Approval, identifier)
    query = select(Approval).where(Approval.proposal == (one.proposal if one else identifier))
    found = list(db.scalars(query.order_by(Approval.created_at, Approval.id).limit(20)))
    if not found:
        raise NotFound
    return found
