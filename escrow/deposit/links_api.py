"""The API of mail links: what the button behind one is about, for who has its token."""

from typing import Any

from sqlalchemy.orm import Session

from escrow.api import api_blueprint
from escrow.context import web
from escrow.deposit import bodies, custodies, views
from escrow.deposit.models import CustodyRow, Deposit
from escrow.mail import tokens
from escrow.mail.models import MailToken

blueprint = api_blueprint("links")


@blueprint.post("/links/<any(veto, reopen, lost, decline):purpose>")
@blueprint.input(bodies.LinkIn)
@blueprint.output(bodies.LinkOut)
@blueprint.doc(responses=[404, 410])
def look_at_link(purpose: str, json_data: bodies.LinkIn) -> Any:
    """Say which deposit a mail link is about; the token is not used up, and nothing is changed."""
    context = web()
    with context.database.reading() as db:
        now = context.clock.now()
        found = tokens.peek(db, context.keys, now, purpose, json_data.token)
        row = custodies.find_deposit(db, found.deposit or "")
        return bodies.LinkOut(
            deposit=row.id,
            label=context.keys.decrypt(custodies.LABEL, row.id, row.account, row.label),
            created_at=row.created_at,
            recovery=found.recovery,
            custody=found.custody,
            possible=_is_possible(db, purpose, row, found),
        )


def _is_possible(db: Session, purpose: str, row: Deposit, found: MailToken) -> bool:
    """Tell whether what a link does was neither done nor overtaken, as far as it shows now."""
    if purpose == "veto":
        running = views.running_recovery(db, row.id)
        return running is not None and running.recovery == found.recovery
    if purpose == "reopen":
        return row.state == "closing"
    custody = db.get(CustodyRow, found.custody or "")
    return custody is not None and custody.state in {"invited", "held"}
