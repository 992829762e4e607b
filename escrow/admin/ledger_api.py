"""The API by which an admin's browser checks a key's history for itself."""

from typing import Any

from escrow.admin import bodies, signin
from escrow.admin.roles import SEE_ALL
from escrow.api import ADMIN, api_blueprint
from escrow.context import web
from escrow.deposit import custodies
from escrow.deposit.bodies import AfterQuery, EntryList
from escrow.ledger import read

blueprint = api_blueprint("admin_ledger")


@blueprint.get("/admin/deposits/<id:deposit>")
@blueprint.output(bodies.DescriptionOut)
@blueprint.doc(security=ADMIN, responses={401: "", 404: ""})
def description(deposit: str) -> Any:
    """Show which ledger a key's signed description pins, and who of the three holds which piece."""
    with web().database.reading() as db:
        signin.require(db, SEE_ALL)
        row = custodies.find_deposit(db, deposit)
        manifest = custodies.manifest_of(row)
        return {
            "deposit": row.id,
            "ledger_vkey": manifest.ledger_vkey,
            "custodies": [
                {"custody": line.custody, "role": line.role} for line in manifest.custodies
            ],
        }


@blueprint.get("/admin/deposits/<id:deposit>/events")
@blueprint.input(AfterQuery, location="query", arg_name="query")
@blueprint.output(EntryList)
@blueprint.doc(security=ADMIN, responses={401: "", 404: ""})
def events(deposit: str, query: AfterQuery) -> Any:
    """Show what the ledger says of a key."""
    with web().database.reading() as db:
        signin.require(db, SEE_ALL)
        row = custodies.find_deposit(db, deposit)
        return read.entry_page(read.entries_of(db, deposit=row.id, after=query.after))
