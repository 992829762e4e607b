"""`escrow verify`: check the ledger (same key, history only continued, my entries really in it), a
drill's or a provider's report, or what a site serves to browsers.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from escrow.i18n import N_, Translator
from escrow_cli import table
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NOTHING_SENT, Refused, of_protocol
from escrow_cli.events import in_words

if TYPE_CHECKING:
    from escrow.protocol.ledger import Event
    from escrow.protocol.manifest import Manifest
    from escrow_cli.ledger import Ledger


@dataclass(frozen=True)
class Entry:
    """An entry that stands in the ledger; `who` holds the piece that it is about, or is empty."""

    index: int
    at: int
    type: str
    custody: str | None
    who: str

    def cells(self, t: Translator) -> list[str]:
        """Return what a list shows of it."""
        return [f"{self.index:>6}", t.datetime(self.at), in_words(t, self.type, self.who)]

    def document(self) -> dict[str, Any]:
        return {"index": self.index, "at": self.at, "type": self.type, "custody": self.custody}


@verb(
    "verify",
    N_("Check the ledger: the key you know, nothing changed, every entry of yours in it."),
    click.option("--piece", "path", metavar="FILE", help=N_("As a contact: your card file.")),
    click.option("--address", help=N_("Your mail address.")),
    click.option(
        "--report",
        metavar="FILE",
        help=N_("A drill's or a provider's report (JSON), without the service."),
    ),
    click.option(
        "--ledger-key", metavar="KEY", help=N_("With --report: the ledger key that you know.")
    ),
    click.option(
        "--site", metavar="URL", help=N_("What this address serves to browsers was published.")
    ),
)
def verify(
    cli: Cli,
    path: str | None,
    address: str | None,
    report: str | None,
    ledger_key: str | None,
    site: str | None,
) -> None:
    if site:
        from escrow_cli.site import verify_site

        verify_site(cli, site)
        return
    if report:
        from escrow_cli.reporting import verify_file

        verify_file(cli, report, ledger_key)
        return
    if path:
        ledger, entries = _of_piece(cli, path)
    else:
        ledger, entries = _of_customer(cli, address)
    checkpoint = ledger.newest()
    t = cli.t
    for line in table.rows([entry.cells(t) for entry in entries]):
        cli.terminal.answer(line)
    cli.terminal.answer(
        t.ngettext(
            "{n} entry checked: it stands in the ledger of {size} entries.",
            "{n} entries checked: they stand in the ledger of {size} entries.",
            len(entries),
            size=checkpoint.size,
        )
    )
    cli.terminal.document(
        {
            "first_look": ledger.first_look,
            "ledger_key_digits": ledger.verifier.key_digits(),
            "size": checkpoint.size,
            "root": checkpoint.root.hex(),
            "entries": [entry.document() for entry in entries],
        }
    )


def _of_piece(cli: Cli, path: str) -> tuple[Ledger, list[Entry]]:
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import check_keys, open_ledger
    from escrow_cli.piece import altered, fetch_custody, of_options

    piece = of_options(cli, path)
    custody = piece.payload.custody
    _, manifest, _ = fetch_custody(cli, custody)
    if manifest.hash != piece.manifest.hash:
        raise altered()
    ledger, keys = open_ledger(cli, manifest.ledger_vkey, note=piece.checkpoint)
    say_look(cli, ledger)
    check_keys(ledger, keys)
    cli.client.signer = piece.signer()
    who = {line.custody: who_of(cli, line.role, None) for line in manifest.custodies}
    return ledger, _checked(cli, ledger, f"custodies/{custody}/events", manifest, who)


def _of_customer(cli: Cli, address: str | None) -> tuple[Ledger, list[Entry]]:
    from escrow_cli import status
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import check_keys, open_ledger
    from escrow_cli.piece import fetch_custody
    from escrow_cli.signin import signed_in

    account = signed_in(cli, address)
    ledger, keys = open_ledger(cli, None)
    say_look(cli, ledger)
    check_keys(ledger, keys)
    entries = []
    for line in status.listed(cli, account):
        document = status.details(cli, line["deposit"])
        # Fetched by custody too, so that a description other than the pinned one is refused.
        _, manifest, _ = fetch_custody(cli, document["custodies"][0]["custody"])
        who = {c["custody"]: who_of(cli, c["role"], c["name"]) for c in document["custodies"]}
        entries += _checked(cli, ledger, f"deposits/{line['deposit']}/events", manifest, who)
    return ledger, entries


def who_of(cli: Cli, role: str, name: str | None) -> str:
    """Say whose piece it is; on a contact's own list "you" would be the customer."""
    from escrow_cli.status import ROLES

    customer = cli.t.gettext("the customer’s kit")
    return name or (customer if role == "customer" else cli.t.gettext(ROLES[role]))


def _checked(
    cli: Cli, ledger: Ledger, path: str, manifest: Manifest, who: dict[str, str]
) -> list[Entry]:
    """Prove each entry of a list to be in the ledger, and to say what it says of this deposit."""
    found = []
    with cli.terminal.progress(cli.t.gettext("Checking each entry …")):
        for entry in cli.client.listed(path, "events"):
            event = ledger.event(entry)
            _check_said(event, manifest)
            holder = who.get(str(event.custody), "")
            found.append(Entry(entry["index"], event.at, event.type, event.custody, holder))
    return found


def _check_said(event: Event, manifest: Manifest) -> None:
    """Refuse an entry of another deposit, and a proof that the piece's holder did not sign.

    The ledger shows what was said and when; only the signature shows that it is true.
    """
    from escrow.protocol.errors import ProtocolError
    from escrow_cli.attesting import check_attested

    if event.deposit != manifest.deposit:
        raise Refused(
            N_("The service shows an entry of another deposit."),
            NOTHING_SENT,
            reason="other_deposit",
        )
    if event.type != "custody attested":
        return
    try:
        check_attested(manifest, event)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None
