"""The API by which support finds one customer: the address stays out of addresses of pages."""

from typing import Any

from escrow.admin import bodies, signin, support
from escrow.admin.roles import EVERYBODY
from escrow.api import ADMIN, Empty, api_blueprint
from escrow.context import web

blueprint = api_blueprint("admin_support")


@blueprint.post("/admin/support")
@blueprint.input(bodies.AddressIn)
@blueprint.output(bodies.AccountsOut)
@blueprint.doc(security=ADMIN, responses={401: "", 429: ""})
def find_customer(json_data: bodies.AddressIn) -> Any:
    """Find the accounts of a confirmed address."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, EVERYBODY)
        return {"accounts": support.find(db, context, actor, json_data.address)}


@blueprint.post("/admin/support/<id:account>/instructions")
@blueprint.input(Empty)
@blueprint.output(Empty, 202)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: "", 429: ""})
def send_instructions(account: str, json_data: Empty) -> Any:
    """Mail a customer again what to do with each key: to her own addresses, and nobody else's."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, EVERYBODY, step_up=True)
        support.send_again(db, context, actor, account)
    return {}, 202
