"""`escrow enrol`: keep a key safe. What is interrupted goes on with `--resume`."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_
from escrow_cli import finishing, people, register
from escrow_cli.context import Cli, verb
from escrow_cli.errors import Usage
from escrow_cli.signin import ADDRESS, canonical
from escrow_cli.sources import Source

if TYPE_CHECKING:
    from escrow_cli.ledgerkeys import Keys
    from escrow_cli.making import Plan

WAITING_DAYS = ("1", "3", "7", "14")
_DAY_SECONDS = 86400

_OPTIONS = (
    click.option("--label", help=N_("What it is, for example “Laptop backup”.")),
    click.option("--secret-file", metavar="FILE", help=N_("The key, from a file; - is stdin.")),
    click.option("--generate", metavar="FILE", help=N_("Make a new password, written to FILE.")),
    click.option(
        "--from-shares", metavar="FILE", help=N_("Old `secretsharing` shares, one a line.")
    ),
    click.option(
        "--shares-as", type=click.Choice(["hex", "text"]), help=N_("What the old shares held.")
    ),
    click.option(
        "--contact",
        "contacts",
        multiple=True,
        metavar="CONTACT",
        help=N_('Who else holds a piece: "Anna <anna@example.org>". May be repeated.'),
    ),
    click.option("--no-contact", is_flag=True, help=N_("Nobody else: one way back only.")),
    click.option("--needed", type=int, help=N_("How many of the contacts are needed.")),
    click.option(
        "--waiting-days",
        type=click.Choice(WAITING_DAYS),
        default="3",
        show_default=True,
        help=N_("How long everyone can stop a recovery that was not you."),
    ),
    click.option(
        "--contacts-replace-totp",
        is_flag=True,
        help=N_("Contacts together can stand in for a lost authenticator app."),
    ),
    click.option(
        "--replaces",
        metavar="DEPOSIT",
        help=N_("The deposit that this one replaces: number, or name."),
    ),
    click.option("--kit", metavar="FILE", help=N_("Where the kit goes (and a PDF beside it).")),
    click.option("--address", help=N_("Your mail address.")),
    click.option("--new-account", is_flag=True, help=N_("Make an account first.")),
    click.option("--resume", is_flag=True, help=N_("Go on with what was interrupted.")),
)


@verb("enrol", N_("Keep a key safe: split it in pieces of which any two bring it back."), *_OPTIONS)
def enrol(
    cli: Cli,
    contacts: tuple[str, ...],
    address: str | None,
    new_account: bool,
    resume: bool,
    kit: str | None,
    **given: Any,
) -> None:
    named = tuple(people.parse(contact) for contact in contacts)
    if named and given["no_contact"]:
        raise Usage(N_("Give one of --contact and --no-contact."))
    from escrow_cli import enrolling, status

    def refuse(own: str) -> None:
        """Refuse contacts that were named, before a code is mailed."""
        if named or given["no_contact"]:
            people.check(named, given["needed"], {own} if own else set())

    refuse(canonical(address or os.environ.get(ADDRESS, "")))
    keys = None if resume else _checked(cli, kit, given)
    # What was interrupted may have left an account: with --resume one is made only if she says so.
    is_new = new_account and not resume
    account = register.account_for_enrolment(cli, address, refuse, new=is_new)
    if resume and finishing.resume(cli, kit, given["label"]):
        return
    if given["replaces"]:
        given["replaces"] = str(status.one(cli, account, given["replaces"])["deposit"])
    keys = keys or _checked(cli, kit, given)
    plan = _plan(cli, account, named, keys, given)
    enrolling.send(cli, plan, keys.minimum_waiting_seconds, kit)


def _checked(cli: Cli, kit: str | None, given: dict[str, Any]) -> Keys:
    """Refuse a kit's path or a wait that will not do; returns the service's keys."""
    from escrow_cli import enrolling

    _, keys = enrolling.service_keys(cli)
    waiting = int(given["waiting_days"]) * _DAY_SECONDS
    enrolling.check(kit, waiting, keys.minimum_waiting_seconds)
    return keys


def _plan(
    cli: Cli,
    account: str,
    contacts: tuple[tuple[str, str], ...],
    keys: Keys,
    given: dict[str, Any],
) -> Plan:
    """Ask for what the options leave open; the key itself last."""
    import unicodedata

    from escrow_cli.making import Plan

    label = given["label"] or cli.terminal.ask(
        cli.t.gettext("A name for it, for example “Laptop backup”"), "ESCROW_LABEL"
    )
    label = unicodedata.normalize("NFC", label.strip())
    if not 1 <= len(label) <= 80:
        raise Usage(N_("A name has 1 to 80 characters."), N_("Give it as --label."))
    if not contacts and not given["no_contact"]:
        contacts = people.ask(cli)
    people.say_one_way(cli, contacts)
    needed = people.check(contacts, given["needed"], people.own_addresses(cli, account))
    source = Source(
        given["secret_file"], given["generate"], given["from_shares"], given["shares_as"]
    )
    return Plan(
        label=label,
        secret=source.read(cli),
        contacts=contacts,
        needed=needed,
        waiting_seconds=int(given["waiting_days"]) * _DAY_SECONDS,
        contacts_replace_totp=given["contacts_replace_totp"],
        replaces=given["replaces"],
        ledger_vkey=keys.ledger_vkey,
        provider_key=keys.provider_key,
        url=cli.url,
        generated=given["generate"],
    )
