"""The ledger's part of the API."""

from typing import Any

import pytest
from flask.testing import FlaskClient

from escrow.app import create_app
from escrow.protocol import ledger, note
from escrow.protocol.encoding import b64url_decode
from tests.custodian.rig import Rig


@pytest.fixture
def client(rig: Rig) -> FlaskClient:
    app = create_app(rig.settings, rig.database, rig.web_keys, rig.clock)
    client = app.test_client()
    client.environ_base["HTTP_HOST"] = rig.settings.host
    return client


def get(client: FlaskClient, path: str, status: int = 200) -> Any:
    answer = client.get(f"/api/v1/{path}")
    assert answer.status_code == status, answer.text
    return answer.get_json()


def test_checkpoint_and_proofs(rig: Rig, client: FlaskClient) -> None:
    verifier = rig.keys.signer.verifier
    first = note.Checkpoint.verify(get(client, "ledger/checkpoint")["checkpoint"], verifier)
    rig.say_many(5)
    rig.settle()
    second = note.Checkpoint.verify(get(client, "ledger/checkpoint")["checkpoint"], verifier)
    assert (first.size, second.size) == (2, 7)
    found = get(client, "ledger/consistency?old=2")
    assert note.Checkpoint.verify(found["checkpoint"], verifier) == second
    ledger.check_consistent(first, second, [b64url_decode(h) for h in found["proof"]])
    for entry in rig.entries():
        proof = ledger.Proof.parse(get(client, f"ledger/proof/{entry.index}")["proof"])
        assert proof.verify(ledger.leaf_data(entry.nonce, entry.body), verifier) == second


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("ledger/proof/2", 404, "not_found"),
        ("ledger/proof/9007199254740991", 404, "not_found"),
        ("ledger/proof/-1", 404, "not_found"),
        ("ledger/proof/x", 404, "not_found"),
        ("ledger/consistency?old=3", 404, "not_found"),
        ("ledger/consistency?old=-1", 400, "malformed"),
        ("ledger/consistency?old=x", 400, "malformed"),
        ("ledger/consistency?old=1e3", 400, "malformed"),
        ("ledger/consistency", 400, "malformed"),
        ("ledger/consistency?old=1&new=2", 400, "malformed"),
    ],
)
def test_what_is_not_there(client: FlaskClient, path: str, status: int, code: str) -> None:
    assert get(client, path, status)["code"] == code


def test_before_the_first_checkpoint(database: Any, clock: Any, tmp_path: Any) -> None:
    rig = Rig.make(database, clock, tmp_path / "data")
    app = create_app(rig.settings, rig.database, rig.web_keys, rig.clock)
    client = app.test_client()
    client.environ_base["HTTP_HOST"] = rig.settings.host
    for path in ("ledger/checkpoint", "ledger/proof/0", "ledger/consistency?old=0", "keys"):
        assert get(client, path, 503)["code"] == "unavailable"


def test_keys_prove_themselves(rig: Rig, client: FlaskClient) -> None:
    found = get(client, "keys")
    assert found["host"] == rig.settings.host
    assert found["origin"] == rig.keys.origin
    assert found["ledger_vkey"] == rig.keys.signer.verifier.vkey
    assert b64url_decode(found["provider_key"]) == rig.keys.provider_key
    assert found["provider"] == {"name": "Key recovery", "phone": "", "support": ""}
    assert found["minimum_waiting_seconds"] == 86400
    verifier = note.Verifier.parse(found["ledger_vkey"])
    for change in found["changes"]:
        event = b64url_decode(change["event"])
        leaf = ledger.leaf_data(b64url_decode(change["nonce"]), event)
        proof = ledger.Proof.parse(get(client, f"ledger/proof/{change['index']}")["proof"])
        assert proof.verify(leaf, verifier).size == 2
        assert (change["author"], ledger.Event.parse(event).type) == ("custodian", "key changed")
