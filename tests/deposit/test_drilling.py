"""The service's part of a drill: the provider proves anew, contacts are asked, once a drill."""

import re
from typing import Any

import pytest
from sqlalchemy import update

from escrow.deposit import replacing
from escrow.deposit.models import Deposit
from escrow.ledger.append import append
from escrow.protocol import slip39
from escrow.recovery import opening as recoveries
from tests.admin.crew import hired
from tests.deposit.test_replacing import events, kinds
from tests.support.people import Contact, Customer, Deposited, Session, make_deposit, new_id
from tests.support.world import World

pytestmark = pytest.mark.databases("sqlite")

DAY = 86400


@pytest.fixture
def enrolled(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    made, [contact] = world.enrol(customer)
    return made, contact


def begun(world: World, customer: Customer) -> tuple[Deposited, Session]:
    """Make a dummy and begin to bring it back, without any wait."""
    dummy, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    recovery = world.open_recovery(customer, dummy)
    return dummy, world.begin(customer, dummy, recovery)


def completed(world: World, customer: Customer) -> Deposited:
    return brought_back(world, *begun(world, customer))


def brought_back(world: World, made: Deposited, session: Session) -> Deposited:
    [line] = session.releases()
    key = slip39.combine([made.payloads[0].words, session.open(line).words])
    session.complete(key).ok()
    world.run()
    return made


def drilled(customer: Customer, real: Deposited, dummy: Deposited) -> Any:
    return customer.http.post(f"/deposits/{real.deposit}/drill", {"drill": dummy.deposit})


def proofs(world: World, made: Deposited) -> int:
    """Count the proofs of the provider's piece."""
    provider = made.manifest.of_role("provider")[0].custody
    found = events(world, made.deposit)
    return len([e for e in found if (e.type, e.custody) == ("custody attested", provider)])


def asked(world: World, contact: Contact) -> int:
    return len([m for m in world.mailbox.to(contact.address) if "A drill" in m["Subject"]])


@pytest.mark.databases("sqlite", "postgresql")
def test_after_a_drill_the_provider_proves_anew_and_contacts_are_asked_once(
    world: World, customer: Customer
) -> None:
    made, [contact] = world.enrol(customer)
    dummy = completed(world, customer)
    before = proofs(world, made)
    for _ in range(2):
        drilled(customer, made, dummy).ok()
        world.run()
        world.wait(61)
    assert (proofs(world, made), asked(world, contact)) == (before + 1, 1)
    assert contact.address not in str([m["To"] for m in world.mailbox.to(customer.address)])


def test_a_drills_first_mail_says_that_it_is_one_and_a_recoverys_never_does(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    """Nor when somebody writes in the database that a real key is a dummy."""
    made, _ = enrolled
    with world.database.transaction() as db:
        db.execute(update(Deposit).where(Deposit.id == made.deposit).values(kind="drill"))
    world.open_recovery(customer, made)
    [real] = [m for m in world.mailbox.to(customer.address) if "bringing back" in m["Subject"]]
    assert "drill" not in real.as_string().lower()
    begun(world, customer)
    told = [m for m in world.mailbox.to(customer.address) if m["Subject"].startswith("A drill")]
    assert len(told) == 1
    assert "/veto/" in told[0].as_string()
    assert len([m for m in world.mailbox.to(customer.address) if "bringing" in m["Subject"]]) == 1


def test_a_dummy_brought_back_a_second_time_is_proven_a_second_time(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    dummy = completed(world, customer)
    drilled(customer, made, dummy).ok()
    world.run()
    before = proofs(world, made)
    world.wait(61)
    recovery = world.open_recovery(customer, dummy)
    brought_back(world, dummy, world.begin(customer, dummy, recovery))
    drilled(customer, made, dummy).ok()
    world.run()
    assert (proofs(world, made), asked(world, contact)) == (before + 1, 1)


def test_nobody_is_asked_before_the_dummy_is_back(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, contact = enrolled
    dummy, session = begun(world, customer)
    early = drilled(customer, made, dummy)
    assert (early.status, early.json["state"]) == (409, "not_completed")
    session.complete(dummy.recovery_key).ok()
    unsequenced = drilled(customer, made, dummy)
    assert (unsequenced.status, unsequenced.json["state"]) == (409, "not_completed")
    world.run()
    assert asked(world, contact) == 0


def test_what_is_no_drill_of_hers_asks_nobody(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    assert drilled(customer, made, made).json["field"] == "drill"
    other = world.customer()
    foreign = completed(world, other)
    customer.sign_in()
    assert drilled(customer, made, foreign).code == "not_found"
    assert drilled(other, made, foreign).code == "not_found"
    mine = completed(world, customer)
    assert drilled(customer, mine, mine).json["state"] == "drill"


def test_people_are_asked_at_most_five_times_an_hour(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = enrolled
    dummy = completed(world, customer)
    for _ in range(replacing.DRILLED_AN_HOUR):
        drilled(customer, made, dummy).ok()
    assert drilled(customer, made, dummy).code == "rate_limited"


@pytest.mark.parametrize("lie", ["another-account", "not-completed", "forged", "real", "old"])
def test_the_custodian_proves_nothing_on_the_web_tiers_word(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact], lie: str
) -> None:
    made, contact = enrolled
    if lie == "another-account":
        dummy = completed(world, world.customer())
    elif lie == "real":  # and brought back in earnest
        recovery = world.ready_recovery(customer, made)
        dummy = brought_back(world, made, world.begin(customer, made, recovery))
    elif lie == "old":
        dummy = completed(world, customer)
        world.wait(replacing.DRILL_SECONDS)
    else:
        dummy, session = begun(world, customer)
        if lie == "forged":
            say_completed(world, customer, dummy, session.recovery)
    before = proofs(world, made)
    with world.database.transaction() as db:
        db.get_one(Deposit, made.deposit).drill = dummy.deposit
    world.run()
    assert (proofs(world, made), asked(world, contact)) == (before, 0)
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).drill is None


def say_completed(world: World, customer: Customer, dummy: Deposited, recovery: str) -> None:
    """Say so as a web tier that was taken over can, without the dummy's key."""
    web = world.app.extensions["escrow"]
    data = {"time": world.clock.now(), "signature": bytes(64)}
    on = {"account": customer.account, "deposit": dummy.deposit, "recovery": recovery}
    with world.database.transaction() as db:
        append(db, web.author, "recovery completed", data, **on)
    world.run()
    assert "recovery completed" in kinds(world, dummy)


def test_drills_take_no_recovery_from_the_real_deposit(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = enrolled
    monkeypatch.setattr(recoveries, "MAX_OPENED_A_DAY", 1)
    completed(world, customer)
    world.open_recovery(customer, made)


def test_no_drill_begins_beside_a_recovery_in_earnest(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    recovery = world.open_recovery(customer, made)
    dummy = make_deposit(customer.http, [], 0, kind="drill", waiting_seconds=0)
    refused = customer.http.put(f"/deposits/{dummy.deposit}", dummy.body)
    assert (refused.status, refused.code) == (409, "wrong_state")
    assert refused.json["state"] == "recovery"
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    customer.http.put(f"/deposits/{dummy.deposit}", dummy.body).ok()


def test_a_real_deposit_is_recovered_after_a_drill_as_before(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    dummy = completed(world, customer)
    drilled(customer, made, dummy).ok()
    customer.http.post(f"/deposits/{dummy.deposit}/close", {"reason": "over"}).ok()
    world.run()
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    [line] = session.releases()
    key = slip39.combine([made.payloads[0].words, session.open(line).words])
    assert key == made.recovery_key
    assert customer.http.get(f"/recoveries/{recovery}").ok()["wait_seconds"] == 3 * DAY
    body = {"deposit": dummy.deposit, "reason": ""}
    assert customer.http.put(f"/recoveries/{new_id()}", body).json["state"] == "closed"


def test_admins_see_who_has_practised_and_when_and_who_never_has(
    world: World,
    customer: Customer,
    enrolled: tuple[Deposited, Contact],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made, _ = enrolled
    never = [world.enrol(customer)[0].deposit for _ in range(3)]
    olga = hired(world, "auditor")

    def listed(query: str = "") -> list[str]:
        text = olga.page(f"/admin/drills{query}").text
        return re.findall(r"/admin/deposits/([0-9a-f]{32})", text)

    assert sorted(listed()) == sorted([made.deposit, *never])
    assert listed("?show=done") == []
    drilled(customer, made, completed(world, customer)).ok()
    world.run()
    assert listed("?show=done") == [made.deposit]
    assert sorted(listed()) == sorted(never)
    support = olga.page(f"/admin/support/{customer.account}").text
    assert (support.count("Practised on "), support.count("Never practised.")) == (1, 3)
    monkeypatch.setattr("escrow.admin.drills.PAGE", 2)
    first = listed()
    after = re.search(r"after=(0-[0-9a-f]{32})", olga.page("/admin/drills").text)
    assert after is not None
    assert sorted(first + listed(f"?after={after[1]}")) == sorted(never)
    for wrong in ("?show=x", "?after=x", "?after=1-x"):
        assert olga.page(f"/admin/drills{wrong}").status_code == 404


def test_a_drill_that_was_refused_does_not_count_as_practised(
    world: World, customer: Customer, enrolled: tuple[Deposited, Contact]
) -> None:
    made, _ = enrolled
    dummy, _ = world.enrol(customer, 0, 0, kind="drill", waiting_seconds=0)
    with world.database.transaction() as db:  # the web tier says what did not happen
        db.execute(update(Deposit).where(Deposit.id == made.deposit).values(drill=dummy.deposit))
    world.run()
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).drilled_at == 0
