"""The API of recoveries: opened, vouched for, shown, stopped, completed."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escrow.account import auth
from escrow.api import CONTACT, SESSION, Empty, api_blueprint
from escrow.context import Web, web
from escrow.deposit import contact
from escrow.deposit import views as deposit_views
from escrow.deposit.bodies import DepositOut
from escrow.deposit.custodies import find_deposit
from escrow.errors import Conflict, NotFound
from escrow.recovery import asking, bodies, drafts, flow, opening, proofs, views
from escrow.recovery.models import Recovery, RecoveryDraft

blueprint = api_blueprint("recovery")
BOTH = SESSION + CONTACT


def _asker(db: Session, said: opening.Asked) -> str:
    """Return the account that a recovery is asked for; raises what `require` raises, NotFound."""
    if said.proof not in proofs.BY_MAIL:
        return str(auth.require(db).account)
    return asking.owner(db, said.deposit)


@blueprint.put("/recoveries/<id:recovery>")
@blueprint.input(bodies.RecoveryIn)
@blueprint.output(bodies.RecoveryOut, 201)
@blueprint.doc(security=SESSION, responses={200: "The same recovery was opened before.", 409: ""})
def put_recovery(recovery: str, json_data: bodies.RecoveryIn) -> Any:
    """Open a recovery: everybody is told, the waiting time begins when their mail is taken.

    With contacts' proofs it stands as a draft, without effect, until the last of them has come.
    """
    context = web()
    piece = asking.piece(json_data.piece)
    said = opening.Asked(json_data.deposit, json_data.reason, json_data.proof, piece)
    try:
        return _open(context, recovery, said)
    except IntegrityError:  # two at the same moment
        return _open(context, recovery, said)


def _open(context: Web, recovery: str, said: opening.Asked) -> Any:
    with context.database.transaction() as db:
        account = _asker(db, said)
        known = db.get(Recovery, recovery) or db.get(RecoveryDraft, recovery)
        if isinstance(known, RecoveryDraft) and said.proof not in proofs.OF_CONTACTS:
            raise Conflict  # or a draft's identifier would open without a fresh code
        if known is None and said.proof not in proofs.BY_MAIL:
            auth.require(db, step_up=True)
        row: Recovery | RecoveryDraft
        if said.proof in proofs.OF_CONTACTS and not isinstance(known, Recovery):
            row, made = drafts.ask(db, context, account, recovery, said)
        else:
            row, made = opening.open_recovery(db, context, account, recovery, said)
        return views.recovery_document(db, context, row), 201 if made else 200


@blueprint.get("/deposits/<id:deposit>/recoveries")
@blueprint.output(bodies.RecoveryList)
@blueprint.doc(security=SESSION, responses=[404])
def get_recoveries(deposit: str) -> Any:
    """Show what is under way for a deposit of mine; the mail code alone is enough."""
    context = web()
    with context.database.reading() as db:
        asking.owner(db, deposit)
        return views.recovery_list(db, context, deposit)


@blueprint.get("/custodies/<id:custody>/drafts")
@blueprint.output(bodies.RecoveryList)
@blueprint.doc(security=CONTACT, responses=[404])
def get_drafts(custody: str) -> Any:
    """Show a contact the requests that wait for its proof."""
    context = web()
    with context.database.reading() as db:
        signer = contact.signer(db, context, custody)
        return views.recovery_list(db, context, signer.deposit)


@blueprint.post("/recoveries/<id:recovery>/proofs")
@blueprint.input(bodies.ProofIn)
@blueprint.output(bodies.RecoveryOut)
@blueprint.doc(security=CONTACT, responses=[404, 409])
def post_proof(recovery: str, json_data: bodies.ProofIn) -> Any:
    """Vouch for the customer, as a contact; the last proof that is needed opens the recovery."""
    context = web()
    with context.database.transaction() as db:
        signer = contact.signer(db, context)
        piece = proofs.Piece(signer.id, json_data.checkpoint_hash, json_data.signature)
        row = drafts.prove(db, context, recovery, signer, piece)
        return views.recovery_document(db, context, row)


@blueprint.get("/recoveries/<id:recovery>/deposit")
@blueprint.output(DepositOut)
@blueprint.doc(security=SESSION, responses=[404])
def get_recovery_deposit(recovery: str) -> Any:
    """Show the deposit of a recovery of mine, as its client needs it to finish."""
    context = web()
    with context.database.reading() as db:
        row = asking.customers(db, recovery)
        return deposit_views.deposit_document(db, context, find_deposit(db, row.deposit))


@blueprint.get("/recoveries/<id:recovery>")
@blueprint.output(bodies.RecoveryOut)
@blueprint.doc(security=BOTH, responses=[404])
def get_recovery(recovery: str) -> Any:
    """Show a recovery, or a draft of one, to its customer or to a contact of its deposit."""
    context = web()
    with context.database.reading() as db:
        draft = drafts.find(db, recovery, context.clock.now())
        if draft is not None and not contact.is_signed():
            asking.owner(db, draft.deposit)
            return views.recovery_document(db, context, draft)
        row, _ = asking.anyones(db, context, recovery)
        return views.recovery_document(db, context, row)


@blueprint.delete("/recoveries/<id:recovery>")
@blueprint.output(Empty, 204)
@blueprint.doc(security=SESSION, responses=[404])
def delete_draft(recovery: str) -> Any:
    """Withdraw a draft; a recovery is stopped by its veto."""
    context = web()
    with context.database.transaction() as db:
        auth.require(db, level="mail")
        draft = drafts.find(db, recovery, context.clock.now(), lock=True)
        if draft is None:
            raise NotFound
        asking.owner(db, draft.deposit)
        drafts.withdraw(db, draft)
    return {}


@blueprint.post("/recoveries/<id:recovery>/veto")
@blueprint.input(bodies.VetoIn)
@blueprint.output(bodies.RecoveryOut)
@blueprint.doc(security=BOTH, responses=[404, 409])
def veto(recovery: str, json_data: bodies.VetoIn) -> Any:
    """Stop a recovery: from a session, a contact's signed request, or a mail link's token."""
    context = web()
    with context.database.transaction() as db:
        row, custody = asking.who_stops(db, context, recovery, json_data.token)
        return views.recovery_document(db, context, flow.veto(db, context, row, custody))


@blueprint.post("/recoveries/<id:recovery>/complete")
@blueprint.input(bodies.CompleteIn)
@blueprint.output(bodies.RecoveryOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def complete(recovery: str, json_data: bodies.CompleteIn) -> Any:
    """Say with the owner key, which only the recovered key gives, that it worked."""
    context = web()
    with context.database.transaction() as db:
        row = asking.customers(db, recovery)
        session = auth.require(db, level="mail").session
        row = flow.complete(db, context, row, json_data.time, json_data.signature, session)
        return views.recovery_document(db, context, row)
