"""Pages: those behind the addresses that mails, kits and the terminal hand out, and all others.

Each opens by GET and changes nothing. Where something can be done at once (stop a recovery, keep a
deposit, stop being a contact, report a piece lost) there is one button, and the button is a POST to
the API. Its token stands in the link's fragment, which no server sees; the script takes it out of
the address bar first of all. All others are shells too: their scripts ask the API, and do with the
client in the browser what the command line does.
"""

from dataclasses import dataclass

from flask import Blueprint, Response

from escrow import headers, other_programs
from escrow.i18n import N_
from escrow.site import page

HELP = (
    "how-it-works",
    "what-we-can-do",
    "the-phone-rings",
    "is-this-mail-real",
    "asked-to-hold-a-piece",
)
blueprint = Blueprint("pages", __name__, template_folder="templates")


@dataclass(frozen=True)
class Action:
    """What one button does: the path it is posted to, and what it says before and after.

    `purpose` is that of the token: with it the page learns which deposit the button is about.
    """

    path: str
    purpose: str
    title: str
    question: str
    button: str
    done: str
    command: str


VETO = Action(
    "recoveries/{id}/veto",
    "veto",
    N_("Stop bringing back this key"),
    N_("Did you not ask for this, or can you not reach the person who did? Then stop it."),
    N_("Stop it"),
    N_("Stopped. Everyone concerned is told. Nothing was given out, and nothing is lost."),
    "escrow veto --link",
)
REOPEN = Action(
    "deposits/{id}/reopen",
    "reopen",
    N_("Keep this key"),
    N_("It was to be destroyed. Do you not want that, or are you not sure? Then keep it."),
    N_("Keep it"),
    N_("Kept. Everyone concerned is told. Nothing will be destroyed."),
    "escrow reopen --link",
)
STOP = Action(
    "custodies/{id}/decline",
    "decline",
    N_("Stop being a contact"),
    N_("The person who asked you is told. For 30 days you can undo it with your card."),
    N_("Stop being a contact"),
    N_("Done. Keep your card for 30 days more, then destroy it."),
    "escrow decline",
)
LOST = Action(
    "custodies/{id}/lost",
    "lost",
    N_("Your piece is lost"),
    N_("The person who asked you is told what to do. For 30 days you can undo it with your card."),
    N_("I have lost it"),
    N_("Thank you. The person who asked you is told."),
    "escrow lost",
)


def _with_camera(response: Response) -> Response:
    """Let a page on which codes are scanned ask for the camera."""
    response.headers["Permissions-Policy"] = headers.permissions(camera="(self)")
    return response


def _act(action: Action, identifier: str) -> Response:
    path = f"/api/v1/{action.path.format(id=identifier)}"
    return page("act.html", action=action, path=path)


@blueprint.get("/")
def start() -> Response:
    """Say what this is, and how to go on."""
    return page("start.html")


@blueprint.get("/invite/<id:custody>")
def invite(custody: str) -> Response:
    """Accept a piece; the secret half of the link stands in its fragment, which we never see."""
    return page("invite.html")


@blueprint.get("/contact/<id:custody>")
def contact(custody: str) -> Response:
    """Help, and all else that a contact does, with the card in hand."""
    return _with_camera(page("contact.html", custody=custody))


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


@blueprint.get("/sign-in")
def sign_in() -> Response:
    """Sign in with a code by mail and one of the authenticator app."""
    return page("sign_in.html")


@blueprint.get("/new-account")
def new_account() -> Response:
    """Make an account, with an authenticator app."""
    return page("new_account.html")


@blueprint.get("/account")
def account() -> Response:
    """Show one's account: addresses, authenticator app, sessions, closing."""
    return page("account.html")


@blueprint.get("/deposits")
def deposits() -> Response:
    """List one's deposits."""
    return page("deposits.html")


@blueprint.get("/deposits/<id:deposit>")
def deposit(deposit: str) -> Response:
    """Show one deposit; the page is the same for one that is not there."""
    return _with_camera(page("deposit.html", deposit=deposit))


@blueprint.get("/deposits/<id:deposit>/drill")
def drill(deposit: str) -> Response:
    """Practise with one deposit: a dummy is brought back, the real pieces are shown."""
    return _with_camera(page("drill.html", deposit=deposit))


@blueprint.get("/enrol")
def enrol() -> Response:
    """Say how a key is kept."""
    return page("enrol.html", others=other_programs)


@blueprint.get("/recover")
def recover() -> Response:
    """Bring a key back: from the mail code to the key itself."""
    return _with_camera(page("recover.html"))


@blueprint.get(f"/help/<any({', '.join(repr(name) for name in HELP)}):name>")
def explain(name: str) -> Response:
    """Explain one thing in plain words."""
    return page(f"help/{name}.html")
