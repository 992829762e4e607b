"""Verbs on accounts. Each takes a session and does one thing in the caller's transaction.

Other domains hook in: `ON_CLOSE` and `ON_REOPEN` are called in the same transaction, with
(session, web, account, until, reason); `MAY_RESET` tells whether a sign-in may set a new
authenticator without a code of the old one, with (session, web, sign-in, account).
"""

import secrets
from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from escrow.account import addresses, codes, limits, sessions, totp
from escrow.account.models import Account, Address, AuthSession, MailCode
from escrow.context import Web
from escrow.errors import NotFound, Unauthenticated, WrongCode, WrongState
from escrow.i18n import translator
from escrow.ledger.append import append
from escrow.webkeys import WebKeys, canonical_address

CLOSING_SECONDS = 30 * 86400
MAILS_AN_HOUR = 20
RECORD = ("account", "record")
LIVE_STATES = ("active", "closing")

Hook = Callable[[Session, Web, str, int, str], None]
ON_CLOSE: list[Hook] = []
ON_REOPEN: list[Hook] = []
MAY_RESET: list[Callable[[Session, Web, str, str], bool]] = []
RESETS_AN_HOUR = 10


def addresses_of(
    db: Session, web_or_keys: Web | WebKeys, account: str
) -> list[tuple[str, str, bytes]]:
    """Return (address id, address, keyed hash) of the confirmed addresses of an account."""
    keys = web_or_keys.keys if isinstance(web_or_keys, Web) else web_or_keys
    return [
        (row.id, addresses.text_of(keys, row), row.lookup)
        for row in addresses.rows_of(db, account)
        if row.verified_at is not None
    ]


def accounts_of(db: Session, lookup: bytes) -> list[Account]:
    """Return the accounts, closing ones included, that have confirmed this address."""
    query = (
        select(Account)
        .join(Address, Address.account == Account.id)
        .where(
            Address.lookup == lookup,
            Address.verified_at.is_not(None),
            Address.removed_at.is_(None),
            Account.state.in_(LIVE_STATES),
        )
        .order_by(Account.created_at, Account.id)
        .distinct()
    )
    return list(db.scalars(query))


def accounts_of_address(db: Session, lookup: bytes) -> list[str]:
    """Return the identifiers of the accounts that have confirmed this address."""
    return [row.id for row in accounts_of(db, lookup)]


def find(db: Session, account: str, *, lock: bool = False) -> Account:
    """Return an account; raises NotFound."""
    row = db.get(Account, account, with_for_update=lock)
    if row is None:
        raise NotFound
    return row


def start_login(db: Session, web: Web, address: str, locale: str) -> MailCode:
    """Mail a login code; the same rows and work for an address that nobody knows."""
    address = canonical_address(address)  # never to a mailbox that only looks like the known one
    known = bool(accounts_of(db, web.keys.lookup(address)))
    return codes.issue(db, web, "login", address, locale, known=known)


def finish_mail_code(
    db: Session, web: Web, login: str, code: str, tries_left: int
) -> tuple[AuthSession, str, list[Account]]:
    """Use up a login code; returns (session of level mail, token, accounts of the address)."""
    row = codes.spend(db, web, login, "login", code, tries_left)
    session, token = sessions.create(db, web, "mail", row.lookup, login=login)
    return session, token, accounts_of(db, row.lookup)


def check_owner(db: Session, lookup: bytes, account: str) -> None:
    """Refuse an account that has not confirmed this address; raises NotFound."""
    if account not in accounts_of_address(db, lookup):
        raise NotFound


def create_account(
    db: Session, web: Web, address: str, locale: str
) -> tuple[Account, AuthSession, str]:
    """Make an account that is pending until its address and authenticator are confirmed."""
    now = web.clock.now()
    address = canonical_address(address)
    account = Account(
        id=secrets.token_hex(16),
        state="pending",
        locale=locale,
        created_at=now,
        closing_at=None,
        totp_changed_at=None,
        address_changed_at=None,
    )
    db.add(account)
    addresses.insert(db, web, account.id, address)
    code = codes.issue(db, web, "account", address, locale, subject=account.id)
    lookup = web.keys.lookup(address)
    session, token = sessions.create(db, web, "new", lookup, login=code.id, account=account.id)
    return account, session, token


def resend_account_code(db: Session, web: Web, account: str) -> None:
    """Mail a new code for a pending account."""
    row, address = _pending(db, account)
    text = addresses.text_of(web.keys, address)
    codes.issue(db, web, "account", text, row.locale, subject=account)


def newest_code(db: Session, purpose: str, address: Address, subject: str) -> str | None:
    """Return the newest code for an address row."""
    return codes.newest(db, purpose, address.lookup, subject)


def _pending(db: Session, account: str) -> tuple[Account, Address]:
    row = find(db, account, lock=True)
    if row.state != "pending":
        raise WrongState(row.state)
    return row, addresses.rows_of(db, account)[0]


def pending_code(db: Session, account: str) -> str | None:
    """Return the newest code of a pending account; raises WrongState."""
    _, address = _pending(db, account)
    return newest_code(db, "account", address, account)


def confirm_first_address(
    db: Session, web: Web, account: str, code_id: str | None, code: str, tries_left: int
) -> tuple[str, str]:
    """Confirm the address of a pending account; returns (secret in base32, otpauth URI)."""
    codes.spend(db, web, code_id, "account", code, tries_left)
    _, address = _pending(db, account)
    address.verified_at = web.clock.now()
    secret = totp.prepare(db, web, account)
    return secret, totp.uri(web, secret, addresses.text_of(web.keys, address))


def may_reset(db: Session, web: Web, session: str, account: str) -> bool:
    """Tell whether a sign-in may set a new authenticator: after a recovery that it completed."""
    return any(hook(db, web, session, account) for hook in MAY_RESET)


def debit_reset(db: Session, web: Web, account: str) -> int:
    """Count a try to confirm an authenticator after a recovery; returns how many are left.

    It goes past the lock of the old one, which is what was lost: only the sign-in that prepared
    the new one can come here. Raises RateLimited.
    """
    limits.spend(db, web, "totp reset", account, RESETS_AN_HOUR)
    return 1


def confirm_totp(
    db: Session, web: Web, session: AuthSession, account_id: str, code: str, tries_left: int
) -> tuple[AuthSession, str | None]:
    """Put a prepared authenticator in force; makes a pending account active.

    Returns the session and, for a new account or after a slower proof, the token of a full one.
    """
    account = find(db, account_id, lock=True)
    is_reset = may_reset(db, web, session.id, account.id)
    if not totp.confirm(db, web, account.id, code):
        raise WrongCode(tries_left=tries_left)
    if account.state == "pending":
        return _activate(db, web, account, session)
    if session.level != "full" and not is_reset:
        raise Unauthenticated
    account.totp_changed_at = web.clock.now()
    reason = "recovered" if is_reset else "changed"
    event = append(db, web.author, "totp changed", {"reason": reason}, account=account.id)
    addresses.tell(db, web, account, "totp_changed", event.id)
    sessions.end_others(db, web, account.id, session.id)
    if session.level != "full":
        return _enter_anew(db, web, account, session)
    return sessions.step_up(db, web, session.id) or session, None


def _enter_anew(
    db: Session, web: Web, account: Account, session: AuthSession
) -> tuple[AuthSession, str]:
    """Change a sign-in for a full one; it can do nothing more by itself."""
    sessions.end(db, web, session.id)
    return sessions.create(db, web, "full", session.lookup, login=session.login, account=account.id)


def _activate(
    db: Session, web: Web, account: Account, session: AuthSession
) -> tuple[AuthSession, str]:
    account.state = "active"
    hashes = [hashed for _, _, hashed in addresses_of(db, web, account.id)]
    append(db, web.author, "account created", {"addresses": hashes}, account=account.id)
    append(db, web.author, "totp changed", {"reason": "enrolled"}, account=account.id)
    return _enter_anew(db, web, account, session)


def prepare_totp(db: Session, web: Web, account: str) -> tuple[str, str]:
    """Make a new authenticator secret that counts once it is confirmed."""
    row = find(db, account, lock=True)
    if row.state not in LIVE_STATES:
        raise WrongState(row.state)
    secret = totp.prepare(db, web, account)
    first = addresses_of(db, web, account)[0][1]
    return secret, totp.uri(web, secret, first)


def name_address(db: Session, web: Web, account: str, address: str) -> Address:
    """Name an address and mail it a code, unless it is confirmed already."""
    address = canonical_address(address)
    row = addresses.name(db, web, account, address)
    if row.verified_at is None:
        limits.spend(db, web, "mails", account, MAILS_AN_HOUR)
        locale = find(db, account).locale
        codes.issue(db, web, "address", address, locale, subject=row.id)
    return row


def close(db: Session, web: Web, account: str, reason: str) -> int:
    """Schedule the closing of an account in 30 days; returns when. A repeat changes nothing."""
    row = find(db, account, lock=True)
    if row.state == "closing" and row.closing_at is not None:
        return row.closing_at
    if row.state != "active":
        raise WrongState(row.state)
    until = web.clock.now() + CLOSING_SECONDS
    row.state = "closing"
    row.closing_at = until
    event = append(
        db, web.author, "account closing", {"until": until, "reason": reason}, account=account
    )
    for hook in ON_CLOSE:
        hook(db, web, account, until, reason)
    contents = {"until": translator(row.locale, web.settings.zone).date(until)}
    message = "account_closing"
    if web.author.name == "custodian":  # operators decided it: she does not know of it yet, nor why
        message, contents["reason"] = "account_closing_provider", reason
    addresses.tell(db, web, row, message, event.id, contents=contents)
    return until


def keep_account(db: Session, web: Web, account: str) -> None:
    """Undo the closing of an account one of whose deposits is kept; the others end on their day."""
    wanted = select(Account).where(Account.id == account, Account.state == "closing")
    # Whoever has it locked reopens it, or decides about it after us.
    row = db.scalars(wanted.with_for_update(skip_locked=True)).first()
    if row is not None:
        _keep(db, web, row)


def _keep(db: Session, web: Web, row: Account) -> int:
    """Set a closing account back, and tell; returns when it was to end."""
    until = row.closing_at or 0
    row.state = "active"
    row.closing_at = None
    addresses.tell(db, web, row, "account_reopened", str(until))
    return until


def reopen(db: Session, web: Web, account: str) -> Account:
    """Undo the closing of an account; a repeat changes nothing.

    In the ledger this stands as the `deposit reopened` of each deposit. The account needs no entry
    of its own: nothing is decided by its `account closing`, which says why its deposits close, and
    it ends only when none of them is left.
    """
    row = find(db, account, lock=True)
    if row.state == "active":
        return row
    if row.state != "closing" or row.closing_at is None:
        raise WrongState(row.state)
    until = _keep(db, web, row)
    for hook in ON_REOPEN:
        hook(db, web, account, until, "")
    return row
