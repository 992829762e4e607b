"""The pages where something is proposed or approved, and where owners look after the service."""

from dataclasses import dataclass
from typing import Any

from flask import Blueprint
from sqlalchemy.orm import Session
from werkzeug.wrappers import Response

from escrow.account.models import Account
from escrow.admin import people, proposals, signin, views
from escrow.admin.frame import admin_page, shown_to
from escrow.admin.models import Admin
from escrow.admin.operations import ADD_ADMIN, BY_API, OPERATIONS
from escrow.admin.passkeys import Site
from escrow.admin.roles import DELAY, GOVERN, OWNER, SEE_ALL
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
    values = {"operation": operation, "target": target, "needed": needed, "record": record}
    values["least"] = _days(context.settings.minimum_waiting_seconds)
    host = Site.of(context.settings).host
    return admin_page(actor, "admin/propose.html", host=host, about=about, given=given, **values)


def _about(db: Session, web: Web, operation: str, target: str) -> list[tuple[str, str]]:
    """Say what a target is, in (label, value); raises NotFound for one that is not there."""
    t = language()
    subject = OPERATIONS[operation].subject if operation in OPERATIONS else ""
    if subject == "admin":
        row = people.find(db, web.keys, target)
        return [(t.gettext("Name"), people.name_of(web.keys, row))]
    account = _account_of(db, subject, target)
    if account is None:
        return []
    return [(t.gettext("Customer"), ", ".join(views.customer(db, web, account)))]


def _account_of(db: Session, subject: str, target: str) -> str | None:
    """Return whose a target is, None for what is nobody's; raises NotFound."""
    tables = {"recovery": Recovery, "deposit": Deposit, "account": Account}
    if subject not in tables:
        return None
    row: Any = db.get(tables[subject], target)
    if row is None:
        raise NotFound
    return str(row.id if subject == "account" else row.account)


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
    return admin_page(actor, "admin/people.html", people=found, owners=_owners(rows))


def _owners(rows: list[Admin]) -> int:
    return sum(row.state == "active" and row.role == OWNER for row in rows)


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
