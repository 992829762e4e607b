"""The API of collecting: a recovery's sessions, their calls and releases."""

from typing import Any

from sqlalchemy.exc import IntegrityError

from escrow.account import auth
from escrow.api import CONTACT, SESSION, api_blueprint
from escrow.context import Web, web
from escrow.errors import NotFound
from escrow.recovery import asking, bodies, calls, flow, proofs, views
from escrow.recovery.models import RecoverySession

blueprint = api_blueprint("recovery_collecting")
BOTH = SESSION + CONTACT


@blueprint.put("/recoveries/<id:recovery>/sessions/<id:session>")
@blueprint.input(bodies.SessionIn)
@blueprint.output(bodies.SessionOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def begin(recovery: str, session: str, json_data: bodies.SessionIn) -> Any:
    """Begin collecting with a fresh public key; earlier sessions are void for ever."""
    context = web()
    piece = asking.piece(json_data.piece)
    try:
        return _begin(context, recovery, session, json_data.public_key, piece)
    except IntegrityError:  # the same identifier at the same moment
        return _begin(context, recovery, session, json_data.public_key, piece)


def _begin(
    context: Web, recovery: str, session: str, public_key: bytes, piece: proofs.Piece | None
) -> Any:
    with context.database.transaction() as db:
        row = asking.customers(db, recovery)
        if row.proof not in proofs.BY_MAIL and db.get(RecoverySession, session) is None:
            auth.require(db, step_up=True)
        made = flow.begin(db, context, row, session, public_key, piece)
        return views.session_document(db, context, row, made)


@blueprint.get("/recoveries/<id:recovery>/sessions/<id:session>")
@blueprint.output(bodies.SessionOut)
@blueprint.doc(security=BOTH, responses=[404])
def get_session(recovery: str, session: str) -> Any:
    """Show a session: its calls, and the releases that stand in a signed checkpoint."""
    context = web()
    with context.database.reading() as db:
        row, signer = asking.anyones(db, context, recovery)
        found = calls.find_session(db, row, session)
        return views.session_document(db, context, row, found, signer)


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
        row = asking.customers(db, recovery)
        found = calls.current_session(db, row, session, context.clock.now(), lock=True)
        return views.call_document(calls.put_call(db, context, found, call, said))


@blueprint.get(_CALL)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=BOTH, responses=[404])
def get_call(recovery: str, session: str, call: str) -> Any:
    """Show a call; to a contact only the one with this contact."""
    context = web()
    with context.database.reading() as db:
        row, signer = asking.anyones(db, context, recovery)
        found = calls.find_call(db, calls.find_session(db, row, session).id, call)
        if signer is not None and found.custody != signer.id:
            raise NotFound
        return views.call_document(found)


@blueprint.post(f"{_CALL}/nonce")
@blueprint.input(bodies.NonceIn)
@blueprint.output(bodies.CallOut)
@blueprint.doc(security=CONTACT, responses=[404, 409, 410])
def put_nonce(recovery: str, session: str, call: str, json_data: bodies.NonceIn) -> Any:
    """Answer a call's commitment with the contact's own randomness, once."""
    context = web()
    with context.database.transaction() as db:
        row, signer = asking.contacts(db, context, recovery)
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
        row = asking.customers(db, recovery)
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
        row, signer = asking.contacts(db, context, recovery, custody)
        now, lock = context.clock.now(), not known.is_locked
        found = calls.current_session(db, row, session, now, lock=lock)
        made = calls.put_release(db, context, row, found, signer, said, is_new=known.is_new)
        return {"state": made.state}
