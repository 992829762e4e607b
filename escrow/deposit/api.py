"""The API of deposits and custodies."""

from typing import Any

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from escrow.account import auth
from escrow.account.flow import accounts_of
from escrow.api import CONTACT, SESSION, Empty, Result, api_blueprint
from escrow.context import Web, web
from escrow.deposit import bodies, closing, contact, contacts, custodies, enrol, flow, views
from escrow.deposit.models import CustodyRow, Deposit
from escrow.ledger import read

blueprint = api_blueprint("deposit")


@blueprint.get("/deposits")
@blueprint.input(bodies.CursorQuery, location="query", arg_name="query")
@blueprint.output(bodies.DepositList)
@blueprint.doc(security=SESSION)
def get_deposits(query: bodies.CursorQuery) -> Any:
    """List my deposits; after the mail code alone, those of all accounts of the address."""
    context = web()
    with context.database.reading() as db:
        actor = auth.require(db, level="mail")
        mine = [actor.account] if actor.account else _accounts_of(db, actor.lookup)
        return views.list_deposits(db, context, mine, query.after, query.kind)


def _accounts_of(db: Session, lookup: bytes) -> list[str]:
    return [row.id for row in accounts_of(db, lookup)]


@blueprint.put("/deposits/<id:deposit>")
@blueprint.input(bodies.DepositIn)
@blueprint.output(bodies.DepositOut, 201)
@blueprint.doc(security=SESSION, responses={200: "The same deposit was stored before.", 409: ""})
def put_deposit(deposit: str, json_data: bodies.DepositIn) -> Any:
    """Store a new deposit: everything of it in one transaction; a repeat is harmless."""
    new = enrol.NewDeposit(
        deposit,
        json_data.manifest,
        json_data.manifest_signature,
        json_data.envelope,
        json_data.provider_share,
        tuple(enrol.NewContact(**dict(line)) for line in json_data.contacts),
    )
    context = web()
    try:
        return _put(context, new)
    except IntegrityError:  # the same identifier, at the same moment; or a custody's is taken
        with context.database.reading() as db:
            enrol.refuse_taken(db, new)
        return _put(context, new)


def _put(context: Web, new: enrol.NewDeposit) -> Any:
    with context.database.transaction() as db:
        actor = auth.require(db)
        account = str(actor.account)
        stepped_up = actor.step_up_until > context.clock.now()
        row, stored = enrol.put_deposit(db, context, account, new, stepped_up=stepped_up)
        if stored is None:
            return views.deposit_document(db, context, row), 200
        if row.kind == "drill":
            closing.end_drills(db, context, account, but=row.id)
        lines, envelope = stored.custodies, stored.envelope
        return views.described(context, row, lines, envelope, recovery=None), 201


@blueprint.get("/deposits/<id:deposit>")
@blueprint.output(bodies.DepositOut)
@blueprint.doc(security=SESSION, responses=[404])
def get_deposit(deposit: str) -> Any:
    """Show a deposit of mine with manifest, envelope and custodians."""
    context = web()
    with context.database.reading() as db:
        row = mine(db, deposit)
        return views.deposit_document(db, context, row)


def mine(db: Session, deposit: str, *, step_up: bool = False, lock: bool = False) -> Deposit:
    """Return a deposit of the signed-in customer; raises NotFound and what `require` raises."""
    actor = auth.require(db, step_up=step_up)
    return custodies.find_deposit(db, deposit, actor.account, lock=lock)


@blueprint.get("/deposits/<id:deposit>/events")
@blueprint.input(bodies.AfterQuery, location="query", arg_name="query")
@blueprint.output(bodies.EntryList)
@blueprint.doc(security=SESSION, responses=[404])
def get_deposit_events(deposit: str, query: bodies.AfterQuery) -> Any:
    """Show what the ledger says of a deposit of mine."""
    with web().database.reading() as db:
        row = mine(db, deposit)
        return read.entry_page(read.entries_of(db, deposit=row.id, after=query.after))


@blueprint.get("/custodies/<id:custody>")
@blueprint.output(bodies.PublicCustody)
@blueprint.doc(responses=[404])
def get_custody(custody: str) -> Any:
    """Show what everybody may read who knows a custody's identifier."""
    context = web()
    with context.database.reading() as db:
        return views.public_custody(db, context, custodies.find_custody(db, custody))


@blueprint.get("/custodies/<id:custody>/events")
@blueprint.input(bodies.AfterQuery, location="query", arg_name="query")
@blueprint.output(bodies.EntryList)
@blueprint.doc(security=CONTACT, responses=[404])
def get_custody_events(custody: str, query: bodies.AfterQuery) -> Any:
    """Show what the ledger says of a custody and of its deposit's recoveries."""
    context = web()
    with context.database.reading() as db:
        row = contact.signer(db, context, custody)
        rows = read.entries_of(db, deposit=row.deposit, custody=row.id, after=query.after)
        return read.entry_page(rows)


@blueprint.post("/custodies/<id:custody>/invitation")
@blueprint.input(bodies.TokenIn)
@blueprint.output(bodies.InvitationOut)
@blueprint.doc(responses=[401, 404, 409, 410])
def fetch_invitation(custody: str, json_data: bodies.TokenIn) -> Any:
    """Fetch an invitation, once the ledger says that it is fetched; a reload burns nothing."""
    context = web()
    try:
        event = _record_fetch(context, custody, json_data.token)
    except IntegrityError:  # fetched twice at the same moment
        event = _record_fetch(context, custody, json_data.token)
    read.wait_sequenced(context, event)
    with context.database.reading() as db:
        sealed, customer = flow.invitation_of(db, context, custody)
        return {"invitation": sealed, "customer": customer}


def _record_fetch(context: Web, custody: str, token: bytes) -> str:
    with context.database.transaction() as db:
        return flow.fetch_invitation(db, context, custody, token)


@blueprint.post("/custodies/<id:custody>/attestations")
@blueprint.input(bodies.AttestationIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(responses=[404, 409])
def attest(custody: str, json_data: bodies.AttestationIn) -> Any:
    """Prove that a piece is still held; the first proof with the piece itself accepts it."""
    context = web()
    try:
        return _attest(context, custody, json_data)
    except IntegrityError:  # the same proof twice at the same moment
        return _attest(context, custody, json_data)


def _attest(context: Web, custody: str, body: bodies.AttestationIn) -> Result:
    said = (body.means, body.checkpoint_hash, body.time)
    with context.database.transaction() as db:
        row = flow.attest(db, context, custody, said, body.signature, locale=body.locale)
        return {"state": row.state}


@blueprint.post("/custodies/<id:custody>/resume")
@blueprint.input(Empty)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def resume_invitation(custody: str, json_data: Empty) -> Any:
    """Let an invitation be fetched for 14 days more."""
    context = web()
    with context.database.transaction() as db:
        account = str(auth.require(db).account)
        return {"state": flow.resume(db, context, account, custody).state}


@blueprint.post("/custodies/<id:custody>/withdraw")
@blueprint.input(Empty)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=SESSION, responses=[404, 409])
def withdraw_invitation(custody: str, json_data: Empty) -> Any:
    """Take an invitation back; the sealed invitation is destroyed."""
    context = web()
    with context.database.transaction() as db:
        account = str(auth.require(db).account)
        return {"state": flow.withdraw(db, context, account, custody).state}


@blueprint.post("/custodies/<id:custody>/decline")
@blueprint.input(bodies.LeaveIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=CONTACT, responses=[404, 409, 410])
def decline(custody: str, json_data: bodies.LeaveIn) -> Any:
    """Stop being a contact, by a signed request or a mail link's token; the customer is told."""
    context = web()
    with context.database.transaction() as db:
        if json_data.token is not None:
            row = contacts.by_token(db, context, custody, "decline", json_data.token)
        else:
            row = contact.signer(db, context, custody, lock=True)
        return {"state": contacts.decline(db, context, row).state}


@blueprint.post("/custodies/<id:custody>/lost")
@blueprint.input(bodies.LeaveIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=SESSION + CONTACT, responses=[404, 409, 410])
def report_lost(custody: str, json_data: bodies.LeaveIn) -> Any:
    """Say that a piece is lost: as the customer, as its holder, or by a mail link's token."""
    context = web()
    with context.database.transaction() as db:
        if json_data.token is not None:
            row = contacts.by_token(db, context, custody, "lost", json_data.token)
        elif contact.is_signed():
            row = contact.signer(db, context, custody, lock=True)
        else:
            account = str(auth.require(db).account)
            return {"state": contacts.lost_by_customer(db, context, account, custody).state}
        return {"state": contacts.lost(db, context, row, row.role).state}


@blueprint.post("/custodies/<id:custody>/phrase")
@blueprint.input(bodies.PhraseIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=CONTACT, responses=[404, 409])
def set_phrase(custody: str, json_data: bodies.PhraseIn) -> Any:
    """Choose the phrase that will stand in every mail to this contact, and their language."""
    context = web()
    if json_data.phrase is not None:
        views.refuse_empty(json_data.phrase, "phrase")
    with context.database.transaction() as db:
        row = contact.signer(db, context, custody, lock=True)
        contacts.set_phrase(db, context, row, json_data.phrase, json_data.locale)
        return {"state": row.state}


@blueprint.put("/custodies/<id:custody>/wraps/<any(share, check):part>")
@blueprint.input(bodies.WrapIn)
@blueprint.output(bodies.StateOut)
@blueprint.doc(security=CONTACT, responses=[404, 409])
def put_wrap(custody: str, part: str, json_data: bodies.WrapIn) -> Any:
    """Keep a passkey-wrapped copy of a contact's piece, or of its check seed."""
    context = web()
    with context.database.transaction() as db:
        row: CustodyRow = contact.signer(db, context, custody, lock=True)
        flow.put_wrap(db, context, row, part, json_data.credential_id, json_data.data)
        return {"state": row.state}
