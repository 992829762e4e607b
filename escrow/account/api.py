"""Accounts over JSON: made, read, changed, closed."""

from typing import Any

from flask import request
from sqlalchemy.orm import Session

from escrow.account import addresses, codes, flow, limits, totp
from escrow.account.auth import Actor, require
from escrow.account.bodies import (
    AccountIn,
    AccountOut,
    AddressId,
    AddressIn,
    CloseIn,
    CodeIn,
    ConfirmIn,
    FullSession,
    NewAccount,
    TotpSecret,
    Until,
)
from escrow.account.handover import debit_code, full_session
from escrow.account.models import Account, AuthSession
from escrow.api import SESSION, Empty, Result, api_blueprint
from escrow.context import web
from escrow.errors import Unauthenticated

blueprint = api_blueprint("account")


@blueprint.post("/accounts")
@blueprint.input(AccountIn)
@blueprint.output(NewAccount, 201)
def create_account(json_data: AccountIn) -> Result:
    """Make an account and mail its code; an address may belong to several accounts."""
    with web().database.transaction() as db:
        limits.spend_network(db, web(), request.remote_addr)
        account, session, token = flow.create_account(
            db, web(), json_data.address, json_data.locale
        )
        return {"account": account.id, "token": token, "expires_at": session.expires_at}


@blueprint.post("/accounts/<id:account>/code")
@blueprint.input(CodeIn)
@blueprint.output(TotpSecret)
@blueprint.doc(security=SESSION)
def enter_account_code(account: str, json_data: CodeIn) -> Result:
    """Confirm the first address: the secret for the authenticator app."""
    with web().database.reading() as db:
        require(db, level="new", account=account)
        code_id = flow.pending_code(db, account)
    tries_left = debit_code(code_id, "account")
    with web().database.transaction() as db:
        require(db, level="new", account=account)
        secret, uri = flow.confirm_first_address(
            db, web(), account, code_id, json_data.code, tries_left
        )
        return _totp_secret(secret, uri)


@blueprint.post("/accounts/<id:account>/code/resend")
@blueprint.input(Empty)
@blueprint.output(Empty, 202)
@blueprint.doc(security=SESSION)
def resend_account_code(account: str, json_data: Empty) -> Result:
    """Mail a new code for an account that is being made."""
    with web().database.transaction() as db:
        require(db, level="new", account=account)
        flow.resend_account_code(db, web(), account)
    return {}


@blueprint.post("/accounts/<id:account>/totp")
@blueprint.input(Empty)
@blueprint.output(TotpSecret)
@blueprint.doc(security=SESSION)
def change_totp(account: str, json_data: Empty) -> Result:
    """Make a new authenticator secret; the old one counts until the new one is confirmed.

    It takes a fresh code of the old one, or the sign-in that has just completed a recovery.
    """
    with web().database.transaction() as db:
        actor = require(db, level="mail", account=account)
        if not flow.may_reset(db, web(), actor.session, account):
            require(db, account=account, step_up=True)
        secret, uri = flow.prepare_totp(db, web(), account)
        return _totp_secret(secret, uri)


@blueprint.post("/accounts/<id:account>/totp/confirm")
@blueprint.input(ConfirmIn)
@blueprint.output(FullSession)
@blueprint.doc(security=SESSION)
def confirm_totp(account: str, json_data: ConfirmIn) -> Result:
    """Confirm the new authenticator with one of its codes."""
    with web().database.transaction() as db:
        actor = _confirming(db, account)
        if flow.may_reset(db, web(), actor.session, account):
            tries_left = flow.debit_reset(db, web(), account)
        else:
            tries_left = totp.debit(db, web(), account)
    with web().database.transaction() as db:
        present = db.get_one(AuthSession, _confirming(db, account).session)
        session, token = flow.confirm_totp(db, web(), present, account, json_data.code, tries_left)
    return full_session(session, token, cookie=json_data.cookie)


def _totp_secret(secret: str, uri: str) -> dict[str, Any]:
    return {"totp_secret": secret, "otpauth_uri": uri, "otpauth_qr": totp.picture(uri)}


def _confirming(db: Session, account: str) -> Actor:
    """Return who confirms an authenticator: a new or full session, or one after a recovery."""
    actor = require(db, level="any", account=account)
    if actor.level == "mail" and not flow.may_reset(db, web(), actor.session, account):
        raise Unauthenticated
    return actor


@blueprint.get("/accounts/<id:account>")
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def get_account(account: str) -> Result:
    """Read one's account."""
    with web().database.reading() as db:
        require(db, account=account)
        return _account(db, flow.find(db, account))


@blueprint.post("/accounts/<id:account>/addresses")
@blueprint.input(AddressIn)
@blueprint.output(AddressId, 201)
@blueprint.doc(security=SESSION)
def create_address(account: str, json_data: AddressIn) -> Result:
    """Name one more address and mail it a code; naming one twice is harmless."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        row = flow.name_address(db, web(), account, json_data.address)
        return {"id": row.id}


@blueprint.post("/accounts/<id:account>/addresses/<id:address>/code")
@blueprint.input(CodeIn)
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def enter_address_code(account: str, address: str, json_data: CodeIn) -> Result:
    """Confirm an address with the code mailed to it; all addresses are told."""
    with web().database.reading() as db:
        require(db, account=account)
        row = addresses.find(db, account, address)
        if row.verified_at is not None:
            return _account(db, flow.find(db, account))
        code_id = flow.newest_code(db, "address", row, row.id)
    tries_left = debit_code(code_id, "address")
    with web().database.transaction() as db:
        require(db, account=account)
        codes.spend(db, web(), code_id, "address", json_data.code, tries_left)
        owner = flow.find(db, account, lock=True)
        addresses.confirm(db, web(), owner, addresses.find(db, account, address))
        return _account(db, owner)


@blueprint.delete("/accounts/<id:account>/addresses/<id:address>")
@blueprint.output(Empty, 204)
@blueprint.doc(security=SESSION)
def delete_address(account: str, address: str) -> Result:
    """Remove an address, never the last confirmed one; it is told too."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        owner = flow.find(db, account, lock=True)
        addresses.remove(db, web(), owner, addresses.find(db, account, address))
    return {}


@blueprint.post("/accounts/<id:account>/close")
@blueprint.input(CloseIn)
@blueprint.output(Until, 202)
@blueprint.doc(security=SESSION)
def close_account(account: str, json_data: CloseIn) -> Result:
    """Schedule the closing of the account and all its deposits in 30 days."""
    with web().database.transaction() as db:
        require(db, account=account, step_up=True)
        return {"until": flow.close(db, web(), account, json_data.reason)}


@blueprint.post("/accounts/<id:account>/reopen")
@blueprint.input(Empty)
@blueprint.output(AccountOut)
@blueprint.doc(security=SESSION)
def reopen_account(account: str, json_data: Empty) -> Result:
    """Undo the closing of the account and of all its deposits."""
    with web().database.transaction() as db:
        require(db, account=account)
        return _account(db, flow.reopen(db, web(), account))


def _account(db: Session, row: Account) -> dict[str, Any]:
    lines = [
        {
            "id": address.id,
            "address": addresses.text_of(web().keys, address),
            "verified_at": address.verified_at,
        }
        for address in addresses.rows_of(db, row.id)
    ]
    return {
        "account": row.id,
        "state": row.state,
        "created_at": row.created_at,
        "locale": row.locale,
        "addresses": lines,
        "totp_changed_at": row.totp_changed_at,
        "address_changed_at": row.address_changed_at,
        "closing_at": row.closing_at,
    }
