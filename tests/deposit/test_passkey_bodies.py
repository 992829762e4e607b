"""What a passkey gives its browser never reaches the service: a body that carries it is refused."""

import pytest

from escrow.protocol.encoding import b64url
from tests.deposit.contact_life import copies
from tests.support.people import Customer
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

# What a browser's `credential.toJSON()` would add to a body: the secret of the passkey.
PRF_RESULTS = {"prf": {"enabled": True, "results": {"first": b64url(b"\x07" * 32)}}}


@pytest.mark.parametrize("name", ["clientExtensionResults", "prf"])
def test_a_body_that_carries_the_secret_of_a_passkey_is_refused(
    world: World, customer: Customer, name: str
) -> None:
    _, [contact] = world.enrol(customer)
    path = f"/custodies/{contact.custody}"
    extra = {name: PRF_RESULTS}
    bodies = {
        "wraps/share": {"credential_id": b64url(bytes(16)), "data": b64url(bytes(200))},
        "phrase": {"phrase": "mine"},
    }
    for end, body in bodies.items():
        send = contact.http.put if end.startswith("wraps") else contact.http.post
        answer = send(f"{path}/{end}", body | extra)
        assert (answer.status, answer.code) == (400, "malformed")
    assert contact.manifest is not None
    proof = {"means": "share", "checkpoint_hash": b64url(bytes(32)), "time": world.clock.now()}
    proof["signature"] = b64url(bytes(64))
    answer = contact.http.post(f"{path}/attestations", proof | extra)
    assert (answer.status, answer.json["field"]) == (400, name)
    assert copies(world, contact) == 0
