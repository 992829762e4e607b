"""Who answers the telephone: one customer at a time, masked, and what to say in plain words."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from escrow.admin import support
from escrow.custodian import instructions
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import Outbox
from escrow.protocol.ledger import Event
from tests.admin.crew import Crew, hired
from tests.admin.office import Office
from tests.deposit.contact_life import DAY
from tests.support.mailbox import text_of as text_in
from tests.support.people import Customer, Deposited, attest, make_deposit
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")


@pytest.fixture
def sam(world: World) -> Crew:
    return hired(world, "support", "Sam")


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer("mira@example.org")


def text_of(sam: Crew, customer: Customer, language: str = "en") -> str:
    return sam.page(f"/admin/support/{customer.account}", language).text


def told(sam: Crew, customer: Customer) -> list[str]:
    """Return what is to be said of each key, the newest first."""
    parts = text_of(sam, customer).split("<strong>What to say:</strong>")[1:]
    return [part.partition("</p>")[0].strip() for part in parts]


def test_a_customer_is_found_by_the_whole_address_and_nothing_else(
    world: World, sam: Crew, customer: Customer
) -> None:
    def found(address: str) -> list[str]:
        answer: list[str] = sam.post("/admin/support", {"address": address}).ok()["accounts"]
        return answer

    assert found("Mira@Example.org") == [customer.account]
    assert found("mira@example.com") == []
    world.clock.move(60)
    second = world.customer("mira@example.org")
    assert found("mira@example.org") == [second.account, customer.account]
    refused = sam.post("/admin/support", {"address": "%"})
    assert (refused.status, refused.json["field"]) == (400, "address")
    assert sam.page(f"/admin/support/{'ab' * 16}").status_code == 404


def test_each_state_has_words_for_the_telephone(
    world: World, sam: Crew, customer: Customer
) -> None:
    assert "There is no key" in text_of(sam, customer)
    made, [contact] = world.enrol(customer)
    assert told(sam, customer) == [
        "All is well. Is the key lost? “I lost my key” on our start page brings it back."
    ]
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert told(sam, customer)[0].startswith("One way is left")
    lose_kit(world, customer, made)
    assert told(sam, customer)[0].startswith("Nothing brings it back today")
    world.clock.move(60)
    other, _ = world.enrol(customer)
    world.open_recovery(customer, other)
    assert told(sam, customer)[0].startswith("A recovery runs. It can be finished from ")
    world.wait(4 * DAY)
    sam.sign_in().ok()
    assert told(sam, customer)[0].startswith("It can be finished now, until ")
    customer.sign_in()
    customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "test"}).ok()
    world.run()
    assert told(sam, customer)[1].startswith("It ends on ")
    assert "Wat u zegt:" in text_of(sam, customer, "nl")


def lose_kit(world: World, customer: Customer, made: Deposited) -> None:
    kit = made.manifest.of_role("customer")[0].custody
    customer.http.post(f"/custodies/{kit}/lost").ok()
    world.run()


def test_addresses_names_and_what_is_kept_are_not_shown(
    world: World, sam: Crew, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer, label="The secret diary")
    text = text_of(sam, customer)
    for hidden in ("mira@", "secret diary", contact.name, contact.address, made.deposit):
        assert hidden not in text
    assert "m…@example.org" in text
    assert "taken by the mail server" in text


def test_mails_are_named_by_the_subject_that_the_customer_looks_for(
    world: World, sam: Crew, customer: Customer
) -> None:
    world.enrol(customer, label="The secret diary")
    with world.database.transaction() as db:
        db.scalars(select(Outbox).where(Outbox.message == "deposit_active")).one().message = "gone"
    path = f"/admin/support/{customer.account}"
    english, dutch = (sam.page(path, language).text for language in ("en", "nl"))
    assert "<td>Your key “…” is safe: all pieces are in place</td>" in english
    assert "<td>Uw sleutel “…” is veilig: alle delen zijn er</td>" in dutch
    assert "<td>gone</td>" in english
    assert "diary" not in english


def test_nobody_looks_up_all_customers(
    world: World, sam: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(support, "LOOKED_UP_AN_HOUR", 3)
    codes = [
        sam.post("/admin/support", {"address": f"mira{number}@example.org"}).status
        for number in range(5)
    ]
    assert codes == [200, 200, 200, 429, 429]
    other = hired(world, "support", "Eva")
    other.post("/admin/support", {"address": customer.address}).ok()
    world.clock.move(3600)
    sam.sign_in().ok()
    sam.post("/admin/support", {"address": customer.address}).ok()


def again(world: World, sam: Crew, customer: Customer) -> list[str]:
    """Have the instructions sent; returns what the customer gets, the newest key first."""
    before = len(world.mailbox.to(customer.address))
    sam.sign_in().ok()
    sam.post(f"/admin/support/{customer.account}/instructions", {}).ok()
    world.run()
    return [str(mail["Subject"]) for mail in world.mailbox.to(customer.address)[before:]]


def test_the_instructions_go_again_as_the_mail_that_fits_each_state(
    world: World, sam: Crew, customer: Customer
) -> None:
    def subject() -> str:
        world.clock.move(3600)
        [found] = again(world, sam, customer)
        return found.partition(" “")[0]

    pending = make_deposit(customer.http, world.new_contacts(1), 1)
    customer.http.put(f"/deposits/{pending.deposit}", pending.body).ok()
    world.run()
    assert subject() == "Your key"  # … is not finished
    attest(customer.http, pending.manifest, pending.payloads[0]).ok()
    world.run()
    assert subject() == "Contact 0 has not accepted yet:"
    customer.sign_in()
    customer.http.post(f"/deposits/{pending.deposit}/close", {"reason": ""}).ok()
    world.run()
    assert subject() == "Your key"  # … is being ended
    world.wait(31 * DAY)
    customer.sign_in()
    made, [contact] = world.enrol(customer)
    assert subject() == "Your key"  # … is safe
    recovery = world.open_recovery(customer, made)
    assert subject() == "Somebody is bringing back your key"
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert subject() == "Contact 0 will not hold a piece of"
    lose_kit(world, customer, made)
    assert subject() == "Act today: nothing brings"


def test_the_instructions_of_a_key_that_operators_end_say_so_once_more(
    office: Office, sam: Crew, customer: Customer, made: Deposited
) -> None:
    closing = office.propose("close-deposit", made.deposit, reason="The contract ended.")
    office.approve(closing, office.anna, office.piet)
    [found] = again(office.world, sam, customer)
    assert found.startswith("We will destroy your key")
    assert "reason: “The contract ended.”" in text_in(office.world.mailbox.to(customer.address)[-1])


def test_the_instructions_of_a_key_without_contacts_say_that_there_is_one_way_back(
    world: World, sam: Crew, customer: Customer
) -> None:
    world.enrol(customer, 0, 0)
    [found] = again(world, sam, customer)
    assert found.endswith(" is kept, with one way back")


def test_who_took_the_invitation_back_is_not_told_that_all_pieces_are_in_place(
    world: World, sam: Crew, customer: Customer
) -> None:
    [contact] = world.new_contacts(1)
    made = make_deposit(customer.http, [contact], 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    custody = made.manifest.of_role("contact")[0].custody
    customer.http.post(f"/custodies/{custody}/withdraw").ok()
    world.run()
    again(world, sam, customer)
    text = text_in(world.mailbox.to(customer.address)[-1])
    assert "all pieces are in place" not in text
    assert "there is one way back only" in text


def test_each_living_key_gets_a_mail_of_its_own_and_contacts_get_none(
    world: World, sam: Crew, customer: Customer
) -> None:
    _, [contact] = world.enrol(customer, label="Books")
    world.clock.move(60)
    _, [other] = world.enrol(customer, label="Photos")
    held = [len(world.mailbox.to(each.address)) for each in (contact, other)]
    assert len(again(world, sam, customer)) == 2
    assert [len(world.mailbox.to(each.address)) for each in (contact, other)] == held


def test_a_resent_stop_button_stops(world: World, sam: Crew, customer: Customer) -> None:
    made, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    again(world, sam, customer)
    text = text_in(world.mailbox.to(customer.address)[-1])
    token = text.split(f"/veto/{recovery}#", 1)[1].split()[0]
    world.http().post(f"/recoveries/{recovery}/veto", {"token": token}).ok()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "cancelled"


def test_the_ledger_says_who_had_instructions_sent_and_nobody_floods_a_customer(
    world: World, sam: Crew, customer: Customer
) -> None:
    path = f"/admin/support/{customer.account}/instructions"
    assert (
        sam.post(path, {}).status,
        sam.post(f"/admin/support/{'ab' * 16}/instructions", {}).status,
    ) == (404, 404)
    world.enrol(customer)
    sam.sign_in().ok()
    codes = [sam.post(path, {}).status for _ in range(3)]
    assert codes == [202, 202, 429]
    world.run()
    with world.database.reading() as db:
        query = select(LedgerEvent).where(LedgerEvent.type == "admin resent")
        said = [Event.parse(row.body or b"") for row in db.scalars(query)]
    assert [(e.account, e.data["admin"], e.data["what"]) for e in said] == [
        (customer.account, sam.admin, "instructions")
    ] * 2


def test_the_instructions_are_sent_once_also_after_a_crash(
    world: World, sam: Crew, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.enrol(customer)
    before = len(world.mailbox.to(customer.address))
    sam.sign_in().ok()
    sam.post(f"/admin/support/{customer.account}/instructions", {}).ok()
    with monkeypatch.context() as patched:
        patched.setattr(instructions, "send", cut)
        world.run()
    assert len(world.mailbox.to(customer.address)) == before
    world.clock.move(120)
    world.run()
    world.run()
    assert len(world.mailbox.to(customer.address)) == before + 1


def cut(*_: object, **__: object) -> None:
    raise RuntimeError("power cut")


def test_a_fresh_answer_of_the_passkey_is_asked_for(
    world: World, sam: Crew, customer: Customer
) -> None:
    world.enrol(customer)
    sam.sign_in().ok()
    world.clock.move(301)
    refused = sam.post(f"/admin/support/{customer.account}/instructions", {})
    assert (refused.status, refused.code) == (403, "step_up_required")
