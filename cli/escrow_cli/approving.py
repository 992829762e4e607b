"""The verbs of `escrow admin` that sign: freeze, propose, approve."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli.context import Cli
from escrow_cli.errors import NotNow, NotYet, Refused, Usage
from escrow_cli.operating import (
    DAYS,
    KEY,
    OUT,
    REASON,
    load,
    opened,
    verb,
    write,
)

if TYPE_CHECKING:
    from escrow.admin.operations import Proposal
    from escrow.context import Web
    from escrow.operators import OperatorKey

_DAY_SECONDS = 86400
_OPERATIONS = (
    "freeze",
    "unfreeze",
    "close-deposit",
    "close-account",
    "move-account",
    "set-address",
    "add-admin",
    "remove-admin",
    "rotate-key",
    "change-wait",
    "accept-backup",
)


@verb(
    "freeze",
    N_("Put a recovery on hold; one operator is enough."),
    click.argument("recovery", metavar="RECOVERY"),
    REASON,
    KEY,
)
def freeze(cli: Cli, recovery: str, reason: str, key: Path) -> None:
    signer = load(key)
    with opened(cli) as web:
        proposal = _proposal(cli, "freeze", recovery, 1, reason=reason)
        _submit(cli, web, proposal, signer)
    cli.terminal.say(cli.t.gettext("The custodian puts the recovery on hold within seconds."))


@verb(
    "propose",
    N_("Propose what takes two operators, and sign it as the first."),
    click.argument("operation", type=click.Choice(_OPERATIONS)),
    click.argument("target", required=False),
    REASON,
    click.option("--from", "from_", default="", help=N_("move-account: the present record.")),
    click.option("--to", default="", help=N_("move-account: the new record.")),
    click.option("--address", default="", help=N_("set-address: the new mail address.")),
    click.option(
        "--wait-days",
        type=click.IntRange(1, 90),
        help=N_("change-wait: the shortest wait of a recovery, in days."),
    ),
    DAYS,
    OUT,
    KEY,
)
def propose(
    cli: Cli,
    operation: str,
    target: str | None,
    reason: str,
    days: int,
    out: Path | None,
    key: Path,
    wait_days: int | None,
    **given: str,
) -> None:
    _check_use(operation, out)
    signer = load(key)
    if operation == "accept-backup":
        _propose_backup(cli, reason, days, _needed(out, "--out"), signer)
        return
    named = "service" if operation == "change-wait" else _needed(target, "TARGET")
    more: dict[str, Any] = {}
    if operation == "move-account":
        more = {"from": given["from_"], "to": _needed(given["to"], "--to")}
    if operation == "set-address":
        more = {"address": _needed(given["address"], "--address")}
    if operation == "change-wait":
        more = {"seconds": _needed(wait_days, "--wait-days") * _DAY_SECONDS}
    with opened(cli) as web:
        if operation == "add-admin":
            more = _waiting(cli, web, named)
        proposal = _proposal(cli, operation, named, days, reason=reason, **more)
        approval = _submit(cli, web, proposal, signer)
    if proposal.rule.needed > 1:
        cli.terminal.say(
            cli.t.gettext("Another operator approves it: escrow admin approve {id}", id=approval)
        )


def _waiting(cli: Cli, web: Web, admin: str) -> dict[str, Any]:
    """Return what is signed of somebody who waits to become an admin; says the passkey's code."""
    from escrow.admin import people
    from escrow.protocol.encoding import grouped

    with web.database.reading() as db:
        row = people.find(db, web.keys, admin)
        if row.state != "waiting":
            raise NotNow(
                N_("Nobody with this number waits to become an admin."),
                N_("`escrow admin list admins` shows who does."),
                reason="nobody_waits",
            )
        name = people.name_of(web.keys, row)
        code = grouped(people.key_code(row))
    cli.terminal.say(cli.t.gettext("{name}: code of the passkey {code}", name=name, code=code))
    found = {"credential": row.credential_id, "public_key": row.public_key}
    return {"name": name, "role": row.role, **found}


def _check_use(operation: str, out: Path | None) -> None:
    """Refuse what would do something else than a proposal of two; raises Usage."""
    if operation == "freeze":
        raise Usage(
            N_("A recovery is put on hold at once: there is nothing to propose."),
            N_("Use `escrow admin freeze`."),
            reason="one_is_enough",
        )
    if out is not None and operation != "accept-backup":
        raise Usage(
            N_("--out goes with accept-backup only."),
            N_("Leave it out: the proposal goes into the database."),
            reason="no_file",
        )


def _needed(value: Any, name: str) -> Any:
    if not value:
        raise Usage(N_("{name} is missing."), name=name)
    return value


def _proposal(cli: Cli, operation: str, target: str, days: int, **contents: Any) -> Proposal:
    import secrets

    from escrow.admin.operations import Proposal, write_body

    body = write_body(operation, {"nonce": secrets.token_hex(16), **contents})
    proposal = Proposal(operation, target, body, cli.now() + days * _DAY_SECONDS)
    proposal.contents()
    return proposal


def _submit(cli: Cli, web: Web, proposal: Proposal, signer: OperatorKey) -> str:
    from escrow.admin import flow
    from escrow.admin.signedfile import SignedApproval

    signed = SignedApproval.make(proposal, signer)
    with web.database.transaction() as db:
        row, _ = flow.submit(db, web, proposal, signed.credential, signed.signature)
    cli.terminal.answer(row.id)
    cli.terminal.document(
        {"approval": row.id, "proposal": row.proposal, "expires": proposal.expires}
    )
    return row.id


def _state_of_backup(cli: Cli) -> tuple[str, int, bytes, int]:
    """Read (origin, size, root) outside the database, and how many entries the database has."""
    from escrow.custodian.outside import Outside
    from escrow.custodian.takeup import database_size

    with opened(cli) as web, web.database.reading() as db:
        checkpoint = Outside(web.settings.outside_dir).checkpoint
        return checkpoint.origin, checkpoint.size, checkpoint.root, database_size(db)


def _propose_backup(cli: Cli, reason: str, days: int, out: Path, signer: OperatorKey) -> None:
    from escrow.admin.signedfile import SignedApproval

    proposal = _backup_proposal(cli, reason, days)
    write(out, SignedApproval.make(proposal, signer).data)
    _say_backup_file(cli, out)


def _backup_proposal(cli: Cli, reason: str, days: int) -> Proposal:
    origin, size, root, entries = _state_of_backup(cli)
    if entries >= size:
        raise NotNow(
            N_("The database is not behind the files outside it: there is nothing to accept."),
            reason="not_behind",
        )
    contents = {"reason": reason, "size": size, "root": root, "entries": entries}
    return _proposal(cli, "accept-backup", origin, days, **contents)


@verb(
    "backup-state",
    N_("Write what is to be accepted of a restored backup, for admins to sign on the pages."),
    REASON,
    DAYS,
    OUT,
)
def backup_state(cli: Cli, reason: str, days: int, out: Path | None) -> None:
    from escrow.admin.signedfile import write_proposal

    target = _needed(out, "--out")
    write(target, write_proposal(_backup_proposal(cli, reason, days)))
    cli.terminal.answer(str(target))
    cli.terminal.document({"file": str(target)})
    cli.terminal.say(
        cli.t.gettext("Two owners sign it on the page /admin/backup, each of them gets a file.")
    )
    _say_how_to_resume(cli)


def _say_backup_file(cli: Cli, out: Path) -> None:
    cli.terminal.answer(str(out))
    cli.terminal.document({"file": str(out)})
    _say_how_to_resume(cli)


def _say_how_to_resume(cli: Cli) -> None:
    cli.terminal.say(
        cli.t.gettext("With the files of two operators: escrow server custodian --resume FILE FILE")
    )


@verb(
    "approve",
    N_("Approve what another operator has proposed, after you have read it."),
    click.argument("identifier", metavar="ID|FILE"),
    OUT,
    KEY,
)
def approve(cli: Cli, identifier: str, out: Path | None, key: Path) -> None:
    from escrow.admin.signedfile import SignedApproval

    signer = load(key)
    if Path(identifier).is_file():
        first = SignedApproval.parse(Path(identifier).read_bytes())
        target = _needed(out, "--out")
        _check_backup(cli, first.proposal)
        with opened(cli) as web:
            _read_and_confirm(cli, [first], web, signer)
        write(target, SignedApproval.make(first.proposal, signer).data)
        _say_backup_file(cli, target)
        return
    with opened(cli) as web:
        signed = _stored(web, identifier)
        _read_and_confirm(cli, signed, web, signer)
        _submit(cli, web, signed[0].proposal, signer)
    cli.terminal.say(
        cli.t.gettext("You have approved it. The custodian carries it out within seconds.")
    )


def _stored(web: Web, identifier: str) -> list[Any]:
    from escrow.admin import flow, views
    from escrow.admin.signedfile import SignedApproval

    with web.database.reading() as db:
        return [
            SignedApproval(flow.proposal_of(web.keys, row), row.credential, row.signature)
            for row in views.approvals_of(db, identifier)
        ]


def _check_backup(cli: Cli, proposal: Proposal) -> None:
    """Refuse a file that names another state than the one on this host."""
    found = proposal.contents()
    said = (proposal.target, found.get("size"), found.get("root"), found.get("entries"))
    if proposal.operation != "accept-backup" or said != _state_of_backup(cli):
        raise Refused(
            N_("The file does not name the state of this host's database and files."),
            N_("Propose it again with `escrow admin propose accept-backup`."),
            reason="another_state",
        )


def _read_and_confirm(cli: Cli, signed: list[Any], web: Web, signer: OperatorKey) -> None:
    """Show exactly what is signed, and ask."""
    from escrow.admin.operations import shown

    _check_signed(cli, signed, web, signer)
    proposal = signed[0].proposal
    t, say = cli.t, cli.terminal.say
    say(t.gettext("Operation: {operation}", operation=proposal.operation))
    say(t.gettext("Target: {target}", target=proposal.target))
    say(t.gettext("Content, exactly: {content}", content=shown(proposal)))
    say(t.gettext("Signed by: {who}", who=", ".join(found.credential for found in signed)))
    say(t.gettext("It expires on {when}.", when=t.datetime(proposal.expires)))
    if not cli.terminal.confirm(t.gettext("Do you approve this?"), "ESCROW_CONFIRM"):
        raise NotYet(N_("Nothing was signed."), reason="not_confirmed")


def _check_signed(cli: Cli, signed: list[Any], web: Web, signer: OperatorKey) -> None:
    """Refuse what nobody has signed who may, what has expired, what this key has signed already."""
    from escrow.admin import approvers
    from escrow.protocol.errors import BadSignature

    proposal = signed[0].proposal
    with web.database.reading() as db:
        found = [approvers.find(db, web, one.credential) for one in signed]
    for one, approver in zip(signed, found, strict=True):
        try:
            if approver is None or approver.role not in proposal.rule.roles:
                raise BadSignature("nobody who may")
            approver.verify(one.proposal.signed(), one.signature)
        except BadSignature:
            raise Refused(
                N_("What was proposed is not signed by an operator. It may have been changed."),
                N_("Nothing was signed. Ask who proposed it."),
                reason="wrong_signature",
            ) from None
    if proposal.expires <= cli.now():
        raise NotNow(
            N_("This proposal expired on {when}."),
            N_("Nothing was signed. Propose it again with `escrow admin propose`."),
            reason="expired",
            when=cli.t.datetime(proposal.expires),
        )
    own = signer.operator
    if any(
        a is not None and (a.credential == own.credential or a.key == own.public_key) for a in found
    ):
        raise NotNow(
            N_("You have signed this yourself. It takes another operator."),
            reason="own_proposal",
        )
