"""The API of the ledger: checkpoint, proofs, keys. Anybody may read; nothing here is secret."""

from typing import Annotated

from pydantic import Field, StringConstraints

from escrow.api import Body, Hash, Integer, Query, Result, api_blueprint
from escrow.context import web
from escrow.errors import NotFound
from escrow.ledger import read
from escrow.protocol import note
from escrow.protocol.encoding import MAX_INTEGER, b64url
from escrow.protocol.ledger import AUTHORS

blueprint = api_blueprint("ledger")

Note = Annotated[str, StringConstraints(strict=True, max_length=note.MAX_LENGTH_BYTES)]


class CheckpointOut(Body):
    """The newest signed checkpoint (C2SP tlog-checkpoint)."""

    checkpoint: Note


class ProofOut(Body):
    """A proof of inclusion in the newest checkpoint (C2SP tlog-proof)."""

    proof: Note


class ConsistencyQuery(Query):
    """From which older size the proof begins."""

    old: Annotated[int, Field(ge=0, le=MAX_INTEGER)]


class ConsistencyOut(Body):
    """Hashes (RFC 9162 section 2.1.4) from the older tree to the newest checkpoint."""

    proof: list[Hash]
    checkpoint: Note


class EntryOut(Body):
    """One entry: its leaf is SHA-256(PAE("escrow/v1/ledger", nonce, event))."""

    index: Integer
    author: Annotated[str, Field(pattern=f"^({'|'.join(AUTHORS)})$")]
    nonce: Hash
    event: str


class SiteOut(Body):
    """What browsers are served: the newest `site published`, with its proof (C2SP tlog-proof)."""

    entry: EntryOut
    proof: Note


class ProviderOut(Body):
    """Whom to call."""

    name: str
    phone: str
    support: str


class KeysOut(Body):
    """The ledger's and the provider's present keys, and the entries that introduced each."""

    host: str
    origin: str
    ledger_vkey: str
    provider_key: str
    minimum_waiting_seconds: Integer
    provider: ProviderOut
    changes: list[EntryOut]


@blueprint.get("/ledger/checkpoint")
@blueprint.output(CheckpointOut)
@blueprint.doc(responses=[503])
def get_checkpoint() -> Result:
    """Return the newest signed checkpoint."""
    with web().database.reading() as db:
        return {"checkpoint": read.needed_checkpoint(db).note}


@blueprint.get("/ledger/proof/<index:index>")
@blueprint.output(ProofOut)
@blueprint.doc(responses=[404, 503])
def get_proof(index: int) -> Result:
    """Prove that an entry stands in the newest checkpoint."""
    with web().database.reading() as db:
        return {"proof": read.inclusion(db, index)}


@blueprint.get("/ledger/consistency")
@blueprint.input(ConsistencyQuery, location="query", arg_name="query")
@blueprint.output(ConsistencyOut)
@blueprint.doc(responses=[404, 503])
def get_consistency(query: ConsistencyQuery) -> Result:
    """Prove that the newest checkpoint continues an older one."""
    with web().database.reading() as db:
        proof, checkpoint = read.consistency(db, query.old)
        return {"proof": [b64url(hashed) for hashed in proof], "checkpoint": checkpoint.note}


@blueprint.get("/site")
@blueprint.output(SiteOut)
@blueprint.doc(responses=[404, 503])
def get_site() -> Result:
    """Return the entry that says what browsers are served: see /.well-known/escrow.json."""
    with web().database.reading() as db:
        row = read.newest_of(db, "site published")
        if row is None or row.index is None:
            raise NotFound
        return {"entry": read.entry_document(row), "proof": read.inclusion(db, row.index)}


@blueprint.get("/keys")
@blueprint.output(KeysOut)
@blueprint.doc(responses=[503])
def get_keys() -> Result:
    """Return the present keys, with every change of them in the ledger."""
    settings = web().settings
    with web().database.reading() as db:
        keys = read.current_keys(db)
        return {
            "host": settings.host,
            "origin": note.Verifier.parse(keys.ledger_vkey).name,
            "ledger_vkey": keys.ledger_vkey,
            "provider_key": b64url(keys.provider_key),
            "minimum_waiting_seconds": read.shortest_wait(db, settings.minimum_waiting_seconds),
            "provider": {
                "name": settings.provider_name,
                "phone": settings.provider_phone,
                "support": settings.provider_support,
            },
            "changes": [read.entry_document(row) for row in keys.changes],
        }
