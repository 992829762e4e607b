"""What customer and contacts are told of a piece that is lost, given up or taken back."""

import pytest

from tests.deposit.contact_life import MONTH, attest_share, leave, newest, subjects
from tests.support.people import Contact, Customer, attest
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


def test_the_customer_is_told_what_works_and_what_to_do_when_a_contacts_piece_is_lost(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    leave(world, contact, "lost")
    told = newest(world, customer.address)
    assert "lost" in subjects(world, customer.address)[-1] or "piece" in told
    assert "Then your kit and we bring the key back" in told
    assert f"/deposits/{made.deposit}" in told
    assert "within a week" in told
    told = newest(world, contact.address)
    assert f"Prove before {_month_later(world)}" in told


def _month_later(world: World) -> str:
    from escrow.i18n import translator

    return translator("en", world.settings.zone).date(world.clock.now() + MONTH)


def test_the_customer_is_told_what_works_when_her_kit_is_lost(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer)
    kit = made.payloads[0].custody
    customer.http.post(f"/custodies/{kit}/lost").ok()
    world.run()
    told = newest(world, customer.address)
    assert "Your contacts and we bring the key back together." in told
    assert f"/deposits/{made.deposit}" in told
    assert attest(customer.http, made.manifest, made.payloads[0]).status == 200
    world.run()
    assert subjects(world, customer.address)[-1] == "Your kit for "


@pytest.mark.parametrize("first", ["kit", "contact", "alone"])
def test_the_customer_is_told_today_when_nothing_brings_the_key_back(
    world: World, customer: Customer, first: str
) -> None:
    count = 0 if first == "alone" else 1
    made, contacts = world.enrol(customer, count, count)
    kit = made.payloads[0].custody
    pieces = [kit, *(contact.custody for contact in contacts)]
    for custody in reversed(pieces) if first == "contact" else pieces:
        customer.http.post(f"/custodies/{custody}/lost").ok()
        world.run()
    assert subjects(world, customer.address)[-1] == "Act today: nothing brings "
    assert subjects(world, customer.address).count("Act today: nothing brings ") == 1


def test_who_declined_is_told_so_and_the_customer_too(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert subjects(world, contact.address)[-1] == "You are no longer a contact for "
    assert subjects(world, customer.address)[-1] == "Contact 0 will not hold a piece of "


def test_who_declined_and_came_back_is_told_of_a_recovery_again(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    leave(world, contact, "decline")
    assert attest_share(contact) == 200
    world.run()
    world.open_recovery(customer, made)
    assert "#" in newest(world, contact.address)
    assert "please check" in str(world.mailbox.to(contact.address)[-1]["Subject"])


def test_no_mail_calls_a_key_safe_that_has_one_way_back(world: World, customer: Customer) -> None:
    before = len(subjects(world, customer.address))
    world.enrol(customer, 0, 0)
    told = world.mailbox.to(customer.address)[before:]
    assert [str(mail["Subject"]).rpartition("”")[2] for mail in told] == [
        " is kept, with one way back"
    ]
    text = newest(world, customer.address)
    assert "There is no other way, as you chose no contact." in text


def test_a_changed_phrase_stands_in_the_next_mail(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    for phrase in ("blue bicycle", "rode fiets"):
        contact.http.post(f"/custodies/{contact.custody}/phrase", {"phrase": phrase}).ok()
    world.open_recovery(customer, made)
    assert newest(world, contact.address).startswith("Your phrase: rode fiets\n")
    answer = customer.http.post(f"/custodies/{contact.custody}/phrase", {"phrase": "mine"})
    assert answer.status == 401


def test_a_phrase_is_a_contacts_and_not_of_one_who_was_withdrawn(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer)
    kit = made.payloads[0]
    holder = Contact(world.http(), "", "", kit.custody, payload=kit)
    holder.http.signer = (kit.custody, holder.release_key())
    answer = holder.http.post(f"/custodies/{kit.custody}/phrase", {"phrase": "mine"})
    assert (answer.status, answer.code) == (409, "wrong_state")


def test_mails_of_a_recovery_are_one_thread_and_those_of_the_deposit_another(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    recovery = world.ready_recovery(customer, made)
    customer.sign_in()
    customer.http.post(f"/recoveries/{recovery}/veto", {}).ok()
    world.run()
    for address in (customer.address, contact.address):
        mails = world.mailbox.to(address)
        threads = [mail["In-Reply-To"] for mail in mails if mail["In-Reply-To"]]
        assert len(set(threads)) == 2
        assert len(set(threads[-3:])) == 1  # opened, ready, vetoed
        assert len({mail["Message-ID"] for mail in mails}) == len(mails)
        headers = "".join(f"{name}: {value}\n" for mail in mails for name, value in mail.items())
        for known in (made.deposit, recovery, contact.custody):
            assert known not in headers


def test_a_contact_chooses_the_language_of_its_mails_with_a_proof_and_nobody_without_one(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    assert contact.manifest is not None and contact.payload is not None
    assert "Never give your piece" in newest(world, contact.address)
    world.clock.move(60)
    attest(contact.http, contact.manifest, contact.payload, locale="nl").ok()
    repeated = attest(contact.http, contact.manifest, contact.payload, locale="en")
    assert repeated.ok() == {"state": "held"}  # the same proof once more chooses nothing
    unknown = attest(contact.http, contact.manifest, contact.payload, locale="fr")
    assert (unknown.status, unknown.json["field"]) == (400, "locale")
    attest(customer.http, made.manifest, made.payloads[0], locale="nl").ok()
    world.run()
    world.open_recovery(customer, made)
    assert newest(world, contact.address).startswith("Hallo Contact 0,")
    assert "somebody asked for your key" in newest(world, customer.address)


def test_mails_come_in_the_language_that_the_contact_chose(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    for body in ({"phrase": "rode fiets", "locale": "nl"}, {"locale": None}, {}):
        contact.http.post(f"/custodies/{contact.custody}/phrase", body).ok()
    world.open_recovery(customer, made)
    assert world.mailbox.to(contact.address)[-1]["Content-Language"] == "nl"
    assert "rode fiets" in newest(world, contact.address).splitlines()[0]
    assert world.mailbox.to(customer.address)[-1]["Content-Language"] == "en"
    answer = contact.http.post(f"/custodies/{contact.custody}/phrase", {"locale": "de"})
    assert (answer.status, answer.code) == (400, "malformed")
