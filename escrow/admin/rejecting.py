"""Rejecting a proposal, or withdrawing one's own: it only stops something, so one person may."""

import contextlib

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escrow.admin import flow, proposals
from escrow.admin.models import Approval
from escrow.admin.operations import rejection_id
from escrow.context import Web
from escrow.errors import Conflict, NotFound, WrongState
from escrow.ledger.append import append


def reject(db: Session, web: Web, identifier: str, credential: str, role: str) -> None:
    """Say `admin rejected` of a proposal that waits: no later approval of it counts.

    A repeat is harmless. Raises NotFound (no such proposal, or none that this role may sign),
    Conflict (it was changed from outside), WrongState (decided already, or expired).
    """
    line = proposals.one(db, web, identifier)
    if line.proposal is None:
        raise Conflict
    if role not in line.proposal.rule.roles:
        raise NotFound
    if line.why == "rejected":
        return
    if line.state != "open":
        raise WrongState(line.state)
    try:
        on = flow.subjects(db, line.proposal)
    except NotFound:  # what it is about has gone meanwhile: the more reason to reject it
        on = {}
    body = line.proposal.body_sha256
    said = {"credential": credential, "body_sha256": body}
    # Two at the same moment: one of them has said it for both.
    with contextlib.suppress(IntegrityError), db.begin_nested():
        append(db, web.author, "admin rejected", said, event_id=rejection_id(body), **on)


def reject_all_of(db: Session, web: Web, target: str, credential: str, role: str) -> None:
    """Reject whatever waits of a target."""
    waiting = select(Approval.proposal).where(
        Approval.target == target, Approval.executed_at.is_(None), Approval.refused.is_(None)
    )
    for proposal in set(db.scalars(waiting)):
        with contextlib.suppress(Conflict, WrongState):  # altered or expired: nobody signs that
            reject(db, web, proposal, credential, role)
