"""Combine pieces without the service: files, codes and words in any mix give the secret.

Nothing here reads a file, asks or prints. Whoever holds a kit or card file holds the deposit's
description too, and every piece and the envelope are checked against it; with codes and words alone
SLIP-39's digest and age's authentication hold, and `Combined.manifest` is None: "manifest not
checked". Words come with the number of the piece and the deposit's 24 digits, which refuse any
other description; who cannot read them any more may leave them out. Source: PROTOCOL.md sections 7
and 10, "Without the provider".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from escrow.protocol import envelope as envelopes
from escrow.protocol import qr, slip39
from escrow.protocol.encoding import digits, is_identifier
from escrow.protocol.errors import BadShare, Malformed, Mismatch, ProtocolError
from escrow.protocol.kit import Kit, parse_piece
from escrow.protocol.manifest import CODE_DIGITS, Manifest

_AGE = b"age-encryption.org/"
_QR = b"escrow1"
_SEPARATORS = {ord(c): None for c in " -\t\r\n\u00a0"}


class BadPiece(ProtocolError):
    """What the protocol refuses, with the piece at fault: `cause` says why, `code` is its code."""

    def __init__(self, piece: str, cause: ProtocolError) -> None:
        super().__init__(f"{piece}: {cause}", code=cause.code)
        self.piece = piece
        self.cause = cause


@dataclass(frozen=True)
class Piece:
    """One piece and what its form says of it. `name` is what the person calls it."""

    name: str
    words: str = field(repr=False)
    deposit: str | None = None
    custody: str | None = None
    code: str | None = None
    manifest_hash: bytes | None = None
    manifest: Manifest | None = None
    signature: bytes = b""
    envelope: bytes | None = field(default=None, repr=False)

    def share(self) -> slip39.Share:
        """Return the SLIP-39 share; raises BadPiece."""
        with naming(self.name):
            return slip39.Share.parse(self.words)


@dataclass(frozen=True)
class Combined:
    """The secret, and the description against which all was checked, if there was one."""

    secret: bytes = field(repr=False)
    manifest: Manifest | None


@contextmanager
def naming(piece: str) -> Iterator[None]:
    """Name a piece in every refusal."""
    try:
        yield
    except BadPiece:
        raise
    except ProtocolError as error:
        raise BadPiece(piece, error) from None


def piece_of_file(name: str, data: bytes) -> Piece:
    """Read a kit or card file, or text: a code as scanned, or 33 words. Raises BadPiece."""
    if data.lstrip().startswith(_QR):
        return piece_of_qr(name, data.decode("ascii", "replace"))
    if data.lstrip()[:1].isalpha():
        return piece_of_words(name, data.decode("ascii", "replace"))
    with naming(name):
        found = parse_piece(data)
    return Piece(
        name,
        found.payload.words,
        found.payload.deposit,
        found.payload.custody,
        found.manifest.code(),
        found.manifest.hash,
        found.manifest,
        found.manifest_signature,
        found.envelope if isinstance(found, Kit) else None,
    )


def piece_of_qr(name: str, text: str) -> Piece:
    """Read the code of a share; raises BadPiece."""
    text = "".join(text.split())
    with naming(name):
        if text.startswith(qr.CHECK_PREFIX):
            raise ProtocolError(
                "This is the check code. The code of the words is needed.", code="check_code_given"
            )
        payload = qr.parse_share(text)
    code = digits(payload.manifest_hash, CODE_DIGITS)
    return Piece(name, payload.words, payload.deposit, payload.custody, code, payload.manifest_hash)


def piece_of_words(name: str, words: str, custody: str = "", code: str = "") -> Piece:
    """Take words with the number of their piece and the deposit's 24 digits, as on the paper.

    Both are empty when they cannot be read. Raises BadPiece: what reading shares raises, or
    malformed_identifier, wrong_manifest_code.
    """
    custody, code = (text.translate(_SEPARATORS).lower() for text in (custody, code))
    with naming(name):
        if custody and not is_identifier(custody):
            raise Malformed("identifier", reason="the number of a piece has 32 characters")
        if code and not (len(code) == CODE_DIGITS and code.isascii() and code.isdigit()):
            raise ProtocolError("The deposit's code has 24 digits.", code="wrong_manifest_code")
        share = slip39.Share.parse(words)
    return Piece(name, share.words(), custody=custody or None, code=code or None)


def envelope_of_file(data: bytes) -> bytes:
    """Read an envelope from an age file, the text of its code, or a kit file.

    Raises Malformed("envelope"), or what reading a code or a kit raises.
    """
    if data.startswith(_AGE):
        return data
    if data.lstrip().startswith(_QR):
        return qr.parse_envelope("".join(data.decode("ascii", "replace").split()))
    if data.lstrip().startswith(b"{"):
        return Kit.parse(data).envelope
    raise Malformed("envelope", reason="neither an age file nor a code nor a kit")


def is_enough(pieces: Sequence[Piece]) -> bool:
    """Tell whether the pieces complete as many groups as are needed; raises BadPiece."""
    shares = [piece.share() for piece in pieces]
    groups: dict[int, set[int]] = {}
    needed = {share.group_index: share.member_threshold for share in shares}
    for share in shares:
        groups.setdefault(share.group_index, set()).add(share.member_index)
    complete = [index for index, members in groups.items() if len(members) >= needed[index]]
    return bool(shares) and len(complete) >= shares[0].group_threshold


def combine(pieces: Sequence[Piece], envelope: bytes | None = None) -> Combined:
    """Combine exactly the pieces that are needed and open the envelope.

    The envelope of a kit file is used unless another is given. Raises BadPiece, which names the
    piece at fault; BadShare, Mismatch, BadSignature or NotOpened when it is no single piece; or
    ProtocolError("missing_envelope").
    """
    source = next((piece for piece in pieces if piece.manifest), None)
    manifest = source.manifest if source else None
    deposit = next((piece.deposit for piece in pieces if piece.deposit), None)
    code = next((piece.code for piece in pieces if piece.code), None)
    for piece in pieces:
        with naming(piece.name):
            _check_alike(piece, deposit, code)
            if manifest:
                _check_with(piece, manifest)
    recovery_key = _recovery_key(pieces)
    envelope = envelope or next((piece.envelope for piece in pieces if piece.envelope), None)
    if envelope is None:
        raise ProtocolError(
            "The encrypted key is missing: it is in the kit file and in a code on the kit.",
            code="missing_envelope",
        )
    if source and manifest:
        manifest.check_recovered(recovery_key, envelope, source.signature)
    return Combined(envelopes.open(envelope, recovery_key), manifest)


def _check_alike(piece: Piece, deposit: str | None, code: str | None) -> None:
    """Check that a piece names the deposit and the description that the others name."""
    if piece.deposit not in {None, deposit}:
        raise Mismatch("This piece is of another deposit.", code="wrong_deposit")
    if piece.code not in {None, code}:
        raise _other_manifest()


def _check_with(piece: Piece, manifest: Manifest) -> None:
    """Check a piece against the description: its hash or code, custody, keys of the share."""
    if piece.deposit not in {None, manifest.deposit}:
        raise Mismatch("This piece is of another deposit.", code="wrong_deposit")
    if piece.code not in {None, manifest.code()} or piece.manifest_hash not in {
        None,
        manifest.hash,
    }:
        raise _other_manifest()
    share = piece.share()
    manifest.check_share(share, piece.custody or _custody_of(manifest, share))


def _other_manifest() -> Mismatch:
    return Mismatch("This piece names another description of the deposit.", code="wrong_manifest")


def _custody_of(manifest: Manifest, share: slip39.Share) -> str:
    """Find the custody of a share whose piece's number could not be read."""
    place = (share.group_index, share.member_index)
    for line in manifest.custodies:
        if (line.group, line.member) == place:
            return line.custody
    raise Mismatch("This share is not the one of this deposit.", code="wrong_share")


def _recovery_key(pieces: Sequence[Piece]) -> bytes:
    try:
        return slip39.combine([piece.words for piece in pieces])
    except BadShare as error:
        if error.share is None:
            raise
        raise BadPiece(pieces[error.share - 1].name, error) from None
