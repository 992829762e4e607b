"""`escrow accept`: a contact takes a piece. Nobody needs an account for this."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import (
    NotSignedIn,
    NotYet,
    Refused,
    Usage,
    WrongCode,
    WrongPiece,
    of_protocol,
)

if TYPE_CHECKING:
    from escrow.protocol.invitation import Invitation
    from escrow.protocol.kit import Card
    from escrow.protocol.qr import InvitationLink

LINK = "ESCROW_INVITATION_LINK"
DIGITS = "ESCROW_INVITATION_DIGITS"
CONFIRM = "ESCROW_CONFIRM"


@verb(
    "accept",
    N_("Accept a piece. With your piece alone nobody can see anything."),
    click.option("--save", "path", metavar="FILE", required=True, help=N_("Where the card goes.")),
)
def accept(cli: Cli, path: str) -> None:
    link = _link(cli)
    if cli.host is None:
        cli.host = link.host
    elif Cli(cli.terminal, cli.surroundings, link.host).url != cli.url:
        raise Usage(N_("The link is of another service than --host."), reason="other_host")
    sealed, customer = _fetch(cli, link)
    invitation = _open(cli, link, sealed)
    card = _confirmed(cli, invitation, customer, path)
    _attest(cli, card, invitation.contact.name, customer, path)


def _link(cli: Cli) -> InvitationLink:
    """Ask for the link until it is one."""
    from escrow.protocol.errors import ProtocolError
    from escrow.protocol.qr import InvitationLink

    while True:
        text = cli.terminal.ask(
            cli.t.gettext("The link that you got (not shown)"), LINK, hidden=True
        )
        try:
            return InvitationLink.parse(text)
        except ProtocolError as error:
            wrong = of_protocol(error, Usage)
            if cli.terminal.has_answer(LINK):
                raise wrong from None
            cli.terminal.fail_softly(wrong)


def _fetch(cli: Cli, link: InvitationLink) -> tuple[bytes, str]:
    """Fetch what is sealed, and the customer's address as the service says it."""
    from escrow.protocol.encoding import b64url, b64url_decode
    from escrow.protocol.errors import ProtocolError
    from escrow.protocol.invitation import Password

    path = f"custodies/{link.custody}/invitation"
    try:
        token = Password(link.fragment, "").fetch_token(link.custody)
        with cli.terminal.progress(cli.t.gettext("Fetching your piece …")):
            answer = cli.client.post(path, {"token": b64url(token)}, repeat=True)
    except (ProtocolError, NotSignedIn):
        raise Usage(
            N_("The link is not right: a letter of it is missing or wrong."),
            N_("Copy all of it from the message, or ask for it once more. Nothing is used up."),
            reason="wrong_link",
        ) from None
    return b64url_decode(answer["invitation"]), str(answer["customer"])


def _open(cli: Cli, link: InvitationLink, sealed: bytes) -> Invitation:
    """Ask for the digits until they open it; a typo burns nothing."""
    from escrow.protocol import invitation as invitations
    from escrow.protocol.errors import NotOpened, ProtocolError

    while True:
        try:
            digits = link.digits or cli.terminal.ask(
                cli.t.gettext("The 16 digits that you heard (not shown)"), DIGITS, hidden=True
            )
            password = link.password(digits)
            with cli.terminal.progress(cli.t.gettext("Opening it …")):
                return invitations.open(sealed, password, link.custody)
        except ProtocolError as error:
            wrong_digits = error.code in {"wrong_digits", "wrong_key"}
            if not wrong_digits:
                kind = WrongPiece if isinstance(error, NotOpened) else Refused
                raise of_protocol(error, kind) from None
            is_counted = error.code == "wrong_key"
            said = (N_("The invitation has 16 digits."), N_("These digits do not open it."))
            wrong = WrongCode(
                said[is_counted],
                N_("Ask for the digits again, on the telephone."),
                reason=error.code,
            )
            if link.digits or cli.terminal.has_answer(DIGITS):
                raise wrong from None
            cli.terminal.fail_softly(wrong)


def _confirmed(cli: Cli, invitation: Invitation, customer: str, path: str) -> Card:
    """Have the person confirm who she is, then save the card and prove that it can be read."""
    from escrow.protocol.kit import Card
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import open_ledger
    from escrow_cli.piece import altered, fetch_custody
    from escrow_cli.sources import save

    manifest, contact = invitation.manifest, invitation.contact
    _, served, _ = fetch_custody(cli, invitation.payload.custody)
    if served.hash != manifest.hash:
        raise altered()
    ledger, _ = open_ledger(cli, manifest.ledger_vkey)
    say_look(cli, ledger)
    t = cli.t
    cli.terminal.say(t.gettext("Deposit: {label}", label=manifest.label))
    cli.terminal.say(
        t.gettext(
            "The service says that {customer} asks you. In doubt, call the person you think it is.",
            customer=customer,
        )
    )
    cli.terminal.say(
        t.gettext("You are: {name}, {address}", name=contact.name, address=contact.address)
    )
    if not cli.terminal.confirm(t.gettext("Is that you, and do you want to help?"), CONFIRM):
        raise NotYet(
            N_("Not accepted. Nothing was sent or saved."),
            N_("Tell the person who asked you."),
            reason="not_confirmed",
        )
    note = cli.state.read()["checkpoint"] or ""
    card = Card(invitation.payload, manifest, invitation.manifest_signature, cli.client.host, note)
    if not _is_saved(Path(path), card):
        save(Path(path), card.data)
    if not _is_saved(Path(path), card):
        raise WrongPiece(N_("{path} does not read back as it was written."), path=path)
    return card


def _is_saved(path: Path, card: Card) -> bool:
    """Tell whether this very piece is in a file already, whatever checkpoint it names."""
    from escrow.protocol.errors import ProtocolError
    from escrow.protocol.kit import Card

    try:
        found = Card.parse(path.read_bytes())
    except (OSError, ProtocolError):
        return False
    return (found.payload, found.manifest) == (card.payload, card.manifest)


def _attest(cli: Cli, card: Card, name: str, customer: str, path: str) -> None:
    from escrow_cli import printing
    from escrow_cli.attesting import attest_share
    from escrow_cli.ledgerkeys import open_ledger
    from escrow_cli.sources import paper_path

    ledger, _ = open_ledger(cli, card.manifest.ledger_vkey)
    with cli.terminal.progress(cli.t.gettext("Proving that your piece is there …")):
        state = attest_share(cli, ledger, card.manifest, card.payload, locale=cli.t.locale)
    cli.state.keep_manifest(card.manifest.deposit, card.manifest.hash)
    paper = paper_path(Path(path))
    printing.save_card(cli, card, name, customer, paper)
    say, t = cli.terminal.say, cli.t
    say(t.gettext("Thank you. Your card: {pdf} and {file}.", pdf=paper, file=path))
    say(
        t.gettext(
            "If the phone rings one day: call back on the number that you already have. Never give "
            "your piece to someone who contacts you first."
        )
    )
    cli.terminal.document(
        {
            "deposit": card.manifest.deposit,
            "custody": card.payload.custody,
            "state": state,
            "card": path,
        }
    )
