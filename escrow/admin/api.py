"""The API of admins: approvals, authenticated by their own signature."""

from typing import Any

from flask import request
from sqlalchemy.exc import IntegrityError

from escrow.account import limits
from escrow.admin import bodies, flow, signin
from escrow.admin.approvers import PASSKEY, credential_of
from escrow.admin.operations import Proposal
from escrow.admin.roles import EVERYBODY
from escrow.api import api_blueprint
from escrow.context import Web, web
from escrow.errors import Unauthenticated

blueprint = api_blueprint("admin")


@blueprint.post("/approvals")
@blueprint.input(bodies.ApprovalIn)
@blueprint.output(bodies.ApprovalOut, 201)
@blueprint.doc(responses={200: "The same approval was stored before.", 401: "", 404: "", 409: ""})
def post_approval(json_data: bodies.ApprovalIn) -> Any:
    """Store a signed approval. It has an effect once enough operators have signed the same."""
    context = web()
    with context.database.transaction() as db:
        limits.spend_network(db, context, request.remote_addr)
    try:
        return _submit(context, json_data)
    except IntegrityError:  # the same approval at the same moment
        return _submit(context, json_data)


def _submit(context: Web, given: bodies.ApprovalIn) -> Any:
    proposal = Proposal(given.operation, given.target, given.body, given.expires)
    with context.database.transaction() as db:
        if given.credential.startswith(f"{PASSKEY}:"):
            # What was signed stands by itself; but whose session was ended signs nothing more here.
            actor = signin.require(db, EVERYBODY)
            if credential_of(actor.admin) != given.credential:
                raise Unauthenticated
        row, is_new = flow.submit(db, context, proposal, given.credential, given.signature)
        document = {"approval": row.id, "proposal": row.proposal, "expires": row.expires}
        return document, 201 if is_new else 200
