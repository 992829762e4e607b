"""The API by which an admin's browser learns what to narrow the list of keys by."""

from typing import Any

from escrow.admin import bodies, lookup, signin
from escrow.admin.roles import SEE_ALL
from escrow.api import ADMIN, api_blueprint
from escrow.context import web

blueprint = api_blueprint("admin_lookup")


@blueprint.post("/admin/lookups")
@blueprint.input(bodies.LookupIn)
@blueprint.output(bodies.LookupOut)
@blueprint.doc(security=ADMIN, responses={401: "", 404: "", 429: ""})
def look_up(json_data: bodies.LookupIn) -> Any:
    """Turn an address, a number or a mail domain into what a filter names."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, SEE_ALL)
        accounts, deposit = lookup.find(db, context, actor, json_data.find)
        hashed = lookup.domain(context, json_data.domain)
    return {"accounts": accounts, "deposit": deposit, "domain": hashed}
