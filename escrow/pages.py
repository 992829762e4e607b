"""Pages behind the addresses that mails, kits and the terminal hand out.

Each opens by GET and changes nothing. Where something can be done at once (stop a recovery, keep a
deposit, stop being a contact, report a piece lost) there is one button, and the button is a POST to
the API. Its token stands in the link's fragment, which no server sees; the script takes it out of
the address bar first of all. The other pages say which command does it; enrolling and recovering in
the browser come with its client.
"""

from dataclasses import dataclass

from flask import Blueprint, Response, render_template, request

from escrow import assets
from escrow.context import web
from escrow.errors import NotFound
from escrow.i18n import LOCALES, N_, Translator, translator

FOR_EVER = "public, max-age=31536000, immutable"  # the name says the content
blueprint = Blueprint("pages", __name__, template_folder="templates")


@dataclass(frozen=True)
class Action:
    """What one button does: the path it is posted to, and what it says before and after."""

    path: str
    title: str
    question: str
    button: str
    done: str
    command: str


VETO = Action(
    "recoveries/{id}/veto",
    N_("Stop bringing back this key"),
    N_("Did you not ask for this, or can you not reach the person who did? Then stop it."),
    N_("Stop it"),
    N_("Stopped. Everyone concerned is told. Nothing was given out, and nothing is lost."),
    "escrow veto",
)
REOPEN = Action(
    "deposits/{id}/reopen",
    N_("Keep this key"),
    N_("It was to be destroyed. Do you not want that, or are you not sure? Then keep it."),
    N_("Keep it"),
    N_("Kept. Everyone concerned is told. Nothing will be destroyed."),
    "escrow reopen",
)
STOP = Action(
    "custodies/{id}/decline",
    N_("Stop being a contact"),
    N_("The person who asked you is told. For 30 days you can undo it with your card."),
    N_("Stop being a contact"),
    N_("Done. Keep your card for 30 days more, then destroy it."),
    "escrow decline",
)
LOST = Action(
    "custodies/{id}/lost",
    N_("Your piece is lost"),
    N_("The person who asked you is told what to do. For 30 days you can undo it with your card."),
    N_("I have lost it"),
    N_("Thank you. The person who asked you is told."),
    "escrow lost",
)


def language() -> Translator:
    """Return the language that was asked for by the page's switch, else the browser's."""
    asked = request.args.get("language", "")
    best = asked if asked in LOCALES else request.accept_languages.best_match(LOCALES)
    return translator(best or LOCALES[0], web().settings.zone)


def _page(template: str, **values: object) -> Response:
    t = language()
    settings = web().settings
    html = render_template(
        template, t=t, _=t.gettext, settings=settings, languages=LOCALES, **values
    )
    response = Response(html, content_type="text/html; charset=utf-8")
    response.headers["Vary"] = "Accept-Language"
    return response


def _act(action: Action, identifier: str) -> Response:
    path = f"/api/v1/{action.path.format(id=identifier)}"
    return _page("act.html", action=action, path=path)


@blueprint.get("/")
def start() -> Response:
    """Say what this is, and how to go on."""
    return _page("start.html")


@blueprint.get("/invite/<id:custody>")
def invite(custody: str) -> Response:
    """Say what an invitation is; its link's fragment is for the contact's own program."""
    return _page("invite.html")


@blueprint.get("/contact/<id:custody>")
def contact(custody: str) -> Response:
    """Say what a contact can do."""
    return _page("contact.html", custody=custody)


@blueprint.get("/veto/<id:recovery>")
def veto(recovery: str) -> Response:
    """Offer the button that stops a recovery."""
    return _act(VETO, recovery)


@blueprint.get("/reopen/<id:deposit>")
def reopen(deposit: str) -> Response:
    """Offer the button that undoes a closing."""
    return _act(REOPEN, deposit)


@blueprint.get("/contact/<id:custody>/stop")
def stop(custody: str) -> Response:
    """Offer the button by which a contact stops being one."""
    return _act(STOP, custody)


@blueprint.get("/contact/<id:custody>/lost")
def lost(custody: str) -> Response:
    """Offer the button by which a contact reports a piece lost."""
    return _act(LOST, custody)


@blueprint.get("/admin/invitation")
def admin_invitation() -> Response:
    """Say that operators work on the host until the admin pages are there."""
    return _page("admin_invitation.html")


blueprint.add_app_template_global(assets.url_of, "asset")


@blueprint.get("/assets/<name>")
def asset(name: str) -> Response:
    """Serve one of the pages' own files."""
    data = assets.read(name)
    if data is None or name == assets.OFFLINE:  # which is not for ever, and has its own address
        raise NotFound
    response = Response(data, content_type=assets.content_type(name))
    response.headers["Cache-Control"] = FOR_EVER
    return response


@blueprint.get(f"/{assets.OFFLINE}")
def offline() -> Response:
    """Hand out the page that works without the service: to be kept, not to be opened here.

    As bytes of no kind, so that nothing on the way, the demo's banner either, writes into it.
    """
    page, policy = assets.offline()
    response = Response(page, content_type="application/octet-stream")
    response.headers["Content-Disposition"] = f'attachment; filename="{assets.OFFLINE}"'
    response.headers["Content-Security-Policy"] = f"{policy}; frame-ancestors 'none'; sandbox"
    return response


@blueprint.get(assets.LISTING_PATH)
def listing() -> Response:
    """Say the SHA-256 of every file that the pages load."""
    return Response(assets.listing(), content_type="application/json")
