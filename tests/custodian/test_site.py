"""What browsers are served is said in the ledger, once for every change, and proves itself."""

from __future__ import annotations

from escrow.app import create_app
from escrow.ledger.models import LedgerEvent
from escrow.protocol import ledger, note
from escrow.protocol.encoding import b64url_decode
from tests.custodian.rig import Rig

ONE, OTHER = bytes(32), b"\1" * 32


def said(rig: Rig) -> list[bytes]:
    events = [entry.event for entry in rig.entries()]
    return [event.data["files_sha256"] for event in events if event.type == "site published"]


def start(rig: Rig, site: bytes | None) -> None:
    rig.restart(site=site)
    rig.settle()


def test_every_change_of_the_site_is_said_once(rig: Rig) -> None:
    start(rig, ONE)
    assert said(rig) == [ONE]
    start(rig, ONE)
    start(rig, None)
    assert said(rig) == [ONE]
    start(rig, OTHER)
    start(rig, ONE)  # an earlier version again
    start(rig, ONE)
    assert said(rig) == [ONE, OTHER, ONE]
    rig.check()


def test_what_is_said_but_not_yet_sequenced_is_not_said_again(rig: Rig) -> None:
    rig.settle()
    for _ in range(2):
        rig.restart(site=ONE)
        rig.custodian._sequence_and_sign = lambda: False  # type: ignore[method-assign]
        rig.custodian.run_pass()
    with rig.database.reading() as db:
        assert db.query(LedgerEvent).filter_by(type="site published").count() == 1


def test_anybody_can_read_what_is_published(rig: Rig) -> None:
    rig.settle()
    app = create_app(rig.settings, rig.database, rig.web_keys, rig.clock)
    client = app.test_client()
    client.environ_base["HTTP_HOST"] = rig.settings.host
    assert client.get("/api/v1/site").status_code == 404
    for site in (OTHER, ONE):
        start(rig, site)
        found = client.get("/api/v1/site").get_json()
        event = b64url_decode(found["entry"]["event"])
        assert ledger.Event.parse(event).data == {"files_sha256": site}
        leaf = ledger.leaf_data(b64url_decode(found["entry"]["nonce"]), event)
        proof = ledger.Proof.parse(found["proof"])
        assert proof.index == found["entry"]["index"]
        proof.verify(leaf, note.Verifier.parse(rig.keys.signer.verifier.vkey))
