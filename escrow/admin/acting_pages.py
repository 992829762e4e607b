"""The pages where something is proposed or approved, and where owners look after the service."""

from dataclasses import dataclass

from flask import Blueprint
from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from escrow.account.models import Account
from escrow.admin import people, proposals, signin, views
from escrow.admin.frame import admin_page, shown_to
from escrow.admin.models import Admin
from escrow.admin.operations import ADD_ADMIN, BY_API, IN_LEDGER, OPERATIONS, REMOVE_ADMIN
from escrow.admin.passkeys import Site
from escrow.admin.roles import DELAY, GOVERN, SEE_ALL
from escrow.admin.signin import Actor
from escrow.context import Web, web
from escrow.deposit.models import Deposit
from escrow.errors import NotFound
from escrow.ledger import read
from escrow.protocol.encoding import b64url, grouped
from escrow.protocol.ledger import Event
from escrow.recovery.models import Recovery
from escrow.site import language

blueprint = Blueprint("admin_acting_pages", "escrow", template_folder="templates")


@blueprint.get("/admin/approvals/<id:proposal>")
@shown_to(SEE_ALL)
def proposal(actor: Actor, proposal: str) -> Response:
    """Show one proposal, to be approved by who may; what became of it to everybody."""
    context = web()
    with context.database.reading() as db:
        line = proposals.one(db, context, proposal)
        about = _about(db, context, line.operation, line.target)
    values = {"line": line, "about": about, "operations": BY_API}
    host = Site.of(context.settings).host
    return admin_page(actor, "admin/proposal.html", host=host, **values)


@blueprint.get("/admin/propose/<operation>/<target>")
@shown_to(DELAY)
def propose(actor: Actor, operation: str, target: str) -> Response:
    """Ask for a reason and what else an operation needs, and sign it."""
    rule = OPERATIONS.get(operation) if operation in BY_API else None
    if rule is None or actor.role not in rule.roles or not rule.fits(target):
        raise NotFound
    context = web()
    with context.database.reading() as db:
        about = _about(db, context, operation, target)
        given = _given(db, context, operation, target)
        record = _record(db, target) if operation == "move-account" else ""
        needed = proposals.needed_for(db, context, operation)
        cannot = _cannot(db, operation, target)
        owners = people.owners(db)
    leaves_one = operation == REMOVE_ADMIN and target in owners and len(owners) == 2
    values = {"operation": operation, "target": target, "needed": needed, "record": record}
    values["least"] = _days(context.settings.minimum_waiting_seconds)
    values |= {"cannot": cannot, "leaves_one": leaves_one}
    host = Site.of(context.settings).host
    return admin_page(actor, "admin/propose.html", host=host, about=about, given=given, **values)


def _about(db: Session, web: Web, operation: str, target: str) -> list[tuple[str, str]]:
    """Say what a target is, in (label, value); raises NotFound for one that is not there."""
    t = language()
    subject = OPERATIONS[operation].subject if operation in OPERATIONS else ""
    if subject == "admin":
        row = people.find(db, web.keys, target)
        return [(t.gettext("Name"), people.name_of(web.keys, row))]
    if subject not in IN_LEDGER:
        return []
    account = proposals.account_of(db, subject, target)
    if account is None:
        raise NotFound
    told = [(t.gettext("Customer"), ", ".join(views.customer(db, web, account)))]
    if subject == "recovery":
        return told + _of_recovery(db, target)
    return told + _of_account(db, account) if subject == "account" else told


def _of_recovery(db: Session, recovery: str) -> list[tuple[str, str]]:
    """Say which key a recovery brings back, and why it is on hold."""
    t, found = language(), db.get_one(Recovery, recovery)
    told = [(t.gettext("Key"), found.deposit[:8])]
    frozen = views.frozen_for(db, [recovery]) if found.state == "frozen" else {}
    return told + [(t.gettext("On hold because"), why) for why in frozen.values()]


def _of_account(db: Session, account: str) -> list[tuple[str, str]]:
    """Say how many keys end with an account, and whether one is being brought back."""
    t = language()
    living = select(Deposit.id).where(
        Deposit.account == account, Deposit.kind == "real", Deposit.state != "closed"
    )
    keys = list(db.scalars(living))
    told = [(t.gettext("Keys"), t.number(len(keys)))]
    running = select(Recovery.id).where(Recovery.deposit.in_(keys), Recovery.ended_at.is_(None))
    if db.scalars(running.limit(1)).first() is not None:
        told.append((t.gettext("Recovery"), t.gettext("one is under way")))
    return told


def _cannot(db: Session, operation: str, target: str) -> str:
    """Say why something is not possible now, before anybody signs it; "" if it may be."""
    t = language()
    if operation in {"freeze", "unfreeze"}:
        recovery = db.get_one(Recovery, target)
        if recovery.ended_at is not None:
            return t.gettext("This recovery is over.")
        is_held = recovery.state == "frozen"
        if is_held and operation == "freeze":
            return t.gettext("It is on hold already.")
        if not is_held and operation == "unfreeze":
            return t.gettext("It is not on hold.")
    if operation == "close-deposit" and db.get_one(Deposit, target).state in {"closing", "closed"}:
        return t.gettext("This key is being ended already, or has ended.")
    if operation == "close-account" and db.get_one(Account, target).state != "active":
        return t.gettext("This account is being ended already, or has ended.")
    return ""


def _given(db: Session, web: Web, operation: str, target: str) -> dict[str, str]:
    """Return what the service knows of a new admin, to be signed with the rest."""
    if operation != ADD_ADMIN:
        return {}
    row = people.find(db, web.keys, target)
    if row.state != "waiting":
        raise NotFound
    return {
        "name": people.name_of(web.keys, row),
        "role": row.role,
        "credential": b64url(row.credential_id or b""),
        "key": b64url(row.public_key or b""),
    }


def _record(db: Session, account: str) -> str:
    """Return the customer record that the ledger names last; "" before the first."""
    moved = read.newest_of(db, "account moved", account=account)
    if moved is None or moved.body is None:
        return ""
    return str(Event.parse(moved.body).data["to"])


def _days(seconds: int) -> str:
    """Write a wait in whole days, rounded up."""
    return language().ngettext("{n} day", "{n} days", -(-seconds // 86400))


@dataclass(frozen=True)
class Person:
    """An admin, or somebody who may become one; `sessions` are those that go on."""

    admin: str
    name: str
    role: str
    state: str
    code: str
    created_at: int
    expires_at: int | None
    sessions: int


@blueprint.get("/admin/people")
@shown_to(GOVERN)
def all_people(actor: Actor) -> Response:
    """List admins, those who wait, and those who were invited."""
    context = web()
    with context.database.reading() as db:
        rows = people.everybody(db, context.keys)
        found = [_person(db, context, row) for row in rows]
        owners = len(people.owners(db))
    return admin_page(actor, "admin/people.html", people=found, owners=owners)


def _person(db: Session, web: Web, row: Admin) -> Person:
    live = signin.of_admin(db, web, row.id) if row.state == "active" else []
    code = grouped(people.key_code(row)) if row.state == "waiting" else ""
    name = people.name_of(web.keys, row)
    times = (row.created_at, row.expires_at)
    return Person(row.id, name, row.role, row.state, code, *times, len(live))


@blueprint.get("/admin/service")
@shown_to(GOVERN)
def service(actor: Actor) -> Response:
    """Show the keys of the service and the shortest wait, from where a change is proposed."""
    context = web()
    with context.database.reading() as db:
        keys = read.current_keys(db)
        shortest = read.shortest_wait(db, context.settings.minimum_waiting_seconds)
    (ledger_keys, ledger_since), (provider_keys, provider_since) = keys.ages
    return admin_page(
        actor,
        "admin/service.html",
        ledger_keys=ledger_keys,
        ledger_since=ledger_since,
        provider_keys=provider_keys,
        provider_since=provider_since,
        shortest=_days(shortest),
    )


@blueprint.get("/admin/backup")
@shown_to(GOVERN)
def backup(actor: Actor) -> Response:
    """Sign, as a file for the host, that the custodian may go on with a restored backup."""
    return admin_page(actor, "admin/backup.html", host=Site.of(web().settings).host)
