"""Ledger events, their MACs, leaves and proofs.

An event is a JSON document in the one serialisation: `id`, `type`, `account`, `deposit`, `custody`,
`recovery`, `at`, `data`. Its author inserts it with `at` 0 and a MAC over
`PAE("escrow/v1/event", event_bytes)`; the sequencer sets `at` and index, draws a 32-byte nonce and
keeps a MAC over `PAE("escrow/v1/sequenced", index, author, nonce, event_bytes)`. The public leaf is
`SHA-256(PAE("escrow/v1/ledger", nonce, event_bytes))`: 32 bytes that say nothing to who lacks the
nonce. A proof is handed out as a C2SP tlog-proof. Source: PROTOCOL.md section 12.
"""

import base64
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from escrow.protocol import note, tree
from escrow.protocol.encoding import (
    HASH,
    ID,
    INTEGER,
    SIGNATURE,
    ListOf,
    Shape,
    binary,
    choice,
    dump_json,
    exactly,
    load_json,
    nullable,
    pae,
    pae_hash,
    read_document,
    text,
    write_document,
)
from escrow.protocol.errors import Malformed, ProtocolError
from escrow.protocol.seal import PUBLIC_KEY_LENGTH_BYTES

MAX_EVENT_LENGTH_BYTES = 8192
MAX_DATA_LENGTH_BYTES = 4096
NONCE_LENGTH_BYTES = 32
AUTHORS = ("web", "custodian")

_REASON = text(200)
_PARTY = choice("customer", "contact", "provider")
_ROLE = choice("support", "auditor", "operator", "owner")
_EMPTY = Shape()
_ADDRESSES = Shape(addresses=ListOf(HASH, 16))

DATA: dict[str, Shape] = {
    "account created": _ADDRESSES,
    "account moved": Shape(**{"from": text(128), "to": text(128), "approval": HASH}),
    "account closing": Shape(until=INTEGER, reason=_REASON),
    "address changed": _ADDRESSES,
    "totp changed": Shape(reason=choice("enrolled", "changed", "recovered")),
    "deposit created": Shape(manifest_hash=HASH),
    "deposit active": _EMPTY,
    "deposit complete": _EMPTY,
    "deposit closing": Shape(until=INTEGER, reason=_REASON),
    "deposit reopened": Shape(by=_PARTY),
    "deposit destroyed": Shape(reason=_REASON),
    "custody invited": Shape(until=INTEGER),
    "custody fetched": _EMPTY,
    "custody paused": _EMPTY,
    "custody resumed": Shape(until=INTEGER),
    "custody withdrawn": _EMPTY,
    "custody held": _EMPTY,
    "custody rejected": Shape(reason=_REASON),
    "custody declined": _EMPTY,
    "custody lost": Shape(by=_PARTY),
    "custody attested": Shape(
        means=choice("share", "check"), checkpoint_hash=HASH, time=INTEGER, signature=SIGNATURE
    ),
    "custody moved": Shape(
        previous=HASH, commitment=HASH, body_sha256=HASH, time=INTEGER, signature=SIGNATURE
    ),
    "recovery opened": Shape(
        proof=choice("totp", "kit", "contacts", "totp+kit", "totp+contacts"),
        wait_seconds=INTEGER,
        account=ID,
    ),
    "recovery noticed": Shape(wait_seconds=INTEGER, refused=ListOf(HASH, 64)),
    "recovery ready": _EMPTY,
    "recovery vetoed": Shape(by=choice("customer", "contact")),
    "recovery frozen": Shape(reason=_REASON, approval=nullable(HASH)),
    "recovery unfrozen": Shape(approval=HASH),
    "recovery begun": Shape(session=ID, public_key=exactly(PUBLIC_KEY_LENGTH_BYTES)),
    "recovery completed": Shape(time=INTEGER, signature=SIGNATURE),
    "recovery expired": _EMPTY,
    "release intended": Shape(session=ID, public_key_sha256=HASH),
    "release made": Shape(
        session=ID,
        public_key_sha256=HASH,
        sealed_sha256=HASH,
        signature=nullable(SIGNATURE),
        time=nullable(INTEGER),
    ),
    "admin approved": Shape(
        operation=text(64), body_sha256=HASH, credential=text(128), signature=binary(2048)
    ),
    "admin executed": Shape(operation=text(64), body_sha256=HASH),
    "admin rejected": Shape(credential=text(128), body_sha256=HASH),
    "admin exported": Shape(what=_REASON, body_sha256=HASH),
    "admin added": Shape(
        admin=ID,
        name=text(80),
        role=_ROLE,
        credential=binary(1023, 1),
        public_key=binary(1024, 1),
        approval=nullable(HASH),
    ),
    "admin removed": Shape(admin=ID, approval=HASH),
    "admin resent": Shape(admin=ID, what=text(64)),
    "wait changed": Shape(seconds=INTEGER, approval=HASH),
    "site published": Shape(files_sha256=HASH),
    "key changed": Shape(
        use=choice("ledger", "provider"), old=nullable(binary(2048)), new=binary(2048)
    ),
    "backup accepted": Shape(size=INTEGER, root=HASH, reason=_REASON),
    "tick": _EMPTY,
}

_SUBJECTS = ("account", "deposit", "custody", "recovery")
_NEEDED = {
    "account": {"account"},
    "address": {"account"},
    "totp": {"account"},
    "deposit": {"account", "deposit"},
    "custody": {"account", "deposit", "custody"},
    "recovery": {"account", "deposit", "recovery"},
    "release": {"account", "deposit", "custody", "recovery"},
}
_SHAPES = {
    name: Shape(
        id=ID,
        type=choice(name),
        account=nullable(ID),
        deposit=nullable(ID),
        custody=nullable(ID),
        recovery=nullable(ID),
        at=INTEGER,
        data=data,
    )
    for name, data in DATA.items()
}
_ENVELOPE = Shape(type=choice(*DATA))


@dataclass(frozen=True)
class Event:
    """One entry of the ledger. `at` is in Unix seconds, 0 until it is sequenced."""

    id: str
    type: str
    data: dict[str, Any] = field(repr=False)
    account: str | None = None
    deposit: str | None = None
    custody: str | None = None
    recovery: str | None = None
    at: int = 0

    @classmethod
    def parse(cls, raw: bytes) -> "Event":
        """Read an event from its bytes; raises Malformed("event")."""
        kind = _type_of(raw)
        event = cls(**read_document(raw, _SHAPES[kind], "event", MAX_EVENT_LENGTH_BYTES))
        event.check()
        return event

    @property
    def bytes(self) -> bytes:
        """The one serialisation of the event; raises Malformed for an unknown type."""
        shape = _SHAPES.get(self.type)
        if shape is None:
            raise Malformed("event", "type", "no such type")
        return write_document(self.__dict__, shape)

    def check(self) -> None:
        """Check subjects and size; raises Malformed("event")."""
        needed = _NEEDED.get(self.type.split(" ", maxsplit=1)[0])
        optional = set()
        if self.type == "recovery vetoed" and self.data["by"] == "contact":
            needed = {"account", "deposit", "custody", "recovery"}
        elif needed is None:
            needed = set()
            optional = set(_SUBJECTS) if self.type.startswith("admin ") else set()
        for name in _SUBJECTS:
            given = getattr(self, name) is not None
            if given != (name in needed) and name not in optional:
                raise Malformed("event", name, "missing" if not given else "not allowed here")
        if len(dump_json(DATA[self.type].write(self.data))) > MAX_DATA_LENGTH_BYTES:
            raise Malformed("event", "data", f"over {MAX_DATA_LENGTH_BYTES} bytes")


def _type_of(raw: bytes) -> str:
    value = load_json(raw, "event", MAX_EVENT_LENGTH_BYTES)
    if not isinstance(value, dict):
        raise Malformed("event", reason="an object is needed")
    if "type" not in value:
        raise Malformed("event", "type", "the field is missing")
    return str(_ENVELOPE.read({"type": value["type"]}, "event")["type"])


def event_mac(key: bytes, event_bytes: bytes) -> bytes:
    """Authenticate an event that is not yet sequenced; returns 32 bytes."""
    return hmac.digest(key, pae("escrow/v1/event", event_bytes), "sha256")


def sequenced_mac(key: bytes, index: int, author: str, nonce: bytes, event_bytes: bytes) -> bytes:
    """Authenticate a sequenced entry with the custodian's key; returns 32 bytes."""
    message = pae("escrow/v1/sequenced", index, author, nonce, event_bytes)
    return hmac.digest(key, message, "sha256")


def same_mac(a: bytes, b: bytes) -> bool:
    """Compare two MACs in constant time."""
    return hmac.compare_digest(a, b)


def leaf_data(nonce: bytes, event_bytes: bytes) -> bytes:
    """Return the public 32 bytes of an entry."""
    return pae_hash("escrow/v1/ledger", nonce, event_bytes)


_PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})\Z")


@dataclass(frozen=True)
class Proof:
    """That an entry stands in the ledger: index, sibling hashes, signed checkpoint (a note)."""

    index: int
    siblings: tuple[bytes, ...]
    checkpoint: str

    @property
    def text(self) -> str:
        """The proof as C2SP tlog-proof."""
        hashes = [base64.b64encode(sibling).decode() for sibling in self.siblings]
        return "\n".join([_PROOF_HEADER, f"index {self.index}", *hashes, "", self.checkpoint])

    @classmethod
    def parse(cls, proof: str) -> "Proof":
        """Read a tlog-proof; raises ProtocolError("malformed_note")."""
        head, separator, checkpoint = proof.partition("\n\n")
        lines = head.split("\n")
        if len(lines) > 1 and lines[1].startswith("extra "):
            note.base64_decode(lines.pop(1).removeprefix("extra "))
        index = _INDEX.match(lines[1]) if len(lines) > 1 else None
        if not separator or lines[0] != _PROOF_HEADER or index is None:
            raise ProtocolError("This is not a proof of inclusion.", code="malformed_note")
        siblings = tuple(note.base64_decode(line) for line in lines[2:])
        if len(siblings) > 63 or any(len(sibling) != 32 for sibling in siblings):
            raise ProtocolError("This is not a proof of inclusion.", code="malformed_note")
        return cls(int(index[1]), siblings, checkpoint)

    def verify(self, leaf: bytes, verifier: note.Verifier) -> note.Checkpoint:
        """Check that leaf data (32 bytes) stands in the ledger whose key this is.

        Returns the checkpoint it stands in. Raises ProtocolError (malformed_note, unverified_note,
        wrong_origin, wrong_proof) or BadSignature.
        """
        checkpoint = note.Checkpoint.verify(self.checkpoint, verifier)
        tree.verify_inclusion(
            tree.leaf_hash(leaf), self.index, checkpoint.size, self.siblings, checkpoint.root
        )
        return checkpoint


def check_consistent(old: note.Checkpoint, new: note.Checkpoint, proof: Sequence[bytes]) -> None:
    """Check that a newer checkpoint continues an older one of the same ledger.

    The empty ledger is continued by any. Raises ProtocolError: wrong_origin, wrong_proof.
    """
    if old.origin != new.origin:
        raise ProtocolError("The checkpoints are of two ledgers.", code="wrong_origin")
    if old.size == 0 and old.root == tree.EMPTY_ROOT and not proof:
        return
    tree.verify_consistency(old.size, new.size, proof, old.root, new.root)
