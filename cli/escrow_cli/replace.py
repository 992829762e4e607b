"""`escrow replace`: another contact, secret or wait for a deposit. A new one takes its place.

What the old one had is proposed. Right after a recovery the old key is still at hand: then its
signature lets the old deposit end as soon as the new one is complete, else that takes 30 days.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.enrol import WAITING_DAYS
from escrow_cli.errors import ClientError, Usage

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from escrow_cli.making import Plan
    from escrow_cli.received import Target

KEEP_CONTACTS = "ESCROW_KEEP_CONTACTS"
REPLACE = "ESCROW_REPLACE"
T = TypeVar("T")
_DAY_SECONDS = 86400
_STAYING = {"invited", "held", "lost"}  # who lost a card gets a new one

_OPTIONS = (
    click.option("--deposit", metavar="DEPOSIT", help=N_("Number, or name.")),
    click.option("--secret-file", metavar="FILE", help=N_("The key, from a file; - is stdin.")),
    click.option("--generate", metavar="FILE", help=N_("Make a new password, written to FILE.")),
    click.option("--label", help=N_("Another name; otherwise as before.")),
    click.option(
        "--contact",
        "contacts",
        multiple=True,
        metavar="CONTACT",
        help=N_('Other contacts: "Anna <anna@example.org>". May be repeated.'),
    ),
    click.option("--no-contact", is_flag=True, help=N_("Nobody else: one way back only.")),
    click.option("--needed", type=int, help=N_("How many of the contacts are needed.")),
    click.option(
        "--waiting-days",
        type=click.Choice(WAITING_DAYS),
        help=N_("Another wait; otherwise as before."),
    ),
    click.option("--kit", metavar="FILE", help=N_("Where the new kit goes (and a PDF beside it).")),
    click.option("--address", help=N_("Your mail address.")),
    click.option("--resume", is_flag=True, help=N_("Go on with what was interrupted.")),
)


@verb("replace", N_("Put a new deposit in the place of an old one, in three minutes."), *_OPTIONS)
def replace(
    cli: Cli, deposit: str | None, address: str | None, resume: bool, kit: str | None, **given: Any
) -> None:
    from escrow_cli import finishing, received, status
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    if resume and finishing.resume(cli, kit):
        return
    line = status.one(cli, account, deposit)
    document = cli.client.get(f"deposits/{line['deposit']}")
    target = received.check_document(cli, document, None)
    make(cli, target, account, kit, given)


def make(
    cli: Cli,
    target: Target,
    account: str,
    kit: str | None,
    given: dict[str, Any],
    *,
    owner: Ed25519PrivateKey | None = None,
    also: dict[str, Any] | None = None,
) -> None:
    """Make the new deposit; `owner` is the old owner key where it is at hand."""
    from escrow_cli import enrolling

    if given.get("contacts") and given.get("no_contact"):
        raise Usage(N_("Give one of --contact and --no-contact."))
    _, keys = enrolling.service_keys(cli)
    days = given.get("waiting_days")
    waiting = int(days) * _DAY_SECONDS if days else target.manifest.waiting_seconds
    enrolling.check(kit, waiting, keys.minimum_waiting_seconds)
    plan = _plan(cli, target, account, keys, given)
    enrolling.send(cli, plan, keys.minimum_waiting_seconds, kit, owner=owner, also=also)
    if owner is None:
        cli.terminal.say(
            cli.t.gettext(
                "When the new one is complete, the old one ends after 30 days. Until then "
                "`escrow reopen` keeps it."
            )
        )


def _plan(cli: Cli, target: Target, account: str, keys: Any, given: dict[str, Any]) -> Plan:
    """Take what the old deposit had where the options say nothing else."""
    import unicodedata

    from escrow_cli import people
    from escrow_cli.making import Plan
    from escrow_cli.sources import Source

    old = target.manifest
    label = unicodedata.normalize("NFC", (given.get("label") or old.label).strip())
    if not 1 <= len(label) <= 80:
        raise Usage(N_("A name has 1 to 80 characters."), N_("Give it as --label."))
    contacts = _contacts(cli, target, given)
    is_as_before = len(contacts) == old.contacts_count
    needed = given.get("needed") or (old.contacts_needed if is_as_before else None)
    needed = people.check(contacts, needed, people.own_addresses(cli, account))
    days = given.get("waiting_days")
    waiting = int(days) * _DAY_SECONDS if days else old.waiting_seconds
    people.say_one_way(cli, contacts)
    return Plan(
        label=label,
        secret=Source(given.get("secret_file"), given.get("generate")).read(cli),
        contacts=contacts,
        needed=needed,
        waiting_seconds=waiting,
        contacts_replace_totp=old.contacts_replace_totp and bool(contacts),
        replaces=old.deposit,
        ledger_vkey=keys.ledger_vkey,
        provider_key=keys.provider_key,
        url=cli.url,
        generated=given.get("generate"),
    )


def _contacts(cli: Cli, target: Target, given: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the contacts that are named, else those of before, shown so that she sees them."""
    from escrow_cli import people

    if given.get("no_contact"):
        return ()
    if given.get("contacts"):
        return tuple(people.parse(contact) for contact in given["contacts"])
    before = tuple(
        (str(line["name"]), str(line["address"]))
        for line in target.custodies.values()
        if line["role"] == "contact" and line["state"] in _STAYING
    )
    if not before:
        return _or_none(lambda: people.ask(cli)) or ()
    shown = ", ".join(f"{name} <{address}>" for name, address in before)
    cli.terminal.say(cli.t.gettext("Contacts as before: {contacts}", contacts=shown))
    question = cli.t.gettext("Keep these contacts?")
    kept = _or_none(lambda: cli.terminal.confirm(question, KEEP_CONTACTS))
    return people.ask(cli) if kept is False else before


def _or_none(ask: Callable[[], T]) -> T | None:
    """Ask, where there is somebody to ask: what a script does not name stays as it is."""
    try:
        return ask()
    except Usage as error:
        if error.reason == "no_terminal":
            return None
        raise


def after_recovery(
    cli: Cli,
    target: Target,
    owner: Ed25519PrivateKey,
    secret_file: str | None,
    *,
    recovery: str,
    is_asked: bool,
) -> bool:
    """Offer a new deposit while the old key is at hand; tells whether one was made.

    The key that was lost is back already: nothing that goes wrong here makes the recovery fail.
    """
    question = cli.t.gettext("Make a new deposit in its place now?")
    is_asked = is_asked or cli.terminal.has_answer(REPLACE)
    try:
        if secret_file is None and not (is_asked and cli.terminal.confirm(question, REPLACE)):
            return False
        account = str((cli.state.read()["bearer"] or {}).get("account"))
        also = {"recovered": target.manifest.deposit, "recovery": recovery}
        make(cli, target, account, None, {"secret_file": secret_file}, owner=owner, also=also)
    except ClientError as error:
        cli.terminal.warn(" ".join(error.sentences(cli.t)))
        return False
    return True
