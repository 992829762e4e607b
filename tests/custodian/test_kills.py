"""A real custodian process, killed with kill -9 at any moment while others write."""

import random
import threading
import time
from pathlib import Path

from sqlalchemy.engine import make_url

from escrow import webkeyfile
from escrow.custodian.keyring import open_keyring
from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.service import Custodian
from escrow.install import install
from escrow.ledger.models import CheckpointRow, LedgerEvent
from tests.cli.clock import FileClock
from tests.custodian.rig import Rig, new_id
from tests.e2e.installation import Installation, until
from tests.e2e.postoffice import PostOffice
from tests.support.clocks import FakeClock

ROUNDS = 4


def installed(directory: Path, database_url: str) -> Installation:
    """Make an installation whose custodian alone will run."""
    from escrow.config import Settings

    clock = FileClock(directory / "clock")
    clock.path.write_text("0")
    is_sqlite = make_url(database_url).get_backend_name() == "sqlite"
    settings = Settings(
        data_dir=directory / "data",
        public_url="http://127.0.0.1:8080",
        database_url="" if is_sqlite else database_url,
        demo=True,
    ).check()
    made = Installation(directory, settings, clock, PostOffice())
    made.logs.mkdir()
    install(settings, clock)
    return made


def rig_of(made: Installation) -> Rig:
    """Look at an installation from within this process."""
    keys = CustodianKeys.load(made.settings.key_dir, open_keyring(made.settings))
    web_keys = webkeyfile.load(made.settings.key_dir)
    database, clock = made.database(), FakeClock(made.clock.now())
    outside = Outside(made.settings.outside_dir)
    custodian = Custodian(made.settings, database, keys, web_keys, clock, outside)
    return Rig(made.settings, database, clock, web_keys, keys, custodian)


def test_killed_at_any_moment(database_url: str, tmp_path: Path) -> None:
    made = installed(tmp_path, database_url)
    rig = rig_of(made)
    over = threading.Event()
    said: list[str] = []
    vetoed: list[str] = []

    def write() -> None:
        while not over.is_set():
            said.append(rig.say())
            recovery = new_id()
            on = {"account": new_id(), "deposit": new_id(), "recovery": recovery}
            said.append(rig.say("recovery vetoed", {"by": "customer"}, **on))  # type: ignore[arg-type]
            vetoed.append(recovery)
            time.sleep(0.01)

    def sequenced() -> int:
        with rig.database.reading() as db:
            return db.query(LedgerEvent).filter(LedgerEvent.index.is_not(None)).count()

    rng = random.Random(20)
    signed: dict[int, bytes] = {}
    writer = threading.Thread(target=write)
    made.start("custodian")
    until(lambda: sequenced() >= 2, f"the ledger begins\n{made.log()}")
    writer.start()
    try:
        for _ in range(ROUNDS):
            before = sequenced()
            until(lambda before=before: sequenced() > before, "it works")  # type: ignore[misc]
            time.sleep(rng.uniform(0, 0.3))
            made.kill("custodian")
            with rig.database.reading() as db:
                for row in db.query(CheckpointRow):
                    assert signed.setdefault(row.size, row.hash) == row.hash
                newest = max(signed, default=0)
            assert newest <= Outside(made.settings.outside_dir).checkpoint.size <= sequenced()
            made.start("custodian")
    finally:
        over.set()
        writer.join()
    until(lambda: sequenced() == 3 + len(said), f"everything is sequenced\n{made.log()}")
    made.stop()
    rig.settle()
    entries = [entry.event for entry in rig.entries()]
    own = {"key changed", "site published"}  # two keys and once the site, whoever was killed
    assert [event.type for event in entries if event.type in own].count("site published") == 1
    assert [event.id for event in entries if event.type not in own] == said
    with rig.database.reading() as db:
        assert {row.size: row.hash for row in db.query(CheckpointRow)}.items() >= signed.items()
    outside = Outside(made.settings.outside_dir)
    assert all(outside.last_line(recovery) == "cancelled" for recovery in vetoed)
    rig.check()
    rig.database.close()
