"""A person's own piece, from whatever she has: a kit or card file, the words, the QR codes.

Who has words only is asked for the custody and the deposit's code, 24 digits: any other description
of the deposit is refused, and the ledger's key is taken from it (PROTOCOL.md section 7).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from escrow.i18n import N_
from escrow.protocol import keys, qr, slip39
from escrow.protocol.encoding import b64url_decode, is_identifier
from escrow.protocol.errors import ProtocolError
from escrow.protocol.kit import Card, parse_piece
from escrow.protocol.manifest import CODE_DIGITS, Manifest
from escrow.protocol.share import Payload
from escrow_cli.client import Signer
from escrow_cli.context import Cli
from escrow_cli.errors import Refused, Usage, WrongPiece, of_protocol
from escrow_cli.sources import read_piece

WORDS = "ESCROW_WORDS"
CUSTODY = "ESCROW_CUSTODY"
DEPOSIT_CODE = "ESCROW_DEPOSIT_CODE"
_OPTIONS = {"customer": "--kit", "contact": "--card"}


@dataclass(frozen=True)
class Piece:
    """A checked piece. `checkpoint` is the note that came with it, or empty."""

    payload: Payload = field(repr=False)
    manifest: Manifest
    signature: bytes
    checkpoint: str
    host: str

    def share(self) -> slip39.Share:
        return self.payload.check_with(self.manifest)

    def signer(self) -> Signer:
        """Return what signs this custody's requests."""
        key = keys.release_key(self.share().value, self.payload.deposit, self.payload.custody)
        return Signer(self.payload.custody, key)


def from_file(path: str) -> Piece:
    """Read a kit or card file; raises WrongPiece."""
    data = read_piece(path)
    try:
        found = parse_piece(data)
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None
    note = found.checkpoint if isinstance(found, Card) else ""
    return Piece(found.payload, found.manifest, found.manifest_signature, note, found.host)


def fetch_custody(cli: Cli, custody: str) -> tuple[dict[str, Any], Manifest, bytes]:
    """Fetch what the service says of a custody: document, manifest, signature (self-consistent)."""
    found = cli.client.get(f"custodies/{custody}")
    try:
        manifest = Manifest.parse(b64url_decode(found["manifest"]))
        signature = b64url_decode(found["manifest_signature"])
        manifest.verify(signature)
        manifest.custody(custody)
    except ProtocolError as error:
        raise of_protocol(error, Refused) from None
    pinned = cli.state.manifest_hash(manifest.deposit)
    if pinned is not None and pinned != manifest.hash:
        raise altered()
    return found, manifest, signature


def altered() -> Refused:
    from escrow_cli.errors import NOTHING_SENT

    return Refused(
        N_("The service shows another description of the deposit than your piece names."),
        NOTHING_SENT,
        reason="wrong_manifest",
    )


def ask(cli: Cli) -> Piece:
    """Ask for a piece: the text of its QR code, or its words with custody and code."""
    t = cli.t
    first = cli.terminal.ask(
        t.gettext("Your piece: its QR code's text, or the words (not shown; Enter: one by one)"),
        WORDS,
        hidden=True,
    )
    if first.startswith(qr.SHARE_PREFIX):
        return _from_qr(cli, first)
    words = first if len(first.split()) == slip39.SHARE_LENGTH_WORDS else _ask_words(cli, first)
    try:
        share = slip39.Share.parse(words)
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None
    custody = _plain(cli.terminal.ask(t.gettext("Number of the piece, on the paper"), CUSTODY))
    code = _plain(cli.terminal.ask(t.gettext("The deposit's code, 24 digits"), DEPOSIT_CODE))
    if not is_identifier(custody) or len(code) != CODE_DIGITS or not code.isdigit():
        raise Usage(N_("The number of a piece has 32 characters, the deposit's code 24 digits."))
    _, manifest, signature = fetch_custody(cli, custody)
    if manifest.code() != code:
        raise altered()
    line = manifest.custody(custody)
    payload = Payload(manifest.deposit, custody, line.role, share.words(), manifest.hash)
    return _checked(cli, payload, manifest, signature)


def _from_qr(cli: Cli, text: str) -> Piece:
    try:
        payload = qr.parse_share(text)
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None
    _, manifest, signature = fetch_custody(cli, payload.custody)
    if manifest.hash != payload.manifest_hash:
        raise altered()
    return _checked(cli, payload, manifest, signature)


def _checked(cli: Cli, payload: Payload, manifest: Manifest, signature: bytes) -> Piece:
    try:
        payload.check_with(manifest)
    except ProtocolError as error:
        raise of_protocol(error, WrongPiece) from None
    return Piece(payload, manifest, signature, "", cli.client.host)


def _plain(text: str) -> str:
    return "".join(text.split()).replace("-", "").lower()


def _ask_words(cli: Cli, first: str) -> str:
    """Ask for the words one by one; the first four letters are enough."""
    listed = {word[:4]: word for word in slip39.word_list()}
    found = [listed[word[:4]] for word in first.lower().split() if word[:4] in listed]
    while len(found) < slip39.SHARE_LENGTH_WORDS:
        number = len(found) + 1
        word = cli.terminal.ask(
            cli.t.gettext("Word {number} of 33 (not shown)", number=number), hidden=True
        ).lower()
        if len(word) >= 4 and word[:4] in listed and listed[word[:4]].startswith(word):
            found.append(listed[word[:4]])
        else:
            cli.terminal.say(cli.t.gettext("Word {number} is not in the list.", number=number))
    return " ".join(found)


def of_options(cli: Cli, file: str | None, *, role: str | None = None) -> Piece:
    """Take the piece that an option names, or ask for it; its host is used if none is given."""
    piece = from_file(file) if file else _asked(cli, role)
    if cli.host is None and file:
        cli.host = piece.host
    if role is not None and piece.payload.role != role:
        raise WrongPiece(
            N_("This is the customer's kit; here a contact's card is needed.")
            if role == "contact"
            else N_("This is a contact's card; here your kit is needed."),
            N_("Take the other file or paper."),
            reason="wrong_custody",
        )
    return piece


def _asked(cli: Cli, role: str | None) -> Piece:
    """Ask for a piece; says which option takes it, where there is nobody to ask."""
    try:
        return ask(cli)
    except Usage as error:
        if error.reason == "no_terminal":
            error.hint = N_("Give the file as {option}, or the words in {variable}.")
            error.params |= {"option": _OPTIONS.get(role or "", "--piece"), "variable": WORDS}
        raise
