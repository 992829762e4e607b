"""`escrow admin …`: what operators do on the host, each with a key of their own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from escrow.i18n import N_
from escrow_cli import approving
from escrow_cli.context import Cli
from escrow_cli.errors import Usage
from escrow_cli.operating import admin, opened, there_is_one, verb, write

__all__ = ["admin", "approving"]
_ROLES = ("support", "auditor", "operator", "owner")


@verb(
    "keygen",
    N_("Make an operator's key: a private file, and a public line for the settings."),
    click.option("--name", required=True, help=N_("Your name: small letters, digits, dashes.")),
    click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help=N_("Where to write the file; it must not exist yet."),
    ),
)
def keygen(cli: Cli, name: str, out: Path) -> None:
    from escrow.operators import OperatorKey

    try:
        made = OperatorKey.create(name, out)
    except FileExistsError:
        raise there_is_one(out) from None
    except OSError as error:
        raise Usage(
            N_("{path} cannot be written: {detail}."), path=out, detail=error.strerror
        ) from None
    cli.terminal.answer(made.operator.line)
    cli.terminal.document({"operator": made.operator.line, "file": str(out)})
    cli.terminal.say(
        cli.t.gettext(
            "Keep {path} to yourself. Put the line into the setting “operators” of the custodian.",
            path=out,
        )
    )


@verb(
    "list",
    N_("List recoveries under way, deposits, approvals that wait, or admins."),
    click.argument("what", type=click.Choice(["approvals", "recoveries", "deposits", "admins"])),
    click.option("--after", default="", help=N_("Go on after this identifier.")),
    click.option("--limit", type=click.IntRange(1, 500), default=50, help=N_("Lines a page.")),
)
def list_(cli: Cli, what: str, after: str, limit: int) -> None:
    from escrow.admin import views

    with opened(cli) as web, web.database.reading() as db:
        lines, following = views.LISTS[what](db, web, after, limit)
    for line in lines:
        cli.terminal.answer(_summary(cli, line))
    if not lines:
        cli.terminal.say(cli.t.gettext("There is nothing."))
    if following:
        cli.terminal.say(cli.t.gettext("There is more: --after {after}", after=following))
    cli.terminal.document({what: lines, "next": following})


def _summary(cli: Cli, line: dict[str, Any]) -> str:
    if "approval" in line:
        until = cli.t.gettext("until {when}", when=cli.t.datetime(line["expires"]))
        parts = [line["approval"], line["operation"], line["target"], line["signed_by"], until]
    elif "admin" in line:
        parts = [line["admin"], line["state"], line["role"], line["name"], line["code"]]
    else:
        at = cli.t.datetime(line.get("opened_at") or line["created_at"])
        parts = [line.get("recovery") or line["deposit"], line["state"], at, *line["customer"]]
    return "  ".join(parts).rstrip()


@verb(
    "invite",
    N_("Invite somebody to become an admin; that takes approvals once the passkey is made."),
    click.option("--name", required=True, help=N_("The full name.")),
    click.option("--role", required=True, type=click.Choice(_ROLES), help=N_("As what.")),
)
def invite(cli: Cli, name: str, role: str) -> None:
    import secrets

    from escrow.admin import people

    token = secrets.token_urlsafe(32)
    with opened(cli) as web, web.database.transaction() as db:
        row = people.invite(db, web.keys, name, role, web.clock.now(), token)
        link = people.invitation_link(web.settings, token)
        admin_id = row.id
    cli.terminal.answer(link)
    cli.terminal.document({"admin": admin_id, "link": link})
    cli.terminal.say(
        cli.t.gettext("Pass the link on to nobody else: it works once, for seven days.")
    )


@verb(
    "show",
    N_("Show a recovery, deposit, account or approval."),
    click.argument("identifier", metavar="ID"),
)
def show(cli: Cli, identifier: str) -> None:
    from escrow.admin import views

    with opened(cli) as web, web.database.reading() as db:
        found = views.show(db, web, identifier)
    for line in _lines(cli, found):
        cli.terminal.answer(line)
    cli.terminal.document(found)


def _lines(cli: Cli, value: Any, indent: str = "") -> Iterator[str]:
    for name, inner in value.items():
        if isinstance(inner, dict):
            yield f"{indent}{name}:"
            yield from _lines(cli, inner, f"{indent}  ")
        elif isinstance(inner, list) and inner and isinstance(inner[0], dict):
            for number, item in enumerate(inner, 1):
                yield f"{indent}{name} {number}:"
                yield from _lines(cli, item, f"{indent}  ")
        elif inner not in (None, [], ""):
            is_time = name.endswith("_at") or name == "expires"
            shown = cli.t.datetime(inner) if is_time else inner
            yield f"{indent}{name}: {', '.join(inner) if isinstance(inner, list) else shown}"


@verb(
    "export",
    N_("Write a customer's custody record from the ledger, with proofs."),
    click.argument("account", metavar="ACCOUNT"),
    click.option(
        "--out",
        type=click.Path(dir_okay=False, path_type=Path),
        required=True,
        help=N_("Where to write the file; it must not exist yet."),
    ),
)
def export(cli: Cli, account: str, out: Path) -> None:
    from escrow.admin import reporting

    if out.exists():
        raise there_is_one(out)
    with opened(cli) as web, web.database.transaction() as db:
        data = reporting.of_account(db, web, "host", account)
    write(out, data)
    cli.terminal.answer(str(out))
    cli.terminal.document({"file": str(out), "account": account})
