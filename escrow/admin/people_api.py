"""The API by which owners invite admins, and end what should end at once.

Nobody becomes an admin by it: that takes approvals (`escrow.admin.operations`).
"""

import secrets
from typing import Any

from escrow.admin import approvers, bodies, people, rejecting, signin
from escrow.admin.roles import GOVERN
from escrow.api import ADMIN, api_blueprint
from escrow.context import web

blueprint = api_blueprint("admin_people")


@blueprint.post("/admin/people")
@blueprint.input(bodies.PersonIn)
@blueprint.output(bodies.PersonOut, 201)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: ""})
def invite(json_data: bodies.PersonIn) -> Any:
    """Make a link by which somebody can make a passkey here, within seven days, once."""
    context = web()
    token = secrets.token_urlsafe(32)
    with context.database.transaction() as db:
        signin.require(db, GOVERN, step_up=True)
        now = context.clock.now()
        row = people.invite(db, context.keys, json_data.name, json_data.role, now, token)
        # The answer alone has the token; it is stored hashed.
        return {"admin": row.id, "link": people.invitation_link(context.settings, token)}, 201


@blueprint.delete("/admin/people/<id:admin>")
@blueprint.output({}, 204)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: "", 409: ""})
def withdraw(admin: str) -> Any:
    """Withdraw an invitation, or turn down who waits."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, GOVERN, step_up=True)
        people.withdraw(db, context.keys, admin, context.clock.now())
        # What was proposed of this person is not left to be signed by somebody who does not know.
        credential = approvers.credential_of(actor.admin)
        rejecting.reject_all_of(db, context, admin, credential, actor.role)
    return "", 204


@blueprint.delete("/admin/people/<id:admin>/sessions")
@blueprint.output({}, 204)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: ""})
def end_sessions(admin: str) -> Any:
    """End all sessions of an admin; signing in again takes the passkey."""
    context = web()
    with context.database.transaction() as db:
        signin.require(db, GOVERN, step_up=True)
        people.find(db, context.keys, admin)
        people.end_sessions(db, context.keys, admin, context.clock.now())
    return "", 204
