"""The API of recoveries, their sessions, calls and releases."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escrow.account import auth
from escrow.account import flow as accounts
from escrow.api import CONTACT, SESSION, Empty, api_blueprint
from escrow.context import Web, web
from escrow.deposit import contact
from escrow.deposit import views as deposit_views
from escrow.deposit.bodies import DepositOut
from escrow.deposit.custodies import find_custody, find_deposit
from escrow.deposit.models import CustodyRow
from escrow.errors import Conflict, NotFound, Unauthenticated
from escrow.mail import tokens
from escrow.recovery import bodies, calls, drafts, flow, opening, proofs, views
from escrow.recovery.models import Recovery, RecoveryDraft, RecoverySession

blueprint = api_blueprint("recovery")
BOTH = SESSION + CONTACT


def _customers(db: Session, recovery: str) -> Recovery:
    """Return a recovery of who is asking; after the mail code alone, one opened without the app.

    Raises NotFound and what `require` raises.
    """
    actor = auth.require(db, level="mail")
    row = db.get(Recovery, recovery)
    if actor.account is not None:
        if row is None or row.account != actor.account:
            raise NotFound
        return row
    if row is None or row.proof not in proofs.BY_MAIL:
        raise Unauthenticated
    accounts.check_owner(db, actor.lookup, row.account)
    return row


def _piece(given: bodies.PieceIn | None) -> proofs.Piece | None:
    return None if given is None else proofs.Piece(**dict(given))


def _asker(db: Session, said: opening.Asked) -> str:
    """Return the account that a recovery is asked for; raises what `require` raises, NotFound."""
    if said.proof not in proofs.BY_MAIL:
        return str(auth.require(db).account)
    return _owner(db, said.deposit)


def _owner(db: Session, deposit: str) -> str:
    """Return the account of a deposit that is the asker's, by session or by mailed code."""
    actor = auth.require(db, level="mail")
    owner = find_deposit(db, deposit, actor.account).account
    if actor.account is None:
        accounts.check_owner(db, actor.lookup, owner)
    return owner


def _contacts(
    db: Session, context: Web, recovery: str, custody: str | None = None
) -> tuple[Recovery, CustodyRow]:
    """Return a recovery and the contact of its deposit who signed the request."""
    signer = contact.signer(db, context, custody)
    row = flow.find_recovery(db, recovery)
    if row.deposit != signer.deposit:
        raise NotFound
    return row, signer


def _anyones(db: Session, context: Web, recovery: str) -> Recovery:
    if contact.is_signed():
        return _contacts(db, context, recovery)[0]
    return _customers(db, recovery)


@blueprint.put("/recoveries/<id:recovery>")
@blueprint.input(bodies.RecoveryIn)
@blueprint.output(bodies.RecoveryOut, 201)
@blueprint.doc(security=SESSION, responses={200: "The same recovery was opened before.", 409: ""})
def put_recovery(recovery: str, json_data: bodies.RecoveryIn) -> Any:
    """Open a recovery: everybody is told, the waiting time begins when their mail is taken.

    With contacts' proofs it stands as a draft, without effect, until the last of them has come.
    """
    context = web()
    piece = _piece(json_data.piece)
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
        _owner(db, deposit)
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
        row = _customers(db, recovery)
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
            _owner(db, draft.deposit)
            return views.recovery_document(db, context, draft)
        return views.recovery_document(db, context, _anyones(db, context, recovery))


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
        _owner(db, draft.deposit)
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
        row, custody = _who_stops(db, context, recovery, json_data.token)
        return views.recovery_document(db, context, flow.veto(db, context, row, custody))


def _who_stops(
    db: Session, context: Web, recovery: str, token: str | None
) -> tuple[Recovery, CustodyRow | None]:
    if token is not None:
        found = tokens.peek(db, context.keys, context.clock.now(), "veto", token)
        if found.recovery != recovery:
            raise NotFound
        custody = find_custody(db, found.custody) if found.custody else None
        return flow.find_recovery(db, recovery), custody
    if contact.is_signed():
        return _contacts(db, context, recovery)
    return _customers(db, recovery), None


@blueprint.post("/recoveries/<id:recovery>/complete")
@blueprint.input(bodies.CompleteIn)
@blueprint.output(bodies.RecoveryOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def complete(recovery: str, json_data: bodies.CompleteIn) -> Any:
    """Say with the owner key, which only the recovered key gives, that it worked."""
    context = web()
    with context.database.transaction() as db:
        row = _customers(db, recovery)
        session = auth.require(db, level="mail").session
        row = flow.complete(db, context, row, json_data.time, json_data.signature, session)
        return views.recovery_document(db, context, row)


@blueprint.put("/recoveries/<id:recovery>/sessions/<id:session>")
@blueprint.input(bodies.SessionIn)
@blueprint.output(bodies.SessionOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def begin(recovery: str, session: str, json_data: bodies.SessionIn) -> Any:
    """Begin collecting with a fresh public key; earlier sessions are void for ever."""
    context = web()
    piece = _piece(json_data.piece)
    try:
        return _begin(context, recovery, session, json_data.public_key, piece)
    except IntegrityError:  # the same identifier at the same moment
        return _begin(context, recovery, session, json_data.public_key, piece)


def _begin(
    context: Web, recovery: str, session: str, public_key: bytes, piece: proofs.Piece | None
) -> Any:
    with context.database.transaction() as db:
        row = _customers(db, recovery)
        if row.proof not in proofs.BY_MAIL and db.get(RecoverySession, session) is None:
            auth.require(db, step_up=True)
        made, _ = flow.begin(db, context, row, session, public_key, piece)
        return views.session_document(db, context, row, made, is_customer=True)


@blueprint.get("/recoveries/<id:recovery>/sessions/<id:session>")
@blueprint.output(bodies.SessionOut)
@blueprint.doc(security=BOTH, responses=[404])
def get_session(recovery: str, session: str) -> Any:
    """Show a session: its calls, and the releases that stand in a signed checkpoint."""
    context = web()
    with context.database.reading() as db:
        row = _anyones(db, context, recovery)
        found = calls.find_session(db, row, session)
        customer = not contact.is_signed()
        return views.session_document(db, context, row, found, is_customer=customer)


_CALL = "/recoveries/<id:recovery>/sessions/<id:session>/calls/<id:call>"


@blueprint.put(_CALL)
@blueprint.input(bodies.CallIn)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=SESSION, responses=[404, 409, 410])
def put_call(recovery: str, session: str, call: str, json_data: bodies.CallIn) -> Any:
    """Start a call with a contact by publishing its commitment."""
    context = web()
    said = (json_data.custody, json_data.commitment)
    try:
        return _put_call(context, recovery, session, call, said)
    except IntegrityError:  # the same identifier at the same moment
        return _put_call(context, recovery, session, call, said)


def _put_call(context: Web, recovery: str, session: str, call: str, said: tuple[str, bytes]) -> Any:
    with context.database.transaction() as db:
        row = _customers(db, recovery)
        found = calls.current_session(db, row, session, context.clock.now(), lock=True)
        return views.call_document(calls.put_call(db, context, found, call, said))


@blueprint.get(_CALL)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=BOTH, responses=[404])
def get_call(recovery: str, session: str, call: str) -> Any:
    """Show a call."""
    context = web()
    with context.database.reading() as db:
        row = _anyones(db, context, recovery)
        found = calls.find_session(db, row, session)
        return views.call_document(calls.find_call(db, found.id, call))


@blueprint.post(f"{_CALL}/nonce")
@blueprint.input(bodies.NonceIn)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=CONTACT, responses=[404, 409, 410])
def put_nonce(recovery: str, session: str, call: str, json_data: bodies.NonceIn) -> Any:
    """Answer a call's commitment with the contact's own randomness, once."""
    context = web()
    with context.database.transaction() as db:
        row, signer = _contacts(db, context, recovery)
        found = calls.current_session(db, row, session, context.clock.now())
        answered = calls.find_call(db, found.id, call)
        said = (json_data.commitment, json_data.nonce, json_data.signature)
        return views.call_document(calls.put_nonce(db, answered, signer, said))


@blueprint.post(f"{_CALL}/reveal")
@blueprint.input(bodies.RevealIn)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=SESSION, responses=[404, 409, 410])
def reveal(recovery: str, session: str, call: str, json_data: bodies.RevealIn) -> Any:
    """Reveal what the commitment hid, after the contact's answer."""
    context = web()
    with context.database.transaction() as db:
        row = _customers(db, recovery)
        found = calls.current_session(db, row, session, context.clock.now())
        revealed = calls.find_call(db, found.id, call)
        return views.call_document(
            calls.reveal(db, row, revealed, json_data.public_key, json_data.random)
        )


@blueprint.put("/recoveries/<id:recovery>/sessions/<id:session>/releases/<id:custody>")
@blueprint.input(bodies.ReleaseIn)
@blueprint.output(bodies.ReleaseState)
@blueprint.doc(security=CONTACT, responses=[404, 409, 410])
def put_release(recovery: str, session: str, custody: str, json_data: bodies.ReleaseIn) -> Any:
    """Hand a contact's share, sealed, to this session."""
    context = web()
    said = (json_data.sealed, json_data.signature, json_data.time)
    try:
        return _put_release(context, recovery, session, custody, said)
    except IntegrityError:  # two at the same moment
        return _put_release(context, recovery, session, custody, said)


def _put_release(
    context: Web, recovery: str, session: str, custody: str, said: tuple[bytes, bytes, int]
) -> Any:
    with context.database.transaction() as db:
        known = calls.look_up(db, recovery, session, custody)
        row, signer = _contacts(db, context, recovery, custody)
        now, lock = context.clock.now(), not known.is_locked
        found = calls.current_session(db, row, session, now, lock=lock)
        made = calls.put_release(db, context, row, found, signer, said, is_new=known.is_new)
        return {"state": made.state}
