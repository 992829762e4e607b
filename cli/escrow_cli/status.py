"""`escrow status`: which deposits there are, who has proven to hold a piece, what opens them."""

from __future__ import annotations

from typing import Any

import click

from escrow.i18n import N_, Translator
from escrow_cli.context import Cli, verb
from escrow_cli.errors import Usage

STATES = {
    "pending": N_("being made"),
    "active": N_("works, not all contacts have accepted"),
    "complete": N_("complete"),
    "closing": N_("is being closed"),
    "closed": N_("closed"),
    "rejected": N_("does not work"),
    "invited": N_("invited"),
    "held": N_("held"),
    "declined": N_("declined"),
    "lost": N_("lost"),
    "withdrawn": N_("withdrawn"),
    "destroyed": N_("destroyed"),
}
ROLES = {"customer": N_("you"), "contact": N_("contact"), "provider": N_("provider")}


@verb(
    "status",
    N_("Show your deposits and who has proven to hold a piece."),
    click.option("--address", help=N_("Your mail address.")),
    click.option("--deposit", metavar="DEPOSIT", help=N_("Only this one.")),
)
def status(cli: Cli, address: str | None, deposit: str | None) -> None:
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    closing_at = cli.client.get(f"accounts/{account}")["closing_at"]
    if closing_at is not None:
        cli.terminal.answer(
            cli.t.gettext(
                "Your account is being closed. It ends on {date}, with all its deposits. "
                "Until then `escrow reopen` keeps it.",
                date=cli.t.date(closing_at),
            )
        )
    found = [details(cli, line["deposit"]) for line in listed(cli, account, deposit)]
    if not found:
        cli.terminal.answer(
            cli.t.gettext("You have no deposits here yet. `escrow enrol` makes one.")
        )
    for document in found:
        _show(cli, document)
        gone = {c["custody"] for c in document["custodies"] if c["state"] not in {"invited"}}
        cli.state.forget_invitations(document["deposit"], gone)
    cli.terminal.document({"account": account, "closing_at": closing_at, "deposits": found})


def listed(cli: Cli, account: str, wanted: str | None = None) -> list[dict[str, Any]]:
    """Return the account's deposits, or those that fit a number or name; raises Usage for none."""
    found = [line for line in every(cli) if line["account"] == account and fits(line, wanted)]
    if wanted is not None and not found:
        raise _not_one(wanted)
    return found


def one(cli: Cli, account: str, wanted: str | None) -> dict[str, Any]:
    """Return the one deposit of the account that fits a number or name; raises Usage."""
    found = listed(cli, account, wanted)
    if len(found) != 1:
        raise _not_one(wanted)
    return found[0]


def _not_one(wanted: str | None) -> Usage:
    return Usage(
        N_("“{deposit}” is not one deposit of yours.")
        if wanted is not None
        else N_("Which deposit? You have none, or more than one."),
        N_("`escrow status` shows your deposits. Give one as --deposit, by number or name."),
        reason="which_deposit",
        deposit=wanted or "",
    )


def every(cli: Cli) -> list[dict[str, Any]]:
    """Return the deposits that this sign-in may see, all pages of them."""
    return list(cli.client.listed("deposits", "deposits"))


def fits(line: dict[str, Any], wanted: str | None) -> bool:
    """Tell whether a deposit is the one that was asked for, by number or name."""
    if wanted is None or line["label"] == wanted:
        return True
    return len(wanted) >= 6 and str(line["deposit"]).startswith(wanted)


def details(cli: Cli, deposit: str) -> dict[str, Any]:
    """Return a deposit's document without its long contents, with the ways back there are now."""
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.manifest import Manifest
    from escrow_cli import waysback

    found = cli.client.get(f"deposits/{deposit}")
    needed = Manifest.parse(b64url_decode(found["manifest"])).contacts_needed
    kept = {
        name: value
        for name, value in found.items()
        if name not in {"manifest", "manifest_signature", "envelope"}
    }
    return kept | {"contacts_needed": needed, "ways_back": waysback.now(kept, needed)}


def state_name(t: Translator, state: str) -> str:
    """Say a state in words; an unknown one stays as it is."""
    known = STATES.get(state)
    return t.gettext(known) if known else state


def _show(cli: Cli, document: dict[str, Any]) -> None:
    from escrow_cli import table, waysback

    t = cli.t
    state = waysback.state_name(t, document)
    lines = table.wrapped(f"{document['label']}: {state}", hanging=2)
    lines.append("  " + t.gettext("Deposit {id}", id=document["deposit"]))
    lines += table.rows([_piece(cli, line) for line in document["custodies"]])
    below = waysback.said(t, document)
    if document["closing_at"]:
        below.append(t.gettext("It ends on {date}.", date=t.date(document["closing_at"])))
    if document["recovery"]:
        below.append(t.gettext("A recovery is running: {recovery}", recovery=document["recovery"]))
        below.append(_when(cli, document["recovery"]))
        below.append(t.gettext("Was that not you? `escrow veto` stops it."))
    for line in below:
        lines += table.wrapped(line, "  ", 4)
    for line in lines:
        cli.terminal.answer(line)


def _piece(cli: Cli, line: dict[str, Any]) -> list[str]:
    """Say of a piece who holds it, whether, and when that was proven."""
    role = ROLES[line["role"]]
    who = line["name"] or cli.t.gettext(role)
    return [who, state_name(cli.t, line["state"]), _proven(cli, line)]


def _when(cli: Cli, recovery: str) -> str:
    """Say how far a recovery is, and from when it can be finished."""
    found = cli.client.get(f"recoveries/{recovery}")
    if found["state"] == "frozen":
        return cli.t.gettext(
            "Your provider has put it on hold: “{why}”.", why=found["hold_reason"] or "–"
        )
    if found["ready_at"] is None:
        return cli.t.gettext(
            "Not everyone concerned has been told yet; the wait begins after that."
        )
    when = cli.t.datetime(found["ready_at"])
    if found["state"] == "waiting":
        return cli.t.gettext("It can be finished from {when}.", when=when)
    return cli.t.gettext(
        "It can be finished with `escrow recover`, until {when}.",
        when=cli.t.datetime(found["expires_at"]),
    )


def _proven(cli: Cli, line: dict[str, Any]) -> str:
    at = max(line["last_share_at"] or 0, line["last_check_at"] or 0)
    if line["paused"]:
        return cli.t.gettext("paused: `escrow invite --resume` goes on")
    return cli.t.gettext("proven on {date}", date=cli.t.date(at)) if at else ""
