"""The authenticator: SHA-1, six digits, 30 seconds, steps t and t±1 (RFC 6238).

A try is debited and committed before the code is looked at (`debit`, then `spend` in the next
transaction). Check and spend are one function and one conditional UPDATE: of any number of requests
with the same code, one wins. Five tries in 15 minutes lock for 15; a hundred wrong ones in a row
stop it until a slower proof. Source: PROTOCOL.md section 10.
"""

import pyotp
from pyotp.exceptions import OTPVerificationError
from sqlalchemy.orm import Session

from escrow.account import rows
from escrow.account.models import Totp
from escrow.context import Web
from escrow.errors import Locked, WrongState

STEP_SECONDS = 30
MAX_TRIES = 5
WINDOW_SECONDS = 15 * 60
HARD_STOP = 100
SECRET = ("totp", "secret")
PENDING = ("totp", "pending_secret")
_HARD_STOP_RETRY_SECONDS = 86400


def prepare(db: Session, web: Web, account: str) -> str:
    """Make a new secret that counts only once it is confirmed; returns it in base32."""
    secret = pyotp.random_base32()
    sealed = web.keys.encrypt(PENDING, account, account, secret)
    row = db.get(Totp, account, with_for_update=True)
    if row is None:
        rows.add(db, web.keys, _new_row(account, sealed))
    elif not rows.swap(db, web.keys, row, pending_secret=sealed):
        raise WrongState("changed", "Try again.")
    return secret


def _new_row(account: str, pending: bytes) -> Totp:
    return Totp(
        account=account,
        secret=None,
        pending_secret=pending,
        last_step=0,
        window_start=0,
        window_tries=0,
        wrong_in_a_row=0,
        locked_until=0,
    )


def uri(web: Web, secret: str, address: str) -> str:
    """Return what an authenticator app reads as a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=address, issuer_name=web.settings.provider_name)


def picture(uri: str) -> str:
    """Draw a URI as a QR code: an SVG image as a data URI, which a page shows as it is."""
    import segno

    drawn: str = segno.make(uri, error="m").svg_data_uri(border=4, dark="#000", light="#fff")
    return drawn


def debit(db: Session, web: Web, account: str) -> int:
    """Count a try; returns how many are left. The caller commits before it calls `spend`.

    Raises Locked after five within 15 minutes, and for good after a hundred wrong ones in a row.
    """
    row = db.get(Totp, account, with_for_update=True)
    if row is None:
        raise WrongState("no_authenticator")
    web.keys.check_row(row)
    now = web.clock.now()
    if row.wrong_in_a_row >= HARD_STOP:
        raise Locked(
            _HARD_STOP_RETRY_SECONDS,
            "Too many wrong codes. The authenticator is stopped: use your kit or your contacts.",
        )
    if now < row.locked_until:
        raise Locked(row.locked_until - now)
    is_new = now - row.window_start >= WINDOW_SECONDS
    tries = 1 if is_new else row.window_tries + 1
    changed = rows.swap(
        db,
        web.keys,
        row,
        window_start=now if is_new else row.window_start,
        window_tries=tries,
        wrong_in_a_row=row.wrong_in_a_row + 1,
        locked_until=now + WINDOW_SECONDS if tries >= MAX_TRIES else 0,
    )
    if not changed:
        raise Locked(1)
    return MAX_TRIES - tries


def spend(db: Session, web: Web, account: str, code: str) -> bool:
    """Check a code and spend its step: one function, one conditional UPDATE.

    True for exactly one of all requests with the code of one step. A success clears the counts.
    """
    row = db.get(Totp, account, with_for_update=True)
    if row is None or row.secret is None:
        return False
    web.keys.check_row(row)
    step = _matching_step(web.keys.decrypt(SECRET, account, account, row.secret), code, web)
    if step is None or step <= row.last_step:
        return False
    return rows.swap(db, web.keys, row, last_step=step, **_CLEARED)


def confirm(db: Session, web: Web, account: str, code: str) -> bool:
    """Check a code of the pending secret and put that secret in force, in one UPDATE."""
    row = db.get(Totp, account, with_for_update=True)
    if row is None or row.pending_secret is None:
        return False
    web.keys.check_row(row)
    secret = web.keys.decrypt(PENDING, account, account, row.pending_secret)
    step = _matching_step(secret, code, web)
    if step is None:
        return False
    sealed = web.keys.encrypt(SECRET, account, account, secret)
    return rows.swap(
        db, web.keys, row, secret=sealed, pending_secret=None, last_step=step, **_CLEARED
    )


def last_used_at(db: Session, account: str) -> int | None:
    """Return when a code was right last, to 30 seconds; None for an authenticator never used."""
    row = db.get(Totp, account)
    return row.last_step * STEP_SECONDS if row is not None and row.last_step else None


_CLEARED = {"window_start": 0, "window_tries": 0, "wrong_in_a_row": 0, "locked_until": 0}


def _matching_step(secret: str, code: str, web: Web) -> int | None:
    """Return the step t−1, t or t+1 whose code this is, or None."""
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(
            code, for_time=web.clock.now(), valid_window=1
        )
    except OTPVerificationError:
        return None
