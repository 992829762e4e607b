"""Contacts as a person names them: `Anna <anna@example.org>`."""

from __future__ import annotations

import unicodedata
from email.utils import parseaddr

from escrow.i18n import N_
from escrow.protocol.kit import MAX_ADDRESS_LENGTH, MAX_NAME_LENGTH
from escrow.protocol.slip39 import is_policy
from escrow_cli.context import Cli
from escrow_cli.errors import Usage
from escrow_cli.signin import canonical


def parse(text: str) -> tuple[str, str]:
    """Read one contact; returns (name, address)."""
    name, address = parseaddr(unicodedata.normalize("NFC", text))
    address = canonical(address)
    if not name or "@" not in address[1:-1] or " " in address:
        raise Usage(
            N_("“{contact}” is not a contact."),
            N_('Give name and address: --contact "Anna <anna@example.org>".'),
            reason="wrong_contact_option",
            contact=text,
        )
    if len(name) > MAX_NAME_LENGTH or len(address) > MAX_ADDRESS_LENGTH:
        raise Usage(N_("“{contact}” is too long."), contact=text)
    return name, address


def ask(cli: Cli) -> tuple[tuple[str, str], ...]:
    """Ask for contacts, one a line, until an empty one."""
    cli.terminal.say(
        cli.t.gettext(
            "Who else holds a piece? One contact, or three of whom two are needed. With one piece "
            "alone nobody can see anything."
        )
    )
    found: list[tuple[str, str]] = []
    while line := cli.terminal.ask(
        cli.t.gettext("Contact, like Anna <anna@example.org> (empty: no more)")
    ):
        try:
            found.append(parse(line))
        except Usage as error:
            cli.terminal.fail_softly(error)
    return tuple(found)


def check(contacts: tuple[tuple[str, str], ...], needed: int | None, own: set[str]) -> int:
    """Refuse contacts that would not help; returns how many of them are needed."""
    addresses = [address for _, address in contacts]
    for address in addresses:
        if address in own:
            raise Usage(
                N_("{address} is your own address: a contact must be somebody else."),
                N_("With two pieces in one hand nobody else's help would be needed."),
                reason="own_address",
                address=address,
            )
        if addresses.count(address) > 1:
            raise Usage(N_("{address} is named twice."), reason="contact_twice", address=address)
    count = len(contacts)
    chosen = min(count, 2) if needed is None else needed
    if not is_policy(chosen, count):
        raise Usage(
            N_("{needed} of {count} contacts is not possible."),
            N_("One of one, or at least two of up to sixteen, or none at all."),
            reason="wrong_policy",
            needed=chosen,
            count=count,
        )
    return chosen


def say_one_way(cli: Cli, contacts: tuple[tuple[str, str], ...]) -> None:
    """Warn who names no contact."""
    if not contacts:
        cli.terminal.warn(
            cli.t.gettext(
                "one way back only: with your kit and the provider. Lose the kit, and nobody can "
                "bring the key back."
            )
        )


def own_addresses(cli: Cli, account: str) -> set[str]:
    found = cli.client.get(f"accounts/{account}")["addresses"]
    return {canonical(line["address"]) for line in found}
