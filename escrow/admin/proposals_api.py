"""The API by which an admin's browser reads exactly what it is to sign, and what became of it."""

from typing import Any

from escrow.admin import approvers, bodies, proposals, rejecting, signin
from escrow.admin.roles import DELAY
from escrow.api import ADMIN, Empty, api_blueprint
from escrow.context import web
from escrow.errors import Conflict

blueprint = api_blueprint("admin_proposals")


@blueprint.get("/admin/proposals/<id:proposal>")
@blueprint.output(bodies.ProposalOut)
@blueprint.doc(security=ADMIN, responses={401: "", 404: "", 409: ""})
def get_proposal(proposal: str) -> Any:
    """Return what is proposed, byte for byte; 409 for a row that was changed from outside."""
    context = web()
    with context.database.reading() as db:
        signin.require(db, DELAY)
        found = proposals.one(db, context, proposal)
    if found.proposal is None:
        raise Conflict
    return {
        "operation": found.operation,
        "target": found.target,
        "body": found.proposal.body,
        "expires": found.expires,
        "state": found.state,
        "why": found.why,
    }


@blueprint.post("/admin/proposals/<id:proposal>/reject")
@blueprint.input(Empty)
@blueprint.output({}, 204)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: "", 409: ""})
def reject(proposal: str, json_data: Empty) -> Any:
    """Reject what somebody proposed, or withdraw one's own; no approval of it counts afterwards."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, DELAY, step_up=True)
        credential = approvers.credential_of(actor.admin)
        rejecting.reject(db, context, proposal, credential, actor.role)
    return "", 204
