"""A service that cheats who helps in a browser: no piece leaves, and no digits are sent."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from escrow.protocol import call as calls
from escrow.protocol import seal
from escrow.protocol.encoding import b64url, b64url_decode, grouped
from tests.browser.client import lies
from tests.browser.client.conftest import Browser, Scene
from tests.browser.client.line import Tamper
from tests.browser.client.person import FellOver, Person
from tests.support.people import Session, new_id


class Calling:
    """Mira's side of the line, in a session of hers."""

    def __init__(self, scene: Scene, recovery: str) -> None:
        self.session = Session(scene.mira.http, scene.made, recovery)
        self.session.begin().ok()
        scene.world.run()
        self.custody = scene.anna.custody
        self.public_key = self.session.key.public_key()

    def start(self) -> str:
        """Start a call; returns its path."""
        self.session.http.clock.move(1)  # the newest call is the one that counts
        call, self.random = new_id(), secrets.token_bytes(32)
        session = self.session
        self.named = calls.Call(
            session.made.deposit, session.recovery, session.session, call, self.custody
        )
        self.committed = calls.commitment(self.named, self.public_key, self.random)
        path = f"{session.path}/calls/{call}"
        body = {"custody": self.custody, "commitment": b64url(self.committed)}
        session.http.put(path, body).ok()
        return path

    def reveal(self, path: str) -> str:
        """Reveal, as Mira's client does after the answer; returns the digits."""
        nonce = b64url_decode(self.session.http.get(path).ok()["nonce"])
        said = {"public_key": b64url(self.public_key), "random": b64url(self.random)}
        self.session.http.post(f"{path}/reveal", said).ok()
        return calls.code(self.committed, nonce, self.public_key, self.random)


@pytest.fixture(scope="module")
def calling(scene: Scene, recovery: str) -> Calling:
    scene.mira.sign_in()
    return Calling(scene, recovery)


@pytest.fixture
def anna(scene: Scene, calling: Calling, browser_of: Browser) -> Person:
    """Anna with her card, at a recovery that has found her."""
    found = browser_of("anna")
    found.do("piece_file", data=scene.card)
    return found


@pytest.fixture
def asked(anna: Person) -> Person:
    """Anna, who has found the recovery announced."""
    anna.do("contact")
    anna.do("running")
    return anna


def _released(scene: Scene) -> list[str]:
    return [line for line in scene.line.changes_sent() if "/releases/" in line]


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (lies.manifests(lies.taken_over), "wrong_manifest"),
        (lies.manifests(lies.unsigned), "wrong_signature"),
        (lies.checkpoints(lies.signed_by_another), "unverified_note"),
    ],
)
def test_another_description_or_ledger(
    scene: Scene, anna: Person, tamper: Tamper, code: str
) -> None:
    with scene.line.lying(tamper):
        assert anna.refused("contact").code == code


def test_another_history_than_the_cards(scene: Scene, anna: Person) -> None:
    """A new browser knows nothing, but the card carries a checkpoint."""
    with scene.line.lying(lies.checkpoints(lies.resigned(scene.world))):
        assert anna.refused("contact").code == "forked"
    with scene.line.lying(lies.checkpoints(lies.resigned(scene.world, size=1))):
        assert anna.refused("contact").code == "rewound"


@pytest.mark.parametrize(
    ("missing", "kind", "code"),
    [
        ("recovery opened", "Refused", "not_opened"),
        ("recovery noticed", "Refused", "not_noticed"),
        ("recovery begun", "NotNow", "not_begun"),
    ],
)
def test_a_recovery_that_the_ledger_does_not_announce(
    scene: Scene, anna: Person, missing: str, kind: str, code: str
) -> None:
    anna.do("contact")
    with scene.line.lying(lies.without(missing)):
        assert anna.refused("running", kind=kind).code == code
        assert scene.line.changes_sent() == []


def test_an_entry_that_was_changed(scene: Scene, anna: Person) -> None:
    """The wait is said to have been shorter."""
    anna.do("contact")

    def change(document: dict[str, Any]) -> None:
        for entry in document["events"]:
            if b"recovery noticed" in b64url_decode(entry["event"]):
                lies.altered_event(entry, wait_seconds=0)

    with scene.line.lying(lies.in_path("/events", change)):
        assert anna.refused("running").code == "wrong_proof"


def test_another_session_than_the_ledgers(scene: Scene, anna: Person) -> None:
    def change(document: dict[str, Any]) -> None:
        if document.get("recovery"):
            document["recovery"]["session"] = "0" * 32

    anna.do("contact")
    with scene.line.lying(lies.in_path("custodies/", change)):
        assert anna.refused("running").code == "other_session"


def test_a_key_that_is_revealed_before_the_answer(
    scene: Scene, calling: Calling, asked: Person
) -> None:
    """Who knows what hides behind the commitment could choose what answers it: none is given."""
    path = calling.start()

    def change(document: dict[str, Any]) -> None:
        for call in document.get("calls", []):
            call.update(public_key=b64url(calling.public_key), random=b64url(calling.random))

    with scene.line.lying(lies.in_path("/sessions/", change)):
        assert asked.refused("answer").code == "revealed_early"
        assert scene.line.changes_sent() == []
    asked.do("answer")
    _reveals_falsely(scene, calling, asked, path)


def _reveals_falsely(scene: Scene, calling: Calling, anna: Person, path: str) -> None:
    """What opens nothing is noticed before the digits are asked for; so is another answer."""
    digits = calling.reveal(path)
    other = b64url(seal.PrivateKey.generate().public_key())
    with scene.line.lying(
        lies.in_path("/calls/", lambda document: document.update(public_key=other))
    ):
        assert anna.refused("revealed").code == "wrong_commitment"
        with pytest.raises(FellOver, match="not revealed yet"):
            anna.do("compare", digits=digits)
    nonce = b64url(b"\1" * 32)
    with scene.line.lying(lies.in_path("/calls/", lambda document: document.update(nonce=nonce))):
        assert anna.refused("revealed").code == "second_nonce"
        with pytest.raises(FellOver, match="not revealed yet"):
            anna.do("compare", digits=digits)


def test_a_second_answer_in_her_name(scene: Scene, calling: Calling, asked: Person) -> None:
    calling.start()
    nonce = b64url(b"\1" * 32)
    with scene.line.lying(lies.in_path("/nonce", lambda document: document.update(nonce=nonce))):
        assert asked.refused("answer").code == "second_nonce"


def test_a_whole_call_with_another_key(scene: Scene, calling: Calling, asked: Person) -> None:
    """The service plays a call of its own, consistent in itself: the ledger names another key."""
    key, random = seal.PrivateKey.generate().public_key(), secrets.token_bytes(32)
    session, call = calling.session, new_id()
    named = calls.Call(
        session.made.deposit, session.recovery, session.session, call, calling.custody
    )
    played: dict[str, Any] = {
        "call": call,
        "custody": calling.custody,
        "commitment": b64url(calls.commitment(named, key, random)),
        "nonce": None,
        "nonce_signature": None,
        "public_key": None,
        "random": None,
    }

    def stand(method: str, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        if path.endswith("/nonce"):
            revealed = {"public_key": b64url(key), "random": b64url(random)}
            played.update(nonce=body["nonce"], **revealed)
        return played if call in path else None

    tamper = lies.in_path("/sessions/", lambda document: document.update(calls=[dict(played)]))
    with scene.line.lying(tamper, stand):
        asked.do("answer")
        assert asked.refused("revealed").code == "other_public_key"
        assert _released(scene) == []


def test_wrong_digits_three_times_end_the_call(
    scene: Scene, calling: Calling, asked: Person
) -> None:
    path = calling.start()
    with scene.line.lying():
        asked.do("answer")
        digits = calling.reveal(path)
        asked.do("revealed")
        for left in (2, 1):
            stopped = asked.refused("compare", kind="WrongCode", digits="0000 0000 0000")
            assert (stopped.code, stopped.details) == ("wrong_call_digits", {"triesLeft": left})
        assert asked.refused("compare", digits="1111 1111 1111").code == "wrong_call_digits"
        assert asked.refused("compare", digits=digits).code == "wrong_call_digits"
        with pytest.raises(FellOver, match="digits were not compared"):
            asked.do("release")
        assert _released(scene) == []
        sent = b"".join(body for _, _, body in scene.line.sent)
        assert b"000000000000" not in sent.replace(b" ", b"")


def test_after_every_lie_her_piece_helps(scene: Scene, calling: Calling, asked: Person) -> None:
    path = calling.start()
    with scene.line.lying():
        asked.do("answer")
        digits = calling.reveal(path)
        asked.do("revealed")
        with pytest.raises(FellOver, match="digits were not compared"):
            asked.do("release")
        asked.do("compare", digits=grouped(digits))
        asked.do("release")
        assert digits.encode() not in b"".join(body for _, _, body in scene.line.sent)
    scene.world.run()
    releases = calling.session.releases()
    found = next(each for each in releases if each["custody"] == calling.custody)
    assert calling.session.open(found).custody == calling.custody
