"""Bodies of the admins' part of the API, in and out."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from escrow.admin.operations import MAX_BODY_LENGTH_BYTES
from escrow.api import Base64, Body, Identifier, Seconds

# The kind of credential before the colon: an operator's key, later an admin's passkey.
Credential = Annotated[
    str, StringConstraints(strict=True, max_length=128, pattern=r"^[a-z]{1,16}:[A-Za-z0-9._-]+$")
]


class ApprovalIn(Body):
    """A signed approval; `body` is the exact content, a JSON document of its own."""

    operation: Literal[
        "freeze", "unfreeze", "close-deposit", "close-account", "move-account", "set-address"
    ]
    target: Identifier
    body: Annotated[bytes, Base64(MAX_BODY_LENGTH_BYTES, 1)]
    expires: Seconds
    credential: Credential
    signature: Annotated[bytes, Base64(2048, 1)]


class ApprovalOut(Body):
    """An approval that was taken up; the custodian decides what becomes of it."""

    approval: Identifier
    proposal: Identifier
    expires: Seconds
