"""Everything that is kept about one customer, in words, for whoever has a right to read it.

What would open something, or stand for a person, is left out: secrets of authenticators, keyed
hashes, signatures, sealed bytes. Of a contact there is what the customer gave, and not the phrase,
which is the contact's own. Times are UTC.
"""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import addresses, flow
from escrow.account.models import Account, Address, AuthSession, Totp
from escrow.context import Web
from escrow.deposit import custodies
from escrow.deposit.models import CustodyRow, Deposit, RecoverabilityChange
from escrow.errors import NotFound
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import Outbox
from escrow.protocol.ledger import Event
from escrow.recovery import opening
from escrow.recovery.models import Recovery, RecoveryDraft

FORMAT = "escrow/v1/kept"
LEFT_OUT = (
    "the secret of the authenticator app, codes, and tokens of sessions and mails",
    "keyed hashes of addresses, by which they are found",
    "the provider's sealed piece and the encrypted key, which nobody here can read",
    "signatures, keys, proofs and other hashes, also those in entries of the log",
    "the phrase that a contact chose",
)
Found = dict[str, Any]


def everything(db: Session, web: Web, account: str) -> bytes:
    """Return all that is kept about an account as JSON for people; raises NotFound."""
    row = db.get(Account, account)
    if row is None:
        raise NotFound
    deposits = db.scalars(
        select(Deposit).where(Deposit.account == account).order_by(Deposit.created_at)
    ).all()
    found = {
        "format": FORMAT,
        "made_at": _time(web.clock.now()),
        "account": _account(db, web, row),
        "keys": [_key(db, web, deposit) for deposit in deposits],
        "mails": _mails(db, account),
        "log": _log(db, account),
        "left_out": list(LEFT_OUT),
    }
    return json.dumps(found, ensure_ascii=False, indent=1).encode() + b"\n"


def _time(at: int | None) -> str | None:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


def _account(db: Session, web: Web, row: Account) -> Found:
    record = row.record and web.keys.decrypt(flow.RECORD, row.id, row.id, row.record)
    sessions = db.scalars(select(AuthSession).where(AuthSession.account == row.id)).all()
    totp = db.get(Totp, row.id)
    return {
        "number": row.id,
        "state": row.state,
        "language": row.locale,
        "customer_record": record or None,
        "made": _time(row.created_at),
        "ends": _time(row.closing_at),
        "addresses": _addresses(db, web, row.id),
        "authenticator": {
            "is_set": totp is not None and totp.secret is not None,
            "changed": _time(row.totp_changed_at),
            "wrong_codes_in_a_row": totp.wrong_in_a_row if totp else 0,
        },
        "sessions": [
            {"level": each.level, "began": _time(each.created_at), "ends": _time(each.expires_at)}
            for each in sessions
        ],
    }


def _addresses(db: Session, web: Web, account: str) -> list[Found]:
    """Tell of each address whether its holder confirmed it, or operators of ours have set it."""
    owned = select(Address).where(Address.account == account)
    authors = _authors_of_addresses(db, account)
    found = []
    for each in db.scalars(owned.order_by(Address.created_at, Address.id)):
        said = authors.get(each.lookup, []) if each.verified_at else []
        is_ours = bool(said) and said.pop(0) == "custodian"
        found.append(
            {
                "address": addresses.text_of(web.keys, each),
                "named": _time(each.created_at),
                "confirmed": None if is_ours else _time(each.verified_at),
                "set_by_provider": _time(each.verified_at) if is_ours else None,
                "removed": _time(each.removed_at),
            }
        )
    return found


def _authors_of_addresses(db: Session, account: str) -> dict[bytes, list[str]]:
    """Return by keyed hash who said each time that an address came to the account.

    The custodian says it of what operators have approved, the web tier of what a code confirmed.
    An address that was removed and named anew came twice.
    """
    query = select(LedgerEvent.author, LedgerEvent.body).where(
        LedgerEvent.account == account,
        LedgerEvent.type.in_(("account created", "address changed")),
        LedgerEvent.index.is_not(None),
        LedgerEvent.body.is_not(None),
    )
    found: dict[bytes, list[str]] = {}
    before: list[bytes] = []
    for author, body in db.execute(query.order_by(LedgerEvent.index)):
        listed = Event.parse(body or b"").data["addresses"]
        for hashed in listed:
            if hashed not in before:
                found.setdefault(hashed, []).append(author)
        before = listed
    return found


def _key(db: Session, web: Web, row: Deposit) -> Found:
    manifest = custodies.manifest_of(row)
    changes = db.scalars(
        select(RecoverabilityChange)
        .where(RecoverabilityChange.deposit == row.id)
        .order_by(RecoverabilityChange.id)
    )
    return {
        "number": row.id,
        "name": web.keys.decrypt(custodies.LABEL, row.id, row.account, row.label),
        "kind": row.kind,
        "state": row.state,
        "made": _time(row.created_at),
        "ends": _time(row.closing_at),
        "replaces": row.replaces,
        "practised": _time(row.drilled_at),
        "waiting_seconds": manifest.waiting_seconds,
        "contacts_needed": manifest.contacts_needed,
        "recoverability": row.recoverability,
        "pieces": [_piece(web, each) for each in custodies.custodies_of(db, row.id)],
        "changes": [{"when": _time(each.at), "from": each.was, "to": each.now} for each in changes],
        "recoveries": [
            *(_recovery(web, each) for each in _of(db, Recovery, row.id)),
            *(_draft(web, each) for each in _of(db, RecoveryDraft, row.id)),
        ],
    }


def _of(db: Session, table: type[Any], deposit: str) -> list[Any]:
    return list(db.scalars(select(table).where(table.deposit == deposit)))


def _piece(web: Web, row: CustodyRow) -> Found:
    details = custodies.contact_details(web.keys, row)
    return {
        "number": row.id,
        "of": row.role,
        "state": row.state,
        "name": details[0] if details else None,
        "address": details[1] if details else None,
        "language": row.locale,
        "invitation_until": _time(row.invited_until),
        "invitation_fetched": _time(row.fetched_at),
        "shown": _time(row.last_share_at),
        "checked": _time(row.last_check_at),
    }


def _recovery(web: Web, row: Recovery) -> Found:
    return {
        "number": row.id,
        "state": row.state,
        "proof": row.proof,
        "what_was_written": opening.reason_of(web, row.id, row.account, row.reason) or None,
        "waiting_seconds": row.wait_seconds,
        "asked": _time(row.opened_at),
        "told": _time(row.noticed_at),
        "ready": _time(row.ready_at),
        "on_hold": _time(row.frozen_at),
        "ended": _time(row.ended_at),
    }


def _draft(web: Web, row: RecoveryDraft) -> Found:
    return {
        "number": row.id,
        "state": "draft",
        "proof": row.proof,
        "what_was_written": opening.reason_of(web, row.id, row.account, row.reason) or None,
        "asked": _time(row.created_at),
        "ends": _time(row.expires_at),
    }


def _mails(db: Session, account: str) -> list[Found]:
    query = select(Outbox).where(Outbox.account == account).order_by(Outbox.created_at, Outbox.id)
    return [
        {
            "mail": row.message,
            "to": "customer" if row.is_customer else "contact",
            "state": row.state,
            "written": _time(row.created_at),
            "settled": _time(row.settled_at),
        }
        for row in db.scalars(query)
    ]


def _log(db: Session, account: str) -> list[Found]:
    # What was not taken into the log may be anybody's and say anything.
    query = select(LedgerEvent).where(
        LedgerEvent.account == account,
        LedgerEvent.index.is_not(None),
        LedgerEvent.body.is_not(None),
    )
    return [
        {
            "entry": row.index,
            "when": _time(row.at),
            "what": row.type,
            "key": row.deposit,
            "piece": row.custody,
            "recovery": row.recovery,
            "says": _words(Event.parse(row.body or b"").data),
        }
        for row in db.scalars(query.order_by(LedgerEvent.index))
    ]


def _words(data: Found) -> Found:
    """Leave out what is bytes: hashes, signatures and keys, alone or in a list."""
    return {name: value for name, value in data.items() if not isinstance(value, bytes | list)}
