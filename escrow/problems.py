"""Errors as RFC 9457 problems: the one mapping, and nothing of the inside in it."""

import logging
from typing import Any

from apiflask.exceptions import HTTPError
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, SecurityError

from escrow.errors import EscrowError, MalformedRequest, RateLimited, TooLarge
from escrow.i18n import N_
from escrow.protocol.encoding import dump_json
from escrow.site import page
from escrow.strict import field_of

CONTENT_TYPE = "application/problem+json"
_log = logging.getLogger(__name__)

_CODES = {
    400: "malformed",
    401: "unauthenticated",
    404: "not_found",
    405: "not_allowed",
    413: "too_large",
    414: "too_large",
    429: RateLimited.code,
    431: "too_large",
}
_TITLES = {
    400: "The request is not well-formed",
    401: "Sign in first",
    403: "Not allowed like this",
    404: "Nothing here",
    405: "This address does not take that method",
    409: "Not possible now",
    410: "Not any more",
    413: "Too large",
    415: "Wrong content type",
    429: "Too many requests",
    500: "Something went wrong",
    503: "Not at the moment",
}


_ADVICE = {
    404: (
        N_("There is nothing here"),
        N_("Perhaps a part of the address is missing. Copy all of it, or begin on the start page."),
    ),
    503: (
        N_("Not at the moment"),
        N_("The service is busy. Nothing is lost: load the page once more in a minute."),
    ),
}
_OTHERWISE = (
    N_("Something went wrong"),
    N_("Nothing is lost. Load the page once more, or call us."),
)


def problem(status: int, code: str, detail: str, extra: dict[str, Any] | None = None) -> Response:
    """Make a problem document: type, title, status, detail, code and what the error adds.

    Who opens an address in a browser gets a page that says what to do instead.
    """
    if _wants_page(status):
        title, advice = _ADVICE.get(status, _OTHERWISE)
        return page("error.html", status, title=title, advice=advice)
    document = {
        "type": "about:blank",
        "title": _TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        "code": code,
        **(extra or {}),
    }
    response = Response(dump_json(document), status, content_type=CONTENT_TYPE)
    if extra and "retry_after" in extra:
        response.headers["Retry-After"] = str(extra["retry_after"])
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _wants_page(status: int) -> bool:
    """Tell whether a person's browser asked for a page that is not there, or that failed."""
    return (
        (status == 404 or status >= 500)
        and request.method == "GET"
        and not request.path.startswith(("/api/", "/assets/"))
        and "text/html" in request.headers.get("Accept", "")
    )


def register(app: Flask) -> None:
    """Answer every error of the application with a problem."""
    app.register_error_handler(EscrowError, _known)
    app.register_error_handler(HTTPError, _framework)
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(Exception, _unknown)


def _known(error: EscrowError) -> Response:
    return problem(error.status, error.code, error.detail, error.extra)


def _framework(error: HTTPError) -> Response:
    field, sentence = field_of(error.detail)
    return _known(MalformedRequest(field, sentence))


def _http(error: HTTPException) -> Response:
    status = error.code or 500
    if error.response is not None or status < 400:  # a redirect
        return Response(status=status, headers=error.get_headers())
    if status == 413:
        return _known(TooLarge())
    if isinstance(error, SecurityError):
        return _known(MalformedRequest("Host", "This service has another name."))
    code = _CODES.get(status, "malformed" if status < 500 else "internal")
    extra = {"field": "request"} if code == "malformed" else {}
    response = problem(status, code, f"{_TITLES.get(status, 'The request failed')}.", extra)
    for name, value in error.get_headers():
        if name in {"Allow", "Retry-After"}:
            response.headers[name] = value
    return response


def _unknown(error: Exception) -> Response:
    _log.error("unexpected error", exc_info=error, extra={"rule": str(request.url_rule)})
    return _known(EscrowError())
