"""The API of a deposit's end: closing, undoing it, replacement; and the drill."""

from typing import Any

from escrow.api import CONTACT, SESSION, Result, api_blueprint
from escrow.context import web
from escrow.deposit import asking, bodies, closing, custodies, replacing
from escrow.deposit.api import mine
from escrow.deposit.models import Deposit

blueprint = api_blueprint("deposit_closing")


def _state(row: Deposit) -> Result:
    return {"deposit": row.id, "state": row.state}


@blueprint.post("/deposits/<id:deposit>/close")
@blueprint.input(bodies.CloseIn)
@blueprint.output(bodies.UntilOut, 202)
@blueprint.doc(security=SESSION, responses=[404, 409])
def close_deposit(deposit: str, json_data: bodies.CloseIn) -> Any:
    """Schedule a deposit's destruction in 30 days; everybody is told, one button undoes it."""
    context = web()
    with context.database.transaction() as db:
        row = mine(db, deposit, step_up=True, lock=True)
        closing.close(db, context, row, json_data.reason)
        return {"until": row.closing_at}, 202


@blueprint.post("/deposits/<id:deposit>/reopen")
@blueprint.input(bodies.ReopenIn)
@blueprint.output(bodies.DepositState)
@blueprint.doc(security=SESSION + CONTACT, responses=[404, 409, 410])
def reopen_deposit(deposit: str, json_data: bodies.ReopenIn) -> Any:
    """Undo a scheduled closing: from a session, a contact's signed request, a mail link's token."""
    context = web()
    with context.database.transaction() as db:
        row, custody = asking.who_undoes(
            db,
            context,
            json_data.token,
            lambda found: found.deposit == deposit,
            "reopen",
            find=lambda: custodies.find_deposit(db, deposit, lock=True),
            find_own=lambda: mine(db, deposit, lock=True),
        )
        return _state(closing.reopen(db, context, row, custody))


@blueprint.post("/deposits/<id:deposit>/replaced")
@blueprint.input(bodies.ReplacedIn)
@blueprint.output(bodies.DepositState)
@blueprint.doc(security=SESSION, responses=[404, 409])
def replaced(deposit: str, json_data: bodies.ReplacedIn) -> Any:
    """Say with the old owner key that a new deposit takes this one's place, without 30 days."""
    context = web()
    with context.database.transaction() as db:
        row = mine(db, deposit, step_up=True)
        said = (json_data.by, json_data.signature)
        return _state(replacing.replaced(db, context, row.account, row, said))


@blueprint.post("/deposits/<id:deposit>/drill")
@blueprint.input(bodies.DrillIn)
@blueprint.output(bodies.DepositState, 202)
@blueprint.doc(security=SESSION, responses=[404, 409])
def drilled(deposit: str, json_data: bodies.DrillIn) -> Any:
    """Ask for fresh proofs after a drill: of the provider at once, of contacts by mail."""
    context = web()
    with context.database.transaction() as db:
        row = mine(db, deposit, lock=True)
        return _state(replacing.drilled(db, context, row, json_data.drill)), 202
