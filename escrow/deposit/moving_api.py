"""The API of a contact's move: a code to the new address and back, then the signed move."""

from typing import Any

from sqlalchemy.exc import IntegrityError

from escrow.account.handover import debit_code
from escrow.api import CONTACT, Empty, Result, api_blueprint
from escrow.context import Web, web
from escrow.deposit import bodies, contact, contacts, reaching
from escrow.protocol.move import Move

blueprint = api_blueprint("moving")


@blueprint.post("/custodies/<id:custody>/address/code")
@blueprint.input(bodies.NewAddressIn)
@blueprint.output(bodies.CodeSent, 202)
@blueprint.doc(security=CONTACT, responses=[404, 409])
def send_code(custody: str, json_data: bodies.NewAddressIn) -> Any:
    """Mail a code to where a contact wants to move; none is needed where the address stays."""
    context = web()
    with context.database.transaction() as db:
        row = contact.signer(db, context, custody, lock=True)
        return {"is_sent": contacts.ask_to_move(db, context, row, json_data.address)}, 202


@blueprint.post("/custodies/<id:custody>/address/confirm")
@blueprint.input(bodies.AddressCodeIn)
@blueprint.output(Empty)
@blueprint.doc(security=CONTACT, responses=[404])
def confirm_address(custody: str, json_data: bodies.AddressCodeIn) -> Any:
    """Give back the code that was mailed to the new address; for an hour the move may follow."""
    context = web()
    with context.database.reading() as db:
        row = contact.signer(db, context, custody)
        code_id = reaching.pending_code(db, context, row, json_data.address)
    tries_left = debit_code(code_id, reaching.PURPOSE)
    with context.database.transaction() as db:
        contact.signer(db, context, custody)
        reaching.confirm(db, context, code_id, json_data.code, tries_left)
    return {}


@blueprint.post("/custodies/<id:custody>/address")
@blueprint.input(bodies.MoveIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=CONTACT, responses=[404, 409])
def move(custody: str, json_data: bodies.MoveIn) -> Any:
    """Move a contact to another name or address; the customer and the old address are told."""
    context = web()
    try:
        return _move(context, custody, json_data)
    except IntegrityError:  # the same move twice at the same moment
        return _move(context, custody, json_data)


def _move(context: Web, custody: str, said: bodies.MoveIn) -> Result:
    with context.database.transaction() as db:
        row = contact.signer(db, context, custody, lock=True)
        to = Move(said.name, said.address, said.nonce, said.previous)
        return {"state": contacts.move(db, context, row, to, contact.signed_request()).state}
