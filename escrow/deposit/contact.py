"""A contact's signed request: three headers instead of an account."""

from flask import request
from sqlalchemy.orm import Session

from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow
from escrow.errors import Unauthenticated
from escrow.protocol.encoding import b64url_decode, is_identifier
from escrow.protocol.errors import Malformed
from escrow.protocol.request import Request
from escrow.strict import StrictRequest

CUSTODY_HEADER = "Escrow-Custody"
TIME_HEADER = "Escrow-Time"
SIGNATURE_HEADER = "Escrow-Signature"


def is_signed() -> bool:
    """Tell whether the current request claims to be a contact's."""
    return CUSTODY_HEADER in request.headers


def signer(db: Session, web: Web, custody: str | None = None, *, lock: bool = False) -> CustodyRow:
    """Return the custody whose holder signed the current request.

    `custody` is the one that the path names. Raises Unauthenticated.
    """
    found = custodies.signer_of(db, signed_request(), web.clock.now(), lock=lock)
    if custody is not None and found.id != custody:
        raise Unauthenticated
    return found


def signed_request() -> custodies.SignedRequest:
    """Return the current request as its headers claim it was signed; raises Unauthenticated."""
    headers = request.headers
    custody, time = headers.get(CUSTODY_HEADER, ""), headers.get(TIME_HEADER, "")
    if not is_identifier(custody) or not (time.isascii() and time.isdigit() and len(time) < 16):
        raise Unauthenticated
    try:
        signature = b64url_decode(headers.get(SIGNATURE_HEADER, ""))
    except Malformed:
        raise Unauthenticated from None
    body = request.body() if isinstance(request, StrictRequest) else request.get_data()
    signed = Request(custody, request.method, request.path, body, int(time))
    return custodies.SignedRequest(signed, signature)
