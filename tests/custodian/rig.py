"""A custodian and a web tier that only appends events: enough to test the ledger."""

import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from escrow.config import Settings
from escrow.custodian.entries import Entries, Entry
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.db import Database
from escrow.ledger.append import Author, append
from escrow.ledger.models import CheckpointRow, LedgerEvent, LedgerNode
from escrow.protocol import ledger, note, tree
from escrow.protocol.ledger import Event, event_mac
from escrow.webkeys import WebKeys
from tests.support.clocks import FakeClock


def new_id() -> str:
    return secrets.token_hex(16)


@dataclass
class Rig:
    """`alarms` collects what operators were told; `acts` are none unless a test adds some."""

    settings: Settings
    database: Database
    clock: FakeClock
    web_keys: WebKeys
    keys: CustodianKeys
    custodian: Custodian
    alarms: list[str] = field(default_factory=list)

    @classmethod
    def make(cls, database: Database, clock: FakeClock, directory: Path) -> "Rig":
        settings = Settings(
            data_dir=directory,
            public_url="http://localhost:8080",
            database_url=database.url,
            demo=True,
        )
        keys = CustodianKeys.generate(settings.origin, clock.now())
        outside = Outside.create(settings.outside_dir, settings.origin)
        web_keys = WebKeys.generate()
        custodian = Custodian(settings, database, keys, web_keys, clock, outside)
        rig = cls(settings, database, clock, web_keys, keys, custodian)
        rig._prepare()
        return rig

    def _prepare(self) -> None:
        self.custodian.acts = []

        def alarm(message: str, **where: object) -> None:
            self.alarms.append(message)

        self.custodian.alarm = alarm  # type: ignore[method-assign]

    def restart(self, **options: Any) -> Custodian:
        """As after a crash: everything that was in memory is gone."""
        self.custodian = Custodian(
            self.settings,
            self.database,
            self.keys,
            self.web_keys,
            self.clock,
            Outside(self.settings.outside_dir),
            **options,
        )
        self._prepare()
        return self.custodian

    @property
    def outside(self) -> Outside:
        return self.custodian.outside

    @property
    def web(self) -> Author:
        return Author("web", self.web_keys.mac_key)

    def say(
        self,
        kind: str = "account created",
        data: Any = None,
        *,
        author: Author | None = None,
        **on: Any,
    ) -> str:
        """Append one event in a transaction of its own; returns its id."""
        if kind == "account created" and data is None:
            data = {"addresses": []}
            on.setdefault("account", new_id())
        with self.database.transaction() as db:
            return append(db, author or self.web, kind, data, **on).id

    def say_many(self, count: int) -> None:
        """Insert many events of the web tier at once."""
        rows = []
        for _ in range(count):
            event = Event(new_id(), "account created", {"addresses": []}, new_id())
            mac = event_mac(self.web.mac_key, event.bytes)
            columns = {"id": event.id, "type": event.type, "account": event.account}
            rows.append({**columns, "author": "web", "body": event.bytes, "mac": mac})
        with self.database.transaction() as db:
            db.execute(insert(LedgerEvent), rows)

    def settle(self) -> None:
        """Let the custodian make passes until nothing is left to do."""
        for _ in range(50):
            if not self.custodian.run_pass():
                return
        raise AssertionError("the custodian finds something to do for ever")

    def row(self, event_id: str) -> LedgerEvent:
        with self.database.reading() as db:
            row = db.scalars(select(LedgerEvent).where(LedgerEvent.id == event_id)).one()
            db.expunge(row)
        return row

    def entries(self) -> list[Entry]:
        """Return all entries, verified."""
        with self.database.reading() as db:
            size = sized(db)
            found = Entries(db, self.keys).between(0, size)
        return [entry for entry in found if entry is not None]

    def change(self, event_id: str, **columns: Any) -> None:
        """Write columns of an event as somebody with the database alone can."""
        with self.database.transaction() as db:
            row = db.scalars(select(LedgerEvent).where(LedgerEvent.id == event_id)).one()
            for name, value in columns.items():
                setattr(row, name, value)

    def check(self) -> None:
        """Check everything that must always be true after a pass."""
        entries = self.entries()
        leaves = [ledger.leaf_data(entry.nonce, entry.body) for entry in entries]
        outside = Outside(self.settings.outside_dir)
        assert outside.size == len(entries)
        assert outside.leaves(0, outside.size) == [tree.leaf_hash(leaf) for leaf in leaves]
        assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
        with self.database.reading() as db:
            nodes = {(row.level, row.index): row.hash for row in db.scalars(select(LedgerNode))}
            rows = db.scalars(select(CheckpointRow).order_by(CheckpointRow.size)).all()
            assert rows[-1].size == len(entries)
            for row in rows:
                checkpoint = note.Checkpoint.verify(row.note, self.keys.signer.verifier)
                assert checkpoint.size == row.size
                assert checkpoint.hash == row.hash
                assert checkpoint.root == tree.root_of(leaves[: row.size])
                assert row.at == entries[row.size - 1].at
        frontier, made = tree.Frontier(), {}
        for leaf in leaves:
            for level, index, hashed in frontier.append(tree.leaf_hash(leaf)):
                made[level, index] = hashed
        assert nodes == made


def sized(db: Session) -> int:
    rows = db.scalars(select(LedgerEvent.index).where(LedgerEvent.index.is_not(None))).all()
    assert sorted(index or 0 for index in rows) == list(range(len(rows)))
    return len(rows)
