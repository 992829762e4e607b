"""Errors of the client: a sentence, a hint what to do now, a reason for scripts, an exit status.

Sentences are messages of `escrow.i18n`, translated where they are shown. None carries a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from escrow.i18n import N_, Translator
from escrow_cli.exitcodes import Exit

if TYPE_CHECKING:
    from escrow.protocol.errors import ProtocolError


class ClientError(Exception):
    """`reason` is stable and machine-readable; `params` fill the places of both sentences."""

    exit = Exit.INTERNAL

    def __init__(self, message: str, hint: str = "", *, reason: str = "", **params: object) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.reason = reason or type(self).__name__.lower()
        self.params = params

    def sentences(self, t: Translator) -> tuple[str, str]:
        return t.gettext(self.message, **self.params), t.gettext(self.hint, **self.params)


class Usage(ClientError):
    exit = Exit.USAGE


class Refused(ClientError):
    """A check failed that an honest service or an honest sender passes."""

    exit = Exit.REFUSED


class NotNow(ClientError):
    exit = Exit.NOT_NOW


class NotYet(NotNow):
    """Nothing went wrong: the person has said no, or all goes well and time has to pass."""


class Unreachable(ClientError):
    exit = Exit.UNREACHABLE


class WrongCode(ClientError):
    exit = Exit.WRONG_CODE


class Locked(WrongCode):
    """Too many wrong codes: asking again now is of no use."""


class StepUpRequired(WrongCode):
    """The session is real, but a fresh code of the authenticator app is needed."""


class NotSignedIn(WrongCode):
    """The session has ended."""


class WrongPiece(ClientError):
    exit = Exit.WRONG_PIECE


# What the checks of the protocol say to a person. Where the data came from a piece of the
# person's own it is a wrong piece; where it came from the service, a refusal.
SENTENCES = {
    "wrong_deposit": N_("This piece belongs to another deposit."),
    "wrong_manifest": N_("The description of the deposit is not the one that your piece names."),
    "wrong_custody": N_("This piece was made for somebody else."),
    "wrong_signature": N_("A signature does not fit. What was signed may have been changed."),
    "wrong_envelope": N_("The encrypted key is not the one of this deposit."),
    "wrong_contact": N_("The contacts named are not those of this deposit."),
    "wrong_share": N_("This piece is not genuine: it does not fit the deposit's description."),
    "wrong_owner_key": N_("The pieces do not belong to this deposit's description."),
    "wrong_commitment": N_(
        "What the other side revealed is not what it fixed before. Somebody may stand between you."
    ),
    "wrong_proof": N_("The ledger's proof does not hold: its history may have been changed."),
    "unverified_note": N_("The ledger's statement is not signed by the key that you know."),
    "wrong_origin": N_("The ledger's statement is of another ledger."),
    "malformed_note": N_("The ledger's statement cannot be read."),
    "malformed_vkey": N_("The ledger's key cannot be read."),
    "malformed_kit": N_("This is not an intact kit or card."),
    "malformed_card": N_("This is not an intact kit or card."),
    "malformed_share": N_("This is not an intact piece."),
    "malformed_qr": N_("This is not a code of this kind."),
    "malformed_link": N_("This is not the link of an invitation. Copy the whole link."),
    "wrong_fragment": N_("The invitation's link is not complete. Copy the whole link."),
    "wrong_digits": N_("The invitation has 16 digits."),
    "wrong_check_code": N_("This is not a check code. It has 40 digits: compare with the paper."),
    "wrong_key": N_("This does not open it."),
    "damaged_envelope": N_("The encrypted file is damaged."),
    "not_opened": N_("What was sent to you does not open. It was made for somebody else."),
    "wrong_secret_length": N_("What you keep safe has 1 to 65536 bytes."),
    "wrong_shares": N_("The old shares do not fit together."),
    "wrong_word_count": N_("The piece has 33 words."),
    "unknown_word": N_("A word is not in the word list: compare it with the paper."),
    "wrong_checksum": N_("A word is wrong: compare the words with the paper."),
    "mixed_sets": N_("The pieces are of different deposits."),
    "mixed_headers": N_("The pieces were not made together."),
    "duplicate_share": N_("The same piece was given twice."),
    "surplus_share": N_("One piece too many was given: leave it out."),
    "missing_share": N_("More pieces are needed."),
    "wrong_digest": N_("The pieces do not fit together: one of them is not genuine."),
}
NOTHING_SENT = N_("Nothing was sent. Call your provider on a number that you already have.")


def of_protocol(error: ProtocolError, kind: type[ClientError]) -> ClientError:
    """Turn what the protocol refuses into a client's error of `kind`, code kept as reason."""
    message = SENTENCES.get(error.code, N_("A check failed ({code})."))
    hint = NOTHING_SENT if kind is Refused else ""
    return kind(message, hint, reason=error.code, code=error.code)
