"""From "I lost my key" to the secret, through the real API, on both databases."""

import pytest

from escrow.protocol import envelope, slip39
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.recovery import machine
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, Session, new_id
from tests.support.world import World

DAY = 86400


def recovered(session: Session, released: list[dict[str, object]], *kit: str) -> bytes:
    words = [session.open(line).words for line in released]
    key = slip39.combine([*kit, *words])
    session.made.manifest.check_recovered(key, session.made.kit.envelope, session.made.signature)
    session.complete(key).ok()
    return envelope.open(session.made.kit.envelope, key)


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, list[Contact]]:
    return world.enrol(customer)


def test_contact_and_provider_bring_the_secret_back(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    digits = session.call(contact)
    assert len(digits) == 12
    contact.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    released = session.releases()
    assert {line["state"] for line in released} == {"made"}
    assert len(released) == 2
    assert recovered(session, released) == made.secret
    world.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "completed"


def test_kit_and_provider_bring_the_secret_back(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    assert recovered(session, session.releases(), made.payloads[0].words) == made.secret


def test_two_of_three_contacts_and_the_provider_bring_the_secret_back(
    world: World, customer: Customer
) -> None:
    made, contacts = world.enrol(customer, 2, 3)
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    for contact in contacts[1:]:
        session.call(contact)
        contact.release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    assert recovered(session, session.releases()) == made.secret


def test_nobody_finishes_a_second_before_the_wait_is_over(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["state"] == "waiting"
    assert found["ready_at"] == found["noticed_at"] + made.manifest.waiting_seconds
    world.wait(found["ready_at"] - world.clock.now() - 31)
    customer.sign_in()
    world.clock.time = found["ready_at"] - 1
    world.run()
    early = Session(customer.http, made, recovery).begin()
    assert early.status == 409
    assert early.code == "too_early"
    assert early.json["at"] == found["ready_at"]
    world.wait(1)
    session = Session(customer.http, made, recovery)
    session.begin().ok()
    world.run()
    assert [line["state"] for line in session.releases()] == ["made"]


def test_everybody_is_told_when_a_recovery_opens(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    world.open_recovery(customer, made)
    assert any("/veto/" in str(mail) for mail in world.mailbox.to(contact.address))
    assert any("/veto/" in str(mail) for mail in world.mailbox.to(customer.address))


def test_what_the_customer_wrote_stands_on_the_contacts_page_and_in_no_mail(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    seen = contact.http.get(f"/recoveries/{recovery}").ok()
    assert seen["reason"] == "My laptop crashed."
    for address in (contact.address, customer.address):
        assert not any("laptop crashed" in text_of(mail) for mail in world.mailbox.to(address))


def test_the_wait_does_not_begin_before_the_mail_is_taken(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    world.mailbox.refuse[contact.address] = "451 try again later"
    recovery = world.open_recovery(customer, made)
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "opened"
    del world.mailbox.refuse[contact.address]
    world.wait(DAY // 2)
    found = customer.http.get(f"/recoveries/{recovery}")
    if found.status == 401:
        customer.sign_in()
        found = customer.http.get(f"/recoveries/{recovery}")
    assert found.ok()["state"] == "waiting"
    assert found.json["noticed_at"] >= found.json["opened_at"] + DAY // 2


def test_a_refused_notice_is_named_and_lengthens_the_wait(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    world.mailbox.refuse[contact.address] = "550 no such mailbox"
    recovery = world.open_recovery(customer, made)
    found = customer.http.get(f"/recoveries/{recovery}").ok()
    assert found["state"] == "waiting"
    waiting = made.manifest.waiting_seconds
    assert found["wait_seconds"] == waiting + min(waiting, machine.REFUSED_NOTICE_SECONDS)


def test_a_veto_by_the_customer_stops_a_recovery_and_another_can_be_opened(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    stopped = customer.http.post(f"/recoveries/{recovery}/veto").ok()
    assert stopped["state"] == "cancelled"
    world.run()
    assert world.custodian.outside.last_line(recovery) == "cancelled"
    again = world.ready_recovery(customer, made)
    session = world.begin(customer, made, again)
    assert recovered(session, session.releases(), made.payloads[0].words) == made.secret


def test_a_contact_stops_a_recovery_from_the_mail_link(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    text = "".join(text_of(mail) for mail in world.mailbox.to(contact.address))
    token = text.split("/veto/", 1)[1].split()[0].partition("#")[2]
    stopped = world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert stopped["state"] == "cancelled"
    world.run()
    events = contact.http.get(f"/custodies/{contact.custody}/events").ok()["events"]
    kinds = [b64url_decode(line["event"]) for line in events]
    assert any(b'"recovery vetoed"' in kind and b'"by":"contact"' in kind for kind in kinds)


def test_a_mail_link_stops_no_other_recovery_and_says_what_it_is_about(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.open_recovery(customer, made)
    other = world.open_recovery(customer, world.enrol(customer)[0])
    text = "".join(text_of(mail) for mail in world.mailbox.to(contact.address))
    token = text.split("/veto/", 1)[1].split()[0].partition("#")[2]
    refused = world.http().post(f"/recoveries/{other}/veto", {"token": token})
    assert (refused.status, refused.code) == (404, "not_found")
    assert customer.http.get(f"/recoveries/{other}").ok()["state"] == "waiting"
    about = world.http().post("/links/veto", {"token": token}).ok()
    assert about["label"] == "Laptop backup"
    assert (about["recovery"], about["custody"]) == (recovery, contact.custody)
    assert about["possible"]
    assert world.http().post("/links/reopen", {"token": token}).status == 410
    assert world.http().post("/links/veto", {"token": "x" * 43}).status == 410
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "waiting"


def test_a_veto_between_ready_and_release_leaves_nothing_behind(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    contact.http.post(f"/recoveries/{recovery}/veto").ok()
    world.run()
    refused = contact.release(recovery, session.session, session.key.public_key())
    assert (refused.status, refused.code) == (409, "wrong_state")
    assert all(line["sealed"] is None for line in session.releases())


def test_a_recovery_that_nobody_finishes_expires(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    world.wait(machine.READY_EXPIRES_SECONDS)
    customer.sign_in()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "expired"
    world.ready_recovery(customer, made)


def test_a_recovery_whose_notices_nobody_takes_expires(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = new_id()
    customer.sign_in()
    world.mailbox.refuse[customer.address] = "550 no such mailbox"
    body = {"deposit": made.deposit, "reason": ""}
    customer.http.put(f"/recoveries/{recovery}", body).ok()
    world.run()
    world.wait(machine.OPENED_EXPIRES_SECONDS)
    world.mailbox.refuse.clear()
    customer.sign_in()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "expired"


def test_only_the_newest_session_counts(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    first = world.begin(customer, made, recovery)
    second = world.begin(customer, made, recovery)
    refused = contact.release(recovery, first.session, first.key.public_key())
    assert (refused.status, refused.code) == (410, "gone")
    contact.release(recovery, second.session, second.key.public_key()).ok()
    world.run()
    assert len([line for line in second.releases() if line["sealed"]]) == 2
    assert all(line["sealed"] is None for line in first.releases())


def test_a_repeated_begin_spends_nothing_and_another_key_is_a_conflict(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    again = session.begin().ok()
    assert again["session"] == session.session
    other = Session(customer.http, made, recovery, session.session)
    assert other.begin().code == "conflict"


def test_sealed_bytes_are_gone_after_an_hour(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    assert session.releases()[0]["sealed"] is not None
    world.wait(machine.SESSION_SECONDS)
    assert session.releases()[0]["sealed"] is None


def test_one_recovery_at_a_time(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    world.open_recovery(customer, made)
    body = {"deposit": made.deposit, "reason": ""}
    second = customer.http.put(f"/recoveries/{new_id()}", body)
    assert (second.status, second.code, second.json["state"]) == (409, "wrong_state", "waiting")


def test_opening_and_beginning_need_a_fresh_authenticator_code(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    world.clock.move(301)
    body = {"deposit": made.deposit, "reason": ""}
    assert customer.http.put(f"/recoveries/{new_id()}", body).code == "step_up_required"
    recovery = world.ready_recovery(customer, made)
    customer.sign_in()
    world.clock.move(301)
    assert Session(customer.http, made, recovery).begin().code == "step_up_required"


def test_a_foreign_account_sees_and_does_nothing(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    thief = world.customer()
    body = {"deposit": made.deposit, "reason": ""}
    thief.sign_in()
    assert thief.http.put(f"/recoveries/{new_id()}", body).code == "not_found"
    assert thief.http.get(f"/recoveries/{recovery}").code == "not_found"
    assert thief.http.post(f"/recoveries/{recovery}/veto").code == "not_found"
    assert thief.http.get(f"/deposits/{made.deposit}").code == "not_found"


def test_a_nonce_or_a_reveal_is_taken_once(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    session.call(contact)
    call = customer.http.get(session.path).ok()["calls"][0]
    path = f"{session.path}/calls/{call['call']}"
    other = {**{k: call[k] for k in ("commitment", "nonce")}, "signature": b64url(bytes(64))}
    assert contact.http.post(f"{path}/nonce", other).code == "malformed"
    reveal = {"public_key": call["public_key"], "random": b64url(bytes(32))}
    assert customer.http.post(f"{path}/reveal", reveal).code == "malformed"


def test_at_most_five_calls_a_session(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, [contact] = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    for _ in range(5):
        session.call(contact)
    body = {"custody": contact.custody, "commitment": b64url(bytes(32))}
    assert customer.http.put(f"{session.path}/calls/{new_id()}", body).code == "rate_limited"


def test_completing_needs_the_recovered_key(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    wrong = session.complete(bytes(32))
    assert (wrong.status, wrong.json["field"]) == (400, "signature")
    assert session.complete(made.recovery_key).ok()["state"] == "completed"


def test_a_closing_account_still_recovers_and_nothing_is_destroyed_meanwhile(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    path = f"/accounts/{customer.account}/close"
    customer.http.post(path, {"reason": "cancelled by the helpdesk"}).ok()
    second = Customer(world.http(), world.mailbox, customer.address)
    second.sign_up()
    world.run()
    world.wait(29 * DAY)
    found = customer.mail_login()
    assert {line["account"] for line in found["accounts"]} == {customer.account, second.account}
    listed = customer.http.get("/deposits").ok()["deposits"]
    assert [(line["deposit"], line["state"]) for line in listed] == [(made.deposit, "closing")]
    recovery = world.ready_recovery(customer, made)
    world.wait(2 * DAY)
    session = world.begin(customer, made, recovery)
    assert recovered(session, session.releases(), made.payloads[0].words) == made.secret


def test_a_closed_deposit_is_destroyed_and_the_ledger_says_so(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    until = customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "moved"}).ok()["until"]
    world.run()
    world.wait(until - world.clock.now() - 1)
    customer.sign_in()
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["envelope"] is not None
    world.wait(60)
    found = customer.http.get(f"/deposits/{made.deposit}").ok()
    assert (found["state"], found["envelope"]) == ("closed", None)
    assert world.custodian.outside.last_line(made.deposit) == "destroyed"


def test_a_closing_deposit_comes_back_by_one_button(
    world: World, customer: Customer, enrolled: tuple[Deposited, list[Contact]]
) -> None:
    made, _ = enrolled
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "mistake"}).ok()
    assert customer.http.post(f"/deposits/{made.deposit}/reopen").ok()["state"] == "complete"
    world.wait(40 * DAY)
    customer.sign_in()
    assert customer.http.get(f"/deposits/{made.deposit}").ok()["envelope"] is not None
