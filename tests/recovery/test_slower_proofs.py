"""The authenticator is lost: kit or contacts prove who asks, and everybody waits longer."""

from typing import Any

import pytest

from escrow.protocol import envelope, slip39
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.recovery import drafts, machine, proofs
from escrow.recovery.models import RecoveryDraft
from tests.recovery import proving
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400
KINDS = ["kit", "contacts", "totp+kit", "totp+contacts"]
WAITS = {"kit": 9 * DAY, "contacts": 30 * DAY, "totp+kit": 14 * DAY, "totp+contacts": 14 * DAY}


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    """Two of three contacts, who replace the authenticator."""
    return world.enrol(customer, 2, 3)


def recovered(session: Session, *kit: str) -> bytes:
    words = [session.open(line).words for line in session.releases()]
    key = slip39.combine([*kit, *words])
    session.complete(key).ok()
    return envelope.open(session.made.kit.envelope, key)


@pytest.mark.parametrize("kind", KINDS)
def test_every_slower_proof_waits_its_time_to_the_second_and_brings_the_secret_back(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, [hostile, *friends] = enrolled
    if kind.startswith("totp"):
        proving.stopped_by_contact(world, customer, made, hostile)
    recovery = proving.open_with(world, customer, made, friends, kind)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert (found["state"], found["proof"]) == ("waiting", kind)
    assert found["ready_at"] == found["noticed_at"] + WAITS[kind]
    world.wait(found["ready_at"] - world.clock.now() - 61)
    proving.sign_in(customer, kind)
    world.clock.time = found["ready_at"] - 1
    world.run()
    early = proving.begin(Session(customer.http, made, recovery), kind)
    assert (early.code, early.json["at"]) == ("too_early", found["ready_at"])
    world.clock.move(1)
    world.run()
    session = Session(customer.http, made, recovery)
    proving.begin(session, kind).ok()
    world.run()
    provider = made.manifest.of_role("provider")[0].custody
    if "contacts" in kind:
        for contact in friends:
            said = {line["custody"] for line in session.releases()}
            assert provider not in said, "released before the contacts"
            contact.release(recovery, session.session, session.key.public_key()).ok()
            world.run()
        assert [line["state"] for line in session.releases()] == ["made"] * 3
        assert recovered(session) == made.secret
    else:
        assert [line["state"] for line in session.releases()] == ["made"]
        assert recovered(session, made.payloads[0].words) == made.secret


@pytest.mark.databases("sqlite", "postgresql")
def test_contacts_and_kit_prove_on_both_databases(world: World, customer: Customer) -> None:
    made, contacts = world.enrol(customer, 2, 2)
    for kind in ("contacts", "kit"):
        recovery = proving.open_with(world, customer, made, contacts, kind)
        assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"
        if kind == "contacts":
            customer.http.post(f"/recoveries/{recovery}/veto").ok()
            world.run()
    world.wait(WAITS["kit"])
    session = proving.begin_with(customer, made, recovery, "kit")
    world.run()
    assert recovered(session, made.payloads[0].words) == made.secret


@pytest.mark.parametrize(
    "changes",
    [
        {"recovery": new_id()},
        {"deposit": new_id()},
        {"custody": new_id()},
        {"session": new_id()},
        {"public_key_sha256": bytes(32)},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_a_kit_proof_of_something_else_opens_nothing(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, list[Contact]],
    changes: dict[str, Any],
) -> None:
    made, _ = enrolled
    customer.mail_login()
    answer = proving.ask(customer, made, "kit", lie=changes)
    assert (answer.status, answer.json["field"]) == (400, "signature")


def test_a_proof_with_an_old_or_unknown_state_of_the_ledger_is_refused(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact, *_] = enrolled
    old = proving.checkpoint_hash(customer.http)
    world.wait(DAY)
    customer.mail_login()
    for seen in (old, bytes(32)):
        answer = proving.ask(customer, made, "kit", lie={"checkpoint_hash": seen})
        assert (answer.status, answer.json["field"]) == (400, "checkpoint_hash")
    recovery = proving.ask(customer, made, "contacts").ok()["recovery"]
    answer = proving.vouch(contact, recovery, {"checkpoint_hash": old})
    assert (answer.status, answer.json["field"]) == (400, "checkpoint_hash")


def test_a_check_code_or_a_contacts_piece_is_no_kit_proof(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    from escrow.protocol import keys, release

    made, [contact, *_] = enrolled
    customer.mail_login()
    recovery, kit = new_id(), made.payloads[0]
    assert contact.payload is not None
    seen = proving.checkpoint_hash(customer.http)
    seed = keys.check_seed(kit.share().value, made.deposit, kit.custody)
    named = release.Proof(made.deposit, kit.custody, recovery, None, None, seen)
    signed = release.sign_proof(named, keys.attest_key(seed, made.deposit, kit.custody))
    check = {
        "custody": kit.custody,
        "checkpoint_hash": b64url(seen),
        "signature": b64url(signed),
    }
    by_contact = proving.proof(customer.http, contact.payload, recovery)
    for piece, field in ((check, "signature"), (by_contact, "piece"), (None, "piece")):
        body = {"deposit": made.deposit, "reason": "", "proof": "kit", "piece": piece}
        answer = customer.http.put(f"/recoveries/{recovery}", body)
        assert (answer.status, answer.json["field"]) == (400, field)


def test_a_kit_that_was_reported_lost_proves_nothing_any_more(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.http.post(f"/custodies/{made.payloads[0].custody}/lost").ok()
    customer.mail_login()
    refused = proving.ask(customer, made, "kit")
    assert (refused.status, refused.json["state"]) == (409, "lost")


@pytest.mark.parametrize("kind", ["totp", "totp+kit", "totp+contacts"])
def test_the_mail_code_alone_opens_nothing_that_needs_the_authenticator(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, _ = enrolled
    customer.mail_login()
    assert proving.ask(customer, made, kind).code == "unauthenticated"
    customer.sign_in()
    world.clock.move(301)
    assert proving.ask(customer, made, kind).code == "step_up_required"


def test_a_drafts_identifier_opens_nothing_else(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    recovery = str(proving.ask(customer, made, "contacts").ok()["recovery"])
    world.clock.move(301)
    for kind in ("totp", "kit", "totp+contacts"):
        refused = proving.ask(customer, made, kind, recovery)
        assert (refused.status, refused.code) == (409, "conflict"), kind


def test_another_mailbox_opens_nothing_with_a_stolen_kit(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = proving.open_with(world, customer, made, [], "kit")
    thief = world.customer()
    thief.mail_login()
    for kind in ("kit", "contacts"):
        assert proving.ask(thief, made, kind).code == "not_found"
    assert thief.http.get(f"/recoveries/{recovery}").code == "not_found"
    assert thief.http.get(f"/recoveries/{recovery}/deposit").code == "not_found"
    assert thief.http.get(f"/deposits/{made.deposit}/recoveries").code == "not_found"
    assert thief.http.post(f"/recoveries/{recovery}/veto").code == "not_found"


def test_beginning_with_the_kit_needs_its_proof_for_this_session_and_key(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = proving.open_with(world, customer, made, [], "kit")
    world.wait(WAITS["kit"])
    customer.mail_login()
    session = Session(customer.http, made, recovery)
    assert session.begin().json["field"] == "piece"
    for changes in ({"session": new_id()}, {"public_key_sha256": bytes(32)}, {"session": None}):
        assert proving.begin(session, "kit", changes).json["field"] == "signature"
    proving.begin(session, "kit").ok()
    again = session.begin().ok()
    assert again["session"] == session.session, "a repeat spends nothing"


def test_a_recovery_opened_with_the_authenticator_is_hidden_from_the_mail_code_alone(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    customer.mail_login()
    for path in (f"/recoveries/{recovery}", f"/recoveries/{recovery}/deposit"):
        assert customer.http.get(path).code == "unauthenticated"
    assert customer.http.post(f"/recoveries/{recovery}/veto").code == "unauthenticated"


def test_contacts_who_do_not_replace_the_authenticator_are_not_asked(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer, 1, 1)
    customer.mail_login()
    refused = proving.ask(customer, made, "contacts")
    assert (refused.status, refused.code) == (409, "wrong_state")
    assert "do not replace" in refused.json["detail"]
    customer.sign_in()
    alone, _ = world.enrol(customer, 0, 0)
    customer.mail_login()
    assert proving.ask(customer, alone, "contacts").code == "wrong_state"


def test_an_only_contact_replaces_the_authenticator_if_the_customer_chose_it(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer, 1, 1, contacts_replace_totp=True)
    recovery = proving.open_with(world, customer, made, [contact], "contacts")
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"


def test_a_draft_has_no_effect_until_the_last_proof_opens_it(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    customer.mail_login()
    recovery = proving.ask(customer, made, "contacts").ok()["recovery"]
    before, mails = world.custodian.outside.size, len(world.mailbox.mails)
    proving.vouch(contacts[0], recovery).ok()
    again = proving.vouch(contacts[0], recovery).ok()
    assert (again["state"], again["proven"]) == ("draft", [contacts[0].custody])
    world.run()
    assert (world.custodian.outside.size, len(world.mailbox.mails)) == (before, mails)
    other = proving.ask(customer, made, "kit").ok()
    assert other["state"] == "opened", "a draft stands in the way"
    blocked = proving.vouch(contacts[1], recovery)
    assert (blocked.code, blocked.json["state"]) == ("wrong_state", "opened")
    customer.http.post(f"/recoveries/{other['recovery']}/veto").ok()
    assert proving.vouch(contacts[1], recovery).ok()["state"] == "opened"
    assert proving.vouch(contacts[1], recovery).ok()["state"] == "opened", "a repeat"
    late = proving.vouch(contacts[2], recovery)
    assert (late.status, late.code) == (409, "wrong_state")
    repeated = proving.ask(customer, made, "contacts", recovery)
    assert (repeated.status, repeated.json["state"]) == (200, "opened")


@pytest.mark.parametrize("act", ["veto", "decline"])
def test_who_has_stopped_a_recovery_or_left_since_does_not_count_for_a_draft(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], act: str
) -> None:
    made, [turned, friend, other] = enrolled
    customer.mail_login()
    draft = proving.ask(customer, made, "contacts").ok()["recovery"]
    proving.vouch(turned, draft).ok()
    if act == "veto":
        proving.stopped_by_contact(world, customer, made, turned)
    else:
        turned.http.post(f"/custodies/{turned.custody}/decline").ok()
        world.run()
    assert proving.vouch(friend, draft).ok()["state"] == "draft"
    assert proving.vouch(other, draft).ok()["state"] == "opened"
    world.run()
    customer.mail_login()
    assert customer.http.get(f"/recoveries/{draft}").ok()["state"] == "waiting"


def test_a_draft_is_gone_after_seven_days_to_the_second(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    customer.mail_login()
    recovery = proving.ask(customer, made, "contacts").ok()["recovery"]
    proving.vouch(contacts[0], recovery).ok()
    world.wait(drafts.DRAFT_SECONDS - 1)
    found = contacts[1].http.get(f"/custodies/{contacts[1].custody}/drafts").ok()["drafts"]
    assert [line["recovery"] for line in found] == [recovery]
    world.clock.move(1)
    assert proving.vouch(contacts[1], recovery).code == "not_found"
    assert not contacts[1].http.get(f"/custodies/{contacts[1].custody}/drafts").ok()["drafts"]
    world.run()
    with world.database.reading() as db:
        assert db.get(RecoveryDraft, recovery) is None
        assert not proofs.given(db, recovery)


def test_a_draft_does_not_open_a_deposit_that_was_destroyed_meanwhile(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "moved"}).ok()
    world.run()
    world.wait(27 * DAY)
    customer.mail_login()
    recovery = proving.ask(customer, made, "contacts").ok()["recovery"]
    proving.vouch(contacts[0], recovery).ok()
    world.wait(4 * DAY)
    refused = proving.vouch(contacts[1], recovery)
    assert (refused.code, refused.json["state"]) == ("wrong_state", "closed")


def test_several_drafts_stand_but_not_a_flood_and_the_customer_withdraws_a_strangers(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact, *_] = enrolled
    customer.mail_login()
    asked = [proving.ask(customer, made, "contacts").ok() for _ in range(drafts.MAX_DRAFTS)]
    assert proving.ask(customer, made, "contacts").code == "rate_limited"
    listed = customer.http.get(f"/deposits/{made.deposit}/recoveries").ok()["drafts"]
    assert {line["recovery"] for line in listed} == {line["recovery"] for line in asked}
    first = asked[0]["recovery"]
    thief = world.customer()
    thief.mail_login()
    assert thief.http.call("DELETE", f"/recoveries/{first}").code == "not_found"
    assert customer.http.call("DELETE", f"/recoveries/{first}").status == 204
    assert proving.vouch(contact, first).code == "not_found"
    assert proving.ask(customer, made, "contacts").status == 201


def test_the_same_contact_twice_or_a_stranger_is_not_two_proofs(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, contacts = enrolled
    _, strangers = world.enrol(world.customer(), 2, 2)
    customer.mail_login()
    recovery = proving.ask(customer, made, "contacts").ok()["recovery"]
    proving.vouch(contacts[0], recovery).ok()
    world.wait(60)
    assert proving.vouch(contacts[0], recovery).status in {200, 409}
    assert proving.vouch(strangers[0], recovery).code == "not_found"
    customer.mail_login()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "draft"


@pytest.mark.parametrize("kind", ["totp+kit", "totp+contacts"])
def test_two_proofs_at_once_are_refused_before_a_contact_has_stopped_a_recovery(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    customer.sign_in()
    refused = proving.ask(customer, made, kind)
    assert (refused.status, refused.code) == (409, "wrong_state")
    assert "none has" in refused.json["detail"]


@pytest.mark.parametrize("kind", ["totp+kit", "totp+contacts"])
def test_a_contacts_veto_counts_once_and_their_mail_has_no_button_then(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, [hostile, *friends] = enrolled
    proving.stopped_by_contact(world, customer, made, hostile)
    world.mailbox.mails.clear()
    recovery = proving.open_with(world, customer, made, friends, kind)
    for contact in (hostile, *friends):
        refused = contact.http.post(f"/recoveries/{recovery}/veto")
        assert (refused.status, refused.code) == (409, "wrong_state")
        assert "counts once" in refused.json["detail"]
        [mail] = world.mailbox.to(contact.address)
        assert "/veto/" not in text_of(mail)
        assert "has no button" in text_of(mail).replace("\n", " ")
    [told, *_] = [m for m in world.mailbox.to(customer.address) if "/veto/" in text_of(m)]
    token = text_of(told).split("/veto/", 1)[1].split()[0].partition("#")[2]
    stopped = world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert stopped["state"] == "cancelled"


def test_the_contact_who_stopped_it_does_not_vouch(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [hostile, *_] = enrolled
    proving.stopped_by_contact(world, customer, made, hostile)
    customer.sign_in()
    recovery = proving.ask(customer, made, "totp+contacts").ok()["recovery"]
    refused = proving.vouch(hostile, recovery)
    assert (refused.status, refused.code) == (409, "wrong_state")


@pytest.mark.parametrize("kind", ["kit", "totp+kit"])
def test_a_late_change_lengthens_a_slower_proof_too(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]], kind: str
) -> None:
    made, [hostile, *_] = enrolled
    if kind.startswith("totp"):
        proving.stopped_by_contact(world, customer, made, hostile)
    customer.sign_in()
    secret = customer.http.post(f"/accounts/{customer.account}/totp").ok()["totp_secret"]
    customer.totp_secret = secret
    body = {"code": customer.totp()}
    customer.http.post(f"/accounts/{customer.account}/totp/confirm", body).ok()
    world.run()
    recovery = proving.open_with(world, customer, made, [], kind)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["wait_seconds"] == WAITS[kind] + machine.CHANGED_LATELY_SECONDS


def test_a_slower_recovery_whose_customer_nobody_reaches_stays_opened_and_expires(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.mail_login()
    recovery = proving.ask(customer, made, "kit").ok()["recovery"]
    world.mailbox.refuse[customer.address] = "550 no such mailbox"
    world.run()
    world.wait(machine.OPENED_EXPIRES_SECONDS - 1)
    world.mailbox.refuse.clear()
    customer.mail_login()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "opened"
    world.clock.move(1)
    world.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "expired"


def test_an_address_of_two_accounts_recovers_each_with_its_own_kit(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    second = Customer(world.http(), world.mailbox, customer.address)
    second.sign_up()
    world.run()
    other, _ = world.enrol(second, 0, 0)
    customer.mail_login()
    listed = {line["deposit"] for line in customer.http.get("/deposits").ok()["deposits"]}
    assert listed == {made.deposit, other.deposit}
    for deposited in (made, other):
        recovery = str(proving.ask(customer, deposited, "kit").ok()["recovery"])
        found = customer.http.get(f"/recoveries/{recovery}/deposit").ok()
        assert b64url_decode(found["manifest"]) == deposited.manifest.data
    crossed = new_id()
    piece = proving.proof(customer.http, other.payloads[0], crossed)
    body = {"deposit": made.deposit, "reason": "", "proof": "kit", "piece": piece}
    assert customer.http.put(f"/recoveries/{crossed}", body).json["field"] == "piece"
