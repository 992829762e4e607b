"""The web tier: config → database → blueprints → errors → headers."""

from typing import Any, cast

from apiflask import APIFlask
from flask import current_app, request
from sqlalchemy import text
from werkzeug.middleware.proxy_fix import ProxyFix

from escrow import __version__, headers, openapi, pages, problems, site
from escrow.account import api as account
from escrow.account import login_api as login
from escrow.admin import acting_pages as admin_acting_pages
from escrow.admin import api as admin
from escrow.admin import exports_api as admin_exports
from escrow.admin import ledger_api as admin_ledger
from escrow.admin import lookup_api as admin_lookup
from escrow.admin import pages as admin_pages
from escrow.admin import people_api as admin_people
from escrow.admin import proposals_api as admin_proposals
from escrow.admin import saved_api as admin_saved
from escrow.admin import signin_api as admin_signin
from escrow.admin import support_api as admin_support
from escrow.api import Body, IdConverter, IndexConverter
from escrow.clock import Clock, SystemClock
from escrow.config import Settings
from escrow.context import Web, web
from escrow.db import Database
from escrow.deposit import api as deposit
from escrow.deposit import closing_api, links_api, moving_api
from escrow.ledger import api as ledger
from escrow.mail import demo
from escrow.recovery import api as recovery
from escrow.recovery import collecting_api, kept_api
from escrow.strict import MAX_BODY_LENGTH_BYTES, StrictRequest, refuse_unknown_query
from escrow.webkeys import WebKeys

_DESCRIPTION = (
    "Key escrow and recovery: no single party can decrypt, a quorum always can. JSON in and out; "
    "binary as base64url without padding; identifiers are 32 lower-case hex characters; times are "
    "integer Unix seconds. Unknown fields are refused."
)


class EscrowApp(APIFlask):
    """The Flask application of the web tier."""

    request_class = StrictRequest


class Health(Body):
    """The service can reach its database."""

    status: str


def create_app(
    settings: Settings, database: Database, keys: WebKeys, clock: Clock | None = None
) -> EscrowApp:
    """Make the web tier from settings, an open database, the web tier's keys and a clock."""
    app = EscrowApp(
        "escrow",
        title=f"{settings.provider_name}: API",
        version=__version__,
        spec_path=None,
        docs_path=None,
        json_errors=False,
        static_folder=None,  # type: ignore[arg-type]  # annotated narrower than it is
    )
    _configure(app, settings)
    app.extensions["escrow"] = Web(settings, database, keys, clock or SystemClock())
    _register_routes(app, settings)
    problems.register(app)
    headers.register(app, settings)
    app.before_request(_refuse_unknown_query)
    app.spec_processor(lambda document: openapi.make_truthful(app, cast(dict[str, Any], document)))
    if settings.proxies:
        fix = ProxyFix(app.wsgi_app, x_for=settings.proxies, x_proto=settings.proxies)
        app.wsgi_app = fix  # type: ignore[method-assign]
    return app


def _configure(app: EscrowApp, settings: Settings) -> None:
    app.config.update(
        MAX_CONTENT_LENGTH=MAX_BODY_LENGTH_BYTES,
        TRUSTED_HOSTS=headers.trusted_hosts(settings),
        PROVIDE_AUTOMATIC_OPTIONS=False,
        PROPAGATE_EXCEPTIONS=False,
        AUTO_404_RESPONSE=False,
        AUTO_VALIDATION_ERROR_RESPONSE=False,
        AUTO_AUTH_ERROR_RESPONSE=False,
        AUTO_SERVERS=False,
        VALIDATION_ERROR_STATUS_CODE=400,
        SECURITY_SCHEMES={
            **openapi.SECURITY_SCHEMES,
            "cookie": {
                **openapi.SECURITY_SCHEMES["cookie"],
                "name": headers.cookie_name(settings),
            },
            "adminCookie": {
                **openapi.SECURITY_SCHEMES["adminCookie"],
                "name": headers.admin_cookie_name(settings),
            },
        },
        DESCRIPTION=_DESCRIPTION,
    )
    app.url_map.converters.update(id=IdConverter, index=IndexConverter)
    app.url_map.merge_slashes = False


def _register_routes(app: EscrowApp, settings: Settings) -> None:
    for blueprint in (
        login.blueprint,
        account.blueprint,
        deposit.blueprint,
        closing_api.blueprint,
        links_api.blueprint,
        moving_api.blueprint,
        recovery.blueprint,
        collecting_api.blueprint,
        kept_api.blueprint,
        admin.blueprint,
        admin_signin.blueprint,
        admin_exports.blueprint,
        admin_ledger.blueprint,
        admin_support.blueprint,
        admin_people.blueprint,
        admin_proposals.blueprint,
        admin_lookup.blueprint,
        admin_saved.blueprint,
        ledger.blueprint,
        openapi.blueprint,
        pages.blueprint,
        admin_pages.blueprint,
        admin_acting_pages.blueprint,
        site.blueprint,
    ):
        app.register_blueprint(blueprint)
    app.get("/healthz")(app.output(Health)(healthz))
    if settings.demo:
        app.register_blueprint(demo.blueprint)


def healthz() -> dict[str, Any]:
    """Say whether the service can reach its database."""
    with web().database.reading() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok"}


def _refuse_unknown_query() -> None:
    view = current_app.view_functions.get(request.endpoint or "")
    if request.path.startswith("/api/v1/") and view is not None:
        refuse_unknown_query(bool(getattr(view, "_spec", {}).get("args")))
