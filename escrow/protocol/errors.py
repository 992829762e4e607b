"""Errors of the protocol. Every one has a stable `code`; none carries a secret.

The class says what is wrong, the message says it to a person, the attributes say where.
"""


class ProtocolError(ValueError):
    """Something that the protocol refuses. `code` is stable and machine-readable."""

    code = "protocol_error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Malformed(ProtocolError):
    """Bytes that are not the one serialisation of what they claim to be.

    `what` is the kind of document ("manifest", "share", …); `field` is a dotted path such as
    `custodies.1.role`, empty when the document as a whole is at fault.
    """

    def __init__(self, what: str, field: str = "", reason: str = "") -> None:
        place = f", field {field}" if field else ""
        because = f": {reason}" if reason else ""
        super().__init__(f"malformed {what}{place}{because}", code=f"malformed_{what}")
        self.what = what
        self.field = field
        self.reason = reason


class Mismatch(ProtocolError):
    """A well-formed document that does not belong with another one."""


class BadSignature(ProtocolError):
    """A signature that this key did not make over these contents."""

    code = "wrong_signature"


class BadShare(ProtocolError):
    """A recovery share, or a set of them, that cannot be used.

    `share` counts from 1 in the order given and is None when the set as a whole is at fault;
    `word` and `swapped_with` count from 1; `proposals` are words of the list that start with the
    same four letters as an unknown word, or stand one letter away from it.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        share: int | None = None,
        word: int | None = None,
        swapped_with: int | None = None,
        proposals: tuple[str, ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.share = share
        self.word = word
        self.swapped_with = swapped_with
        self.proposals = proposals


class NotOpened(ProtocolError):
    """A ciphertext that this key or password does not open."""

    code = "not_opened"
