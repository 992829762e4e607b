"""A contact's move to another name or address, signed with the piece itself.

The body of `POST /api/v1/custodies/{custody}/address` is a document in the one serialisation:
`name`, `address`, `nonce` (16 fresh bytes), `previous` (the 32-byte commitment that it follows: the
manifest's `contact_commitment`, or the one of the move before). It is signed as every request of a
contact is (`request`), over the SHA-256 of exactly these bytes. The ledger keeps, in `custody
moved`, `previous`, the new `commitment`, `body_sha256`, `time` and `signature`: name and address
stay out of it, and yet everybody who has the entry can check the signature, and who has name,
address and nonce can write the body again and compare.

A move counts when it follows the newest one that counts, was signed later than that one, and its
signature holds; any other is passed over, so nobody but the holder of the piece moves a contact,
and an old signature moves nobody back. Source: PROTOCOL.md sections 6 and 13.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from escrow.protocol import keys, request
from escrow.protocol.encoding import HASH, Shape, read_document, sha256, write_document
from escrow.protocol.errors import BadSignature
from escrow.protocol.kit import CONTACT_FIELDS, Contact

MAX_LENGTH_BYTES = 4096
_MOVE = Shape(**CONTACT_FIELDS, previous=HASH)


@dataclass(frozen=True)
class Move:
    """Where a contact can be reached from now on, and which commitment this follows."""

    name: str
    address: str = field(repr=False)
    nonce: bytes = field(repr=False)
    previous: bytes

    @classmethod
    def parse(cls, data: bytes) -> "Move":
        """Read a move from its bytes; raises Malformed("move")."""
        return cls(**read_document(data, _MOVE, "move", MAX_LENGTH_BYTES))

    @property
    def data(self) -> bytes:
        """The one serialisation: these bytes are sent, and their SHA-256 is signed."""
        return write_document(self.__dict__, _MOVE)

    def commitment(self) -> bytes:
        """Return the 32-byte commitment to the new name and address."""
        return Contact(self.name, self.address, self.nonce).commitment()

    def request(self, custody: str, time: int) -> request.Request:
        """Return the request that a contact signs; `time` is in Unix seconds."""
        return request.Request(custody, "POST", path(custody), self.data, time)


@dataclass(frozen=True)
class Moved:
    """What the ledger says of one move of one custody."""

    custody: str
    previous: bytes
    commitment: bytes
    body_sha256: bytes
    time: int
    signature: bytes

    def is_of(self, move: Move) -> bool:
        """Tell whether this is the entry of exactly that move."""
        return self.body_sha256 == sha256(move.data) and self.commitment == move.commitment()

    def is_signed(self, release_key: bytes) -> bool:
        """Tell whether the holder of the custody's piece signed it (32-byte public key)."""
        message = request.message(
            self.custody, "POST", path(self.custody), self.body_sha256, self.time
        )
        try:
            keys.verify(release_key, self.signature, message)
        except BadSignature:
            return False
        return True


def path(custody: str) -> str:
    """Return the path that a move is sent to, and that is signed with it."""
    return f"/api/v1/custodies/{custody}/address"


def newest(commitment: bytes, moves: Iterable[Moved], release_key: bytes) -> Moved | None:
    """Walk from the manifest's commitment along the moves that count, in the ledger's order.

    Returns the last of them; None while the contact is where the manifest says.
    """
    last: Moved | None = None
    for moved in moves:
        follows = moved.previous == (last.commitment if last else commitment)
        is_later = last is None or moved.time > last.time
        if follows and is_later and moved.is_signed(release_key):
            last = moved
    return last
