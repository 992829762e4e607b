"""A drill's report: what proves, to whoever looks later, that a key could be brought back.

JSON in the one serialisation: `format` ("escrow/v1/drill-report"), `made_at`, `host`, `provider`,
`manifest` and `manifest_signature` of the real deposit, `drill_manifest` and
`drill_manifest_signature` of the dummy, `contacts` (those of the kit: `name`, `address`, `nonce`,
which open the manifest's commitments; empty when no kit file was at hand), `entries` [{`index`,
`author`, `nonce`, `event`, `proof`}]: the ledger's entries with a tlog-proof each.

All is checked without the service: signatures by the manifests' keys, entries by the ledger's key
in the real manifest. What it cannot show is what somebody has left out: a report proves what is in
it. Every custodian's proof counts that was made with the piece itself after the drill had begun.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from escrow.protocol import ledger
from escrow.protocol import manifest as manifests
from escrow.protocol import release as releases
from escrow.protocol.encoding import (
    HASH,
    INTEGER,
    SIGNATURE,
    ListOf,
    Shape,
    binary,
    choice,
    read_document,
    sha256,
    text,
    write_document,
)
from escrow.protocol.errors import Mismatch, ProtocolError
from escrow.protocol.kit import CONTACT_FIELDS, Contact
from escrow.protocol.manifest import Manifest
from escrow.protocol.note import Checkpoint, Verifier
from escrow.protocol.slip39 import MAX_CONTACTS
from escrow_cli.attesting import check_attested

DRILL_FORMAT = "escrow/v1/drill-report"
MAX_LENGTH_BYTES = 4 * 2**20
MAX_ENTRIES = 400
_SHAPE = Shape(
    format=choice(DRILL_FORMAT),
    made_at=INTEGER,
    host=text(255, 1),
    provider=text(200),
    manifest=binary(manifests.MAX_LENGTH_BYTES),
    manifest_signature=SIGNATURE,
    drill_manifest=binary(manifests.MAX_LENGTH_BYTES),
    drill_manifest_signature=SIGNATURE,
    contacts=ListOf(Shape(**CONTACT_FIELDS), MAX_CONTACTS),
    entries=ListOf(
        Shape(
            index=INTEGER,
            author=choice(*ledger.AUTHORS),
            nonce=HASH,
            event=binary(ledger.MAX_EVENT_LENGTH_BYTES, 1),
            proof=text(8192, 1),
        ),
        MAX_ENTRIES,
    ),
)


def origin_host(manifest: Manifest) -> str:
    """Return the host in the origin of the ledger that a manifest names."""
    return Verifier.parse(manifest.ledger_vkey).name.removesuffix("/ledger")


@dataclass(frozen=True)
class Proven:
    """One custodian. `at` is when its newest proof since the drill began was recorded, or None."""

    role: str
    name: str
    at: int | None


@dataclass(frozen=True)
class Verdict:
    """What a report shows. `drilled_at` is when the drill's key was back."""

    manifest: Manifest
    drilled_at: int
    custodians: tuple[Proven, ...]
    checkpoint: Checkpoint
    note: str

    @property
    def ways(self) -> tuple[Proven, ...]:
        """The custodians whose group was proven whole: any two of these groups open the key."""
        needed = self.manifest.contacts_needed
        contacts = [one for one in self.custodians if one.role == "contact" and one.at is not None]
        whole = set(contacts) if contacts and len(contacts) >= needed else set()
        return tuple(
            one
            for one in self.custodians
            if one.at is not None and (one.role != "contact" or one in whole)
        )

    @property
    def is_recoverable(self) -> bool:
        """Whether at least two of the three pieces were proven."""
        return len({one.role for one in self.ways}) > 1

    @property
    def at(self) -> int:
        """When the last of the proofs was recorded."""
        return max([self.drilled_at, *(one.at for one in self.custodians if one.at is not None)])


@dataclass(frozen=True)
class Report:
    """A report as it is read or written; `check` says what it shows."""

    made_at: int
    host: str
    provider: str
    manifest: Manifest
    manifest_signature: bytes
    drill: Manifest
    drill_signature: bytes
    contacts: tuple[Contact, ...]
    entries: tuple[dict[str, Any], ...]

    @classmethod
    def parse(cls, data: bytes) -> Report:
        """Read a report; raises Malformed."""
        found = read_document(data, _SHAPE, "report", MAX_LENGTH_BYTES)
        return cls(
            found["made_at"],
            found["host"],
            found["provider"],
            Manifest.parse(found["manifest"]),
            found["manifest_signature"],
            Manifest.parse(found["drill_manifest"]),
            found["drill_manifest_signature"],
            tuple(Contact(**contact) for contact in found["contacts"]),
            tuple(found["entries"]),
        )

    @property
    def data(self) -> bytes:
        """The one serialisation of the report."""
        value = {
            "format": DRILL_FORMAT,
            "made_at": self.made_at,
            "host": self.host,
            "provider": self.provider,
            "manifest": self.manifest.data,
            "manifest_signature": self.manifest_signature,
            "drill_manifest": self.drill.data,
            "drill_manifest_signature": self.drill_signature,
            "contacts": [contact.__dict__ for contact in self.contacts],
            "entries": list(self.entries),
        }
        return write_document(value, _SHAPE)

    def check(self) -> Verdict:
        """Check everything; raises ProtocolError with the reason as its code."""
        if self.host != origin_host(self.manifest):
            raise Mismatch("The ledger is of another host.", code="wrong_origin")
        self.manifest.verify(self.manifest_signature)
        self.drill.verify(self.drill_signature)
        if (self.manifest.kind, self.drill.kind) != ("real", "drill"):
            raise Mismatch("These are not a deposit and a drill.", code="wrong_kind")
        events, newest = self._proven_events()
        _check_created(self.manifest, events)
        _check_created(self.drill, events)
        opened, completed = _check_drill(self.drill, events)
        names = self._names()
        custodians = []
        for line in self.manifest.custodies:
            at = _newest_proof(self.manifest, line.custody, events, opened)
            custodians.append(Proven(line.role, names.get(line.custody, ""), at))
        drilled_at = events[completed].at
        checkpoint, note = newest
        return Verdict(self.manifest, drilled_at, tuple(custodians), checkpoint, note)

    def _proven_events(self) -> tuple[dict[int, ledger.Event], tuple[Checkpoint, str]]:
        """Return the events by index, each shown to stand in the ledger, and the newest note."""
        verifier = Verifier.parse(self.manifest.ledger_vkey)
        events: dict[int, ledger.Event] = {}
        newest: tuple[Checkpoint, str] | None = None
        for entry in self.entries:
            proof = ledger.Proof.parse(entry["proof"])
            if proof.index != entry["index"]:
                raise ProtocolError("The proof is of another entry.", code="wrong_proof")
            leaf = ledger.leaf_data(entry["nonce"], entry["event"])
            checkpoint = proof.verify(leaf, verifier)
            if newest is None or checkpoint.size > newest[0].size:
                newest = checkpoint, proof.checkpoint
            events[proof.index] = ledger.Event.parse(entry["event"])
        if newest is None:
            raise Mismatch("There is nothing in this report.", code="empty_report")
        return dict(sorted(events.items())), newest

    def _names(self) -> dict[str, str]:
        """Return the contacts' names by custody; the manifest must have committed to them."""
        lines = self.manifest.of_role("contact")
        if not self.contacts:
            return {}
        if [line.contact_commitment for line in lines] != [c.commitment() for c in self.contacts]:
            raise Mismatch("These are not the deposit's contacts.", code="wrong_contact")
        named = zip(lines, self.contacts, strict=True)
        return {line.custody: contact.name for line, contact in named}


def _of_type(
    events: dict[int, ledger.Event], deposit: str, kind: str
) -> list[tuple[int, ledger.Event]]:
    return [(i, e) for i, e in events.items() if (e.deposit, e.type) == (deposit, kind)]


def _check_created(manifest: Manifest, events: dict[int, ledger.Event]) -> None:
    """The ledger must name this very description of the deposit."""
    found = _of_type(events, manifest.deposit, "deposit created")
    if [event.data["manifest_hash"] for _, event in found] != [manifest.hash]:
        raise Mismatch("The ledger names another description.", code="wrong_manifest")


def _check_drill(drill: Manifest, events: dict[int, ledger.Event]) -> tuple[int, int]:
    """Follow the drill from its opening to its completion; returns the indexes of both."""
    completed = _of_type(events, drill.deposit, "recovery completed")
    if not completed:
        raise Mismatch("The drill was not completed.", code="drill_incomplete")
    index, last = completed[-1]
    releases.verify_complete(
        drill.owner_key,
        last.data["signature"],
        drill.deposit,
        str(last.recovery),
        drill.hash,
        last.data["time"],
    )
    steps = [
        [i for i, e in _of_type(events, drill.deposit, kind) if e.recovery == last.recovery]
        for kind in ("recovery opened", "recovery noticed", "recovery begun", "release made")
    ]
    if not all(steps):
        raise Mismatch("A step of the drill is missing.", code="drill_incomplete")
    order = [steps[0][0], steps[1][-1], steps[2][-1], steps[3][-1], index]
    if order != sorted(order):
        raise Mismatch("The drill's steps are out of order.", code="drill_incomplete")
    _check_release(drill, events[order[2]], events[order[3]])
    return order[0], index


def _check_release(drill: Manifest, begun: ledger.Event, made: ledger.Event) -> None:
    """The provider's piece of the drill was really handed over, to this very session."""
    data = made.data
    if data["session"] != begun.data["session"]:
        raise Mismatch("The release is of another session.", code="drill_incomplete")
    named = releases.Release(
        drill.deposit,
        str(made.custody),
        str(made.recovery),
        data["session"],
        drill.hash,
        sha256(begun.data["public_key"]),
        data["sealed_sha256"],
        data["time"],
    )
    releases.verify(named, data["signature"], drill.custody(str(made.custody)).release_key)


def _newest_proof(
    manifest: Manifest, custody: str, events: dict[int, ledger.Event], since: int
) -> int | None:
    """Return when a custodian last proved with the piece itself; every proof is checked."""
    newest = None
    for index, event in _of_type(events, manifest.deposit, "custody attested"):
        if event.custody != custody:
            continue
        check_attested(manifest, event)
        if event.data["means"] == "share" and index > since:
            newest = event.at
    return newest


def wanted(events: Sequence[ledger.Event], real: str, drill: str, recovery: str) -> list[int]:
    """Choose, by position, the entries that a report needs of those of both deposits."""
    since = next(
        (e.at for e in events if e.recovery == recovery and e.type == "recovery opened"), 0
    )
    return [
        position
        for position, event in enumerate(events)
        if event.type == "deposit created"
        or (event.deposit == drill and event.recovery == recovery)
        or (event.deposit == real and event.type == "custody attested" and event.at >= since)
    ]
