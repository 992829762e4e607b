"""The API by which a customer takes along what is kept about her; an admin may hand it to her."""

from typing import Any

from escrow.account import limits
from escrow.account.auth import require
from escrow.api import SESSION, Empty, api_blueprint
from escrow.context import web
from escrow.recovery import kept
from escrow.recovery.bodies import KeptOut

TAKEN_AN_HOUR = 5
blueprint = api_blueprint("kept")


@blueprint.post("/accounts/<id:account>/data")
@blueprint.input(Empty)
@blueprint.output(KeptOut)
@blueprint.doc(security=SESSION)
def take_data(account: str, json_data: Empty) -> Any:
    """Hand out everything that is kept about the account, as JSON for people."""
    context = web()
    with context.database.transaction() as db:
        require(db, account=account, step_up=True)
        limits.spend(db, context, "data", account, TAKEN_AN_HOUR)
    with context.database.reading() as db:
        return {"data": kept.everything(db, context, account).decode()}
