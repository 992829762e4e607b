"""The service's errors: one tree, mapped to RFC 9457 problems in one place (`escrow.app`).

The first line of each docstring is the sentence that people see; `code` is the problem's stable
name; `status` its HTTP status. Nothing of the inside stands in any of them.
"""

from typing import Any

from escrow.i18n import SOURCE_LOCALE, Translator, translator


class EscrowError(Exception):
    """Something went wrong. Try again, or ask the provider."""

    code = "internal"
    status = 500

    def __init__(self, detail: str | None = None, **extra: Any) -> None:
        self.detail = detail or str(type(self).__doc__).split("\n", maxsplit=1)[0]
        self.extra = extra
        super().__init__(self.detail)


class MalformedRequest(EscrowError):
    """The request is not well-formed."""

    code = "malformed"
    status = 400

    def __init__(self, field: str, detail: str | None = None) -> None:
        super().__init__(detail, field=field)


class UnsupportedMediaType(MalformedRequest):
    """Send the body as application/json."""

    status = 415

    def __init__(self) -> None:
        super().__init__("Content-Type")


class CrossSite(EscrowError):
    """This request came from another site and was not carried out."""

    code = "cross_site"
    status = 403


class Unauthenticated(EscrowError):
    """Sign in first."""

    code = "unauthenticated"
    status = 401


class WrongCode(Unauthenticated):
    """This code is not right."""

    code = "unauthenticated"

    def __init__(self, detail: str | None = None, *, tries_left: int | None = None) -> None:
        extra = {} if tries_left is None else {"tries_left": tries_left}
        super().__init__(detail, **extra)


class StepUpRequired(EscrowError):
    """Confirm with a fresh code of your authenticator app first."""

    code = "step_up_required"
    status = 403


class NotFound(EscrowError):
    """There is nothing here, or it is not yours."""

    code = "not_found"
    status = 404


class Conflict(EscrowError):
    """This identifier is in use with other contents."""

    code = "conflict"
    status = 409


class WrongState(EscrowError):
    """This is not possible in the present state."""

    code = "wrong_state"
    status = 409

    def __init__(self, state: str, detail: str | None = None) -> None:
        super().__init__(detail, state=state)


class TooEarly(EscrowError):
    """The waiting time is not over yet."""

    code = "too_early"
    status = 409

    def __init__(self, at: int, detail: str | None = None) -> None:
        super().__init__(detail, at=at)


class Gone(EscrowError):
    """This was there once and is not any more."""

    code = "gone"
    status = 410


class TooLarge(EscrowError):
    """The request is too large."""

    code = "too_large"
    status = 413


class Locked(EscrowError):
    """Too many wrong tries. Wait a while."""

    code = "locked"
    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)


class RateLimited(EscrowError):
    """Too many requests. Wait a while."""

    code = "rate_limited"
    status = 429

    def __init__(self, retry_after: int, detail: str | None = None) -> None:
        super().__init__(detail, retry_after=retry_after)


class Unavailable(EscrowError):
    """The service cannot do this at the moment. Try again in a minute."""

    code = "unavailable"
    status = 503

    def __init__(self, detail: str | None = None, *, retry_after: int = 10) -> None:
        super().__init__(detail, retry_after=retry_after)


class ConfigurationError(Exception):
    """The configuration is incomplete or wrong; the message says what to do.

    `message` is one of the catalogue and `params` fill its places. As text it is in English, for
    logs; operators are shown `sentence`.
    """

    def __init__(self, message: str, **params: object) -> None:
        super().__init__(translator(SOURCE_LOCALE).gettext(message, **params))
        self.message = message
        self.params = params

    def sentence(self, t: Translator) -> str:
        """Say it in the operator's language."""
        return t.gettext(self.message, **self.params)
