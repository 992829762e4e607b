"""Bodies of the accounts' part of the API, in and out."""

from typing import Annotated

from escrow.api import Address, Body, Code, Identifier, Locale, Seconds, Text


class LoginIn(Body):
    """Who wants to sign in, and in which language the mail is written."""

    address: Address
    locale: Locale


class LoginOut(Body):
    """A login: the code is in the mail, if anybody knows the address."""

    login: Identifier
    expires_at: Seconds


class CodeIn(Body):
    """A code by mail, or of the authenticator app."""

    code: Code


class AccountLine(Body):
    """One account of an address; `last_used_at` is when a code of its authenticator was right."""

    account: Identifier
    state: str
    created_at: Seconds
    last_used_at: Seconds | None


class MailSession(Body):
    """After the mail code: a token that lists deposits, and the accounts of the address."""

    session: Identifier
    token: str
    expires_at: Seconds
    accounts: list[AccountLine]


class TotpIn(Body):
    """A code of the authenticator; `cookie` keeps the token out of the answer."""

    account: Identifier
    code: Code
    cookie: bool = False


class ConfirmIn(Body):
    """A code of the new authenticator; `cookie` keeps the token out of the answer."""

    code: Code
    cookie: bool = False


class FullSession(Body):
    """A full session; `token` is null when it is a cookie, or was known already."""

    session: Identifier
    login: Identifier | None
    token: str | None
    account: Identifier
    expires_at: Seconds
    step_up_until: Seconds


class SessionLine(Body):
    """One session."""

    session: Identifier
    login: Identifier | None
    level: str
    account: Identifier | None
    created_at: Seconds
    expires_at: Seconds
    step_up_until: Seconds
    is_current: bool


class SessionList(Body):
    """The live sessions of the account, newest first."""

    sessions: list[SessionLine]


class AccountIn(LoginIn):
    """A new customer's first address, and her language."""


class NewAccount(Body):
    """An account that waits for its mail code and authenticator."""

    account: Identifier
    token: str
    expires_at: Seconds


class TotpSecret(Body):
    """A new authenticator secret: as text, as a link, and as a QR code (a data URI of an SVG)."""

    totp_secret: str
    otpauth_uri: str
    otpauth_qr: str


class AddressIn(Body):
    """One more address."""

    address: Address


class AddressId(Body):
    """The identifier of an address."""

    id: Identifier


class AddressLine(Body):
    """One address of an account."""

    id: Identifier
    address: str
    verified_at: Seconds | None


class AccountOut(Body):
    """An account as its customer sees it."""

    account: Identifier
    state: str
    created_at: Seconds
    locale: str
    addresses: list[AddressLine]
    totp_changed_at: Seconds | None
    address_changed_at: Seconds | None
    closing_at: Seconds | None


class CloseIn(Body):
    """Why the account is closed; the reason stands in the ledger."""

    reason: Annotated[str, Text(200)]


class Until(Body):
    """When it happens, unless it is undone."""

    until: Seconds
