"""`escrow combine`: pieces and envelope in, the key out, without the service and without network.

The key goes to stdout only with --print; everything else is said on stderr and asked on /dev/tty.
"""

from __future__ import annotations

import click

from escrow.i18n import N_
from escrow.protocol import qr
from escrow.protocol.errors import BadShare, ProtocolError
from escrow.protocol.slip39 import Share
from escrow_cli import delivering, offline
from escrow_cli.context import Cli, verb
from escrow_cli.errors import SENTENCES, ClientError, Usage, WrongPiece
from escrow_cli.offline import BadPiece, Piece
from escrow_cli.sources import read_piece
from escrow_cli.words import type_words

ENVELOPE = "ESCROW_ENVELOPE"

_MORE_SENTENCES = {
    "check_code_given": N_("This is the check code. Scan the code beside the words instead."),
    "wrong_manifest_code": N_("The deposit's code has 24 digits."),
    "malformed_identifier": N_("The number of a piece has 32 characters."),
    "malformed_envelope": N_("This is not an encrypted key: an age file, a code or a kit file."),
    "missing_envelope": N_("The encrypted key is missing."),
}
_HINTS = {
    "missing_envelope": N_("Give --envelope FILE: the kit file, or the text of the kit's code."),
    "missing_share": N_("Give another --piece FILE, or add --words to type the words of a paper."),
    "surplus_share": N_("Start again without that piece."),
}
_OPTIONS = (
    click.option(
        "--piece",
        "files",
        multiple=True,
        metavar="FILE",
        help=N_("A kit or card file, or the text of a piece's code. May be repeated."),
    ),
    click.option("--words", is_flag=True, help=N_("Type or scan pieces of paper.")),
    click.option(
        "--envelope",
        metavar="FILE",
        help=N_("The encrypted key: an age file, the text of its code, or the kit file."),
    ),
    click.option(
        "--print", "to_stdout", is_flag=True, help=N_("The key and one newline, on stdout.")
    ),
    click.option("--no-newline", is_flag=True, help=N_("With --print: without the newline.")),
    click.option("--output", metavar="FILE", help=N_("Write the key to FILE.")),
    click.option("--force", is_flag=True, help=N_("With --output: replace a file.")),
)


@verb("combine", N_("Combine pieces without the service."), *_OPTIONS, is_online=False)
def combine(
    cli: Cli,
    files: tuple[str, ...],
    words: bool,
    envelope: str | None,
    to_stdout: bool,
    no_newline: bool,
    output: str | None,
    force: bool,
) -> None:
    delivering.check(cli, to_stdout=to_stdout, output=output, force=force)
    try:
        found = run(cli, files, words=words or not files, envelope=envelope)
    except ProtocolError as error:
        raise explained(cli, error) from None
    except Usage as error:
        if error.reason == "no_terminal":
            error.hint = N_("Give each piece as --piece FILE, and --envelope FILE if it is needed.")
        raise
    _say_checked(cli, found)
    written = delivering.deliver(
        cli, found.secret, to_stdout=to_stdout, newline=not no_newline, output=output, force=force
    )
    cli.terminal.document(
        {
            "deposit": found.manifest.deposit if found.manifest else None,
            "manifest_checked": found.manifest is not None,
            "output": written,
        }
    )


def run(cli: Cli, files: tuple[str, ...], *, words: bool, envelope: str | None) -> offline.Combined:
    """Read the pieces, ask for those on paper, combine; raises ProtocolError as `offline` does."""
    pieces = [offline.piece_of_file(file, read_piece(file)) for file in files]
    sealed = None
    if envelope:
        with offline.naming(envelope):
            sealed = offline.envelope_of_file(read_piece(envelope))
    if words:
        while not offline.is_enough(pieces):
            pieces.append(_ask_piece(cli, pieces))
    if words and sealed is None and not any(piece.envelope for piece in pieces):
        question = cli.t.gettext("The text of the code “Your key, encrypted”")
        sealed = qr.parse_envelope(cli.terminal.ask(question, ENVELOPE, hidden=True))
    return offline.combine(pieces, sealed)


def _ask_piece(cli: Cli, others: list[Piece]) -> Piece:
    """Ask for a piece on paper until one is right: a wrong one costs only itself."""
    name = cli.t.gettext("piece {number}", number=len(others) + 1)
    while True:
        try:
            piece = _ask_once(cli, name)
            with offline.naming(name):
                if any(piece.words == other.words for other in others):
                    raise BadShare("The same piece was given twice.", code="duplicate_share")
            return piece
        except BadPiece as error:
            cli.terminal.fail_softly(explained(cli, error))


def _ask_once(cli: Cli, name: str) -> Piece:
    t, ask = cli.t, cli.terminal.ask
    first = ask(
        t.gettext("Scan the code of {piece}, or press Enter to type its words", piece=name),
        hidden=True,
    )
    if first.startswith("escrow1"):
        return offline.piece_of_qr(name, first)
    with offline.naming(name):
        words = Share.parse(first or _type_words(cli)).words()
    custody = ask(t.gettext("Number of the piece, on the paper"))
    code = ask(t.gettext("The deposit's code, 24 digits"))
    return offline.piece_of_words(name, words, custody, code)


def _type_words(cli: Cli) -> str:
    with cli.terminal._tty("") as tty:
        return type_words(tty, cli.t)


def explained(cli: Cli, error: ProtocolError) -> ClientError:
    """Say what is wrong, with which piece, and what to do."""
    t = cli.t
    cause = error.cause if isinstance(error, BadPiece) else error
    message = t.gettext(
        _MORE_SENTENCES.get(cause.code)
        or SENTENCES.get(cause.code)
        or N_("A check failed ({code})."),
        code=cause.code,
    )
    if isinstance(cause, BadShare) and cause.word:
        message += " " + _place(cli, cause)
    if isinstance(error, BadPiece):
        message = t.gettext("{piece}: {problem}", piece=error.piece, problem=message)
    return WrongPiece("{problem}", _HINTS.get(cause.code, ""), reason=cause.code, problem=message)


def _place(cli: Cli, error: BadShare) -> str:
    t = cli.t
    if error.swapped_with:
        return t.gettext(
            "Words {first} and {second} are swapped.", first=error.word, second=error.swapped_with
        )
    if error.proposals:
        return t.gettext(
            "Word {number}: is it {words}?", number=error.word, words=", ".join(error.proposals)
        )
    return t.gettext("It is word {number}.", number=error.word)


def _say_checked(cli: Cli, found: offline.Combined) -> None:
    t = cli.t
    if found.manifest is None:
        cli.terminal.warn(
            t.gettext(
                "the pieces fit together and open the envelope. Manifest not checked: there was no "
                "kit or card file that describes the deposit."
            )
        )
        return
    cli.terminal.say(
        t.gettext(
            "“{label}” of {date}: pieces, signature and envelope are genuine.",
            label=found.manifest.label,
            date=t.date(found.manifest.created_at),
        )
    )
