"""The API by which admins keep views of the list of keys."""

from typing import Any

from escrow.admin import bodies, saved, signin
from escrow.admin.roles import SEE_ALL
from escrow.api import ADMIN, api_blueprint
from escrow.context import web

blueprint = api_blueprint("admin_saved")


@blueprint.post("/admin/views")
@blueprint.input(bodies.ViewIn)
@blueprint.output(bodies.ViewOut, 201)
@blueprint.doc(security=ADMIN, responses={401: "", 404: "", 409: ""})
def save_view(json_data: bodies.ViewIn) -> Any:
    """Give a filter a name."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, SEE_ALL)
        return {"view": saved.save(db, context, actor, json_data.name, json_data.chosen())}, 201


@blueprint.delete("/admin/views/<id:view>")
@blueprint.output({}, 204)
@blueprint.doc(security=ADMIN, responses={401: "", 404: ""})
def delete_view(view: str) -> Any:
    """Delete a view of one's own."""
    with web().database.transaction() as db:
        saved.delete(db, signin.require(db, SEE_ALL), view)
    return "", 204
