"""`escrow move`: a contact's new name or address. The customer and the old address are told.

A code goes to the new address first: with a typo in it the contact would be lost to the customer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import NotYet

if TYPE_CHECKING:
    from escrow_cli.piece import Piece

CONFIRM = "ESCROW_CONFIRM"
CONTACT = "ESCROW_CONTACT"


@verb(
    "move",
    N_("Tell your new name or address. The person who asked you is told, and your old address."),
    click.option("--card", metavar="FILE", help=N_("Your card file; otherwise you are asked.")),
    click.option("--to", "to", metavar="CONTACT", help=N_("Like Anna <anna@example.org>.")),
)
def move(cli: Cli, card: str | None, to: str | None) -> None:
    import secrets

    from escrow.protocol.encoding import b64url
    from escrow.protocol.kit import NONCE_LENGTH_BYTES
    from escrow.protocol.move import Move
    from escrow_cli import people
    from escrow_cli.piece import of_options

    piece = of_options(cli, card, role="contact")
    t = cli.t
    given = to or cli.terminal.ask(
        t.gettext("Your name and new address, like Anna <anna@example.org>"), CONTACT
    )
    name, address = people.parse(given)
    question = t.gettext("Write to {name} at {address} from now on?", name=name, address=address)
    if not cli.terminal.confirm(question, CONFIRM):
        raise NotYet(N_("Nothing was changed."), reason="not_confirmed")
    cli.client.signer = piece.signer()
    _reach(cli, piece.payload.custody, address)
    nonce = secrets.token_bytes(NONCE_LENGTH_BYTES)
    made = Move(name, address, nonce, _previous(cli, piece))
    body = {
        "name": made.name,
        "address": made.address,
        "nonce": b64url(made.nonce),
        "previous": b64url(made.previous),
    }
    answer = cli.client.post(f"custodies/{piece.payload.custody}/address", body, repeat=True)
    cli.terminal.say(t.gettext("Done. Your piece and your card stay what they are."))
    cli.terminal.document({"custody": piece.payload.custody, "state": answer["state"]})


def _reach(cli: Cli, custody: str, address: str) -> None:
    """Have a code come back from the new address; not where only the name is new."""
    from escrow_cli import signin

    path = f"custodies/{custody}/address"
    if not cli.client.post(f"{path}/code", {"address": address})["is_sent"]:
        return
    cli.terminal.say(
        cli.t.gettext(
            "We sent a code to {address}. Does it not come? Then look for a typo, and start again: "
            "until the code is right, nothing is changed.",
            address=address,
        )
    )
    signin.ask_code(
        cli,
        cli.t.gettext("Code from the mail to your new address"),
        signin.MAIL_CODE,
        lambda code: cli.client.post(f"{path}/confirm", {"address": address, "code": code}),
    )


def _previous(cli: Cli, piece: Piece) -> bytes:
    """Return the commitment that a move follows now.

    The service shows the moves; those that were not signed with this piece are passed over, so it
    cannot make us sign that we follow anything but our own last word.
    """
    from escrow.protocol.encoding import b64url_decode
    from escrow.protocol.ledger import Event
    from escrow.protocol.move import Moved, newest

    custody = piece.payload.custody
    line = piece.manifest.custody(custody)
    moves: list[Moved] = []
    for entry in cli.client.listed(f"custodies/{custody}/events", "events"):
        event = Event.parse(b64url_decode(entry["event"]))
        if event.type == "custody moved" and event.custody == custody:
            moves.append(Moved(custody=custody, **event.data))
    commitment = line.contact_commitment or b""
    last = newest(commitment, moves, line.release_key)
    return last.commitment if last else commitment
