"""What every request must satisfy and every response carries, whoever wrote the page.

Unsafe methods from another site are refused: by `Sec-Fetch-Site` where the browser sends it, else
by `Origin`; a request that is authenticated by the cookie alone must carry one of the two.
"""

import logging
import re
import secrets
import time
from urllib.parse import urlsplit

from flask import Flask, Response, after_this_request, g, request

from escrow.config import Settings
from escrow.errors import CrossSite
from escrow.i18n import LOCALES, translator

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
DATA_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
DEMO_BANNER = (
    '<aside aria-label="Demo" class="demo-banner"><strong>Demo.</strong> {stays} '
    '<a href="/demo/mailbox">{mailbox}</a>. {nothing}</aside>'
)
REQUEST_LOG = "escrow.request"
_log = logging.getLogger(REQUEST_LOG)


def cookie_name(settings: Settings) -> str:
    """Return the session cookie's name; the `__Host-` prefix needs https."""
    return "__Host-escrow" if is_https(settings) else "escrow"


def admin_cookie_name(settings: Settings) -> str:
    """Return the name of an admin's cookie: a customer's session is none, nor the reverse."""
    return f"{cookie_name(settings)}-admin"


def hand_cookie(name: str, token: str, seconds: int) -> None:
    """Let the answer to this request, unless it is a refusal, carry a session's cookie."""

    @after_this_request
    def set_it(response: Response) -> Response:
        if response.status_code < 300:
            response.set_cookie(
                name,
                token,
                max_age=seconds,
                path="/",
                secure=name.startswith("__Host-"),
                httponly=True,
                samesite="Strict",
            )
        return response


def is_https(settings: Settings) -> bool:
    """Tell whether visitors come over TLS; only a demo may do without."""
    return settings.public_url.startswith("https://")


def trusted_hosts(settings: Settings) -> list[str]:
    """Return the host names that this service answers to."""
    host = urlsplit(settings.public_url).hostname or ""
    return [host, *(["localhost", "127.0.0.1", "::1"] if settings.demo else [])]


def register(app: Flask, settings: Settings) -> None:
    """Check where requests come from; add headers, the demo's banner and a line in the log."""

    @app.before_request
    def refuse_other_sites() -> None:
        g.started = time.monotonic()
        if request.method not in SAFE_METHODS:
            check_site(settings)

    @app.after_request
    def add_headers(response: Response) -> Response:
        if settings.demo:
            _add_banner(response)
        _add_headers(response, settings)
        _log_request(response)
        return response


def check_site(settings: Settings) -> None:
    """Refuse an unsafe request from another site; raises CrossSite."""
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is not None:
        allowed = site in {"same-origin", "none"}
    elif origin is not None:
        allowed = origin == f"{urlsplit(settings.public_url).scheme}://{request.host}"
    else:
        cookies = {cookie_name(settings), admin_cookie_name(settings)}
        allowed = not cookies & set(request.cookies)
    if not allowed:
        raise CrossSite


def permissions(camera: str = "()") -> str:
    """Write what a page may ask the browser for; `camera` is "(self)" where codes are scanned."""
    return f"camera={camera}, geolocation=(), microphone=(), payment=(), usb=()"


def _add_headers(response: Response, settings: Settings) -> None:
    is_page = response.mimetype == "text/html"
    defaults = {
        "Content-Security-Policy": PAGE_POLICY if is_page else DATA_POLICY,
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Permissions-Policy": permissions(),
        "Cache-Control": "no-store",
    }
    if is_https(settings):
        defaults["Strict-Transport-Security"] = "max-age=63072000; includeSubDomains"
    present = {name.lower() for name, _ in response.headers}
    for name, value in defaults.items():
        if name.lower() not in present:
            response.headers.add(name, value)


def _add_banner(response: Response) -> None:
    if response.mimetype != "text/html" or response.direct_passthrough or response.is_streamed:
        return
    head, body, rest = response.get_data(as_text=True).partition("<body")
    if body:
        attributes, end, rest = rest.partition(">")
        response.set_data(f"{head}{body}{attributes}{end}{_banner(head)}{rest}")


def _banner(head: str) -> str:
    """Return the banner in the language that the page says it is in."""
    said = re.search(r'<html[^>]* lang="([a-z]{2})"', head)
    t = translator(said[1] if said else LOCALES[0])
    return DEMO_BANNER.format(
        stays=t.gettext("Mail stays on this machine:"),
        mailbox=t.gettext("mailbox"),
        nothing=t.gettext("Keep nothing real here."),
    )


def _log_request(response: Response) -> None:
    """Say which route answered what, how fast: no path, query, body or header."""
    rule = request.url_rule.rule if request.url_rule else "-"
    milliseconds = round((time.monotonic() - g.get("started", time.monotonic())) * 1000)
    _log.info(
        "request",
        extra={
            "request": secrets.token_hex(4),
            "method": request.method if request.url_rule else "-",
            "rule": rule,
            "status_code": response.status_code,
            "milliseconds": milliseconds,
        },
    )
