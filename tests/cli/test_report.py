"""A drill's report against a hostile service: it can sign its ledger, not for the custodians."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from escrow.protocol import attestation, keys, ledger, release, seal, tree
from escrow.protocol.attestation import Attestation
from escrow.protocol.encoding import sha256
from escrow.protocol.errors import ProtocolError
from escrow.protocol.note import Checkpoint, sign
from escrow_cli.report import Report, Verdict
from tests.cli.deposits import CREATED_AT, LEDGER, Made, make

ACCOUNT, RECOVERY, SESSION = "a" * 32, "b" * 32, "c" * 32
PUBLIC_KEY = bytes(seal.PUBLIC_KEY_LENGTH_BYTES)
_STRANGER = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)


@dataclass
class Story:
    """What the ledger says, in order; `report` puts it under a signed checkpoint."""

    real: Made
    dummy: Made
    events: list[ledger.Event] = field(default_factory=list)

    def say(self, kind: str, made: Made, data: dict[str, Any], **on: str) -> None:
        number = len(self.events)
        event = ledger.Event(
            f"{number:032x}",
            kind,
            data,
            ACCOUNT,
            made.manifest.deposit,
            on.get("custody"),
            on.get("recovery"),
            CREATED_AT + number,
        )
        event.check()
        self.events.append(event)

    def created(self, made: Made) -> None:
        self.say("deposit created", made, {"manifest_hash": made.manifest.hash})

    def attested(
        self, member: int, *, means: str = "share", key: Any = None, late: int = 0
    ) -> None:
        made = self.real
        payload = [made.kit.payload, *(card.payload for card in made.cards), made.provider][member]
        value, deposit, custody = payload.share().value, payload.deposit, payload.custody
        time = CREATED_AT + len(self.events) + late
        proof = Attestation(deposit, custody, made.manifest.hash, means, bytes(32), time)
        if key is None:
            key = keys.release_key(value, deposit, custody)
        if means == "check":
            key = keys.attest_key(keys.check_seed(value, deposit, custody), deposit, custody)
        data = {"means": means, "checkpoint_hash": bytes(32), "time": time}
        signature = attestation.sign(proof, key)
        self.say("custody attested", made, data | {"signature": signature}, custody=custody)

    def recovered(self, *steps: str, **changes: Any) -> None:
        for step in steps or ("opened", "noticed", "begun", "made", "completed"):
            getattr(self, f"_{step}")(**changes)

    def _opened(self, **_: Any) -> None:
        data = {"proof": "totp", "wait_seconds": 0, "account": ACCOUNT}
        self.say("recovery opened", self.dummy, data, recovery=RECOVERY)

    def _noticed(self, **_: Any) -> None:
        data = {"wait_seconds": 0, "refused": []}
        self.say("recovery noticed", self.dummy, data, recovery=RECOVERY)

    def _begun(self, session: str = SESSION, **_: Any) -> None:
        data = {"session": session, "public_key": PUBLIC_KEY}
        self.say("recovery begun", self.dummy, data, recovery=RECOVERY)

    def _made(self, provider: Any = None, **_: Any) -> None:
        made, payload = self.dummy, self.dummy.provider
        named = release.Release(
            *(payload.deposit, payload.custody, RECOVERY, SESSION, made.manifest.hash),
            *(sha256(PUBLIC_KEY), bytes(32), CREATED_AT),
        )
        value = payload.share().value
        key = provider or keys.release_key(value, payload.deposit, payload.custody)
        data = {
            "session": SESSION,
            "public_key_sha256": named.public_key_sha256,
            "sealed_sha256": named.sealed_sha256,
            "signature": release.sign(named, key),
            "time": named.time,
        }
        self.say("release made", made, data, custody=payload.custody, recovery=RECOVERY)

    def _completed(self, owner: Any = None, **_: Any) -> None:
        made, deposit = self.dummy, self.dummy.manifest.deposit
        key = owner or keys.owner_key(made.recovery_key, deposit)
        signature = release.sign_complete(key, deposit, RECOVERY, made.manifest.hash, CREATED_AT)
        data = {"time": CREATED_AT, "signature": signature}
        self.say("recovery completed", made, data, recovery=RECOVERY)

    def report(self) -> Report:
        leaves = [ledger.leaf_data(bytes(32), event.bytes) for event in self.events]
        frontier, nodes = tree.Frontier(), {}
        for leaf in leaves:
            for level, index, hashed in frontier.append(tree.leaf_hash(leaf)):
                nodes[level, index] = hashed
        note = sign(Checkpoint(LEDGER.name, len(leaves), frontier.root()).text, [LEDGER])
        entries = []
        for index, event in enumerate(self.events):
            siblings = tree.inclusion_proof(index, len(leaves), lambda *at: nodes[at])
            proof = ledger.Proof(index, tuple(siblings), note)
            named = {"index": index, "author": "web", "nonce": bytes(32)}
            entries.append({**named, "event": event.bytes, "proof": proof.text})
        real, dummy = self.real.kit, self.dummy.kit
        return Report(
            *(CREATED_AT, "recovery.example", "KPN", real.manifest, real.manifest_signature),
            *(dummy.manifest, dummy.manifest_signature, real.contacts, tuple(entries)),
        )

    def check(self) -> Verdict:
        return Report.parse(self.report().data).check()


@pytest.fixture(scope="module")
def made() -> tuple[Made, Made]:
    return make(2, 3), make(0, 0, kind="drill", waiting_seconds=0)


@pytest.fixture
def story(made: tuple[Made, Made]) -> Story:
    found = Story(*made)
    found.created(found.real)
    return found


def proven(verdict: Verdict) -> list[bool]:
    return [one.at is not None for one in verdict.custodians]


def test_every_proof_since_the_drill_began_counts(story: Story) -> None:
    story.created(story.dummy)
    story.recovered()
    for member in range(5):
        story.attested(member)
    verdict = story.check()
    assert proven(verdict) == [True] * 5
    assert verdict.is_recoverable
    assert [one.name for one in verdict.ways][1:4] == [c.name for c in story.real.kit.contacts]


def test_contacts_count_together_when_enough_of_them_have_proven(story: Story) -> None:
    story.created(story.dummy)
    story.recovered()
    story.attested(0)
    story.attested(1)
    verdict = story.check()
    assert proven(verdict) == [True, True, False, False, False]
    assert [one.role for one in verdict.ways] == ["customer"]
    assert not verdict.is_recoverable
    story.attested(3)
    assert story.check().is_recoverable


def test_a_check_or_an_older_proof_is_none(story: Story) -> None:
    story.attested(0)
    story.created(story.dummy)
    story.recovered()
    story.attested(4, means="check")
    assert proven(story.check()) == [False] * 5


Tell = Callable[[Story], None]


def _then(*steps: str, **changes: Any) -> Tell:
    def tell(story: Story) -> None:
        story.created(story.dummy)
        story.recovered(*steps, **changes)

    return tell


def _attested(**how: Any) -> Tell:
    def tell(story: Story) -> None:
        _then()(story)
        story.attested(4, **how)

    return tell


def _other_dummy(story: Story) -> None:
    story.created(story.real)
    story.recovered()


INVENTED: dict[str, tuple[str, Tell]] = {
    "a proof that the provider did not sign": ("wrong_signature", _attested(key=_STRANGER)),
    "a proof dated after its entry": ("wrong_proof", _attested(late=3600)),
    "a completion without the dummy's key": ("wrong_signature", _then(owner=_STRANGER)),
    "a release that the provider did not sign": ("wrong_signature", _then(provider=_STRANGER)),
    "a release to another session": ("drill_incomplete", _then(session="d" * 32)),
    "a completion before the release": (
        "drill_incomplete",
        _then("opened", "noticed", "begun", "completed", "made"),
    ),
    "a dummy of which the ledger does not know": ("wrong_manifest", _other_dummy),
}


@pytest.mark.parametrize("what", INVENTED, ids=lambda name: name.replace(" ", "-"))
def test_what_a_hostile_service_writes_into_its_ledger_is_refused(story: Story, what: str) -> None:
    code, tell = INVENTED[what]
    tell(story)
    with pytest.raises(ProtocolError) as refused:
        story.check()
    assert refused.value.code == code


def test_the_index_of_a_proof_is_the_entrys(story: Story) -> None:
    story.created(story.dummy)
    story.recovered()
    report = story.report()
    entries = list(report.entries)
    entries[0] = entries[0] | {"index": 1}
    with pytest.raises(ProtocolError) as refused:
        replace(report, entries=tuple(entries)).check()
    assert refused.value.code == "wrong_proof"
