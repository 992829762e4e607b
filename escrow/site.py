"""What all pages share: language, frame, assets. Pages themselves are in `pages` and the domains.

A page is a template with all its sentences in it; its script has none and only shows, clones and
fills in. The language is what the switch was last set to, kept in a cookie, else the browser's.
"""

from importlib import resources

from flask import Blueprint, Response, render_template, request

from escrow import assets, palette, triptych
from escrow.config import LOGO_TYPES
from escrow.context import web
from escrow.errors import NotFound
from escrow.headers import SAFE_METHODS, is_https
from escrow.i18n import LOCALES, Translator, translator

LANGUAGE_COOKIE = "language"
LANGUAGE_SECONDS = 365 * 86400
FOR_EVER = "public, max-age=31536000, immutable"  # the name says the content
blueprint = Blueprint("site", __name__)


def language() -> Translator:
    """Return the language that the page's switch asks or asked for, else the browser's."""
    asked = (request.args.get("language", ""), request.cookies.get(LANGUAGE_COOKIE, ""))
    chosen = next((code for code in asked if code in LOCALES), None)
    best = chosen or request.accept_languages.best_match(LOCALES)
    return translator(best or LOCALES[0], web().settings.zone)


def page(template: str, status: int = 200, **values: object) -> Response:
    """Fill in a template in the visitor's language, and keep a language that was just chosen."""
    t = language()
    html = render_template(
        template,
        t=t,
        _=t.gettext,
        settings=web().settings,
        provider=provider(t),
        languages=LOCALES,
        triptych=triptych,
        **values,
    )
    response = Response(html, status, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = "Accept-Language, Cookie"
    if request.args.get("language") == t.locale and request.method in SAFE_METHODS:
        response.set_cookie(
            LANGUAGE_COOKIE,
            t.locale,
            max_age=LANGUAGE_SECONDS,
            secure=is_https(web().settings),
            httponly=True,
            samesite="Lax",  # the first page may be opened from a mail
        )
    return response


def provider(t: Translator) -> str:
    """Return what the provider is called on pages."""
    return web().settings.called(t)


blueprint.add_app_template_global(assets.url_of, "asset")


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    """Serve one of the files that the build has made."""
    is_gzip = request.accept_encodings.quality("gzip") > 0
    data = assets.compressed(name) if is_gzip else assets.read(name)
    if data is None or name == assets.OFFLINE:  # which is not for ever, and has its own address
        raise NotFound
    response = Response(data, content_type=assets.content_type(name))
    response.headers["Vary"] = "Accept-Encoding"
    if is_gzip:
        response.headers["Content-Encoding"] = "gzip"
    response.headers["Cache-Control"] = FOR_EVER
    return response


@blueprint.get(f"/{assets.OFFLINE}")
def offline() -> Response:
    """Hand out the page that works without the service: to be kept, not to be opened here.

    As bytes of no kind, so that nothing on the way, the demo's banner either, writes into it.
    """
    found, policy = assets.offline()
    response = Response(found, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{assets.OFFLINE}"'
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'none'; sandbox"
    return response


@blueprint.get(assets.LISTING_PATH)
def listing() -> Response:
    """Say the SHA-256 of every file that the build has made."""
    return Response(assets.listing(), content_type="application/json")


@blueprint.get("/favicon.ico")
def icon() -> Response:
    """Serve the icon; browsers look for it here also where no page has named one."""
    data = resources.files("escrow").joinpath("browser", "pages", "icon.svg").read_bytes()
    return _file(data, "image/svg+xml")


@blueprint.get("/assets/theme.css")
def theme() -> Response:
    """Serve the provider's colour, as it can be read."""
    return _file(palette.theme(web().settings.provider_colour).encode(), "text/css")


@blueprint.get("/assets/logo")
def logo() -> Response:
    """Serve the provider's logo."""
    path = web().settings.provider_logo
    if path is None:
        raise NotFound
    return _file(path.read_bytes(), LOGO_TYPES[path.suffix])


def _file(data: bytes, content_type: str) -> Response:
    """Make a response that a browser may keep, if it asks each time whether it is still good."""
    text = content_type.startswith("text/")
    response = Response(data, content_type=content_type + ("; charset=utf-8" if text else ""))
    response.headers["Cache-Control"] = "no-cache"
    response.add_etag()
    response.make_conditional(request)
    return response
