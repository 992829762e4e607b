"""Recovered by the browser's client what the Python client has enrolled; each way, to the end."""

from __future__ import annotations

import pytest

from escrow.protocol import keys, qr
from escrow.protocol.encoding import grouped
from escrow.protocol.release import number
from tests.browser.client.conftest import Browser, Scene
from tests.browser.client.person import Person
from tests.support.people import Contact, Deposited
from tests.support.world import World


def _secrets(made: Deposited) -> dict[str, str]:
    """Name all that may not stay in memory, as hex."""
    found = {"recovery key": made.recovery_key, "secret": made.secret}
    for payload in made.payloads:
        value = payload.share().value
        found[f"{payload.role}'s piece"] = value
        found[f"{payload.role}'s words"] = payload.words.encode()
        found[f"{payload.role}'s check"] = keys.check_seed(value, made.deposit, payload.custody)
    return {name: secret.hex() for name, secret in found.items()}


def _on_the_telephone(mira: Person, anna: Person, custody: str) -> None:
    """Mira reads out, Anna types and releases."""
    mira.do("call", custody=custody)
    anna.do("running")
    anna.do("answer")
    mira.do("answered")
    digits = mira.do("reveal")
    anna.do("revealed")
    anna.do("compare", digits=grouped(digits))
    anna.do("release")
    mira.do("released")


def test_with_the_kit_and_the_provider(scene: Scene, browser_of: Browser) -> None:
    """From the mail code to the key, and nothing of it stays in memory."""
    world = scene.world
    customer = world.customer()
    made, _ = world.enrol(customer)
    mira = browser_of("mira")
    mira.sign_in(customer)
    (line,) = mira.do("deposits")
    opened = mira.do("open", deposit=line["deposit"], reason="My laptop crashed.")
    world.run()
    step = mira.do("read", recovery=opened["recovery"])
    assert (step["step"], step["code"], step["endsAnother"]) == ("wait", "too_early", False)
    world.wait(step["at"] - world.clock.now())
    mira.sign_in(customer)
    assert mira.do("read", recovery=opened["recovery"])["step"] == "begin"
    mira.do("spy")
    mira.do("piece_file", data=made.kit.data)
    mira.do("target")
    mira.do("begin")
    mira.do("add_piece")
    assert not mira.do("is_enough")
    mira.do("take", custody="provider")
    assert mira.do("is_enough")
    assert bytes.fromhex(mira.do("combine")) == made.secret
    assert mira.do("complete")["state"] == "completed"
    assert mira.do("read", recovery=opened["recovery"])["step"] == "over"
    found = mira.do("leftovers", secrets=_secrets(made))
    assert found["made"] > 100 and found["left"] == []


def test_with_a_contact_on_the_telephone_and_the_provider(
    scene: Scene, ready: str, browser_of: Browser
) -> None:
    """Nothing of Anna's piece stays in her browser's memory."""
    mira = browser_of("mira", bearer=scene.mira.http.token)
    anna = browser_of("anna")
    mira.do("read", recovery=ready)
    assert mira.do("target") == {"first_look": True, "helpers": [scene.anna.custody]}
    mira.do("begin")
    anna.do("spy")
    anna.do("piece_file", data=scene.card)
    assert anna.do("contact") == {"first_look": False, "state": "held"}
    _on_the_telephone(mira, anna, scene.anna.custody)
    mira.do("take", custody=scene.anna.custody)
    mira.do("take", custody="provider")
    assert bytes.fromhex(mira.do("combine")) == scene.made.secret
    found = anna.do("leftovers", secrets=_secrets(scene.made))
    assert found["made"] > 100 and found["left"] == []


def test_with_the_words_of_the_kit_and_a_contacts_code(
    scene: Scene, ready: str, browser_of: Browser
) -> None:
    """From paper: Mira types her words, Anna's camera reads her card."""
    kit, card = scene.made.payloads[0], scene.anna.payload
    assert card is not None
    mira = browser_of("mira", bearer=scene.mira.http.token)
    anna = browser_of("anna")
    code = grouped(scene.made.manifest.code())
    typed = {"words": kit.words.upper(), "custody": kit.custody.upper()}
    assert mira.refused("piece_words", **typed, code="0" * 24).code == "wrong_manifest"
    mira.do("piece_words", **typed, code=code)
    mira.do("read", recovery=ready)
    mira.do("target")
    mira.do("begin")
    mira.do("add_piece")
    anna.do("piece_qr", text=qr.share_text(card))
    assert anna.do("contact")["first_look"] is True
    _on_the_telephone(mira, anna, scene.anna.custody)
    mira.do("take", custody=scene.anna.custody)
    assert bytes.fromhex(mira.do("combine")) == scene.made.secret


def test_after_a_reload_collecting_begins_anew(
    scene: Scene, ready: str, browser_of: Browser
) -> None:
    """The key was in memory only; what was released to it is void, and nothing is lost."""
    token = scene.mira.http.token
    for _ in range(2):
        mira = browser_of("mira", bearer=token)
        assert mira.do("under_way", deposit=scene.made.deposit)["recovery"]["recovery"] == ready
        step = mira.do("read", recovery=ready)
        assert step["step"] == "begin"
        mira.do("target")
        mira.do("begin")
    assert step["endsAnother"] is True
    other = browser_of("another tab", bearer=token)
    other.do("read", recovery=ready)
    other.do("target")
    other.do("begin")
    assert mira.refused("take", kind="NotNow", custody=scene.anna.custody).code == "session_over"
    other.do("take", custody="provider")


def test_with_the_kit_alone_when_the_app_is_lost(scene: Scene, browser_of: Browser) -> None:
    """In a drill, which waits for nobody: the mail code is enough beside the kit, twice."""
    world = scene.world
    customer = world.customer()
    made, _ = world.enrol(customer, 0, 0, kind="drill")
    mira = browser_of("mira")
    mira.sign_in(customer, totp=False)
    mira.do("piece_file", data=made.kit.data)
    opened = mira.do("open", deposit=made.deposit, proof="kit")
    world.run()
    assert mira.do("read", recovery=opened["recovery"])["step"] == "begin"
    mira.do("target")
    mira.do("begin")
    mira.do("add_piece")
    mira.do("take", custody="provider")
    assert bytes.fromhex(mira.do("combine")) == made.secret


def test_contacts_vouch_by_the_number_that_is_read_out(scene: Scene, browser_of: Browser) -> None:
    """In a drill, to the end: both contacts release, and only after them the provider."""
    world = scene.world
    customer = world.customer()
    made, contacts = world.enrol(customer, 2, 2, kind="drill")
    mira = browser_of("mira")
    mira.sign_in(customer, totp=False)
    draft = mira.do("open", deposit=made.deposit, proof="contacts")
    assert mira.do("read", recovery=draft["recovery"])["step"] == "vouch"
    said = number(draft["recovery"])
    for contact in contacts:
        anna = _contact(browser_of, contact)
        assert anna.refused("draft_of", number="00000000").code == "wrong_number"
        anna.do("draft_of", number=grouped(said))
        anna.do("vouch")
    world.run()
    assert anna.refused("draft_of", kind="NotNow", number=said).code == "no_draft"
    assert mira.do("read", recovery=draft["recovery"])["step"] == "begin"
    mira.do("target")
    mira.do("begin")
    assert mira.refused("take", kind="NotNow", custody="provider", seconds=1).code == "no_release"
    for contact in contacts:
        anna = _contact(browser_of, contact)
        _on_the_telephone(mira, anna, contact.custody)
        mira.do("take", custody=contact.custody)
    assert not mira.do("is_enough")
    mira.do("take", custody="provider")
    assert bytes.fromhex(mira.do("combine")) == made.secret


def _contact(browser_of: Browser, contact: Contact) -> Person:
    assert contact.payload is not None
    anna = browser_of("anna")
    anna.do("piece_qr", text=qr.share_text(contact.payload))
    anna.do("contact")
    return anna


@pytest.fixture(scope="module")
def other(scene: Scene) -> tuple[World, Deposited, Contact]:
    """A deposit whose contact does many things."""
    customer = scene.world.customer()
    made, (contact,) = scene.world.enrol(customer)
    scene.world.open_recovery(customer, made)
    return scene.world, made, contact


def test_a_contact_stops_a_recovery(
    other: tuple[World, Deposited, Contact], browser_of: Browser
) -> None:
    anna = _contact(browser_of, other[2])
    assert anna.do("recovery")["reason"] == "My laptop crashed."
    assert anna.refused("running", kind="NotNow").code == "too_early"
    assert anna.do("refuse")["state"] == "cancelled"
    assert anna.refused("refuse", kind="NotNow").code == "no_recovery"
    assert anna.refused("running", kind="NotNow").code == "no_recovery"


def test_a_contact_proves_moves_and_stops(
    other: tuple[World, Deposited, Contact], browser_of: Browser
) -> None:
    world, made, contact = other
    assert contact.payload is not None
    anna = _contact(browser_of, contact)
    seed = keys.check_seed(contact.payload.share().value, made.deposit, contact.custody)
    check = qr.Check(made.deposit, contact.custody, seed)
    assert anna.do("attest_share") == "held"
    assert anna.do("attest_check") == "held"
    assert anna.do("check_qr", text=check.text) == "held"
    digits = grouped(keys.check_code(seed))
    assert anna.do("check_digits", digits=digits, custody=contact.custody) == "held"
    wrong = grouped(keys.check_code(bytes(16)))
    stopped = anna.refused("check_digits", kind="WrongPiece", digits=wrong, custody=contact.custody)
    assert stopped.code == "wrong_check_code"
    anna.do("phrase", phrase="blue bicycle")
    for address in ("anna@new.test", "anna@newer.test"):
        stopped = anna.refused("move", kind="ServiceError", name="Anna", address=address)
        assert stopped.code == "wrong_state"
        assert anna.do("reach", address=address) is True
        code = world.mailbox.code(address, "contact_code")
        anna.do("reached", address=address, code=code)
        anna.do("move", name="Anna", address=address)
        world.run()
        world.wait(1)
    assert world.mailbox.to("anna@newer.test")
    for verb in ("decline", "lost"):
        assert anna.do(verb)["state"] in {"declined", "lost"}
        assert anna.do("attest_share") == "held"
