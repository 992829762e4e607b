from pathlib import Path

import pytest

from escrow.db import Database
from tests.custodian.rig import Rig
from tests.support.clocks import FakeClock


@pytest.fixture
def rig(database: Database, clock: FakeClock, tmp_path: Path) -> Rig:
    """A custodian whose ledger has begun: two `key changed` entries, one checkpoint."""
    found = Rig.make(database, clock, tmp_path / "data")
    found.settle()
    return found
