"""The API by which admins take lists out: the passkey is asked afresh, the ledger says it."""

from typing import Any

from escrow.admin import bodies, exporting, reporting, signin
from escrow.admin.filters import Cursor
from escrow.admin.roles import DELAY, SEE_ALL
from escrow.api import ADMIN, Empty, api_blueprint
from escrow.context import web
from escrow.recovery.bodies import KeptOut

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


@blueprint.post("/admin/exports/reports")
@blueprint.input(bodies.KeysIn)
@blueprint.output(bodies.ReportOut)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: "", 503: ""})
def export_report(json_data: bodies.KeysIn) -> Any:
    """Hand out a part of the list as a report that `escrow verify --report` checks offline."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, SEE_ALL, step_up=True)
        data, following = reporting.of_keys(
            db, context, actor, json_data.chosen(), Cursor.read(json_data.after or "")
        )
    return {"report": data.decode(), "next": str(following) if following else None}


@blueprint.post("/admin/deposits/<id:deposit>/report")
@blueprint.input(Empty)
@blueprint.output(bodies.ReportOut)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: "", 503: ""})
def export_history(deposit: str, json_data: Empty) -> Any:
    """Hand out one key's history as a report that anybody checks without the service."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, SEE_ALL, step_up=True)
        data = reporting.of_deposit(db, context, f"admin {actor.admin}", deposit)
    return {"report": data.decode(), "next": None}


@blueprint.post("/admin/support/<id:account>/data")
@blueprint.input(Empty)
@blueprint.output(KeptOut)
@blueprint.doc(security=ADMIN, responses={401: "", 403: "", 404: ""})
def export_data(account: str, json_data: Empty) -> Any:
    """Hand out all that is kept about one customer, who has asked for it; the ledger says it."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, DELAY, step_up=True)
        data = exporting.data_of(db, context, actor, account)
    return {"data": data.decode()}
