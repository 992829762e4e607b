"""Proposals as admins see them: what is to be done, who has signed, what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.admin import people
from escrow.admin.approvers import PASSKEY, credential_of
from escrow.admin.flow import proposal_of
from escrow.admin.models import Admin, Approval
from escrow.admin.operations import Proposal
from escrow.admin.signin import Actor
from escrow.admin.views import approvals_of, masked
from escrow.context import Web
from escrow.ledger.models import LedgerEvent
from escrow.webkeys import ForgedRow

NEWEST = 20


@dataclass(frozen=True)
class Line:
    """One proposal. `contents` is None where the row was changed from outside.

    `state`: open, executed, refused (then `why` is one of a few fixed words), expired.
    """

    identifier: str
    operation: str
    target: str
    proposal: Proposal | None
    contents: dict[str, Any] | None
    expires: int
    signers: tuple[str, ...]
    credentials: tuple[str, ...]
    state: str
    why: str
    at: int

    @property
    def shown(self) -> dict[str, Any]:
        """What the list tells of the contents: the address masked, no key."""
        found = dict(self.contents or {})
        if "address" in found:
            found["address"] = masked(found["address"])
        return found

    def may_sign(self, actor: Actor) -> bool:
        """Whether somebody can still approve it, and has not."""
        return (
            self.state == "open"
            and self.proposal is not None
            and actor.role in self.proposal.rule.roles
            and credential_of(actor.admin) not in self.credentials
        )


def waiting(db: Session, web: Web, after: str, limit: int) -> tuple[list[Line], str | None]:
    """List what waits for another signature; returns (lines, what the next page is after)."""
    query = select(Approval.proposal).where(
        Approval.executed_at.is_(None), Approval.refused.is_(None), Approval.proposal > after
    )
    found = list(db.scalars(query.distinct().order_by(Approval.proposal).limit(limit)))
    lines = _lines(db, web, found)
    return lines, found[-1] if len(found) == limit else None


def newest(db: Session, web: Web) -> list[Line]:
    """List what was approved last, whatever became of it, the newest first."""
    said = (
        select(LedgerEvent.id)
        .where(LedgerEvent.type == "admin approved", LedgerEvent.index.is_not(None))
        .order_by(LedgerEvent.index.desc())
        .limit(NEWEST)
    )
    rows = db.execute(
        select(Approval.proposal, Approval.created_at).where(
            Approval.id.in_(list(db.scalars(said)))
        )
    )
    ordered = sorted(rows, key=lambda row: row.created_at, reverse=True)
    found = list(dict.fromkeys(row.proposal for row in ordered))
    lines = {line.identifier: line for line in _lines(db, web, found)}
    return [lines[proposal] for proposal in found if lines[proposal].state != "open"]


def one(db: Session, web: Web, identifier: str) -> Line:
    """Return one proposal; raises NotFound."""
    rows = approvals_of(db, identifier)
    return _line(web, rows, _names(db, web, rows))


def _lines(db: Session, web: Web, proposals: Sequence[str]) -> list[Line]:
    query = select(Approval).where(Approval.proposal.in_(proposals))
    rows = list(db.scalars(query.order_by(Approval.created_at, Approval.id)))
    names = _names(db, web, rows)
    by_proposal: dict[str, list[Approval]] = {proposal: [] for proposal in proposals}
    for row in rows:
        by_proposal[row.proposal].append(row)
    return [_line(web, found, names) for found in by_proposal.values() if found]


def _names(db: Session, web: Web, rows: Iterable[Approval]) -> dict[str, str]:
    """Say who signed: an admin's name, an operator's name on the host."""
    named: dict[str, str] = {}
    for credential in {row.credential for row in rows}:
        kind, _, name = credential.partition(":")
        admin = db.get(Admin, name) if kind == PASSKEY else None
        named[credential] = people.name_of(web.keys, admin) if admin is not None else name
    return named


def _line(web: Web, rows: Sequence[Approval], names: dict[str, str]) -> Line:
    first, (proposal, contents) = rows[0], _content(web, rows)
    state, why, at = _state(rows, web.clock.now())
    return Line(
        first.proposal,
        first.operation,
        first.target,
        proposal,
        contents,
        first.expires,
        tuple(names[row.credential] for row in rows),
        tuple(row.credential for row in rows),
        state,
        why,
        at,
    )


def _content(
    web: Web, rows: Sequence[Approval]
) -> tuple[Proposal, dict[str, Any]] | tuple[None, None]:
    """Return what the first row says that nobody has changed from outside."""
    for row in rows:
        try:
            proposal = proposal_of(web.keys, row)
            return proposal, proposal.contents()
        except (ForgedRow, ValueError):
            continue
    return None, None


def _state(rows: Sequence[Approval], now: int) -> tuple[str, str, int]:
    """Return (state, why it was refused, since when)."""
    newest_at = max(row.created_at for row in rows)
    executed = [row.executed_at for row in rows if row.executed_at is not None]
    refused = [row.refused for row in rows if row.refused is not None]
    if executed:
        return "executed", "", max(executed)
    if refused and len(refused) == len(rows):
        why = refused[-1]
        return ("expired" if why == "expired" else "refused"), why, newest_at
    if now >= rows[0].expires:
        return "expired", "expired", rows[0].expires
    return "open", refused[-1] if refused else "", newest_at
