"""Enrolling and accepting with the browser's client over the real service; the CLI reads it."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from escrow.deposit.models import Deposit
from escrow.protocol import keys, note, qr, slip39
from escrow.protocol.encoding import grouped
from escrow.protocol.kit import Card, Kit, parse_piece
from tests.browser.desk import DAY_SECONDS, SECRET, BrowserDesk, browser_desk
from tests.cli.desk import Desk
from tests.cli.person import Person
from tests.cli.service import Customer, Service, running
from tests.support.node import Refusal

ANNA = ("Anna", "anna@example.org")
BERT = ("Bert", "bert@example.org")


@pytest.fixture(autouse=True)
def cheap_invitations() -> None:
    """Stretch passwords as they are: both clients must agree on it."""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("service")) as found:
        yield found


@pytest.fixture(scope="module")
def customer(service: Service) -> Customer:
    return service.account("mira@example.org")


@pytest.fixture(scope="module")
def mira(service: Service, customer: Customer) -> Iterator[BrowserDesk]:
    """A customer, signed in once for the whole file."""
    with browser_desk(service) as found:
        found.sign_in(customer)
        yield found


@pytest.fixture(scope="module")
def anna(service: Service) -> Iterator[BrowserDesk]:
    with browser_desk(service) as found:
        yield found


@dataclass
class Enrolled:
    """A deposit for two contacts, both needed; nobody has accepted yet."""

    deposit: str
    kit: dict[str, Any]
    invitations: list[dict[str, Any]]


@pytest.fixture(scope="module")
def enrolled(mira: BrowserDesk) -> Enrolled:
    mira.ask("lie", name=None)
    deposit = mira.enrol(ANNA, BERT)
    kit = mira.send()
    return Enrolled(deposit, kit, mira.finish(kit))


def saved(folder: Path, name: str, piece: dict[str, Any]) -> str:
    path = folder / name
    path.write_bytes(bytes.fromhex(piece["file"]))
    return str(path)


def check_paper(piece: Kit | Card, paper: dict[str, Any]) -> None:
    """Compare what is printed with what the CLI's paper says of the same file."""
    payload, manifest = piece.payload, piece.manifest
    seed = keys.check_seed(payload.share().value, payload.deposit, payload.custody)
    vkey = note.Verifier.parse(manifest.ledger_vkey)
    expected = {
        "role": payload.role,
        "words": payload.words.split(),
        "share": qr.share_text(payload),
        "check": {
            "text": qr.Check(payload.deposit, payload.custody, seed).text,
            "digits": grouped(keys.check_code(seed)),
        },
        "deposit": grouped(payload.deposit),
        "custody": grouped(payload.custody),
        "manifestCode": grouped(manifest.code()),
        "ledgerKey": grouped(vkey.key_digits()),
        "label": manifest.label,
        "host": piece.host,
        "waitingSeconds": manifest.waiting_seconds,
        "createdAt": manifest.created_at,
    }
    if isinstance(piece, Kit):
        expected["confirmation"] = manifest.code()[-4:]
        expected["envelopeText"] = qr.envelope_text(piece.envelope)
        expected["contacts"] = [{"name": c.name, "address": c.address} for c in piece.contacts]
    else:
        text, _ = note.split_note(piece.checkpoint)
        seen = note.Checkpoint.parse(text)
        root = base64.b64encode(seen.root).decode()
        code = qr.checkpoint_text(piece.checkpoint)
        expected["checkpoint"] = {"size": seen.size, "root": root, "text": code}
    assert {name: paper[name] for name in expected} == expected


def refused(desk: BrowserDesk, operation: str, reason: str, **given: Any) -> None:
    with pytest.raises(Refusal) as caught:
        desk.ask(operation, **given)
    assert caught.value.code == reason


def offline(folder: Path, service: Service, kit: str, *cards: str) -> bytes:
    """Combine pieces without the service."""
    options = [part for card in cards for part in ("--piece", card)]
    desk = Desk(service, folder / "offline")
    answered = desk.run("combine", "--piece", kit, *options, "--print")
    assert desk.line.sent == []
    assert answered.status == 0, answered.stderr
    return answered.stdout


# What one client makes, the other reads.


def test_enrolled_by_the_cli_accepted_here(
    service: Service, customer: Customer, anna: BrowserDesk, tmp_path: Path
) -> None:
    desk = Desk(service, tmp_path / "mira", customer)
    Path(desk.path("key")).write_bytes(SECRET)
    answered = desk.run(
        *("enrol", "--label", "Two", "--secret-file", desk.path("key")),
        *("--kit", desk.path("kit.escrow.json"), "--json", "--contact", "Dirk <dirk@example.org>"),
    )
    assert answered.status == 0, answered.stderr
    [invitation] = answered.json()["invitations"]
    card = anna.accept(invitation["link"], invitation["digits"])
    read = Card.parse(bytes.fromhex(card["file"]))
    assert read.checkpoint.startswith(f"{service.netloc}/ledger\n")
    assert (card["paper"]["name"], card["paper"]["customer"]) == ("Dirk", customer.address)
    check_paper(read, card["paper"])
    path = saved(tmp_path, "card.escrow.json", card)
    assert offline(tmp_path, service, desk.path("kit.escrow.json"), path) == SECRET + b"\n"


def test_the_kit_on_paper_says_what_the_clis_says(enrolled: Enrolled, service: Service) -> None:
    kit = Kit.parse(bytes.fromhex(enrolled.kit["file"]))
    assert kit.host == service.netloc
    check_paper(kit, enrolled.kit["paper"])
    note_text = enrolled.kit["paper"]["checkpoint"]["text"]
    signed = qr.parse_checkpoint(note_text)
    note.Checkpoint.verify(signed, note.Verifier.parse(kit.manifest.ledger_vkey))


# What a page that is closed, or a line that breaks, leaves behind.


def state_of(service: Service, deposit: str) -> str | None:
    with service.database.reading() as db:
        return db.scalar(select(Deposit.state).where(Deposit.id == deposit))


def wait_until(service: Service, deposit: str, state: str) -> None:
    deadline = time.monotonic() + 20
    while state_of(service, deposit) != state:
        assert time.monotonic() < deadline, state_of(service, deposit)
        time.sleep(0.1)


def test_a_broken_line_leaves_one_deposit_however_often_it_is_sent(
    mira: BrowserDesk, service: Service
) -> None:
    mira.ask("lie", name=None)
    deposit = mira.enrol()
    mira.ask("break", path=f"deposits/{deposit}")  # stored, but the answer is lost
    mira.ask("send")
    mira.ask("send")
    assert mira.changes_sent() == [f"PUT deposits/{deposit}"] * 3
    mira.ask("wait")
    mira.finish(mira.ask("kit"))
    wait_until(service, deposit, "complete")


def test_a_page_closed_before_sending_leaves_nothing(mira: BrowserDesk, service: Service) -> None:
    mira.ask("lie", name=None)
    deposit = mira.enrol()
    mira.ask("leave")
    assert mira.changes_sent() == []
    assert state_of(service, deposit) is None


def test_a_page_closed_after_sending_leaves_a_deposit_that_the_kit_file_finishes(
    mira: BrowserDesk, service: Service
) -> None:
    deposit = mira.enrol()
    kit = mira.send()
    mira.ask("leave")
    assert state_of(service, deposit) == "pending"
    mira.ask("lie", name=None)
    refused(mira, "finish", "wrong_kit_digits", kit=kit["file"], digits="12345")
    assert mira.changes_sent() == []
    digits = kit["paper"]["confirmation"]
    assert mira.ask("finish", kit=kit["file"], digits=digits)["state"] == "held"
    wait_until(service, deposit, "complete")


def test_each_step_builds_on_the_one_before(mira: BrowserDesk) -> None:
    mira.ask("lie", name=None)
    mira.enrol()
    for operation in ("wait", "kit", "invitations"):
        refused(mira, operation, "wrong_state")
    refused(mira, "confirm", "wrong_state", digits="0000")
    mira.ask("send")
    kit_before_the_provider_has_checked = ("kit", "invitations")
    for operation in kit_before_the_provider_has_checked:
        refused(mira, operation, "wrong_state")
    mira.ask("wait")
    refused(mira, "invitations", "wrong_state")


def test_the_digits_of_another_kit_prove_nothing(mira: BrowserDesk) -> None:
    mira.enrol()
    kit = mira.send()
    right = kit["paper"]["confirmation"]
    wrong = f"{(int(right) + 1) % 10000:04}"
    mira.ask("lie", name=None)
    for typed in (wrong, "", right[:3], right * 2):
        refused(mira, "confirm", "wrong_kit_digits", digits=typed)
    assert mira.changes_sent() == []
    mira.ask("confirm", digits=f" {right[:2]} {right[2:]}")


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        ({"label": "  "}, "wrong_label"),
        ({"label": "x" * 81}, "wrong_label"),
        ({"waitingSeconds": DAY_SECONDS - 1}, "wait_too_short"),
        ({"secret": b""}, "wrong_secret_length"),
        ({"secret": bytes(65537)}, "wrong_secret_length"),
        ({"contacts": [{"name": "Me", "address": " MIRA@example.org "}]}, "own_address"),
        ({"contacts": [{"name": n, "address": "a@b.org"} for n in "AB"]}, "contact_twice"),
        ({"contacts": [{"name": "", "address": "a@b.org"}]}, "wrong_contact_option"),
        ({"contacts": [{"name": "Anna", "address": "a.b.org"}]}, "wrong_contact_option"),
        ({"needed": 1}, "wrong_policy"),
    ],
)
def test_a_plan_that_would_not_help_is_refused_before_anything_is_made(
    mira: BrowserDesk, plan: dict[str, Any], reason: str
) -> None:
    decided = {"label": "One", "secret": b"x", "contacts": [], "needed": 0}
    decided |= {"waitingSeconds": DAY_SECONDS, "needed": len(plan.get("contacts", []))} | plan
    mira.ask("lie", name=None)
    refused(mira, "enrol", reason, plan=decided)
    assert mira.changes_sent() == []


# A service that lies to the customer.


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("other_provider_key", "other_provider_key"),
        ("no_key_entries", "other_provider_key"),
        ("other_ledger_key", "other_ledger_key"),
    ],
)
def test_nothing_is_made_for_keys_that_the_ledger_does_not_name(
    mira: BrowserDesk, name: str, reason: str
) -> None:
    mira.ask("lie", name=name)
    plan = {"label": "One", "secret": b"x", "contacts": [], "needed": 0}
    refused(mira, "enrol", reason, plan=plan | {"waitingSeconds": DAY_SECONDS})
    assert mira.changes_sent() == []
    mira.ask("lie", name=None)


@pytest.mark.parametrize(
    ("name", "operation", "reason"),
    [
        ("stored_another", "send", "wrong_manifest"),
        ("held_without_entry", "wait", "provider_pending"),
        ("rejected", "wait", "rejected"),
    ],
)
def test_a_deposit_is_not_called_safe_on_the_web_tiers_word(
    mira: BrowserDesk, name: str, operation: str, reason: str
) -> None:
    mira.ask("lie", name=None)
    mira.enrol()
    if operation == "wait":
        mira.ask("send")
    mira.ask("lie", name=name)
    refused(mira, operation, reason, **({"seconds": 1} if operation == "wait" else {}))
    refused(mira, "kit", "wrong_state")
    mira.ask("lie", name=None)


# A service, or a customer, that lies to the contact.


def accepting(anna: BrowserDesk, enrolled: Enrolled, lie: str | None) -> str:
    """Fetch the first invitation over a line that lies; returns its digits."""
    links = [line["in_person"] for line in enrolled.invitations]
    anna.ask("forget")
    anna.ask("lie", name=lie, links=links)
    anna.ask("fetch", link=enrolled.invitations[0]["link"])
    return str(enrolled.invitations[0]["digits"])


def test_wrong_digits_burn_nothing_and_are_counted(anna: BrowserDesk, enrolled: Enrolled) -> None:
    digits = accepting(anna, enrolled, None)
    refused(anna, "open", "wrong_digits", digits=digits[:-1])
    assert anna.ask("tries")["tries"] == 0
    for tries, wrong in enumerate(("0000 0000 0000 0000", "1111-1111-1111-1111"), 1):
        refused(anna, "open", "wrong_key", digits=wrong)
        assert anna.ask("tries")["tries"] == tries
    refused(anna, "card", "wrong_state")
    who = anna.ask("open", digits=f"{digits[:4]} {digits[4:]}")["who"]
    assert (who["name"], who["address"], who["label"]) == (*ANNA, "Laptop backup")
    refused(anna, "accept", "nothing_kept")
    [fetched] = anna.changes_sent()
    assert fetched.endswith("/invitation")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("other_description", "wrong_manifest"),
        ("other_ledger_key", "other_ledger_key"),
        ("garbled_invitation", "damaged_envelope"),
        ("invitation_of_another", "wrong_custody"),
        ("invitation_with_other_description", "wrong_manifest"),
    ],
)
def test_a_piece_that_is_not_what_it_must_be_is_not_accepted(
    anna: BrowserDesk, enrolled: Enrolled, name: str, reason: str
) -> None:
    digits = accepting(anna, enrolled, name)
    refused(anna, "open", reason, digits=digits)
    refused(anna, "card", "wrong_state")
    refused(anna, "accept", "wrong_state")
    [fetched] = anna.changes_sent()
    assert fetched.endswith("/invitation")
    anna.ask("lie", name=None)


def test_a_link_of_another_service_is_not_fetched(anna: BrowserDesk, enrolled: Enrolled) -> None:
    anna.ask("lie", name=None)
    link = enrolled.invitations[0]["link"].replace("http://127.0.0.1", "https://recovery.test")
    refused(anna, "fetch", "other_host", link=link)
    assert anna.changes_sent() == []


def test_enrolled_here_accepted_by_the_cli(
    mira: BrowserDesk, customer: Customer, enrolled: Enrolled, service: Service, tmp_path: Path
) -> None:
    cards = []
    for name, invitation in zip(("anna", "bert"), enrolled.invitations, strict=True):
        desk = Desk(service, tmp_path / name)
        answered = desk.run(
            *("accept", "--save", desk.path("card.escrow.json")),
            ESCROW_INVITATION_LINK=invitation["in_person"],
            ESCROW_CONFIRM="y",
        )
        assert answered.status == 0, answered.stderr
        cards.append(desk.path("card.escrow.json"))
    kit = saved(tmp_path, "kit.escrow.json", enrolled.kit)
    assert offline(tmp_path, service, kit, *cards) == SECRET + b"\n"
    _replace(mira, service, customer, enrolled.deposit, [Path(kit), *map(Path, cards)])


def _replace(
    mira: BrowserDesk, service: Service, customer: Customer, old: str, pieces: list[Path]
) -> None:
    """With the old key at hand the old deposit ends as soon as the new one is complete."""
    words = [parse_piece(path.read_bytes()).payload.words for path in pieces]
    recovery_key = slip39.combine(words)
    service.clock.move(400)  # the code of the authenticator is no longer fresh
    mira.ask("lie", name=None)
    new = mira.enrol(recovery_key=recovery_key, replaces=old)
    refused(mira, "replaced", "wrong_state")
    refused(mira, "send", "step_up_required")
    assert state_of(service, new) is None
    mira.sign_in(customer)
    kit = mira.send()
    mira.ask("replaced")
    mira.ask("replaced")  # the signature is gone: nothing more to say
    mira.finish(kit)
    assert [line for line in mira.changes_sent() if "replaced" in line] == [
        f"POST deposits/{old}/replaced"
    ]
    wait_until(service, new, "complete")
    wait_until(service, old, "closed")


# Time passes here, and the sessions end: last.


def test_enrolled_here_every_two_custodians_bring_it_back_in_the_cli(
    mira: BrowserDesk, anna: BrowserDesk, service: Service, customer: Customer, tmp_path: Path
) -> None:
    deposit = mira.enrol(("Carla", "carla@example.org"))
    kit = mira.send()
    [invitation] = mira.finish(kit)
    card = anna.accept(invitation["link"], invitation["digits"])
    kit_path = saved(tmp_path, "kit.escrow.json", kit)
    carla = Person(tmp_path / "carla", service.clock.path, service.url)
    card_path = saved(carla.home, "card.escrow.json", card)

    # Kit and contact, without the provider.
    assert offline(tmp_path, service, kit_path, card_path) == SECRET + b"\n"

    # Kit and provider.
    borrowed = _borrowed(service, customer, tmp_path)
    opened = borrowed.run("recover", "--deposit", deposit)
    assert opened.status == 4, opened.stderr
    service.pass_time(3 * DAY_SECONDS + 60)
    with_kit = borrowed.run("recover", "--deposit", deposit, "--kit", kit_path, "--print")
    assert (with_kit.status, with_kit.stdout) == (0, SECRET + b"\n"), with_kit.stderr

    # Contact and provider: the card that was made here is released by the CLI.
    recovering = borrowed.start("recover", "--deposit", deposit, "--contact", "Carla", "--print")
    recovering.until_said("Call Carla now")
    releasing = carla.start("release", "--card", card_path)
    read_out = re.compile(r"(\d{4} \d{4} \d{4})\n")

    def heard() -> str:
        recovering.until(lambda: read_out.search(recovering.stderr) is not None)
        return str(read_out.findall(recovering.stderr)[0])

    releasing.answers = [("12 digits", heard)]
    released = releasing.finish()
    assert released.status == 0, released.stderr
    recovered = recovering.finish()
    assert (recovered.status, recovered.stdout) == (0, SECRET + b"\n"), recovered.stderr


def _borrowed(service: Service, customer: Customer, folder: Path) -> Person:
    person = Person(folder / "borrowed", service.clock.path, service.url)
    customer.make_room()
    seen = [len(service.mailbox.mails)]

    def next_code() -> str:
        code: str = service.mailbox.code(customer.address, after=seen[0])
        seen[0] = len(service.mailbox.mails)
        return code

    person.answers = [
        ("mail address", customer.address),
        ("from the mail", next_code),
        ("authenticator app", customer.totp),
        ("What happened", "crash"),
    ]
    return person
