"""Four eyes: what passkeys approve counts when the ledger names them, and takes two people.

The web tier is the attacker's where a test says so: it holds the web tier's keys, or writes to the
database. The custodian decides by what it has itself said in the ledger.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from escrow.account import rows
from escrow.admin import approvers, people
from escrow.admin.flow import BODY
from escrow.admin.models import Admin, Approval
from escrow.admin.operations import Proposal, approval_id, write_body
from escrow.custodian.crew import members
from escrow.custodian.keyring import FILE_NAME, FileKeyring
from escrow.custodian.keystore import KeyStore
from escrow.deposit.models import Deposit
from escrow.ledger import read
from escrow.ledger.append import Author, append
from escrow.protocol.encoding import b64url, b64url_decode
from tests.admin.crew import Crew, hired
from tests.admin.office import Office, new_operator
from tests.admin.test_operations import entries
from tests.support.people import Answer, Customer, Deposited
from tests.support.world import World

DAY = 86400
CLOSE = "close-deposit"


def propose(world: World, operation: str, target: str, **given: Any) -> Proposal:
    expires = given.pop("expires", world.clock.now() + DAY)
    contents = {"nonce": secrets.token_hex(16), "reason": "Asked at the desk.", **given}
    return Proposal(operation, target, write_body(operation, contents), expires)


def signature_of(crew: Crew, proposal: Proposal, **lies: Any) -> bytes:
    """Have an admin's passkey sign a proposal, as the browser does."""
    answer = crew.passkey.get(b64url(proposal.signed().challenge()), **lies)
    found = {
        name: b64url_decode(answer[name])
        for name in ("client_data", "authenticator_data", "signature")
    }
    return approvers.write_answer(approvers.Answer(crew.passkey.credential_id, **found))


def post(crew: Crew, proposal: Proposal, **changes: Any) -> Answer:
    document = {
        "operation": proposal.operation,
        "target": proposal.target,
        "body": b64url(proposal.body),
        "expires": proposal.expires,
        "credential": f"passkey:{crew.admin}",
        "signature": b64url(signature_of(crew, proposal)),
    }
    return crew.post("/approvals", document | changes)


def approve(crew: Crew, proposal: Proposal) -> str:
    identifier = str(post(crew, proposal).ok()["approval"])
    crew.world.run()
    return identifier


def joined(world: World, role: str, name: str) -> Crew:
    """Return somebody who has made a passkey and waits."""
    crew = Crew(world, role, name)
    crew.invite()
    crew.accept().ok()
    world.run()
    return crew


def addition(crew: Crew, **changes: Any) -> Proposal:
    with crew.world.database.reading() as db:
        row = db.get_one(Admin, crew.admin)
        given: dict[str, Any] = {
            "name": crew.name,
            "role": crew.role,
            "credential": row.credential_id,
            "public_key": row.public_key,
        }
    return propose(crew.world, "add-admin", crew.admin, **(given | changes))


def appointed(world: World, role: str, name: str, *by: Crew) -> Crew:
    """Return an admin whom others have approved."""
    crew = joined(world, role, name)
    proposal = addition(crew)
    for one in by:
        approve(one, proposal)
    crew.sign_in().ok()
    return crew


def approval(world: World, identifier: str) -> Approval:
    with world.database.reading() as db:
        row = db.get_one(Approval, identifier)
        db.expunge(row)
    return row


def state_of(world: World, deposit: str) -> str:
    with world.database.reading() as db:
        return db.get_one(Deposit, deposit).state


def added(world: World) -> list[str]:
    return [entry.event.data["name"] for entry in entries(world, "admin added")]


@pytest.fixture
def olga(world: World) -> Crew:
    """The first owner."""
    return hired(world)


@pytest.fixture
def piet(olga: Crew) -> Crew:
    """The second one."""
    return appointed(olga.world, "owner", "Piet", olga)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


@pytest.fixture
def made(world: World, customer: Customer) -> Deposited:
    return world.enrol(customer)[0]


def test_the_first_owner_needs_nobody_and_the_second_waits_for_her(
    world: World, olga: Crew
) -> None:
    [first] = entries(world, "admin added")
    assert (first.author, first.event.data["approval"]) == ("custodian", None)
    assert first.event.data["credential"] == olga.passkey.credential_id
    second = joined(world, "owner", "Piet")
    assert added(world) == ["Olga"]
    assert second.sign_in().status == 409
    proposal = addition(second)
    approve(olga, proposal)
    second.sign_in().ok()
    entry = entries(world, "admin added")[1]
    assert entry.event.data["approval"] == proposal.body_sha256
    assert [e.event.data["operation"] for e in entries(world, "admin executed")] == ["add-admin"]


def test_the_third_admin_takes_two_owners(world: World, olga: Crew, piet: Crew) -> None:
    carla = joined(world, "auditor", "Carla")
    proposal = addition(carla)
    first = approve(olga, proposal)
    assert added(world) == ["Olga", "Piet"]
    assert approval(world, first).executed_at is None
    assert carla.sign_in().status == 409
    approve(piet, proposal)
    assert added(world) == ["Olga", "Piet", "Carla"]
    carla.sign_in().ok()
    assert carla.page("/admin/custody").status_code == 200
    assert carla.page("/admin/people").status_code == 404


def test_two_passkeys_schedule_the_end_of_a_key_and_one_twice_does_not(
    world: World, olga: Crew, piet: Crew, customer: Customer, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    first = approve(olga, proposal)
    assert approve(olga, proposal) == first  # the same once more is harmless
    assert state_of(world, made.deposit) == "complete"
    approve(piet, proposal)
    assert state_of(world, made.deposit) == "closing"
    told = [str(mail["Subject"]) for mail in world.mailbox.to(customer.address)]
    assert any("We will destroy" in subject for subject in told)
    assert approval(world, first).executed_at is not None


def test_a_passkey_and_a_key_on_the_host_are_two_people_unless_they_have_one_name(
    world: World, olga: Crew, made: Deposited
) -> None:
    office = Office.open(world)
    office.employ(office.anna.operator, new_operator("olga").operator)
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    office.approve(proposal, office.anna)
    assert state_of(world, made.deposit) == "closing"


def test_one_person_with_a_key_on_the_host_and_a_passkey_is_one(
    world: World, olga: Crew, made: Deposited
) -> None:
    office = Office.open(world)
    herself = new_operator("olga")
    office.employ(office.anna.operator, herself.operator)
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    [second] = office.approve(proposal, herself)
    assert office.row(second).refused == "one person twice"
    assert state_of(world, made.deposit) == "complete"


def test_an_operator_proposes_what_is_of_customers_and_nothing_about_admins(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    otto = appointed(world, "operator", "Otto", olga, piet)
    approve(otto, propose(world, CLOSE, made.deposit))
    for operation, target in (
        ("remove-admin", piet.admin),
        ("rotate-key", "provider"),
    ):
        assert post(otto, propose(world, operation, target)).status == 401
    assert post(otto, propose(world, "change-wait", "service", seconds=DAY)).status == 401
    assert post(otto, addition(joined(world, "owner", "Eve"))).status == 401


def test_the_custodian_itself_asks_for_the_role(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    """A web tier that checks nothing passes an operator's and an auditor's signatures on."""
    otto = appointed(world, "operator", "Otto", olga, piet)
    aad = appointed(world, "auditor", "Aad", olga, piet)
    for crew, proposal in (
        (otto, propose(world, "remove-admin", piet.admin)),
        (aad, propose(world, CLOSE, made.deposit)),
    ):
        smuggled = smuggle(crew, proposal, signature_of(crew, proposal))
        assert approval(world, smuggled).refused == "not for this role"


def test_who_was_no_admin_when_she_signed_does_not_count_afterwards(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    carla = joined(world, "owner", "Carla")
    early = propose(world, CLOSE, made.deposit)
    smuggled = smuggle(carla, early, signature_of(carla, early))
    assert approval(world, smuggled).refused == "unknown operator"
    addition_of_carla = addition(carla)
    approve(olga, addition_of_carla)
    approve(piet, addition_of_carla)
    approve(olga, early)
    assert state_of(world, made.deposit) == "complete"


@pytest.mark.parametrize("role", ["support", "auditor"])
def test_support_and_auditors_approve_nothing(
    world: World, olga: Crew, piet: Crew, made: Deposited, role: str
) -> None:
    sam = appointed(world, role, "Sam", olga, piet)
    assert post(sam, propose(world, CLOSE, made.deposit)).status == 401
    recovery = propose(world, "freeze", secrets.token_hex(16))
    assert post(sam, recovery).status == 401


LIES = [
    pytest.param({"challenge": b64url(bytes(32))}, id="another challenge"),
    pytest.param({"origin": "https://evil.test"}, id="another site"),
    pytest.param({"flags": 1}, id="nobody verified"),
    pytest.param({"altered": True}, id="altered"),
]


@pytest.mark.databases("sqlite")
@pytest.mark.parametrize("lies", LIES)
def test_an_answer_that_is_not_the_passkeys_to_exactly_this_approves_nothing(
    world: World, olga: Crew, piet: Crew, made: Deposited, lies: dict[str, Any]
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    signature = signature_of(olga, proposal, **lies)
    assert post(olga, proposal, signature=b64url(signature)).status == 401
    approve(piet, proposal)
    smuggled = smuggle(olga, proposal, signature)
    assert approval(world, smuggled).refused == "wrong signature"
    assert state_of(world, made.deposit) == "complete"


def smuggle(crew: Crew, proposal: Proposal, signature: bytes, credential: str = "") -> str:
    """Write an approval and its event as a web tier that checks nothing would."""
    world = crew.world
    nonce = json.loads(proposal.body)["nonce"]
    credential = credential or f"passkey:{crew.admin}"
    identifier = approval_id(credential, nonce)
    said = {
        "operation": proposal.operation,
        "body_sha256": proposal.body_sha256,
        "credential": credential,
        "signature": signature,
    }
    with world.database.transaction() as db:
        row = db.get(Deposit, proposal.target)
        on = {} if row is None else {"account": row.account, "deposit": row.id}
        db.add(
            Approval(
                id=identifier,
                proposal=nonce,
                target=proposal.target,
                body=world.web_keys.encrypt(BODY, identifier, identifier, proposal.body.decode()),
                expires=proposal.expires,
                created_at=world.clock.now(),
                **said,
            )
        )
        author = Author("web", world.web_keys.mac_key)
        append(db, author, "admin approved", said, event_id=identifier, **on)
    world.run()
    return identifier


def test_a_sign_in_is_no_approval(world: World, olga: Crew, piet: Crew, made: Deposited) -> None:
    """A web tier that hands out an approval's challenge as one for signing in gets no approval."""
    proposal = propose(world, CLOSE, made.deposit)
    approve(piet, proposal)
    answer = olga.passkey.answer(b64url(proposal.signed().challenge()))
    found = {
        name: b64url_decode(answer[name])
        for name in ("client_data", "authenticator_data", "signature")
    }
    stolen = approvers.write_answer(approvers.Answer(b"", **found))
    assert approval(world, smuggle(olga, proposal, stolen)).refused == "wrong signature"
    assert state_of(world, made.deposit) == "complete"


def test_an_approval_is_not_replayed_for_another_key(
    world: World, olga: Crew, piet: Crew, customer: Customer, made: Deposited
) -> None:
    other, _ = world.enrol(customer, 0, 0)
    proposal = propose(world, CLOSE, made.deposit)
    signature = signature_of(olga, proposal)
    for changed in (
        replace(proposal, target=other.deposit),
        replace(proposal, expires=proposal.expires + 1),
        replace(proposal, operation="freeze"),
        propose(world, CLOSE, made.deposit),
    ):
        assert post(olga, changed, signature=b64url(signature)).status == 401
    moved = replace(proposal, target=other.deposit)
    approve(piet, moved)
    assert approval(world, smuggle(olga, moved, signature)).refused == "wrong signature"
    assert state_of(world, other.deposit) == "complete"


def test_a_proposal_that_has_expired_is_carried_out_by_nobody(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    first = approve(olga, proposal)
    world.wait(DAY + 60)
    late = smuggle(piet, proposal, signature_of(piet, proposal))
    assert approval(world, late).refused == "expired"
    assert approval(world, first).executed_at is None
    assert state_of(world, made.deposit) == "complete"


def test_an_admin_whom_the_web_tier_made_up_approves_nothing(
    world: World, olga: Crew, made: Deposited
) -> None:
    """The web tier can write an active owner with a good MAC; the custodian asks the ledger."""
    eve = joined(world, "owner", "Eve")
    with world.database.transaction() as db:
        row = db.get_one(Admin, eve.admin)
        assert rows.swap(db, world.web_keys, row, state="active")
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    post(eve, proposal).ok()
    world.run()
    second = approval_id(f"passkey:{eve.admin}", json.loads(proposal.body)["nonce"])
    assert approval(world, second).refused == "unknown operator"
    assert state_of(world, made.deposit) == "complete"
    assert added(world) == ["Olga"]


def test_the_web_tier_cannot_say_that_somebody_is_an_admin(world: World, olga: Crew) -> None:
    eve = joined(world, "owner", "Eve")
    said = {
        "admin": eve.admin,
        "name": "Eve",
        "role": "owner",
        "credential": eve.passkey.credential_id,
        "public_key": b"x",
        "approval": None,
    }
    with world.database.transaction() as db:
        append(db, Author("web", world.web_keys.mac_key), "admin added", said)
    world.run()
    assert added(world) == [olga.name]


def test_a_second_owner_never_comes_in_as_the_first(world: World, olga: Crew) -> None:
    eve = joined(world, "owner", "Eve")
    world.restart_custodian()
    world.run()
    assert added(world) == [olga.name]
    assert eve.sign_in().status == 409


def test_only_the_passkey_that_was_approved_comes_in(world: World, olga: Crew, piet: Crew) -> None:
    carla = joined(world, "auditor", "Carla")
    eve = joined(world, "auditor", "Eve")
    with world.database.reading() as db:
        key = db.get_one(Admin, eve.admin).public_key
    swapped = addition(carla, credential=eve.passkey.credential_id, public_key=key)
    approve(olga, swapped)
    assert approval(world, approve(piet, swapped)).refused == "another passkey"
    for crew in (carla, eve):
        assert crew.sign_in().status == 409
    assert added(world) == ["Olga", "Piet"]


def test_two_admins_have_two_names(world: World, olga: Crew, piet: Crew) -> None:
    double = joined(world, "owner", "Pieter")
    proposal = addition(double, name=" PIET ")
    approve(olga, proposal)
    assert approval(world, approve(piet, proposal)).refused == "name taken"


def test_nobody_takes_an_admins_name_when_accepting(world: World, olga: Crew, piet: Crew) -> None:
    double = Crew(world, "support", " OLGA ")
    double.invite()
    answer = double.accept()
    assert (answer.status, answer.json["state"]) == (409, "name_taken")
    double.name = "Olga Bakker"
    assert double.accept().status == 200  # the link was not used up


def test_a_passkey_signs_nothing_here_after_its_session_was_ended(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    olga.call("DELETE", f"/admin/people/{piet.admin}/sessions")
    answer = post(piet, proposal)
    assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    his = {"credential": f"passkey:{piet.admin}", "signature": b64url(signature_of(piet, proposal))}
    assert post(olga, proposal, **his).status == 401  # nor by another's session
    with world.database.reading() as db:
        assert db.scalars(select(Approval).where(Approval.operation == CLOSE)).all() == []
    piet.sign_in().ok()
    post(piet, proposal).ok()


@pytest.mark.databases("sqlite")
def test_what_is_not_possible_is_not_offered_to_be_signed(
    world: World, olga: Crew, piet: Crew, customer: Customer, made: Deposited
) -> None:
    def form(path: str) -> str:
        return olga.page(f"/admin/propose/{path}").get_data(as_text=True)

    assert 'data-step="proposal"' in form(f"close-deposit/{made.deposit}")
    assert 'data-step="proposal"' in form(f"close-account/{customer.account}")
    recovery = world.open_recovery(customer, made)
    shown = form(f"unfreeze/{recovery}")
    assert "It is not on hold." in shown
    assert 'data-step="proposal"' not in shown
    approve(olga, propose(world, "freeze", recovery))
    assert "It is on hold already." in form(f"freeze/{recovery}")
    shown = form(f"unfreeze/{recovery}")
    assert "Asked at the desk." in shown  # why it is on hold
    assert made.deposit[:8] in shown
    assert "one is under way" in form(f"close-account/{customer.account}")
    customer.sign_in()
    customer.http.post(f"/recoveries/{recovery}/veto").ok()
    customer.http.post(f"/accounts/{customer.account}/close", {"reason": ""}).ok()
    world.run()
    assert "This recovery is over." in form(f"freeze/{recovery}")
    assert "This key is being ended already" in form(f"close-deposit/{made.deposit}")
    assert "This account is being ended already" in form(f"close-account/{customer.account}")
    assert "One owner is left then" in form(f"remove-admin/{piet.admin}")
    carla = joined(world, "owner", "Carla")
    shown = form(f"add-admin/{carla.admin}")
    assert "<dt>Role</dt><dd>owner</dd>" in shown


def test_a_removed_admin_is_out_and_what_is_signed_afterwards_or_before_counts_no_more(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    carla = appointed(world, "owner", "Carla", olga, piet)
    before = propose(world, CLOSE, made.deposit)
    approve(carla, before)
    removal = propose(world, "remove-admin", carla.admin)
    approve(olga, removal)
    assert carla.call("GET", "/admin/sessions").status == 200
    approve(piet, removal)
    assert carla.call("GET", "/admin/sessions").status == 401
    assert carla.sign_in().status == 401
    assert world.custodian.outside.last_line(carla.admin) == "removed"
    approve(olga, before)  # hers and a removed admin's are not two
    assert state_of(world, made.deposit) == "complete"
    later = propose(world, CLOSE, made.deposit)
    late = smuggle(carla, later, signature_of(carla, later))
    assert approval(world, late).refused == "unknown operator"
    again = propose(world, "remove-admin", carla.admin)
    approve(olga, again)
    assert approval(world, approve(piet, again)).refused == "no admin"


def test_a_removed_admin_does_not_come_back_when_the_entry_is_deleted(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    carla = appointed(world, "owner", "Carla", olga, piet)
    removal = propose(world, "remove-admin", carla.admin)
    approve(olga, removal)
    approve(piet, removal)
    with world.database.transaction() as db:
        [entry] = entries(world, "admin removed")
        row = db.scalars(select(read.LedgerEvent).where(read.LedgerEvent.index == entry.index))
        db.delete(row.one())
    with world.database.reading() as db:
        assert f"passkey:{carla.admin}" not in members(world.custodian, db)


def test_the_last_owner_cannot_be_removed(world: World, olga: Crew, piet: Crew) -> None:
    for who, left in ((piet, olga), (olga, olga)):
        removal = propose(world, "remove-admin", who.admin)
        office = Office.open(world)
        office.approve(removal, office.anna, office.piet)
        assert added(world) == ["Olga", "Piet"]
        assert left.call("GET", "/admin/sessions").status == 200
    removed = entries(world, "admin removed")
    assert [entry.event.data["admin"] for entry in removed] == [piet.admin]
    assert "last owner" in office.alarms


def test_an_admin_signs_again_what_was_refused_by_a_crash_between_and_it_is_done_once(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    approve(olga, proposal)
    world.custodian.acts, acts = [], world.custodian.acts
    post(piet, proposal).ok()
    world.run()  # sequenced, and then the custodian died
    world.restart_custodian()
    world.run()
    assert acts
    assert state_of(world, made.deposit) == "closing"
    assert len(entries(world, "admin executed")) == 2  # Piet's own addition is the other


@pytest.fixture
def stored(world: World) -> World:
    """A custodian whose keys are kept on the disk."""
    key_dir = world.settings.key_dir
    key_dir.mkdir(parents=True, exist_ok=True)
    keyring = FileKeyring.create(key_dir / FILE_NAME)
    world.keys.create(key_dir, keyring)
    world.custodian._store = KeyStore(world.settings)
    return world


@pytest.mark.parametrize("use", ["ledger", "provider"])
def test_two_owners_have_a_fresh_key_made_and_the_earlier_one_still_serves(
    stored: World, olga: Crew, piet: Crew, customer: Customer, made: Deposited, use: str
) -> None:
    world = stored
    with world.database.reading() as db:
        before = read.current_keys(db)
    proposal = propose(world, "rotate-key", use)
    approve(olga, proposal)
    approve(piet, proposal)
    with world.database.reading() as db:
        after = read.current_keys(db)
    assert (before.ledger_vkey != after.ledger_vkey) is (use == "ledger")
    assert (before.provider_key != after.provider_key) is (use == "provider")
    fresh = KeyStore(world.settings).load()
    assert fresh.provider_key == after.provider_key
    assert fresh.signer.verifier.vkey == after.ledger_vkey
    newest = entries(world, "key changed")[-1].event.data
    assert [newest[name] is None for name in ("old", "new")] == [False] * 2
    world.enrol(customer, 0, 0)  # with the fresh key
    recovery = world.open_recovery(customer, made)  # and what the old one sealed still opens
    world.wait(made.manifest.waiting_seconds + 7 * DAY)
    session = world.begin(customer, made, recovery)
    assert [line["state"] for line in session.releases()] == ["made"]


def test_a_custodian_that_takes_over_has_the_fresh_key(
    stored: World, olga: Crew, piet: Crew
) -> None:
    world = stored
    standing_by = world.custodian.keys
    proposal = propose(world, "rotate-key", "provider")
    approve(olga, proposal)
    approve(piet, proposal)
    fresh = world.custodian.keys
    world.custodian.keys = standing_by  # another process, which read the file at its start
    world.custodian.forget()
    assert world.custodian.keys.provider_key == fresh.provider_key != standing_by.provider_key


def test_without_a_place_for_keys_nothing_is_made(world: World, olga: Crew, piet: Crew) -> None:
    proposal = propose(world, "rotate-key", "provider")
    approve(olga, proposal)
    second = approve(piet, proposal)
    assert approval(world, second).refused == "key file cannot be written"
    assert len(entries(world, "key changed")) == 2


def test_a_longer_shortest_wait_counts_from_then_on(
    world: World, olga: Crew, piet: Crew, customer: Customer
) -> None:
    made, _ = world.enrol(customer, waiting_seconds=DAY)
    other, _ = world.enrol(customer, waiting_seconds=DAY)
    world.wait(8 * DAY)
    olga.sign_in().ok()
    piet.sign_in().ok()
    running = world.open_recovery(customer, made)
    proposal = propose(world, "change-wait", "service", seconds=5 * DAY)
    approve(olga, proposal)
    assert customer.http.get("/keys").ok()["minimum_waiting_seconds"] == DAY
    approve(piet, proposal)
    assert customer.http.get("/keys").ok()["minimum_waiting_seconds"] == 5 * DAY
    [entry] = entries(world, "wait changed")
    assert entry.event.data == {"seconds": 5 * DAY, "approval": proposal.body_sha256}
    assert customer.http.get(f"/recoveries/{running}").ok()["wait_seconds"] == DAY
    longer = world.open_recovery(customer, other)
    assert customer.http.get(f"/recoveries/{longer}").ok()["wait_seconds"] == 5 * DAY
    world.wait(DAY)
    session = world.begin(customer, made, running)  # what had begun keeps its wait
    assert [line["state"] for line in session.releases()] == ["made"]


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(DAY - 1, "wait out of range"), (91 * DAY, "wait out of range")],
)
def test_a_shortest_wait_has_limits(
    world: World, olga: Crew, piet: Crew, seconds: int, reason: str
) -> None:
    proposal = propose(world, "change-wait", "service", seconds=seconds)
    approve(olga, proposal)
    assert approval(world, approve(piet, proposal)).refused == reason


def test_no_approval_shortens_what_the_settings_say(world: World, olga: Crew, piet: Crew) -> None:
    world.custodian.settings = replace(world.settings, minimum_waiting_seconds=3 * DAY)
    proposal = propose(world, "change-wait", "service", seconds=2 * DAY)
    approve(olga, proposal)
    assert approval(world, approve(piet, proposal)).refused == "shorter than the settings"


def test_an_owner_invites_withdraws_and_ends_sessions(world: World, olga: Crew, piet: Crew) -> None:
    made = olga.post("/admin/people", {"name": "Carla", "role": "auditor"}).ok()
    assert made["link"].startswith("https://recovery.test/admin/invitation#")
    assert "Carla" in olga.page("/admin/people").text
    assert olga.call("DELETE", f"/admin/people/{made['admin']}").status == 204
    token = made["link"].partition("#")[2]
    assert olga.post("/admin/invitations/challenge", {"token": token}).status == 410
    assert olga.call("DELETE", f"/admin/people/{piet.admin}").status == 409  # that takes two
    assert piet.call("GET", "/admin/sessions").status == 200
    assert olga.call("DELETE", f"/admin/people/{piet.admin}/sessions").status == 204
    assert piet.call("GET", "/admin/sessions").status == 401
    piet.sign_in().ok()
    world.clock.move(6 * 60)
    assert olga.post("/admin/people", {"name": "Eve", "role": "owner"}).status == 403
    assert olga.call("DELETE", f"/admin/people/{piet.admin}/sessions").status == 403


def test_what_is_signed_is_shown_byte_for_byte_to_who_may_sign(
    world: World, olga: Crew, piet: Crew, customer: Customer
) -> None:
    proposal = propose(world, "set-address", customer.account, address="anna@new.example.org")
    identifier = post(olga, proposal).ok()["proposal"]
    shown = piet.call("GET", f"/admin/proposals/{identifier}").ok()
    assert b64url_decode(shown["body"]) == proposal.body
    assert (shown["state"], shown["expires"]) == ("open", proposal.expires)
    page = piet.page("/admin/approvals").text
    assert "a…@new.example.org" in page
    assert "anna@new" not in page


def test_a_row_that_was_changed_is_shown_to_nobody_as_something_to_sign(
    world: World, olga: Crew, piet: Crew, made: Deposited
) -> None:
    proposal = propose(world, CLOSE, made.deposit)
    first = post(olga, proposal).ok()
    with world.database.transaction() as db:
        db.get_one(Approval, first["approval"]).body = b"x" * 40
    assert piet.call("GET", f"/admin/proposals/{first['proposal']}").status == 409
    assert piet.page(f"/admin/approvals/{first['proposal']}").status_code == 200
    assert people.CODE_DIGITS == 12
