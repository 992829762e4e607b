"""The API by which admins come in: an invitation's link, then a passkey, nothing else."""

from typing import Any

from flask import request
from sqlalchemy.exc import IntegrityError

from escrow.account import limits
from escrow.admin import bodies, passkeys, people, signin
from escrow.admin.passkeys import Answer, Site
from escrow.admin.roles import EVERYBODY
from escrow.api import ADMIN, Empty, api_blueprint
from escrow.context import web
from escrow.errors import Conflict
from escrow.headers import admin_cookie_name, hand_cookie
from escrow.protocol.encoding import grouped

blueprint = api_blueprint("admin_signin")


def _count() -> None:
    """Count a try against the network that it comes from, before anything is looked at."""
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)


@blueprint.post("/admin/invitations/challenge")
@blueprint.input(bodies.InvitationIn)
@blueprint.output(bodies.InvitationOut)
@blueprint.doc(responses={410: ""})
def invitation_challenge(json_data: bodies.InvitationIn) -> Any:
    """Say whom an invitation is for, and what the new passkey is to sign."""
    _count()
    context = web()
    with context.database.transaction() as db:
        row = people.invited(db, context.keys, json_data.token, context.clock.now())
        made = signin.challenge(db, context, "register", row.id)
        return {
            "admin": row.id,
            "name": people.name_of(context.keys, row),
            "role": row.role,
            "challenge": made,
            "host": Site.of(context.settings).host,
            "is_first": people.is_first(db, row),
        }


@blueprint.post("/admin/invitations/accept")
@blueprint.input(bodies.AcceptIn)
@blueprint.output(bodies.WaitingOut)
@blueprint.doc(responses={401: "", 409: "", 410: ""})
def accept(json_data: bodies.AcceptIn) -> Any:
    """Take up an invitation with a passkey that was just made.

    The session that begins here counts once the custodian has let this person in.
    """
    _count()
    try:
        return _accept(json_data)
    except IntegrityError:  # the same passkey, known already
        raise Conflict from None


def _accept(given: bodies.AcceptIn) -> Any:
    context = web()
    with context.database.transaction() as db:  # used up, whatever the answer is worth
        row = people.invited(db, context.keys, given.token, context.clock.now())
        signin.spend(db, context, given.challenge, "register", row.id)
    with context.database.transaction() as db:
        row = people.invited(db, context.keys, given.token, context.clock.now())
        site = Site.of(context.settings)
        made = passkeys.verify_new(site, given.challenge, given.client_data, given.attestation)
        people.accept(db, context.keys, row, given.name, made.credential_id, made.public_key)
        document = {
            "admin": row.id,
            "name": people.name_of(context.keys, row),
            "role": row.role,
            "code": grouped(people.key_code(row)),
            "is_first": people.is_first(db, row),
        }
        _, token = signin.create(db, context, row.id)
    _set_cookie(token)
    return document


@blueprint.post("/admin/challenges")
@blueprint.input(Empty)
@blueprint.output(bodies.ChallengeOut)
def new_challenge(json_data: Empty) -> Any:
    """Say what a passkey is to sign in order to sign in."""
    _count()
    context = web()
    with context.database.transaction() as db:
        made = signin.challenge(db, context, "sign in")
    return {"challenge": made, "host": Site.of(context.settings).host}


@blueprint.post("/admin/sessions")
@blueprint.input(bodies.AnswerIn)
@blueprint.output(bodies.SessionOut)
@blueprint.doc(responses={401: "", 409: ""})
def sign_in(json_data: bodies.AnswerIn) -> Any:
    """Sign in with a passkey's answer; the session is a cookie that no script sees."""
    _count()
    context = web()
    with context.database.transaction() as db:
        signin.spend(db, context, json_data.challenge, "sign in")
    with context.database.transaction() as db:
        row = signin.answered(db, context, json_data.challenge, _answer(json_data))
        session, token = signin.create(db, context, row.id)
        document = _document(row.role, people.name_of(context.keys, row), session.step_up_until)
    _set_cookie(token)
    return document


@blueprint.post("/admin/step-up/challenge")
@blueprint.input(Empty)
@blueprint.output(bodies.ChallengeOut)
@blueprint.doc(security=ADMIN, responses={401: ""})
def step_up_challenge(json_data: Empty) -> Any:
    """Say what the passkey is to sign before an act."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, EVERYBODY)
        made = signin.challenge(db, context, "step up", actor.session)
    return {"challenge": made, "host": Site.of(context.settings).host}


@blueprint.post("/admin/step-up")
@blueprint.input(bodies.AnswerIn)
@blueprint.output(bodies.SessionOut)
@blueprint.doc(security=ADMIN, responses={401: ""})
def step_up(json_data: bodies.AnswerIn) -> Any:
    """Confirm with the passkey: for five minutes acts are possible."""
    _count()
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, EVERYBODY)
        signin.spend(db, context, json_data.challenge, "step up", actor.session)
    with context.database.transaction() as db:
        row = signin.answered(db, context, json_data.challenge, _answer(json_data))
        if row.id != actor.admin:  # somebody else's passkey confirms nothing for this one
            raise Conflict
        until = signin.step_up(db, context, actor.session)
        return _document(row.role, people.name_of(context.keys, row), until)


@blueprint.get("/admin/sessions")
@blueprint.output(bodies.SessionList)
@blueprint.doc(security=ADMIN, responses={401: ""})
def list_sessions() -> Any:
    """List one's own sessions."""
    context = web()
    with context.database.reading() as db:
        actor = signin.require(db, EVERYBODY)
        found = signin.of_admin(db, context, actor.admin)
        lines = [
            {
                "session": row.id,
                "created_at": row.created_at,
                "used_at": row.used_at,
                "is_current": row.id == actor.session,
            }
            for row in found
        ]
    return {"sessions": lines}


@blueprint.delete("/admin/sessions/<id:session>")
@blueprint.output({}, 204)
@blueprint.doc(security=ADMIN, responses={401: "", 404: ""})
def end_session(session: str) -> Any:
    """End one of one's own sessions."""
    context = web()
    with context.database.transaction() as db:
        actor = signin.require(db, EVERYBODY)
        signin.end(db, context, actor.admin, session)
    return "", 204


def _answer(given: bodies.AnswerIn) -> Answer:
    return Answer(given.credential_id, given.client_data, given.authenticator_data, given.signature)


def _document(role: str, name: str, step_up_until: int) -> dict[str, Any]:
    return {"role": role, "name": name, "step_up_until": step_up_until}


def _set_cookie(token: str) -> None:
    hand_cookie(admin_cookie_name(web().settings), token, signin.LIFETIME_SECONDS)
