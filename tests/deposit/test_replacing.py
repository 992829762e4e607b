"""Replacement: the old deposit stays until, by the ledger, a new one stands in its place."""

from typing import Any

import pytest
from sqlalchemy import update

from escrow.custodian.outside import Outside
from escrow.deposit.closing import CLOSING_SECONDS
from escrow.deposit.models import Blob, CustodyRow, Deposit
from escrow.protocol import keys, release
from escrow.protocol.encoding import b64url
from escrow.protocol.ledger import Event
from tests.support.mailbox import text_of
from tests.support.people import Contact, Customer, Deposited, attest, make_deposit, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400
LONG = 30 * 3600  # at once, where nothing is to happen meanwhile
Replacing = tuple[Deposited, list[Contact]]


def state(customer: Customer, made: Deposited) -> str:
    found = customer.http.get(f"/deposits/{made.deposit}")
    if found.status == 401:
        customer.sign_in()
        found = customer.http.get(f"/deposits/{made.deposit}")
    return str(found.ok()["state"])


def put_replacement(
    world: World, customer: Customer, old: Deposited, count: int = 1, **changes: Any
) -> Replacing:
    """Store a replacement whose kit is proven; its contacts have not accepted."""
    customer.sign_in()
    contacts = world.new_contacts(count)
    needed = min(count, 2)
    made = make_deposit(customer.http, contacts, needed, replaces=old.deposit, **changes)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    return made, contacts


def completed(world: World, customer: Customer, old: Deposited) -> Replacing:
    """Replace a deposit by one whose contact has accepted."""
    made, contacts = put_replacement(world, customer, old)
    for contact in contacts:
        world.accept(contact)
    return made, contacts


def sign(customer: Customer, old: Deposited, new: Deposited, key: bytes | None = None) -> Any:
    """Tell the service, with the old owner key, that the new deposit takes the old one's place."""
    owner = keys.owner_key(old.recovery_key if key is None else key, old.deposit)
    signature = release.sign_replaced(owner, old.deposit, new.manifest.hash)
    body = {"by": new.deposit, "signature": b64url(signature)}
    return customer.http.post(f"/deposits/{old.deposit}/replaced", body)


def events(world: World, deposit: str) -> list[Event]:
    from escrow.ledger import read

    with world.database.reading() as db:
        return [Event.parse(row.body or b"") for row in read.entries_of(db, deposit=deposit)]


def kinds(world: World, made: Deposited) -> list[str]:
    return [found.type for found in events(world, made.deposit)]


def test_the_old_deposit_stays_recoverable_until_the_new_one_is_complete(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    new, [contact] = put_replacement(world, customer, old)
    sign(customer, old, new).ok()
    world.wait(31 * DAY, LONG)
    assert state(customer, old) == "complete"
    customer.http.post(f"/custodies/{contact.custody}/resume").ok()
    world.accept(contact)
    assert state(customer, old) == "closed"


@pytest.mark.databases("sqlite", "postgresql")
def test_with_the_old_keys_signature_the_old_share_is_destroyed_at_once(
    world: World, customer: Customer
) -> None:
    old, [anna] = world.enrol(customer)
    new, contacts = put_replacement(world, customer, old)
    sign(customer, old, new).ok()
    world.accept(contacts[0])
    assert state(customer, old) == "closed"
    assert customer.http.get(f"/deposits/{old.deposit}").ok()["envelope"] is None
    with world.database.reading() as db:
        assert db.query(Blob).filter(Blob.deposit == old.deposit).count() == 0
    [destroyed] = [e for e in events(world, old.deposit) if e.type == "deposit destroyed"]
    assert destroyed.data["reason"] == f"replaced by {new.deposit}"
    assert world.custodian.outside.last_line(old.deposit) == "destroyed"
    [told] = told_of_the_old(world, anna.address)
    assert "You can throw the old card away" in told
    assert sign(customer, old, new).ok()["state"] == "closed"  # a repeat


def told_of_the_old(world: World, address: str) -> list[str]:
    """Return the texts of mails that tell a contact that a card is needed no more."""
    return [
        text_of(mail)
        for mail in world.mailbox.to(address)
        if "no longer needed" in str(mail["Subject"]) or "not needed after" in str(mail["Subject"])
    ]


@pytest.mark.parametrize("is_signed", [True, False])
def test_who_never_held_the_old_piece_is_not_told_to_destroy_a_card(
    world: World, customer: Customer, is_signed: bool
) -> None:
    customer.sign_in()
    [anna] = world.new_contacts(1)
    old = make_deposit(customer.http, [anna], 1)
    customer.http.put(f"/deposits/{old.deposit}", old.body).ok()
    world.run()
    new, contacts = put_replacement(world, customer, old)
    if is_signed:
        sign(customer, old, new).ok()
    world.accept(contacts[0])
    assert state(customer, old) == ("closed" if is_signed else "closing")
    if not is_signed:
        world.wait(CLOSING_SECONDS, LONG)
    assert state(customer, old) == "closed"
    assert told_of_the_old(world, anna.address) == []


def test_a_mail_about_the_old_card_names_its_number(world: World, customer: Customer) -> None:
    old, [anna] = world.enrol(customer)
    completed(world, customer, old)
    world.wait(CLOSING_SECONDS, LONG)
    told = told_of_the_old(world, anna.address)
    assert len(told) == 2
    for text in told:
        assert f"begins with {anna.custody[:4]} {anna.custody[4:8]}" in text
        assert "Is there another number on your card? Then keep that card" in text


def test_a_customer_is_told_that_it_is_her_own_replacement_that_ends_the_old_key(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    completed(world, customer, old)
    texts = [text_of(mail) for mail in world.mailbox.to(customer.address)]
    assert any("You made a new key in the place of" in text for text in texts)
    assert not any("Somebody has asked us to destroy" in text for text in texts)


def test_a_signature_that_comes_later_ends_the_thirty_days(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    new, _ = completed(world, customer, old)
    assert state(customer, old) == "closing"
    sign(customer, old, new).ok()
    world.run()
    assert state(customer, old) == "closed"


def test_without_a_signature_nothing_is_destroyed_a_second_before_thirty_days(
    world: World, customer: Customer
) -> None:
    old, [anna] = world.enrol(customer)
    completed(world, customer, old)
    [closing] = [e for e in events(world, old.deposit) if e.type == "deposit closing"]
    until = closing.data["until"]
    assert until == closing.at + CLOSING_SECONDS
    assert any("/reopen/" in text_of(mail) for mail in world.mailbox.to(anna.address))
    world.wait(until - 1 - world.clock.now(), LONG)
    assert "deposit destroyed" not in kinds(world, old)
    world.wait(1)
    assert "deposit destroyed" in kinds(world, old)


def test_only_the_old_owner_key_signs_a_replacement(world: World, customer: Customer) -> None:
    old, _ = world.enrol(customer)
    new, _ = completed(world, customer, old)
    customer.sign_in()
    wrong = sign(customer, old, new, bytes(32))
    assert (wrong.status, wrong.json["field"]) == (400, "signature")
    other, _ = world.enrol(customer, 0, 0)
    customer.sign_in()
    foreign = sign(customer, old, other)
    assert (foreign.status, foreign.json["field"]) == (400, "by")
    world.clock.move(301)
    assert sign(customer, old, new).code == "step_up_required"


def test_the_custodian_believes_no_signature_that_the_web_tier_has_stored(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    new, _ = completed(world, customer, old)
    with world.database.transaction() as db:
        row = db.get_one(Deposit, new.deposit)
        row.replaced_signature = bytes(64)
    world.run()
    assert state(customer, old) == "closing"
    with world.database.reading() as db:
        assert db.get_one(Deposit, new.deposit).replaced_signature is None


def test_a_signed_replacement_waits_for_a_recovery_of_the_old_one_to_end(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    recovery = world.open_recovery(customer, old)
    new, _ = completed(world, customer, old)
    customer.sign_in()
    sign(customer, old, new).ok()
    world.wait(DAY)
    assert state(customer, old) != "closed"
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    world.wait(120)
    assert state(customer, old) == "closed"


@pytest.mark.parametrize("trouble", ["closing", "lost", "declined", "share-gone"])
def test_a_replacement_that_fails_leaves_the_old_one(
    world: World, customer: Customer, trouble: str
) -> None:
    old, _ = world.enrol(customer)
    new, [contact] = completed(world, customer, old)
    assert state(customer, old) == "closing"
    if trouble == "closing":
        customer.http.post(f"/deposits/{new.deposit}/close", {"reason": "mistake"}).ok()
    elif trouble == "share-gone":  # after the last daily look at it
        closing = [e for e in events(world, old.deposit) if e.type == "deposit closing"][-1]
        world.wait(closing.at + 30 * DAY - 600 - world.clock.now(), LONG)
        with world.database.transaction() as db:
            db.query(Blob).filter(Blob.deposit == new.deposit, Blob.kind != "envelope").delete()
    else:
        verb = "lost" if trouble == "lost" else "decline"
        contact.http.post(f"/custodies/{contact.custody}/{verb}").ok()
    world.run()
    if trouble == "share-gone":  # noticed at the end; the others at once
        world.wait(1200)
    assert state(customer, old) == "complete"
    assert "deposit destroyed" not in kinds(world, old)


def test_a_rejected_replacement_leaves_the_old_one(world: World, customer: Customer) -> None:
    old, _ = world.enrol(customer)
    customer.sign_in()
    new = make_deposit(customer.http, [], 0, replaces=old.deposit)
    body = new.body | {"provider_share": b64url(bytes(1300))}
    customer.http.put(f"/deposits/{new.deposit}", body).ok()
    sign(customer, old, new).ok()
    world.run()
    assert state(customer, new) == "rejected"
    assert state(customer, old) == "complete"


def test_a_destroyed_link_of_a_chain_passes_its_place_on(world: World, customer: Customer) -> None:
    first, _ = world.enrol(customer)
    second, _ = completed(world, customer, first)
    third, [contact] = put_replacement(world, customer, second)
    sign(customer, second, third).ok()
    world.accept(contact)
    assert [state(customer, made) for made in (first, second, third)] == [
        "closing",
        "closed",
        "complete",
    ]
    contact.http.post(f"/custodies/{contact.custody}/decline").ok()
    world.run()
    assert state(customer, first) == "complete"


def test_a_chain_is_carried_out_while_its_end_stands(world: World, customer: Customer) -> None:
    first, _ = world.enrol(customer)
    second, _ = completed(world, customer, first)
    third, _ = completed(world, customer, second)
    world.wait(31 * DAY, LONG)
    assert [state(customer, made) for made in (first, second, third)] == [
        "closed",
        "closed",
        "complete",
    ]


def test_of_two_replacements_either_stands_in_the_old_ones_place(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    one, _ = completed(world, customer, old)
    two, _ = completed(world, customer, old)
    assert kinds(world, old).count("deposit closing") == 1
    customer.sign_in()
    customer.http.post(f"/deposits/{one.deposit}/close", {"reason": "one too many"}).ok()
    world.run()
    assert state(customer, old) == "closing"
    customer.http.post(f"/deposits/{two.deposit}/close", {"reason": "mistake"}).ok()
    world.run()
    assert state(customer, old) == "complete"


def test_a_replacement_of_a_closing_deposit_leaves_its_date(
    world: World, customer: Customer
) -> None:
    old, _ = world.enrol(customer)
    customer.sign_in()
    path = f"/deposits/{old.deposit}/close"
    until = customer.http.post(path, {"reason": "mine"}).ok()["until"]
    completed(world, customer, old)
    customer.sign_in()
    assert customer.http.get(f"/deposits/{old.deposit}").ok()["closing_at"] == until
    world.wait(until + 60 - world.clock.now(), LONG)
    customer.sign_in()
    again = make_deposit(customer.http, [], 0, replaces=old.deposit)
    answer = customer.http.put(f"/deposits/{again.deposit}", again.body)
    assert (answer.status, answer.json["field"]) == (400, "manifest.replaces")


def test_a_drill_replaces_nothing_and_nothing_replaces_a_drill(
    world: World, customer: Customer
) -> None:
    real, _ = world.enrol(customer, 0, 0)
    drill, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    customer.sign_in()
    for old, kind in ((real, "drill"), (drill, "real")):
        made = make_deposit(customer.http, [], 0, replaces=old.deposit, kind=kind)
        answer = customer.http.put(f"/deposits/{made.deposit}", made.body)
        assert (answer.status, answer.json["field"]) == (400, "manifest.replaces")


def test_a_foreign_deposit_is_not_replaced(world: World, customer: Customer) -> None:
    old, _ = world.enrol(world.customer())
    made = make_deposit(customer.http, [], 0, replaces=old.deposit)
    answer = customer.http.put(f"/deposits/{made.deposit}", made.body)
    assert (answer.status, answer.json["field"]) == (400, "manifest.replaces")


@pytest.mark.parametrize("what", ["another-account", "a-drill"])
def test_the_custodian_counts_no_replacement_that_a_taken_over_web_tier_lets_in(
    world: World, customer: Customer, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escrow.deposit import enrol

    owner = world.customer() if what == "another-account" else customer
    old, _ = world.enrol(owner)
    monkeypatch.setattr(enrol, "_check_replaces", lambda *_, **__: None)
    changes = {"kind": "drill"} if what == "a-drill" else {}
    new, _ = completed_with(world, customer, old, **changes)
    sign_anyway(world, old, new)
    world.wait(120)
    owner.sign_in()
    assert owner.http.get(f"/deposits/{old.deposit}").ok()["state"] == "complete"
    assert "deposit closing" not in kinds(world, old)


def completed_with(world: World, customer: Customer, old: Deposited, **changes: Any) -> Replacing:
    made, contacts = put_replacement(world, customer, old, 0, **changes)
    assert state(customer, made) == "complete"
    return made, contacts


def sign_anyway(world: World, old: Deposited, new: Deposited) -> None:
    """Store the signature as who has taken over the web tier, and stolen the old key, can."""
    owner = keys.owner_key(old.recovery_key, old.deposit)
    signature = release.sign_replaced(owner, old.deposit, new.manifest.hash)
    with world.database.transaction() as db:
        db.get_one(Deposit, new.deposit).replaced_signature = signature


def test_completeness_is_the_ledgers_word_not_the_tables(world: World, customer: Customer) -> None:
    old, _ = world.enrol(customer)
    new, [contact] = put_replacement(world, customer, old)
    sign(customer, old, new).ok()
    with world.database.transaction() as db:
        db.get_one(Deposit, new.deposit).state = "complete"
        held = update(CustodyRow).where(CustodyRow.id == contact.custody).values(state="held")
        db.execute(held)
    world.wait(120)
    assert state(customer, old) == "complete"


def test_a_custodian_killed_while_it_destroys_destroys_once(
    world: World, customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from escrow.custodian import closing

    old, _ = world.enrol(customer)
    new, [contact] = put_replacement(world, customer, old)
    sign(customer, old, new).ok()
    world.record_fetch(contact)
    world.run()
    contact.accept()

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(closing, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            world.run()
        with world.database.reading() as db:
            assert db.query(Blob).filter(Blob.deposit == old.deposit).count() >= 2
    for _ in range(2):
        world.restart_custodian()
        world.run()
    assert state(customer, old) == "closed"
    assert kinds(world, old).count("deposit destroyed") == 1
    assert Outside(world.settings.outside_dir).last_line(old.deposit) == "destroyed"


def test_a_recovery_after_a_replacement_brings_the_new_secret_back(
    world: World, customer: Customer
) -> None:
    from escrow.protocol import envelope, slip39

    old, _ = world.enrol(customer)
    new, [contact] = put_replacement(world, customer, old, secret=b"the new one")
    sign(customer, old, new).ok()
    world.accept(contact)
    recovery = world.ready_recovery(customer, new)
    session = world.begin(customer, new, recovery)
    [line] = session.releases()
    key = slip39.combine([new.payloads[0].words, session.open(line).words])
    assert envelope.open(new.kit.envelope, key) == b"the new one"
    body = {"deposit": old.deposit, "reason": ""}
    assert customer.http.put(f"/recoveries/{new_id()}", body).json["state"] == "closed"
