"""What the browser's code makes, Python reads, and the reverse; both refuse the same."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pyrage import IdentityError

from escrow.protocol import envelope, invitation, keys, kit, qr, seal, slip39, wrap
from escrow.protocol.errors import ProtocolError
from tests.protocol.operations import OPERATIONS
from tests.protocol.test_vectors import INSIDE, SAME, comparable
from tests.support.node import Asked, Refusal, asked

FOLDER = Path(__file__).parent.parent / "vectors"
POLICIES = [(0, 0), (1, 1), (2, 3)]
SECRET = "correct horse battery staple – één geheim".encode()
# Random, or a second of scrypt each, or a writer of what its caller has checked.
NOT_COMPARED = {
    *("split", "seal", "seal_envelope", "open_invitation", "invitation_key", "write_share"),
}
ALTERED = 600


@pytest.fixture(scope="module")
def browser_code() -> Iterator[Asked]:
    with asked("tests/browser/protocol/bridge.js") as found:
        yield found


def raw(made: dict[str, Any], name: str) -> bytes:
    return bytes.fromhex(made[name])


@pytest.mark.parametrize(("needed", "count"), [(1, 1), (2, 3)])
def test_python_reads_what_the_browser_makes(needed: int, count: int, browser_code: Asked) -> None:
    made = browser_code.ask("make_deposit", secret=SECRET, needed=needed, count=count)
    found = kit.Kit.parse(raw(made, "kit"))
    assert found.data == raw(made, "kit")
    assert found.manifest.code() == made["manifest_code"]
    recovery_key = slip39.combine([made["words"][0], made["words"][-1]])
    assert recovery_key == raw(made, "recovery_key")
    found.manifest.check_recovered(recovery_key, found.envelope, found.manifest_signature)
    assert envelope.open(found.envelope, recovery_key) == SECRET
    custodies = [line.custody for line in found.manifest.custodies]

    opened = invitation.open(
        raw(made, "invitation"), invitation.Password.parse(*made["password"]), custodies[1]
    )
    assert opened.contact == found.contacts[0]
    assert opened.payload == kit.Card.parse(raw(made, "card")).payload
    assert slip39.combine([found.payload.words, *made["words"][1 : 1 + needed]]) == recovery_key

    to = made["sealed_to"]
    binding = seal.Binding(
        to["deposit"], to["custody"], found.manifest.hash, to["recovery"], to["session"]
    )
    key = seal.PrivateKey(raw(made, "session_seed"))
    assert seal.open(raw(made, "sealed"), key, binding) == found.payload.data
    credential = raw(made, "credential_id")
    wrapped = wrap.Binding("share", made["deposit"], custodies[1], found.manifest.hash, credential)
    assert wrapped.unwrap(raw(made, "wrapped"), raw(made, "prf")) == opened.payload.data

    assert qr.parse_share(made["share_qr"]) == found.payload
    check = qr.Check.parse(made["check_qr"])
    line = found.manifest.custody(check.custody)
    attest_key = keys.attest_key(check.seed, check.deposit, check.custody)
    assert keys.public_bytes(attest_key) == line.attest_key


def test_the_browser_reads_what_python_makes(browser_code: Asked) -> None:
    recovery_key = bytes(range(32))
    sealed = envelope.seal(SECRET, recovery_key)
    opened = browser_code.ask("open_envelope", envelope=sealed, recovery_key=recovery_key)
    assert raw(opened, "secret") == SECRET
    for needed, count in POLICIES:
        shares = slip39.split(recovery_key, needed, count)
        words = [shares[0].words(), shares[-1].words()]
        assert raw(browser_code.ask("combine", shares=words), "secret") == recovery_key

    session = browser_code.ask("session_key")
    given = {"deposit": "1" * 32, "custody": "2" * 32, "recovery": "3" * 32, "session": "4" * 32}
    binding = seal.Binding(manifest_hash=bytes(32), **given)
    sealed = seal.seal(SECRET, raw(session, "public_key"), binding)
    bound = {**given, "manifest_hash": bytes(32)}
    opened = browser_code.ask("open_seal", seed=session["seed"], sealed=sealed, **bound)
    assert raw(opened, "plaintext") == SECRET
    with pytest.raises(Refusal, match="not_opened"):
        browser_code.ask(
            "open_seal", seed=session["seed"], sealed=sealed, **{**bound, "session": "5" * 32}
        )


def test_an_invitation_goes_both_ways(browser_code: Asked) -> None:
    cases = json.loads((FOLDER / "invitation.json").read_bytes())["cases"]
    case = next(c for c in cases if c["operation"] == "parse_invitation" and "output" in c)
    found = invitation.Invitation.parse(bytes.fromhex(case["input"]["invitation"]))
    password = invitation.Password.generate()
    halves = {"fragment": password.fragment, "digits": password.digits}
    custody = found.payload.custody
    sealed = found.seal(password)
    opened = browser_code.ask("open_invitation", sealed=sealed, custody=custody, **halves)
    assert raw(opened, "invitation") == found.data
    there = browser_code.ask("seal_invitation", invitation=found.data, **halves)
    assert invitation.open(raw(there, "sealed"), password, custody) == found


def alter(value: Any, dice: random.Random) -> Any:
    """Change one thing in an input: a bit, a character, a number, an item, a field of it."""
    if isinstance(value, dict) and value:
        name = dice.choice(sorted(value))
        return {**value, name: alter(value[name], dice)}
    if isinstance(value, list) and value:
        place = dice.randrange(len(value))
        if dice.random() < 0.2:
            return [*value[:place], *value[place + 1 :]]
        return [*value[:place], alter(value[place], dice), *value[place + 1 :]]
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return max(0, value + dice.choice((-1, 1, 100)))
    return _altered_text(value, dice) if isinstance(value, str) and value else value


def _altered_text(text: str, dice: random.Random) -> str:
    try:
        data = bytearray.fromhex(text)
    except ValueError:
        data = bytearray()
    if not data or len(text) == 32:  # words, a note, a link; identifiers stay identifiers
        place = dice.randrange(len(text))
        other = dice.choice("0aZ-_=+ \n\u00a0é\u2014\U0001f511")
        return text if len(text) == 32 and data else text[:place] + other + text[place + 1 :]
    place = dice.randrange(len(data))
    if dice.random() < 0.3:
        data[place : place + 1] = dice.choice((b"", b"  ", b'"', b"9", b"\xff", b"}", b"0"))
    else:
        data[place] ^= 1 << dice.randrange(8)
    return bytes(data).hex()


def outcome_here(operation: str, given: dict[str, Any]) -> object:
    try:
        return comparable(OPERATIONS[SAME.get(operation, operation)](given) or {})
    except ProtocolError as error:
        return error.code


def outcome_there(browser_code: Asked, operation: str, given: dict[str, Any]) -> object:
    try:
        found = browser_code.ask(operation, **given)
    except Refusal as refusal:
        return refusal.code
    return found


def test_both_answer_the_same_to_altered_input(browser_code: Asked) -> None:
    """Good and bad cases of every file with one thing changed: same output or same refusal."""
    dice = random.Random("both languages")
    cases = [
        case
        for path in sorted(FOLDER.glob("*.json"))
        for case in json.loads(path.read_bytes())["cases"]
        if case["operation"] not in INSIDE | NOT_COMPARED and len(json.dumps(case)) < 20_000
    ]
    by_operation: dict[str, list[dict[str, Any]]] = {}
    for case in cases:
        by_operation.setdefault(case["operation"], []).append(case)
    refused = 0
    for number in range(ALTERED):
        operation = sorted(by_operation)[number % len(by_operation)]
        given = alter(dice.choice(by_operation[operation])["input"], dice)
        try:
            here = outcome_here(operation, given)
        except (ValueError, OverflowError, KeyError, TypeError, IdentityError):
            continue  # no input of this operation: a length that its caller has checked
        there = outcome_there(browser_code, operation, given)
        if operation in {"owner_key", "release_key", "attest_key"} and isinstance(here, dict):
            here = {"key": here["key"]}  # the seed stays inside there
        assert there == here, (operation, given)
        refused += isinstance(here, str)
    assert refused > ALTERED // 5
