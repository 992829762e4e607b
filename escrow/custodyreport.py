"""Who holds which piece, as a file that anybody checks without the service.

JSON in the one serialisation: `format` ("escrow/v1/custody-report"), `made_at`, `host`, `by` (who
made it) and `about` (what was chosen), `ledger_vkey` and `checkpoint` (a signed note), `entries` of
the accounts themselves, and `deposits` [{`deposit`, `account`, `state`, `manifest` and
`manifest_signature` (null in lists: they name the deposit), `pieces` [{`custody`, `role`,
`state`, `share_at`, `check_at`}], `entries`}]. An entry is {`index`, `author`, `nonce`, `event`,
`siblings`}: an event of the ledger with the hashes by which it stands in the checkpoint.

States and dates beside the entries are only what follows from these, see `told`: whoever reads the
file computes them again. It shows what is in it; a deposit that was left out, or entries that came
after those shown, it cannot show.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from escrow.protocol import ledger, tree
from escrow.protocol import manifest as manifests
from escrow.protocol.encoding import (
    HASH,
    ID,
    INTEGER,
    SIGNATURE,
    ListOf,
    Shape,
    binary,
    choice,
    nullable,
    read_document,
    text,
    write_document,
)
from escrow.protocol.errors import Mismatch, ProtocolError
from escrow.protocol.ledger import Event
from escrow.protocol.manifest import Manifest
from escrow.protocol.note import Checkpoint, Verifier

FORMAT = "escrow/v1/custody-report"
MAX_LENGTH_BYTES = 64 * 2**20
_MAX_DEPOSITS, _MAX_ENTRIES, _MAX_PIECES, _MAX_SIBLINGS = 1000, 20_000, 64, 63
_DEPOSIT_STATES = ("pending", "active", "complete", "rejected", "closing", "closed")
_PIECE_STATES = ("invited", "held", "rejected", "declined", "lost", "withdrawn", "destroyed")
_SAID_OF_DEPOSIT = {
    "deposit created": "pending",
    "deposit active": "active",
    "deposit complete": "complete",
    "deposit closing": "closing",
    "deposit destroyed": "closed",
}
_SAID_OF_PIECE = {
    f"custody {word}": state
    for word, state in (
        *(("invited", "invited"), ("resumed", "invited"), ("held", "held")),
        *((word, word) for word in ("rejected", "declined", "lost", "withdrawn")),
    )
}
_ENTRIES = ListOf(
    Shape(
        index=INTEGER,
        author=choice(*ledger.AUTHORS),
        nonce=HASH,
        event=binary(ledger.MAX_EVENT_LENGTH_BYTES, 1),
        siblings=ListOf(HASH, _MAX_SIBLINGS),
    ),
    _MAX_ENTRIES,
)
_SHAPE = Shape(
    format=choice(FORMAT),
    made_at=INTEGER,
    host=text(255, 1),
    by=text(80),
    about=text(200),
    ledger_vkey=text(512, 1),
    checkpoint=text(8192, 1),
    entries=_ENTRIES,
    deposits=ListOf(
        Shape(
            deposit=ID,
            account=ID,
            state=choice(*_DEPOSIT_STATES),
            manifest=nullable(binary(manifests.MAX_LENGTH_BYTES, 1)),
            manifest_signature=nullable(SIGNATURE),
            pieces=ListOf(
                Shape(
                    custody=ID,
                    role=choice("customer", "contact", "provider"),
                    state=choice(*_PIECE_STATES),
                    share_at=nullable(INTEGER),
                    check_at=nullable(INTEGER),
                ),
                _MAX_PIECES,
            ),
            entries=_ENTRIES,
        ),
        _MAX_DEPOSITS,
    ),
)


@dataclass(frozen=True)
class Piece:
    """What the ledger says of one piece; times in Unix seconds, None where it was never shown."""

    state: str = "invited"
    share_at: int | None = None
    check_at: int | None = None

    def after(self, event: Event) -> "Piece":
        """Return it as it is after one more entry about it."""
        state = _SAID_OF_PIECE.get(event.type, self.state)
        if event.type != "custody attested":
            return Piece(state, self.share_at, self.check_at)
        if event.data["means"] == "share":  # which brings back what was given up
            return Piece("held", event.at, self.check_at)
        return Piece(state, self.share_at, event.at)


@dataclass(frozen=True)
class Told:
    """What the entries of one deposit say together; `pieces` by custody."""

    account: str
    manifest_hash: bytes
    state: str
    pieces: dict[str, Piece]


def told(events: Sequence[Event]) -> Told:
    """Return what a deposit's entries say, in their order.

    Raises Mismatch("wrong_history") unless they begin with the deposit's one creation.
    """
    kinds = [event.type for event in events]
    if kinds[:1] != ["deposit created"] or kinds.count("deposit created") > 1:
        raise Mismatch("The history does not begin with the deposit.", code="wrong_history")
    pieces: dict[str, Piece] = {}
    for event in events:
        if event.custody is not None and event.type.startswith("custody "):
            pieces[event.custody] = pieces.get(event.custody, Piece()).after(event)
    first = events[0]
    state = _state(kinds)
    return Told(str(first.account), first.data["manifest_hash"], state, pieces)


def _state(kinds: Iterable[str]) -> str:
    state = before = "pending"
    for kind in kinds:
        if kind == "custody rejected" and state == "pending":
            state = "rejected"
        if kind == "deposit closing" and state != "closing":
            before = state
        state = before if kind == "deposit reopened" else _SAID_OF_DEPOSIT.get(kind, state)
    return state


@dataclass(frozen=True)
class Line:
    """One deposit of a report, checked; events by index."""

    deposit: str
    told: Told
    roles: dict[str, str]
    manifest: Manifest | None
    events: dict[int, Event]


@dataclass(frozen=True)
class Verdict:
    """What a report shows, by the ledger key of `verifier`."""

    verifier: Verifier
    checkpoint: Checkpoint
    made_at: int
    host: str
    by: str
    about: str
    lines: tuple[Line, ...]
    account_events: dict[int, Event]

    @property
    def count(self) -> int:
        """How many entries were shown to stand in the ledger."""
        return len(self.account_events) + sum(len(line.events) for line in self.lines)


class BadLine(ProtocolError):
    """What is wrong with one deposit's line; `deposit` names it, `cause` says why."""

    def __init__(self, deposit: str, cause: ProtocolError) -> None:
        super().__init__(f"{deposit}: {cause}", code=cause.code)
        self.deposit = deposit
        self.cause = cause


def write(found: dict[str, Any]) -> bytes:
    """Write a report in the one serialisation."""
    return write_document({"format": FORMAT, **found}, _SHAPE)


def check(data: bytes, pinned: str | None = None) -> Verdict:
    """Read a report and check everything in it; `pinned` is the ledger's key that is known.

    Raises Malformed("report"), ProtocolError (wrong_origin, unverified_note …), BadLine for what is
    wrong with a deposit.
    """
    found = read_document(data, _SHAPE, "report", MAX_LENGTH_BYTES)
    verifier = Verifier.parse(pinned or found["ledger_vkey"])
    if verifier.name != f"{found['host']}/ledger":
        raise Mismatch("The ledger is of another host.", code="wrong_origin")
    checkpoint = Checkpoint.verify(found["checkpoint"], verifier)
    seen: set[int] = set()
    lines = tuple(_named(line, checkpoint, seen) for line in found["deposits"])
    if len({line.deposit for line in lines}) < len(lines):
        raise Mismatch("A deposit is named twice.", code="wrong_history")
    accounts = _proven(found["entries"], checkpoint, seen)
    if any(event.deposit is not None for event in accounts.values()):
        raise Mismatch("An entry stands in another place.", code="wrong_history")
    head = found["made_at"], found["host"], found["by"], found["about"]
    return Verdict(verifier, checkpoint, *head, lines, accounts)


def _named(line: dict[str, Any], checkpoint: Checkpoint, seen: set[int]) -> Line:
    try:
        return _checked(line, checkpoint, seen)
    except ProtocolError as error:
        raise BadLine(line["deposit"], error) from None


def _checked(line: dict[str, Any], checkpoint: Checkpoint, seen: set[int]) -> Line:
    events = _proven(line["entries"], checkpoint, seen)
    if any(event.deposit != line["deposit"] for event in events.values()):
        raise Mismatch("An entry is of another deposit.", code="wrong_history")
    said = told(list(events.values()))
    if (line["account"], line["state"]) != (said.account, said.state):
        raise Mismatch("What it says does not follow from its entries.", code="wrong_summary")
    roles = {piece["custody"]: piece["role"] for piece in line["pieces"]}
    if line["pieces"] != summary(said, roles) or not set(said.pieces) <= set(roles):
        raise Mismatch("What it says does not follow from its entries.", code="wrong_summary")
    return Line(line["deposit"], said, roles, _manifest(line, said), events)


def summary(said: Told, roles: dict[str, str]) -> list[dict[str, Any]]:
    """Return a line's `pieces`, of which `roles` says whose they are, in that order.

    With the deposit's end the provider has destroyed its own.
    """
    found = []
    for custody, role in roles.items():
        piece = said.pieces.get(custody, Piece())
        is_destroyed = role == "provider" and said.state == "closed"
        state = "destroyed" if is_destroyed else piece.state
        dates = {"share_at": piece.share_at, "check_at": piece.check_at}
        found.append({"custody": custody, "role": role, "state": state, **dates})
    return found


def _proven(
    entries: list[dict[str, Any]], checkpoint: Checkpoint, seen: set[int]
) -> dict[int, Event]:
    """Return events by index, each shown to stand in the ledger, none of them twice."""
    events: dict[int, Event] = {}
    for entry in entries:
        index = entry["index"]
        if index in seen or (events and index < max(events)):
            raise Mismatch("An entry stands twice or out of order.", code="wrong_history")
        seen.add(index)
        leaf = ledger.leaf_data(entry["nonce"], entry["event"])
        tree.verify_inclusion(
            tree.leaf_hash(leaf), index, checkpoint.size, entry["siblings"], checkpoint.root
        )
        events[index] = Event.parse(entry["event"])
    return events


def _manifest(line: dict[str, Any], said: Told) -> Manifest | None:
    """Return the description, which must be the one that the ledger names and its owner signed."""
    if line["manifest"] is None:
        return None
    manifest = Manifest.parse(line["manifest"])
    if manifest.hash != said.manifest_hash or manifest.deposit != line["deposit"]:
        raise Mismatch("The ledger names another description.", code="wrong_manifest")
    manifest.verify(line["manifest_signature"] or b"")
    there = {each.custody: each.role for each in manifest.custodies}
    if there != {piece["custody"]: piece["role"] for piece in line["pieces"]}:
        raise Mismatch("The description names other pieces.", code="wrong_manifest")
    return manifest
