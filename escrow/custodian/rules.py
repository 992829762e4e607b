"""Who may say what (PROTOCOL.md section 12): what the sequencer checks of every event.

A refused event is marked with one of the reasons below and an alarm is raised; it gets no index, so
it is nowhere in the ledger, nothing is decided from it, and the events behind it go on. (Stopping
at it would let anybody who can write one row stop every recovery.) Only what is wrong with entries
already sequenced stops the ledger: see `sequencer`.
"""

from collections.abc import Sequence

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from escrow.custodian.entries import Entries
from escrow.custodian.keys import CustodianKeys
from escrow.deposit.models import Deposit
from escrow.ledger.models import LedgerEvent
from escrow.protocol import ledger
from escrow.protocol.errors import Malformed, ProtocolError
from escrow.protocol.manifest import Manifest
from escrow.webkeys import WebKeys

CUSTODIAN_ONLY = frozenset(
    {
        "account moved",
        "deposit active",
        "deposit complete",
        "deposit destroyed",
        "custody rejected",
        "recovery noticed",
        "recovery ready",
        "recovery unfrozen",
        "recovery expired",
        "release intended",
        "admin executed",
        "admin added",
        "admin removed",
        "wait changed",
        "site published",
        "key changed",
        "backup accepted",
        "tick",
    }
)
_SUBJECTS = ("id", "type", "account", "deposit", "custody", "recovery")
_MAX_CACHED = 1024


class Refused(Exception):
    """This event is not taken up. `reason` is one of a few fixed words."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Rules:
    """Checks events one after the other, in the order of their insertion, in one transaction."""

    def __init__(self, keys: CustodianKeys, web_keys: WebKeys) -> None:
        self._keys = keys
        self._mac_keys = {"web": web_keys.mac_key, "custodian": keys.mac_key}
        self._providers: dict[str, tuple[frozenset[str], frozenset[str]]] = {}

    @staticmethod
    def known(db: Session, rows: Sequence[LedgerEvent]) -> set[str]:
        """Return the identifiers of a batch that stand in other rows too."""
        query = (
            select(LedgerEvent.id)
            .where(LedgerEvent.id.in_([row.id for row in rows]))
            .group_by(LedgerEvent.id)
            .having(func.count() > 1)
        )
        return set(db.scalars(query))

    def check(self, db: Session, row: LedgerEvent, known: set[str]) -> ledger.Event:
        """Return the event of an unsequenced row; raises Refused.

        `known` are the identifiers that stand in other rows too. The database's unique constraint
        keeps it empty; who can write the database can drop the constraint.
        """
        event = self._authentic(row)
        if event.id in known:
            raise Refused("known id")
        if event.type == "deposit created" and self._created(db, event) is not None:
            raise Refused("second deposit created")
        if row.author == "web":
            self._check_web(db, event)
        return event

    def _authentic(self, row: LedgerEvent) -> ledger.Event:
        key = self._mac_keys.get(row.author)
        if key is None:
            raise Refused("unknown author")
        if row.body is None or not ledger.same_mac(row.mac, ledger.event_mac(key, row.body)):
            raise Refused("wrong mac")
        try:
            event = ledger.Event.parse(row.body)
        except Malformed:
            raise Refused("malformed") from None
        if event.at != 0 or row.at != 0:
            raise Refused("time set")
        if any(getattr(row, name) != getattr(event, name) for name in _SUBJECTS):
            raise Refused("columns differ")
        return event

    def _check_web(self, db: Session, event: ledger.Event) -> None:
        if event.type in CUSTODIAN_ONLY:
            raise Refused("not for the web")
        if event.custody is not None and not event.type.startswith("admin "):
            custodies, providers = self._custodies(db, event)
            if event.custody not in custodies:
                raise Refused("no such custody")
            if event.custody in providers:
                raise Refused("not for the web")

    def _custodies(self, db: Session, event: ledger.Event) -> tuple[frozenset[str], frozenset[str]]:
        """Return all custodies and the provider's, by the manifest that the ledger names."""
        deposit = str(event.deposit)
        if deposit not in self._providers:
            created = self._created(db, event)
            row = db.get(Deposit, deposit)
            if created is None or row is None:
                raise Refused("no such deposit")
            try:
                manifest = Manifest.parse(row.manifest)
            except ProtocolError:
                raise Refused("another manifest") from None
            said = Entries(db, self._keys).one(created).event.data["manifest_hash"]
            if manifest.hash != said or manifest.deposit != deposit:
                raise Refused("another manifest")
            if len(self._providers) >= _MAX_CACHED:
                self._providers.clear()
            self._providers[deposit] = (
                frozenset(line.custody for line in manifest.custodies),
                frozenset(line.custody for line in manifest.of_role("provider")),
            )
        return self._providers[deposit]

    @staticmethod
    def _created(db: Session, event: ledger.Event) -> LedgerEvent | None:
        query = select(LedgerEvent).where(
            LedgerEvent.deposit == event.deposit,
            LedgerEvent.type == "deposit created",
            LedgerEvent.index.is_not(None),
        )
        return db.scalars(query).first()
