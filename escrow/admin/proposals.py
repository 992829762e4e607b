"""Proposals as admins see them: what is to be done, who has signed, what became of it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, select
from sqlalchemy.orm import Session

from escrow.account.models import Account
from escrow.admin import people
from escrow.admin.approvers import PASSKEY, credential_of
from escrow.admin.flow import proposal_of, rejections
from escrow.admin.models import Admin, Approval
from escrow.admin.operations import ADD_ADMIN, OPERATIONS, Proposal
from escrow.admin.signin import Actor
from escrow.admin.views import approvals_of, customer, masked
from escrow.context import Web
from escrow.deposit.models import Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol.ledger import Event
from escrow.recovery.models import Recovery
from escrow.webkeys import ForgedRow

NEWEST = 20


@dataclass(frozen=True)
class Line:
    """One proposal. `contents` is None where the row was changed from outside.

    `state`: open, executed, refused (then `why` is one of a few fixed words), expired. `needed`
    people must sign it, `standing` are the signatures that nobody has refused, and `rejected_by` is
    who rejected or withdrew it.
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
    needed: int
    standing: int
    rejected_by: str = ""

    @property
    def shown(self) -> dict[str, Any]:
        """What the list tells of the contents: the address masked, no key."""
        found = dict(self.contents or {})
        if "address" in found:
            found["address"] = masked(found["address"])
        return found

    @property
    def is_enough(self) -> bool:
        """Whether as many have signed as it takes: the custodian is about to decide."""
        return self.state == "open" and self.standing >= self.needed

    def may_sign(self, actor: Actor) -> bool:
        """Whether somebody can still approve it, and has not."""
        return self.may_reject(actor) and not self.is_of(actor)

    def may_reject(self, actor: Actor) -> bool:
        """Whether somebody can still reject it, or withdraw it."""
        return (
            self.state == "open"
            and self.proposal is not None
            and actor.role in self.proposal.rule.roles
        )

    def is_of(self, actor: Actor) -> bool:
        """Whether somebody has signed it."""
        return credential_of(actor.admin) in self.credentials


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
    return _lines_of(db, web, [approvals_of(db, identifier)])[0]


def _lines(db: Session, web: Web, proposals: Sequence[str]) -> list[Line]:
    query = select(Approval).where(Approval.proposal.in_(proposals))
    rows = list(db.scalars(query.order_by(Approval.created_at, Approval.id)))
    by_proposal: dict[str, list[Approval]] = {proposal: [] for proposal in proposals}
    for row in rows:
        by_proposal[row.proposal].append(row)
    return _lines_of(db, web, [found for found in by_proposal.values() if found])


def _lines_of(db: Session, web: Web, found: Sequence[Sequence[Approval]]) -> list[Line]:
    rows = [row for each in found for row in each]
    rejected = {
        body: _who(event) for body, event in rejections(db, {r.body_sha256 for r in rows}).items()
    }
    names = _names(db, web, {row.credential for row in rows} | set(rejected.values()))
    needed = {
        operation: needed_for(db, web, operation) for operation in {row.operation for row in rows}
    }
    return [_line(web, each, names, rejected, needed) for each in found]


def whose(db: Session, web: Web, line: Line) -> str:
    """Say whose it is that something is proposed of: an admin's name, or a masked address."""
    subject = OPERATIONS[line.operation].subject if line.operation in OPERATIONS else ""
    if subject == "admin":
        admin = db.get(Admin, line.target)
        return people.name_of(web.keys, admin) if admin is not None else ""
    account = account_of(db, subject, line.target)
    return ", ".join(customer(db, web, account)) if account is not None else ""


def account_of(db: Session, subject: str, target: str) -> str | None:
    """Return whose a target is; None for what is nobody's, or not there."""
    columns: dict[str, Select[str]] = {
        "recovery": select(Recovery.account).where(Recovery.id == target),
        "deposit": select(Deposit.account).where(Deposit.id == target),
        "account": select(Account.id).where(Account.id == target),
    }
    return db.scalars(columns[subject]).first() if subject in columns else None


def needed_for(db: Session, web: Web, operation: str) -> int:
    """Return how many must sign: the only owner adds the second admin alone."""
    rule = OPERATIONS.get(operation)
    if rule is None:
        return 2
    if operation != ADD_ADMIN or web.settings.operators:
        return rule.needed
    return min(rule.needed, len(people.owners(db)))


def _who(event: LedgerEvent) -> str:
    """Return whose credential said `admin rejected`; "" where nothing is said any more."""
    return str(Event.parse(event.body).data["credential"]) if event.body is not None else ""


def _names(db: Session, web: Web, credentials: Iterable[str]) -> dict[str, str]:
    """Say who signed: an admin's name, an operator's name on the host."""
    named: dict[str, str] = {}
    for credential in credentials:
        kind, _, name = credential.partition(":")
        admin = db.get(Admin, name) if kind == PASSKEY else None
        named[credential] = people.name_of(web.keys, admin) if admin is not None else name
    return named


def _line(
    web: Web,
    rows: Sequence[Approval],
    names: dict[str, str],
    rejected: dict[bytes, str],
    needed: dict[str, int],
) -> Line:
    first, (proposal, contents) = rows[0], _content(web, rows)
    state, why, at = _state(rows, web.clock.now())
    who = rejected.get(first.body_sha256)
    if who is not None and state != "executed":
        state, why = "refused", "rejected"
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
        needed[first.operation],
        sum(row.refused is None for row in rows),
        names.get(who or "", ""),
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
