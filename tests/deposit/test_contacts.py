"""A contact's life after acceptance: stop, lose the piece, come back; what each is told."""

import re
import threading
from pathlib import Path

import pytest
from sqlalchemy import func, select

from escrow.custodian.reminders import SPREAD_SECONDS
from escrow.db import Database
from escrow.deposit.models import CHECK_SECONDS, Blob, CustodyRow
from escrow.ledger.models import LedgerEvent
from escrow.mail.models import MailToken, Outbox
from escrow.protocol.encoding import b64url, b64url_decode
from escrow.protocol.ledger import Event
from tests.support.mailbox import Mailbox, text_of
from tests.support.people import Contact, Customer, Deposited, attest, make_deposit, new_id
from tests.support.world import World

DAY = 86400
MONTH = 30 * DAY


@pytest.fixture
def world(sqlite_database: Database, tmp_path: Path, mail_server: Mailbox) -> World:
    return World.make(sqlite_database, tmp_path, mail_server)


@pytest.fixture
def customer(world: World) -> Customer:
    return world.customer()


def subjects(world: World, address: str) -> list[str]:
    return [str(mail["Subject"]).partition("“")[0] for mail in world.mailbox.to(address)]


def newest(world: World, address: str) -> str:
    return text_of(world.mailbox.to(address)[-1]).replace("\r\n", "\n")


def token_of(world: World, contact: Contact, page: str) -> str:
    """Take the token out of the newest link to a page; it stands in the fragment."""
    texts = "".join(text_of(mail) for mail in world.mailbox.to(contact.address))
    found = re.findall(
        rf"https://recovery\.test/contact/{contact.custody}/{page}#(\S{{43}})", texts
    )
    return str(found[-1])


def state(world: World, contact: Contact) -> str:
    return str(world.http().get(f"/custodies/{contact.custody}").ok()["state"])


def keep_copy(contact: Contact) -> None:
    body = {"credential_id": b64url(bytes(16)), "data": b64url(bytes(200))}
    for part in ("share", "check"):
        contact.http.put(f"/custodies/{contact.custody}/wraps/{part}", body).ok()


def copies(world: World, contact: Contact) -> int:
    with world.database.reading() as db:
        query = select(func.count()).select_from(Blob).where(Blob.custody == contact.custody)
        return db.scalar(query) or 0


def attest_share(contact: Contact, means: str = "share") -> int:
    assert contact.manifest is not None
    assert contact.payload is not None
    return attest(contact.http, contact.manifest, contact.payload, means).status


def leave(world: World, contact: Contact, act: str) -> None:
    """Press the button behind a mail's link: no account, no signature."""
    token = token_of(world, contact, "stop" if act == "decline" else act)
    world.http().post(f"/custodies/{contact.custody}/{act}", {"token": token}).ok()
    world.run()


@pytest.mark.parametrize(("act", "left"), [("decline", "declined"), ("lost", "lost")])
def test_a_stolen_mailbox_destroys_nothing_for_thirty_days(
    world: World, customer: Customer, act: str, left: str
) -> None:
    """Up to the last second a proof with the piece itself brings everything back."""
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    at = world.clock.now()
    leave(world, contact, act)
    assert state(world, contact) == left
    assert attest_share(contact, "check") == 409
    world.wait(at + MONTH - 1 - world.clock.now())
    assert copies(world, contact) == 2
    assert attest_share(contact) == 200
    world.run()
    assert state(world, contact) == "held"
    world.wait(2 * DAY)
    assert copies(world, contact) == 2
    assert subjects(world, contact.address)[-1] == "You hold your piece of "
    assert subjects(world, customer.address)[-1].endswith("holds a piece of ")


@pytest.mark.parametrize(("act", "left"), [("decline", "declined"), ("lost", "lost")])
def test_after_thirty_days_the_copies_are_deleted_and_nothing_brings_it_back(
    world: World, customer: Customer, act: str, left: str
) -> None:
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    at = world.clock.now()
    leave(world, contact, act)
    world.wait(at + MONTH - world.clock.now())
    assert attest_share(contact) == 409
    world.wait(60)
    assert copies(world, contact) == 0
    assert state(world, contact) == left


def test_a_column_that_says_due_deletes_nothing_early(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    leave(world, contact, "decline")
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.run()
    assert copies(world, contact) == 2


def test_the_customers_word_deletes_no_copy_of_a_contact(world: World, customer: Customer) -> None:
    """A thief in the customer's session says it too."""
    _, [contact] = world.enrol(customer)
    keep_copy(contact)
    customer.http.post(f"/custodies/{contact.custody}/lost").ok()
    world.run()
    world.wait(MONTH + 60)
    assert copies(world, contact) == 2


def test_a_token_is_for_one_custody_one_purpose_and_not_for_who_came_back(
    world: World, customer: Customer
) -> None:
    _, [contact, other] = world.enrol(customer, needed=2, count=2)
    stop, lost = (token_of(world, contact, page) for page in ("stop", "lost"))
    http = world.http()

    def post(custody: str, act: str, token: str | None) -> int:
        return http.post(f"/custodies/{custody}/{act}", {"token": token}).status

    assert post(other.custody, "decline", stop) == 404
    assert post(contact.custody, "lost", stop) == 410
    assert post(contact.custody, "decline", lost) == 410
    assert post(contact.custody, "decline", "x" * 43) == 410
    assert post(contact.custody, "decline", None) == 401
    assert post(contact.custody, "decline", stop) == 200
    assert post(contact.custody, "decline", stop) == 200  # a repeat is harmless
    world.run()
    assert attest_share(contact) == 200
    assert post(contact.custody, "decline", stop) == 410
    assert post(contact.custody, "lost", lost) == 410
    world.run()
    assert state(world, contact) == "held"
    assert "#" not in newest(world, contact.address)


def test_an_old_proof_sent_again_brings_nobody_back(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    leave(world, contact, "decline")
    with world.database.reading() as db:
        query = select(LedgerEvent.body).where(
            LedgerEvent.custody == contact.custody, LedgerEvent.type == "custody attested"
        )
        said = Event.parse(db.scalars(query).one() or b"").data
    body = {
        name: b64url(value) if isinstance(value, bytes) else value for name, value in said.items()
    }
    answer = world.http().post(f"/custodies/{contact.custody}/attestations", body)
    assert answer.ok()["state"] == "declined"


def test_who_opens_every_link_of_every_mail_changes_nothing(
    world: World, customer: Customer
) -> None:
    """A mail scanner follows links; what it follows is a GET, without the fragment."""
    made, [contact] = world.enrol(customer)
    recovery = world.open_recovery(customer, made)
    mails = [*world.mailbox.to(contact.address), *world.mailbox.to(customer.address)]
    texts = "".join(text_of(mail) + str(mail.get_body(("html",))) for mail in mails)
    links = set(re.findall(r"https://recovery\.test(/[^\s\"<]+)", texts))
    assert {link.split("#")[0] for link in links} >= {
        f"/veto/{recovery}",
        *(f"/contact/{contact.custody}{page}" for page in ("", "/stop", "/lost")),
    }
    before = _everything(world)
    client = world.app.test_client()
    for link in links:
        for method in ("GET", "HEAD"):
            client.open(link, method=method, base_url="https://recovery.test")
    token = token_of(world, contact, "stop")
    for path in (f"/custodies/{contact.custody}/decline", f"/recoveries/{recovery}/veto"):
        answer = client.get(f"/api/v1{path}?token={token}", base_url="https://recovery.test")
        assert answer.status_code in {400, 404, 405}
    assert _everything(world) == before


def _everything(world: World) -> list[object]:
    with world.database.reading() as db:
        states = db.execute(select(CustodyRow.id, CustodyRow.state).order_by(CustodyRow.id)).all()
        tables = (LedgerEvent, MailToken, Outbox, Blob)
        counts = [db.scalar(select(func.count()).select_from(table)) for table in tables]
        return [*states, *counts]


def test_the_customer_is_told_what_works_and_what_to_do_when_a_contacts_piece_is_lost(
    world: World, customer: Customer
) -> None:
    _, [contact] = world.enrol(customer)
    leave(world, contact, "lost")
    told = newest(world, customer.address)
    assert "lost" in subjects(world, customer.address)[-1] or "piece" in told
    assert "Then your kit and we bring the key back" in told
    assert "choose “Replace”" in told
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
    assert "choose “Replace”" in told
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


def test_a_changed_phrase_stands_in_the_next_mail(world: World, customer: Customer) -> None:
    made, [contact] = world.enrol(customer)
    for phrase in ("blue bicycle", "rode fiets"):
        contact.http.post(f"/custodies/{contact.custody}/phrase", {"phrase": phrase}).ok()
    world.open_recovery(customer, made)
    assert newest(world, contact.address).startswith("Your phrase: rode fiets\n")
    answer = customer.http.post(f"/custodies/{contact.custody}/phrase", {"phrase": "mine"})
    assert answer.status == 401


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


# What a browser's `credential.toJSON()` would add to a body: the secret of the passkey.
PRF_RESULTS = {"prf": {"enabled": True, "results": {"first": b64url(b"\x07" * 32)}}}


@pytest.mark.parametrize("name", ["clientExtensionResults", "prf"])
def test_a_body_that_carries_the_secret_of_a_passkey_is_refused(
    world: World, customer: Customer, name: str
) -> None:
    _, [contact] = world.enrol(customer)
    path = f"/custodies/{contact.custody}"
    extra = {name: PRF_RESULTS}
    bodies = {
        "wraps/share": {"credential_id": b64url(bytes(16)), "data": b64url(bytes(200))},
        "phrase": {"phrase": "mine"},
    }
    for end, body in bodies.items():
        send = contact.http.put if end.startswith("wraps") else contact.http.post
        answer = send(f"{path}/{end}", body | extra)
        assert (answer.status, answer.code) == (400, "malformed")
    assert contact.manifest is not None
    proof = {"means": "share", "checkpoint_hash": b64url(bytes(32)), "time": world.clock.now()}
    proof["signature"] = b64url(bytes(64))
    answer = contact.http.post(f"{path}/attestations", proof | extra)
    assert (answer.status, answer.json["field"]) == (400, name)
    assert copies(world, contact) == 0


def test_a_phrase_is_a_contacts_and_not_of_one_who_was_withdrawn(
    world: World, customer: Customer
) -> None:
    made, _ = world.enrol(customer)
    kit = made.payloads[0]
    holder = Contact(world.http(), "", "", kit.custody, payload=kit)
    holder.http.signer = (kit.custody, holder.release_key())
    answer = holder.http.post(f"/custodies/{kit.custody}/phrase", {"phrase": "mine"})
    assert (answer.status, answer.code) == (409, "wrong_state")


# Who has which events of the ledger.


def events(answer_of: Customer | Contact, path: str) -> list[Event]:
    found = answer_of.http.get(path).ok()["events"]
    return [Event.parse(b64url_decode(line["event"])) for line in found]


def test_the_customer_has_exactly_the_events_of_her_deposit(
    world: World, customer: Customer
) -> None:
    made, stranger, recovery = _busy(world, customer)
    shown = events(customer, f"/deposits/{made.deposit}/events")
    with world.database.reading() as db:
        query = select(LedgerEvent.id).where(LedgerEvent.deposit == made.deposit)
        assert {event.id for event in shown} == set(db.scalars(query))
    kinds = {event.type for event in shown}
    assert {"custody fetched", "custody moved", "release made", "recovery begun"} <= kinds
    assert {event.deposit for event in shown} == {made.deposit}
    assert recovery in {event.recovery for event in shown}
    stranger.sign_in()
    assert stranger.http.get(f"/deposits/{made.deposit}/events").status == 404


def test_a_contact_has_exactly_the_events_of_her_custody_and_of_the_deposits_recoveries(
    world: World, customer: Customer
) -> None:
    _, _, recovery = _busy(world, customer)
    [anna, bert] = world.contacts
    path = f"/custodies/{anna.custody}/events"
    shown = events(anna, path)
    with world.database.reading() as db:
        mine = (LedgerEvent.custody == anna.custody) | (LedgerEvent.recovery == recovery)
        assert {event.id for event in shown} == set(db.scalars(select(LedgerEvent.id).where(mine)))
    kinds = {event.type for event in shown}
    assert {"recovery opened", "recovery noticed", "release intended", "release made"} <= kinds
    others = [event for event in shown if event.custody not in {None, anna.custody}]
    assert {event.type.split()[0] for event in others} == {"release"}  # of the recovery
    assert not [event for event in shown if event.type.startswith(("deposit", "account"))]
    assert bert.http.get(path).status == 401
    assert customer.http.get(path).status == 401
    assert world.http().get(path).status == 401


def _busy(world: World, customer: Customer) -> tuple[Deposited, Customer, str]:
    """Two customers with deposits, a move, a recovery with releases of provider and contact."""
    from tests.deposit.test_contacts_moving import move

    made, world.contacts = world.enrol(customer, needed=2, count=2)
    stranger = world.customer()
    world.enrol(stranger)
    customer.sign_in()
    world.enrol(customer)  # another deposit of her own
    move(world.contacts[1], f"{new_id()}@moved.test").ok()
    world.run()
    recovery = world.ready_recovery(customer, made)
    session = world.begin(customer, made, recovery)
    world.contacts[0].release(recovery, session.session, session.key.public_key()).ok()
    world.run()
    return made, stranger, recovery


# Invitations that nobody accepts, and pieces that nobody looks for.


def invited(world: World, customer: Customer) -> tuple[Deposited, Contact]:
    contact = Contact(world.http(), "Anna", f"{new_id()}@contact.test")
    made = make_deposit(customer.http, [contact], 1)
    customer.http.put(f"/deposits/{made.deposit}", made.body).ok()
    world.run()
    attest(customer.http, made.manifest, made.payloads[0]).ok()
    world.run()
    return made, contact


REMINDER = "Anna has not accepted yet: "


def test_an_invitation_is_reminded_of_after_two_five_and_ten_days_and_paused_after_fourteen(
    world: World, customer: Customer
) -> None:
    start = world.clock.now()
    _, contact = invited(world, customer)
    until = _row(world, contact).invited_until or 0
    start = until - 14 * DAY
    for count, days in enumerate((2, 5, 10)):
        world.wait(start + days * DAY - 1 - world.clock.now())
        assert subjects(world, customer.address).count(REMINDER) == count
        world.wait(1)
        assert subjects(world, customer.address).count(REMINDER) == count + 1
    world.wait(until - 1 - world.clock.now())
    assert not _row(world, contact).paused
    world.wait(1)
    assert _row(world, contact).paused
    assert subjects(world, customer.address)[-1] == "The invitation of Anna for "
    world.wait(3 * DAY)
    assert subjects(world, customer.address).count(REMINDER) == 3
    assert contact.address not in {address for address, _ in world.mailbox.mails}


def _row(world: World, contact: Contact) -> CustodyRow:
    with world.database.reading() as db:
        return db.get_one(CustodyRow, contact.custody)


def test_a_custodian_that_was_away_sends_one_reminder_and_a_column_set_back_none(
    world: World, customer: Customer
) -> None:
    _, contact = invited(world, customer)
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = None
    world.wait(6 * DAY)
    for _ in range(2):
        with world.database.transaction() as db:
            db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
        world.wait(60)
    assert subjects(world, customer.address).count(REMINDER) == 1


@pytest.mark.parametrize("end", ["accept", "withdraw", "close"])
def test_nobody_is_reminded_of_what_is_over(world: World, customer: Customer, end: str) -> None:
    made, contact = invited(world, customer)
    if end == "accept":
        world.accept(contact)
    elif end == "withdraw":
        customer.http.post(f"/custodies/{contact.custody}/withdraw").ok()
    else:
        customer.sign_in()
        customer.http.post(f"/deposits/{made.deposit}/close", {"reason": "test"}).ok()
    world.wait(3 * DAY)
    with world.database.transaction() as db:  # a column says when to look, not what to do
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.wait(8 * DAY)
    assert REMINDER not in subjects(world, customer.address)


def test_an_invitation_resumed_runs_fourteen_days_to_the_second_and_reminds_anew(
    world: World, customer: Customer
) -> None:
    _, contact = invited(world, customer)
    world.wait(15 * DAY)
    customer.sign_in()
    customer.http.post(f"/custodies/{contact.custody}/resume").ok()
    until = world.clock.now() + 14 * DAY
    world.run()
    world.wait(2 * DAY)
    assert subjects(world, customer.address).count(REMINDER) == 4
    assert contact.link is not None
    body = {"token": b64url(contact.link.fetch_token(contact.custody))}
    world.wait(until - 1 - world.clock.now())
    world.record_fetch(contact)
    world.run()
    assert contact.http.post(f"/custodies/{contact.custody}/invitation", body).status == 200
    world.wait(1)
    answer = contact.http.post(f"/custodies/{contact.custody}/invitation", body)
    assert (answer.status, answer.json["state"]) == (409, "paused")


def test_a_contact_is_asked_twice_a_year_and_the_mail_says_where_to_stop(
    world: World, customer: Customer
) -> None:
    _, [contact] = world.enrol(customer)
    first = _proven(world, contact) + CHECK_SECONDS + int(contact.custody[:8], 16) % SPREAD_SECONDS
    _pass_quickly(world, first - 1 - world.clock.now())
    assert len(world.mailbox.to(contact.address)) == 1
    world.wait(1)
    [_, mail] = world.mailbox.to(contact.address)
    assert "Do you still have your piece" in str(mail["Subject"])
    page = str(mail["List-Unsubscribe"]).strip("<>")
    assert page == f"https://recovery.test/contact/{contact.custody}/stop#{page[-43:]}"
    assert "List-Unsubscribe-Post" not in mail
    with world.database.transaction() as db:
        db.get_one(CustodyRow, contact.custody).due_at = world.clock.now()
    world.run()
    assert len(world.mailbox.to(contact.address)) == 2
    leave(world, contact, "decline")
    assert state(world, contact) == "declined"


def test_who_has_proven_lately_is_not_asked(world: World, customer: Customer) -> None:
    _, [contact] = world.enrol(customer)
    _pass_quickly(world, 150 * DAY)
    assert attest_share(contact, "check") == 200
    _pass_quickly(world, 100 * DAY)
    assert len(world.mailbox.to(contact.address)) == 1


def _proven(world: World, contact: Contact) -> int:
    with world.database.reading() as db:
        query = select(func.max(LedgerEvent.at)).where(
            LedgerEvent.custody == contact.custody,
            LedgerEvent.type.in_(("custody attested", "custody held")),
        )
        return db.scalar(query) or 0


def _pass_quickly(world: World, seconds: int) -> None:
    """Let time pass in the longest steps that the custodian trusts."""
    while seconds > 0:
        step = min(seconds, 35 * 3600)
        world.clock.move(step)
        world.run()
        seconds -= step


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


@pytest.mark.parametrize("other", ["withdraw", "resume"])
def test_an_acceptance_at_the_same_moment_has_one_outcome(
    database: Database, tmp_path: Path, mail_server: Mailbox, other: str
) -> None:
    """Whichever comes first: the piece is held, or the invitation is withdrawn; never both."""
    world = World.make(database, tmp_path, mail_server)
    customer = world.customer()
    made, contact = invited(world, customer)
    contact.payload, contact.manifest = made.payloads[1], made.manifest
    outcomes: dict[str, int] = {}
    ready = threading.Barrier(2)

    def accept() -> None:
        ready.wait()
        outcomes["accept"] = attest_share(contact)

    def end() -> None:
        ready.wait()
        outcomes["end"] = customer.http.post(f"/custodies/{contact.custody}/{other}").status

    threads = [threading.Thread(target=do) for do in (accept, end)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    world.run()
    final = state(world, contact)
    if other == "withdraw":
        assert sorted(outcomes.values()) == [200, 409]
        assert final == ("held" if outcomes["accept"] == 200 else "withdrawn")
        assert copies(world, contact) == 0
    else:
        assert outcomes["accept"] == 200
        assert final == "held"
