"""A service that cheats who recovers in a browser: she is told, and nothing secret has left."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import pytest

from escrow.protocol import call as calls
from escrow.protocol import note, seal, slip39
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.share import Payload
from tests.browser.client import lies
from tests.browser.client.conftest import Browser, Scene
from tests.browser.client.line import Tamper
from tests.browser.client.person import Person

Change = Callable[[dict[str, Any]], None]


@pytest.fixture
def mira(scene: Scene, ready: str, browser_of: Browser) -> Person:
    """Mira, signed in, with her kit at hand, at a recovery that can be finished."""
    found = browser_of("mira", bearer=scene.mira.http.token)
    found.do("read", recovery=ready)
    found.do("piece_file", data=scene.made.kit.data)
    return found


def _refused(scene: Scene, mira: Person, tamper: Tamper, code: str, operation: str) -> None:
    with scene.line.lying(tamper):
        assert mira.refused(operation).code == code
        assert scene.line.changes_sent() == []


def test_another_description(scene: Scene, mira: Person) -> None:
    _refused(scene, mira, lies.manifests(lies.taken_over), "wrong_manifest", "target")
    _refused(scene, mira, lies.manifests(lies.unsigned), "wrong_signature", "target")


def test_another_description_than_this_device_knows(
    scene: Scene, ready: str, browser_of: Browser
) -> None:
    mira = browser_of("mira", bearer=scene.mira.http.token)
    mira.do("read", recovery=ready)
    with scene.line.lying(lies.manifests(lies.taken_over)):
        stopped = mira.refused("target", pinned=scene.made.manifest.hash)
    assert stopped.code == "wrong_manifest"


def test_another_deposit(scene: Scene, ready: str, browser_of: Browser) -> None:
    """Nothing is pinned: but it is not the deposit that was asked for."""
    customer = scene.world.customer()
    other, _ = scene.world.enrol(customer, 0, 0)
    mira = browser_of("mira", bearer=scene.mira.http.token)
    mira.do("read", recovery=ready)
    found = customer.http.get(f"/deposits/{other.deposit}").ok()
    tamper = lies.in_path("/deposit", lambda document: document.update(found))
    _refused(scene, mira, tamper, "wrong_manifest", "target")


def test_another_envelope(scene: Scene, mira: Person) -> None:
    def change(document: dict[str, Any]) -> None:
        document["envelope"] = b64url(b64url_decode(document["envelope"]) + b"x")

    _refused(scene, mira, lies.in_path("/deposit", change), "wrong_envelope", "target")


def test_another_ledger_key_than_the_description_names(scene: Scene, mira: Person) -> None:
    name = scene.made.manifest.ledger_vkey.split("+")[0]
    vkey = note.Verifier(name, lies.OTHER_KEY.public_key().public_bytes_raw()).vkey
    tamper = lies.in_path("keys", lambda document: document.update(ledger_vkey=vkey))
    _refused(scene, mira, tamper, "other_ledger_key", "target")


def test_a_checkpoint_of_somebody_else(scene: Scene, mira: Person) -> None:
    tamper = lies.checkpoints(lies.signed_by_another)
    _refused(scene, mira, tamper, "unverified_note", "target")


@pytest.mark.parametrize(
    ("change", "code"), [({"size": 1}, "rewound"), ({}, "forked"), ({"more": 1000}, "forked")]
)
def test_another_history_than_this_browser_has_seen(
    scene: Scene, ready: str, browser_of: Browser, change: dict[str, int], code: str
) -> None:
    """Signed with the ledger's own key, shown to this person alone."""
    seen = scene.mira.http.get("/ledger/checkpoint").ok()["checkpoint"]
    mira = browser_of("mira", bearer=scene.mira.http.token, note=seen)
    mira.do("read", recovery=ready)
    tamper = lies.checkpoints(lies.resigned(scene.world, **change))
    _refused(scene, mira, tamper, code, "target")
    assert mira.do("memory") == seen
    assert mira.do("target")["first_look"] is False


def test_another_key_is_begun_with(scene: Scene, mira: Person) -> None:
    mira.do("target")
    other = b64url(seal.PrivateKey.generate().public_key())
    with scene.line.lying(
        lies.in_path("/sessions/", lambda document: document.update(public_key=other))
    ):
        assert mira.refused("begin").code == "other_public_key"


class Collecting:
    """Mira in a session of hers, with what an earlier session had been sent."""

    def __init__(self, scene: Scene, ready: str, mira: Person) -> None:
        self.scene, self.recovery, self.mira = scene, ready, mira
        mira.start(bearer=scene.mira.http.token)
        mira.do("read", recovery=ready)
        mira.do("target")
        before = mira.do("begin")
        mira.do("take", custody="provider")
        path = f"/recoveries/{ready}/sessions/{before['session']}"
        self.earlier = scene.mira.http.get(path).ok()["releases"]
        begun = mira.do("begin")
        self.session = begun["session"]
        self.public_key = bytes.fromhex(begun["public_key"])

    def is_over(self) -> bool:
        """Tell whether somebody else has begun since."""
        path = f"/recoveries/{self.recovery}/sessions/{self.session}"
        return bool(self.scene.mira.http.get(path).ok()["is_over"])

    def answer(self, call: str) -> bytes:
        """Answer a call in Anna's name, as her own client does; returns the nonce."""
        anna = self.scene.anna
        committed = b64url_decode(anna.http.get(f"/{call}").ok()["commitment"])
        nonce = secrets.token_bytes(32)
        said = self.signed(call, committed, nonce)
        anna.http.post(f"/{call}/nonce", {"commitment": b64url(committed), **said}).ok()
        return nonce

    def signed(self, call: str, committed: bytes, nonce: bytes) -> dict[str, str]:
        anna = self.scene.anna
        named = call.rpartition("/")[2]
        signature = calls.sign_nonce(anna.release_key(), named, anna.custody, committed, nonce)
        return {"nonce": b64url(nonce), "signature": b64url(signature)}


@pytest.fixture(scope="module")
def begun() -> list[Collecting]:
    return []


@pytest.fixture
def collecting(scene: Scene, ready: str, browsers: Browser, begun: list[Collecting]) -> Collecting:
    """One session for many lies: none of them may end it."""
    if not begun or begun[-1].is_over():
        begun.append(Collecting(scene, ready, browsers("collecting")))
    return begun[-1]


def _tampered_sealed(release: dict[str, Any]) -> None:
    sealed = b64url_decode(release["sealed"])
    release["sealed"] = b64url(sealed[:-1] + bytes([sealed[-1] ^ 1]))


RELEASES: dict[str, tuple[Change, str]] = {
    "other bytes": (_tampered_sealed, "release_not_in_ledger"),
    "signed by nobody": (
        lambda release: release.update(signature=b64url(b"\0" * 64)),
        "wrong_signature",
    ),
    "an entry that was changed": (
        lambda release: lies.altered_event(release["entry"], session="0" * 32),
        "wrong_proof",
    ),
    "no entry at all": (lambda release: release.update(entry=None), "malformed_answer"),
    "another entry's proof": (
        lambda release: release["entry"].update(index=0),
        "wrong_proof",
    ),
}


@pytest.mark.parametrize("lie", RELEASES)
def test_a_release_with(collecting: Collecting, lie: str) -> None:
    change, code = RELEASES[lie]

    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        for release in document.get("releases", []):
            if release["sealed"] is not None:
                change(release)

    with collecting.scene.line.lying(tamper):
        assert collecting.mira.refused("take", custody="provider").code == code


def test_a_release_of_another_session(collecting: Collecting) -> None:
    """It stands in the ledger, it is signed: but it was sealed to a key that is gone."""

    def tamper(_method: str, _path: str, document: dict[str, Any]) -> None:
        if "releases" in document:
            document["releases"] = collecting.earlier

    with collecting.scene.line.lying(tamper):
        stopped = collecting.mira.refused("take", custody="provider")
    provider = collecting.scene.made.payloads[-1].custody
    assert (stopped.code, stopped.details) == ("release_not_in_ledger", {"custody": provider})


def test_a_release_whose_checkpoint_is_of_somebody_else(scene: Scene, mira: Person) -> None:
    mira.do("target")
    mira.do("begin")
    with scene.line.lying(lies.checkpoints(lies.signed_by_another)):
        stopped = mira.refused("take", custody="provider")
    assert stopped.code == "unverified_note"


def test_an_answer_that_the_contact_has_not_signed(collecting: Collecting) -> None:
    """Key and randomness are not revealed for it."""
    mira, line = collecting.mira, collecting.scene.line
    call = mira.do("call", custody=collecting.scene.anna.custody)
    invented = {"nonce": b64url(b"\1" * 32), "nonce_signature": b64url(b"\0" * 64)}
    with line.lying(lies.in_path("/calls/", lambda document: document.update(invented))):
        assert mira.refused("reveal").code == "wrong_signature"
        assert line.changes_sent() == []
    assert collecting.scene.mira.http.get(f"/{call}").ok()["random"] is None


def test_a_second_answer_is_not_taken(collecting: Collecting) -> None:
    """Both carry Anna's signature; the digits are those of the first."""
    mira, line = collecting.mira, collecting.scene.line
    call = mira.do("call", custody=collecting.scene.anna.custody)
    first = collecting.answer(call)
    mira.do("answered")
    found = collecting.scene.mira.http.get(f"/{call}").ok()
    committed = b64url_decode(found["commitment"])
    second = collecting.signed(call, committed, b"\2" * 32)
    said = {"nonce": second["nonce"], "nonce_signature": second["signature"]}
    with line.lying(lies.in_path("/calls/", lambda document: document.update(said))):
        mira.do("answered")
        assert mira.refused("reveal").code == "second_nonce"
    digits = mira.do("reveal")
    shown = collecting.scene.anna.http.get(f"/{call}").ok()
    key, random = b64url_decode(shown["public_key"]), b64url_decode(shown["random"])
    assert key == collecting.public_key
    assert digits == calls.code(committed, first, key, random)


def test_who_sends_a_false_piece_is_named(collecting: Collecting) -> None:
    scene, anna = collecting.scene, collecting.scene.anna
    manifest = scene.made.manifest
    share = slip39.split(secrets.token_bytes(32), 1, 1)[1]
    false = Payload(manifest.deposit, anna.custody, "contact", share.words(), manifest.hash)
    binding = seal.Binding(
        manifest.deposit, anna.custody, manifest.hash, collecting.recovery, collecting.session
    )
    sealed = seal.seal(false.data, collecting.public_key, binding)
    key = collecting.public_key
    anna.release(collecting.recovery, collecting.session, key, sealed).ok()
    scene.world.run()
    stopped = collecting.mira.refused("take", custody=anna.custody)
    assert (stopped.code, stopped.details) == ("wrong_share", {"custody": anna.custody})


def test_after_every_lie_the_key_comes_back(
    collecting: Collecting, scene: Scene, mira: Person
) -> None:
    mira.do("target")
    mira.do("begin")
    mira.do("add_piece")
    mira.do("take", custody="provider")
    assert bytes.fromhex(mira.do("combine")) == scene.made.secret
