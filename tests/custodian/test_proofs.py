"""The custodian verifies by itself what the web tier says a recovery was opened with.

The attacker runs the web tier with its keys, so what it checks counts for nothing here.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import select, update

from escrow.custodian import notices
from escrow.custodian.acts import all_acts
from escrow.mail.models import Outbox
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.recovery import calls, opening
from escrow.recovery import proofs as web_proofs
from escrow.recovery.models import RecoveryProof
from tests.custodian.test_release_checks import refused
from tests.recovery import proving
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400
UNPROVEN = {
    "kit": "kit proof",
    "contacts": "contacts' proofs",
    "totp+kit": "no contact's veto",
    "totp+contacts": "no contact's veto",
}


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer, 2, 3)


@pytest.fixture
def web_checks_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The web tier opens and begins whatever it is asked to, at once."""
    all_acts()  # imported late, they would keep for the whole process what is patched here
    monkeypatch.setattr(web_proofs, "check_allowed", lambda *_: None)
    monkeypatch.setattr(web_proofs, "check_kit", lambda *given: given[4])
    monkeypatch.setattr(web_proofs, "keep", lambda *_: None)
    monkeypatch.setattr(web_proofs, "OF_CONTACTS", frozenset())


@pytest.fixture
def notices_check_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a recovery through to the release, to see that it is checked there again."""
    monkeypatch.setattr(notices, "proofs", SimpleNamespace(check_opened=lambda *_: None))


def told(world: World) -> list[Any]:
    with world.database.reading() as db:
        return list(db.scalars(select(Outbox).where(Outbox.recovery.is_not(None))))


@pytest.mark.parametrize("kind", UNPROVEN)
@pytest.mark.usefixtures("web_checks_nothing")
def test_nobody_is_told_and_no_wait_begins_for_what_was_opened_without_its_proof(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    kind: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, _ = enrolled
    customer.sign_in()
    body = {"deposit": made.deposit, "reason": "", "proof": kind}
    customer.http.put(f"/recoveries/{new_id()}", body).ok()
    world.run()
    assert not told(world)
    assert f"reason={UNPROVEN[kind]}" in caplog.text


@pytest.mark.parametrize("kind", UNPROVEN)
@pytest.mark.usefixtures("web_checks_nothing", "notices_check_nothing")
def test_what_was_opened_without_its_proof_is_not_released(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, _ = enrolled
    customer.sign_in()
    recovery = new_id()
    body = {"deposit": made.deposit, "reason": "", "proof": kind}
    customer.http.put(f"/recoveries/{recovery}", body).ok()
    world.run()
    world.wait(30 * DAY if kind == "contacts" else 14 * DAY)
    session = world.begin_unattended(customer, made, recovery)
    world.run()
    assert refused(session) == UNPROVEN[kind]


@pytest.mark.parametrize("changes", [{"recovery": new_id()}, {"session": new_id()}])
def test_a_stored_proof_of_another_recovery_or_session_is_none(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    changes: dict[str, Any],
) -> None:
    made, _ = enrolled
    recovery = proving.open_with(world, customer, made, [], "kit")
    other = proving.proof(customer.http, made.payloads[0], recovery, lie=changes)
    _replace_proof(world, recovery, other["signature"])
    world.wait(9 * DAY)
    session = proving.begin_with(customer, made, recovery, "kit")
    world.run()
    assert refused(session) == "kit proof"


def _replace_proof(world: World, recovery: str, signature: str, session: str = "") -> None:
    with world.database.transaction() as db:
        db.execute(
            update(RecoveryProof)
            .where(RecoveryProof.recovery == recovery, RecoveryProof.session == session)
            .values(signature=b64url_decode(signature))
        )


def test_a_begin_without_the_kits_proof_is_not_released(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = enrolled
    recovery = proving.open_with(world, customer, made, [], "kit")
    world.wait(9 * DAY)
    monkeypatch.setattr(web_proofs, "WITH_KIT", frozenset())
    customer.mail_login()
    session = Session(customer.http, made, recovery)
    session.begin().ok()
    world.run()
    assert refused(session) == "kit proof"


def test_a_kit_proof_for_another_public_key_is_none(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = proving.open_with(world, customer, made, [], "kit")
    world.wait(9 * DAY)
    session = proving.begin_with(customer, made, recovery, "kit")
    piece = made.payloads[0]
    other = proving.proof(customer.http, piece, recovery, session, {"public_key_sha256": bytes(32)})
    _replace_proof(world, recovery, other["signature"], session.session)
    world.run()
    assert refused(session) == "kit proof"


def test_contacts_do_not_replace_the_authenticator_where_the_manifest_does_not_say_so(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, [contact] = world.enrol(customer, 1, 1)
    monkeypatch.setattr(web_proofs, "check_allowed", lambda *_: None)
    monkeypatch.setattr(notices, "proofs", SimpleNamespace(check_opened=lambda *_: None))
    recovery = proving.open_with(world, customer, made, [contact], "contacts")
    world.wait(30 * DAY)
    session = proving.begin_with(customer, made, recovery, "contacts")
    contact.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    [line] = [line for line in session.releases() if line["custody"] != contact.custody]
    assert (line["state"], line["reason"]) == ("refused", "contacts do not replace")


def test_the_vetoing_contacts_proof_does_not_count(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    made, [hostile, friend, _] = enrolled
    proving.stopped_by_contact(world, customer, made, hostile)
    held = {hostile.custody, friend.custody}
    monkeypatch.setattr(web_proofs, "provers", lambda *_: held)
    before = len(told(world))
    recovery = proving.open_with(world, customer, made, [hostile, friend], "totp+contacts")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "opened"
    assert len(told(world)) == before
    assert "reason=contacts' proofs" in caplog.text


def test_releases_that_the_web_tier_makes_up_for_contacts_release_nothing(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, [first, second, _] = enrolled
    recovery = proving.open_with(world, customer, made, [first, second], "contacts")
    world.wait(30 * DAY)
    session = proving.begin_with(customer, made, recovery, "contacts")
    monkeypatch.setattr(calls, "_check_release", lambda *_: None)
    for contact in (first, second):
        made_up = {"sealed": b64url(bytes(1200)), "signature": b64url(bytes(64)), "time": 1}
        path = f"{session.path}/releases/{contact.custody}"
        contact.http.put(path, made_up).ok()
    world.run()
    provider = made.manifest.of_role("provider")[0].custody
    assert provider not in {line["custody"] for line in session.releases()}


def test_releases_to_an_earlier_session_do_not_count_for_this_one(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [first, second, _] = enrolled
    recovery = proving.open_with(world, customer, made, [first, second], "contacts")
    world.wait(30 * DAY)
    earlier = proving.begin_with(customer, made, recovery, "contacts")
    first.release(recovery, earlier.session, earlier.key.public_key()).ok()
    world.run()
    session = proving.begin_with(customer, made, recovery, "contacts")
    second.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    provider = made.manifest.of_role("provider")[0].custody
    assert provider not in {line["custody"] for line in session.releases()}
    first.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    assert provider in {line["custody"] for line in session.releases()}


@pytest.mark.parametrize(("kind", "days"), [("kit", 9), ("contacts", 30), ("totp+kit", 14)])
def test_a_shorter_wait_than_the_proofs_is_never_believed(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    days: int,
) -> None:
    made, [hostile, *friends] = enrolled
    proving.stopped_by_contact(world, customer, made, hostile)
    monkeypatch.setattr(opening, "wait_of", lambda *_: made.manifest.waiting_seconds)
    recovery = proving.open_with(world, customer, made, friends, kind)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["wait_seconds"] == days * DAY


def test_a_wait_shorter_than_the_kits_in_the_ledger_releases_nothing(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = enrolled
    monkeypatch.setattr(opening, "wait_of", lambda *_: 3 * DAY)
    monkeypatch.setattr(notices, "_wait", lambda *_, **__: 3 * DAY)
    recovery = proving.open_with(world, customer, made, [], "kit")
    world.wait(4 * DAY)
    session = proving.begin_with(customer, made, recovery, "kit")
    world.run()
    assert refused(session) == "wait shortened"
