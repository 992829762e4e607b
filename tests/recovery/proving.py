"""What customers and contacts do when the authenticator is lost: proofs by their pieces."""

from typing import Any

from escrow.protocol import keys, note, release
from escrow.protocol.encoding import b64url, sha256
from escrow.protocol.share import Payload
from tests.support.people import Answer, Contact, Customer, Deposited, Http, Session, new_id
from tests.support.world import World


def checkpoint_hash(http: Http) -> bytes:
    found = http.get("/ledger/checkpoint").ok()["checkpoint"]
    return note.Checkpoint.parse(note.split_note(found)[0]).hash


Lie = dict[str, Any]


def proof(
    http: Http,
    payload: Payload,
    recovery: str,
    session: Session | None = None,
    lie: Lie | None = None,
) -> dict[str, Any]:
    """Sign a proof with a piece; `lie` falsifies what is signed."""
    seen = checkpoint_hash(http)
    said = {
        "deposit": payload.deposit,
        "custody": payload.custody,
        "recovery": recovery,
        "session": session and session.session,
        "public_key_sha256": session and sha256(session.key.public_key()),
        "checkpoint_hash": seen,
    }
    named = release.Proof(**(said | (lie or {})))
    key = keys.release_key(payload.share().value, payload.deposit, payload.custody)
    return {
        "custody": payload.custody,
        "checkpoint_hash": b64url(named.checkpoint_hash),
        "signature": b64url(release.sign_proof(named, key)),
    }


def ask(
    customer: Customer,
    made: Deposited,
    kind: str,
    recovery: str = "",
    lie: Lie | None = None,
) -> Answer:
    """Ask for a recovery with this kind of proof; the customer has signed in as it needs."""
    recovery = recovery or new_id()
    body: dict[str, Any] = {"deposit": made.deposit, "reason": "My phone is gone.", "proof": kind}
    if "kit" in kind:
        body["piece"] = proof(customer.http, made.payloads[0], recovery, lie=lie)
    return customer.http.put(f"/recoveries/{recovery}", body)


def sign_in(customer: Customer, kind: str) -> None:
    if kind.startswith("totp"):
        customer.sign_in()
    else:
        customer.mail_login()


def vouch(contact: Contact, recovery: str, lie: Lie | None = None) -> Answer:
    """Give a contact's proof for a draft."""
    assert contact.payload is not None
    body = proof(contact.http, contact.payload, recovery, lie=lie)
    del body["custody"]
    return contact.http.post(f"/recoveries/{recovery}/proofs", body)


def open_with(
    world: World, customer: Customer, made: Deposited, contacts: list[Contact], kind: str
) -> str:
    """Open a recovery with this kind of proof; the notices go out."""
    sign_in(customer, kind)
    recovery = str(ask(customer, made, kind).ok()["recovery"])
    if "contacts" in kind:
        for contact in contacts:
            vouch(contact, recovery).ok()
    world.run()
    return recovery


def begin_with(customer: Customer, made: Deposited, recovery: str, kind: str) -> Session:
    """Begin with what opened it, once more; the custodian does nothing yet."""
    sign_in(customer, kind)
    session = Session(customer.http, made, recovery)
    begin(session, kind).ok()
    return session


def begin(session: Session, kind: str, lie: Lie | None = None) -> Answer:
    body: dict[str, Any] = {"public_key": b64url(session.key.public_key())}
    if "kit" in kind:
        piece = session.made.payloads[0]
        body["piece"] = proof(session.http, piece, session.recovery, session, lie)
    return session.http.put(session.path, body)


def stopped_by_contact(world: World, customer: Customer, made: Deposited, contact: Contact) -> None:
    """Let a contact stop a recovery: what two proofs at once are for."""
    recovery = world.open_recovery(customer, made)
    contact.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
