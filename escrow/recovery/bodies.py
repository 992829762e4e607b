"""Bodies of the recoveries' part of the API, in and out."""

from typing import Annotated, Literal

from escrow.api import Base64, Body, Hash, Identifier, Integer, Seconds, Signature, Text
from escrow.deposit.bodies import EntryOut, Sealed
from escrow.protocol.seal import PUBLIC_KEY_LENGTH_BYTES

PublicKey = Annotated[bytes, Base64.exactly(PUBLIC_KEY_LENGTH_BYTES)]
Token = Annotated[str, Text(64, 20)]


class PieceIn(Body):
    """A proof by a piece: the release key's signature over the recovery and a recent checkpoint."""

    custody: Identifier
    checkpoint_hash: Hash
    signature: Signature


class RecoveryIn(Body):
    """A new recovery: of which deposit, what happened, and how the person proves to be it."""

    deposit: Identifier
    reason: Annotated[str, Text(500)]
    proof: Literal["totp", "kit", "contacts", "totp+kit", "totp+contacts"] = "totp"
    piece: PieceIn | None = None


class ProofIn(Body):
    """A contact's proof for a draft; whose it is, the signed request says."""

    checkpoint_hash: Hash
    signature: Signature


class VetoIn(Body):
    """A veto; the token of a mail link, or null from a session or a signed request."""

    token: Token | None = None


class CompleteIn(Body):
    """The owner key's statement that the key is back."""

    time: Seconds
    signature: Signature


class SessionIn(Body):
    """The fresh public key that shares are sealed to; with a kit, its proof once more."""

    public_key: PublicKey
    piece: PieceIn | None = None


class CallIn(Body):
    """A call's commitment."""

    custody: Identifier
    commitment: Hash


class NonceIn(Body):
    """The contact's answer to a commitment."""

    commitment: Hash
    nonce: Hash
    signature: Signature


class RevealIn(Body):
    """What the commitment hid."""

    public_key: PublicKey
    random: Hash


class ReleaseIn(Body):
    """A contact's release."""

    sealed: Sealed
    signature: Signature
    time: Seconds


class RecoveryOut(Body):
    """A recovery as its customer and its contacts see it; `draft` is the state of a draft.

    `proven` are the custodies that have vouched, of `proofs_needed` contacts. `hold_reason` is the
    operator's, of one that is frozen.
    """

    recovery: Identifier
    deposit: Identifier
    state: str
    proof: str
    reason: str | None
    opened_at: Seconds
    wait_seconds: Seconds
    noticed_at: Seconds | None
    ready_at: Seconds | None
    expires_at: Seconds | None
    ended_at: Seconds | None
    session: Identifier | None
    proven: list[Identifier]
    proofs_needed: Integer
    hold_reason: str | None = None


class RecoveryList(Body):
    """What is under way for a deposit: at most one recovery, and drafts without effect."""

    recovery: RecoveryOut | None
    drafts: list[RecoveryOut]


class CallOut(Body):
    """A call; what is not said yet is null."""

    call: Identifier
    custody: Identifier
    commitment: Hash
    nonce: Hash | None
    nonce_signature: Signature | None
    public_key: PublicKey | None
    random: Hash | None


class ReleaseOut(Body):
    """A release whose entry is in a signed checkpoint, with the proof of it.

    The provider's may be `refused` instead: then `reason` says which check failed.
    """

    custody: Identifier
    state: str
    reason: str | None
    sealed: Sealed | None
    signature: Signature | None
    time: Seconds | None
    entry: EntryOut | None
    proof: str | None


class SessionOut(Body):
    """A session of a recovery."""

    session: Identifier
    recovery: Identifier
    public_key: PublicKey
    begun_at: Seconds
    expires_at: Seconds
    is_over: bool
    calls: list[CallOut]
    releases: list[ReleaseOut]


class ReleaseState(Body):
    """The state of a release."""

    state: str


class KeptOut(Body):
    """Everything that is kept about an account, as the text of a JSON file."""

    data: str
