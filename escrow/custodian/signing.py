"""Publishing what was sequenced: files outside the database first, then the signed checkpoint.

The order is the promise. Before it the sequencer has committed entries to the database; after it
whoever sees the checkpoint may rely on it. `takeup` repairs whatever a crash leaves between.
"""

from sqlalchemy.orm import Session

from escrow.custodian.keys import CustodianKeys
from escrow.custodian.outside import Outside
from escrow.custodian.sequencer import Batch
from escrow.db import Database
from escrow.ledger.models import CheckpointRow
from escrow.protocol import note
from escrow.protocol.note import Checkpoint


def publish(database: Database, keys: CustodianKeys, outside: Outside, batch: Batch) -> None:
    """Write a batch outside the database, then sign and store the checkpoint."""
    # If we crash here, the database is ahead: take-up writes its leaves and lines from there.
    outside.write_leaves(batch.leaves)
    # If we crash here, there are leaves that no checkpoint proves: take-up writes them again.
    outside.write_lines(batch.lines)
    # If we crash here, a veto or freeze stands outside before anybody was told: it holds already.
    checkpoint = Checkpoint(keys.origin, outside.size, outside.frontier.root())
    outside.write_checkpoint(checkpoint, max(batch.at, outside.at))
    # If we crash here, a checkpoint is promised that nobody has seen: take-up signs the same text.
    with database.transaction() as db:
        store(db, keys, outside)
    # If we crash here, all is done: the next pass acts on what is signed.


def store(db: Session, keys: CustodianKeys, outside: Outside) -> None:
    """Sign the checkpoint that stands outside and put it in the database."""
    checkpoint = outside.checkpoint
    db.add(
        CheckpointRow(
            size=checkpoint.size,
            hash=checkpoint.hash,
            at=outside.at,
            note=note.sign(checkpoint.text, keys.ledger),
        )
    )
