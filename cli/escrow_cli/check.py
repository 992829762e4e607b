"""`escrow check`: prove that a piece is still there, by its check code or by the piece itself."""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow_cli.context import Cli, verb
from escrow_cli.errors import Usage, WrongPiece, of_protocol

CHECK_CODE = "ESCROW_CHECK_CODE"


@verb(
    "check",
    N_("Prove that you still have your piece. Its check code is enough."),
    click.option("--piece", "path", metavar="FILE", help=N_("Your kit or card file.")),
    click.option("--share", is_flag=True, help=N_("Prove with the whole piece, as in a drill.")),
)
def check(cli: Cli, path: str | None, share: bool) -> None:
    from escrow_cli import attesting, piece
    from escrow_cli.ledger import say_look
    from escrow_cli.ledgerkeys import open_ledger
    from escrow_cli.status import state_name

    if share or path:
        own = piece.of_options(cli, path)
        payload, manifest, note = own.payload, own.manifest, own.checkpoint
        _, served, _ = piece.fetch_custody(cli, payload.custody)
        if served.hash != manifest.hash:
            raise piece.altered()
        ledger, _ = open_ledger(cli, manifest.ledger_vkey, note=note)
        say_look(cli, ledger)
        if share:
            state = attesting.attest_share(cli, ledger, manifest, payload)
        else:
            from escrow.protocol.keys import check_seed

            seed = check_seed(own.share().value, payload.deposit, payload.custody)
            state = attesting.attest_check(cli, ledger, manifest, payload.custody, seed)
        custody = payload.custody
    else:
        custody, seed = _ask(cli)
        _, manifest, _ = piece.fetch_custody(cli, custody)
        _check_seed(manifest, custody, seed)
        ledger, _ = open_ledger(cli, manifest.ledger_vkey)
        say_look(cli, ledger)
        state = attesting.attest_check(cli, ledger, manifest, custody, seed)
    cli.terminal.say(
        cli.t.gettext(
            "Thank you: your piece is there. State: {state}.", state=state_name(cli.t, state)
        )
    )
    cli.terminal.document({"custody": custody, "deposit": manifest.deposit, "state": state})


def _ask(cli: Cli) -> tuple[str, bytes]:
    """Ask for the check code: its QR code's text, or 40 digits and the piece's number."""
    from escrow.protocol import keys, qr
    from escrow.protocol.encoding import is_identifier
    from escrow.protocol.errors import ProtocolError
    from escrow_cli.piece import CUSTODY

    text = cli.terminal.ask(
        cli.t.gettext("The check code: 40 digits, or its QR code's text (not shown)"),
        CHECK_CODE,
        hidden=True,
    )
    try:
        if text.startswith(qr.CHECK_PREFIX):
            found = qr.Check.parse(text)
            return found.custody, found.seed
        seed = keys.check_code_seed(text)
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None
    custody = cli.terminal.ask(cli.t.gettext("Number of the piece, on the paper"), CUSTODY)
    custody = "".join(custody.split()).replace("-", "").lower()
    if not is_identifier(custody):
        raise Usage(N_("The number of a piece has 32 characters."))
    return custody, seed


def _check_seed(manifest: object, custody: str, seed: bytes) -> None:
    """Refuse a code that is not this piece's before anything is signed with it."""
    from escrow.protocol import keys
    from escrow.protocol.manifest import Manifest

    if not isinstance(manifest, Manifest):
        raise TypeError
    expected = manifest.custody(custody).attest_key
    if keys.public_bytes(keys.attest_key(seed, manifest.deposit, custody)) != expected:
        raise WrongPiece(
            N_("This check code is not the one of this piece."),
            N_("Compare code and number with the paper."),
            reason="wrong_check_code",
        )
