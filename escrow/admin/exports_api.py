"""The API by which admins take lists out: the passkey is asked afresh, the ledger says it."""

from typing import Any

from escrow.admin import bodies, exporting, signin
from escrow.admin.filters import Cursor
from escrow.admin.roles import SEE_ALL
from escrow.api import ADMIN, api_blueprint
from escrow.context import web

blueprint = api_blueprint("admin_exports")


@blueprint.post("/admin/exports/keys")
@blueprint.input(bodies.KeysIn)
@blueprint.output(bodies.ExportOut)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: ""})
def export_keys(json_data: bodies.KeysIn) -> Any:
    """Hand out a part of the list of keys as CSV; the ledger says that it was, and its hash."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, SEE_ALL, step_up=True)
        text, following = exporting.keys(
            db, context, actor, json_data.chosen(), Cursor.read(json_data.after or "")
        )
    return {"csv": text, "next": str(following) if following else None}
