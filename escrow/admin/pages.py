"""The admins' pages: drawn on the server, for who is signed in with a passkey and has the role.

Each opens by GET and changes nothing. Who is not signed in is led to where one signs in; who has
another role finds nothing here, as a stranger would.
"""

import re
from urllib.parse import urlencode

from flask import Blueprint, redirect, request
from werkzeug.wrappers import Response

from escrow.admin import (
    charts,
    clocks,
    custody,
    drills,
    health,
    losses,
    overview,
    proposals,
    saved,
    signin,
    support,
    unusual,
    views,
)
from escrow.admin.filters import Cursor, Filter
from escrow.admin.frame import admin_page, shown_to
from escrow.admin.roles import EVERYBODY, SEE_ALL, SUPPORT
from escrow.admin.signin import Actor
from escrow.context import web
from escrow.deposit.recoverability import STATES
from escrow.errors import NotFound
from escrow.site import language, page

blueprint = Blueprint("admin_pages", "escrow", template_folder="templates")
RECOVERIES = APPROVALS = 100
PERIODS = (7, 30, 90, 365)
_NUMBER = re.compile(r"[0-9]{1,15}\Z")
_ID = re.compile(r"[0-9a-f]{32}\Z")
_NOON_SECONDS = 12 * 3600


def _after() -> str:
    """Return the identifier that a page of a list begins after; raises NotFound for another."""
    after = request.args.get("after", "")
    if after and not _ID.match(after):
        raise NotFound
    return after


@blueprint.get("/admin/sign-in")
def sign_in() -> Response:
    """Sign in with a passkey."""
    return page("admin/sign_in.html")


@blueprint.get("/admin/invitation")
def invitation() -> Response:
    """Take up an invitation: a name, and a passkey."""
    return page("admin/invitation.html")


@blueprint.get("/admin")
@shown_to(EVERYBODY)
def start(actor: Actor) -> Response:
    """Show how all keys are doing; support has no business with all of them."""
    if actor.role == SUPPORT:
        return redirect("/admin/support", 303)
    context = web()
    with context.database.reading() as db:
        found = overview.look(db, context)
    words = language()
    safe, risk, lost = (found.counts[state] for state in STATES)
    said = words.gettext(
        "Keys over the last year, by how they are doing. Today: {safe} safe, {risk} at risk, "
        "{lost} not recoverable.",
        safe=safe,
        risk=risk,
        lost=lost,
    )
    attested = words.gettext("Proofs of pieces on each of the last 90 days, by whose piece.")
    outcomes = words.gettext("What became of recoveries in each of the last 52 weeks.")
    drawn = {
        "chart": charts.stacked(found.days, said),
        "attested": charts.bars(found.attested, attested),
        "outcomes": charts.bars(found.outcomes, outcomes),
        "most": charts.highest(found.days),
        "highest": charts.highest,
        "table": charts.table,
    }
    # Days are counted in UTC; at noon they have the same date in the zone of who reads.
    noon = context.clock.now() // overview.DAY_SECONDS * overview.DAY_SECONDS + _NOON_SECONDS
    return admin_page(actor, "admin/overview.html", found=found, noon=noon, **drawn)


@blueprint.get("/admin/unusual")
@shown_to(SEE_ALL)
def unusual_numbers(actor: Actor) -> Response:
    """Show what happened more often lately than it usually does."""
    with web().database.reading() as db:
        numbers = unusual.look(db, web().clock.now())
    values = {"least": unusual.LEAST, "times": unusual.TIMES}
    return admin_page(actor, "admin/unusual.html", numbers=numbers, **values)


@blueprint.get("/admin/custody")
@shown_to(SEE_ALL)
def keys(actor: Actor) -> Response:
    """List keys or pieces, as the filter asks; an admin's own views of the list stand beside it."""
    context = web()
    try:
        chosen = Filter.read(request.args)
        after = Cursor.read(request.args.get("after", ""))
    except ValueError:
        raise NotFound from None
    with context.database.reading() as db:
        lines, following = custody.page(db, context, chosen, after)
        saved_views = saved.of_admin(db, context, actor.admin)
        owner = views.customer(db, context, chosen.account) if chosen.account else []
        domain = custody.domain_of(db, context, chosen.domain) if chosen.domain else None
    now, fresh = context.clock.now(), context.settings.proof_seconds
    values = {
        "states": {
            line.piece.id: custody.piece_state(line.piece, now, fresh)
            for line in lines
            if line.piece is not None
        },
        "domain": domain,
        "here": urlencode(chosen.query()),
        "page_length": custody.PAGE,
    }
    return admin_page(
        actor,
        "admin/custody.html",
        lines=lines,
        following=following,
        chosen=chosen,
        owner=owner,
        saved_views=saved_views,
        **values,
    )


@blueprint.get("/admin/deposits/<id:deposit>")
@shown_to(SEE_ALL)
def key(actor: Actor, deposit: str) -> Response:
    """Show one key: its pieces with their proofs, and how it came to be as it is."""
    context = web()
    with context.database.reading() as db:
        found = custody.detail(db, context, deposit)
    now, fresh = context.clock.now(), context.settings.proof_seconds
    pieces = [custody.piece_of(line, now, fresh) for line in found.pieces]
    return admin_page(actor, "admin/deposit.html", found=found, pieces=pieces)


@blueprint.get("/admin/losses")
@shown_to(SEE_ALL)
def lost(actor: Actor) -> Response:
    """List the keys that lost a way back in the last days."""
    days, before = request.args.get("days", str(PERIODS[1])), request.args.get("before", "0")
    if days not in map(str, PERIODS) or not _NUMBER.match(before):
        raise NotFound
    context = web()
    with context.database.reading() as db:
        lines, following = losses.page(db, context, int(days), int(before))
    values = {"lines": lines, "following": following, "days": int(days), "periods": PERIODS}
    return admin_page(actor, "admin/losses.html", **values)


@blueprint.get("/admin/drills")
@shown_to(SEE_ALL)
def practised(actor: Actor) -> Response:
    """List the keys that were never practised with, or when they were."""
    show, after = request.args.get("show", ""), request.args.get("after", "0-")
    at, _, number = after.partition("-")
    if show not in {"", "done"} or not _NUMBER.match(at) or not (number == "" or _ID.match(number)):
        raise NotFound
    is_done = show == "done"
    with web().database.reading() as db:
        lines, following = drills.page(db, web(), (int(at), number), is_done=is_done)
    values = {"lines": lines, "following": following, "done": is_done}
    return admin_page(actor, "admin/drills.html", **values)


@blueprint.get("/admin/recoveries")
@shown_to(SEE_ALL)
def recoveries(actor: Actor) -> Response:
    """List what is under way, with its clocks."""
    context, after = web(), _after()
    with context.database.reading() as db:
        lines, following = views.recoveries(db, context, after, RECOVERIES)
    now, words = context.clock.now(), language()

    def left(until: int) -> str:
        return clocks.left(words, until - now)

    return admin_page(actor, "admin/recoveries.html", lines=lines, following=following, left=left)


@blueprint.get("/admin/ledger")
@shown_to(SEE_ALL)
def log(actor: Actor) -> Response:
    """Show whether the log grows, what waits for it, and what it did not take."""
    context = web()
    with context.database.reading() as db:
        found = health.look(db, context)
    return admin_page(actor, "admin/ledger.html", found=found, most=health.MOST)


@blueprint.get("/admin/approvals")
@shown_to(SEE_ALL)
def approvals(actor: Actor) -> Response:
    """List what waits for another signature."""
    context, after = web(), _after()
    with context.database.reading() as db:
        lines, following = proposals.waiting(db, context, after, APPROVALS)
        newest = proposals.newest(db, context)
        about = {
            line.identifier: told
            for line in [*lines, *newest]
            if (told := proposals.whose(db, context, line))
        }
    values = {"lines": lines, "following": following, "newest": newest, "about": about}
    return admin_page(actor, "admin/approvals.html", **values)


@blueprint.get("/admin/mail")
@shown_to(SEE_ALL)
def mail(actor: Actor) -> Response:
    """List the mails that no server took."""
    with web().database.reading() as db:
        lines = overview.refused_mails(db)
    return admin_page(actor, "admin/mail.html", lines=lines)


@blueprint.get("/admin/support")
@shown_to(EVERYBODY)
def support_start(actor: Actor) -> Response:
    """Ask which customer calls."""
    return admin_page(actor, "admin/support.html")


@blueprint.get("/admin/support/<id:account>")
@shown_to(EVERYBODY)
def support_customer(actor: Actor, account: str) -> Response:
    """Show one customer's keys, what to say of each, and which mails went out."""
    context = web()
    with context.database.reading() as db:
        found = support.look(db, context, account)
    return admin_page(actor, "admin/customer.html", found=found)


@blueprint.get("/admin/you")
@shown_to(EVERYBODY)
def you(actor: Actor) -> Response:
    """Show who one is here, and one's own sessions."""
    context = web()
    with context.database.reading() as db:
        sessions = signin.of_admin(db, context, actor.admin)
    return admin_page(actor, "admin/you.html", sessions=sessions)
