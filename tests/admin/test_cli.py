"""`escrow admin`: what operators type on the host, with what it prints and how it ends."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from escrow import custodyreport, webkeyfile
from escrow.admin.flow import BODY
from escrow.admin.models import Approval
from escrow.custodian.process import go_on_with_backup
from escrow.deposit.models import Deposit
from escrow.ledger.models import LedgerEvent
from escrow.operators import Operator, OperatorKey
from escrow.protocol.encoding import sha256
from escrow.protocol.ledger import Event
from escrow.webkeys import WebKeys
from escrow_cli.context import Surroundings
from escrow_cli.main import run
from tests.admin import test_four_eyes as four_eyes
from tests.admin.crew import Crew, hired
from tests.admin.office import Office
from tests.custodian.test_takeup import restore, rows
from tests.support.people import Customer, Deposited


@dataclass
class Answer:
    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Host:
    """The provider's machine, and what operators type on it."""

    office: Office
    directory: Path
    types: Callable[..., Answer]
    keys: dict[str, str]

    def by(self, name: str, *arguments: str) -> Answer:
        return self.types(*arguments, "--key", self.keys[name])


@pytest.fixture
def host(
    small_office: Office,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Host:
    office, world = small_office, small_office.world
    with monkeypatch.context() as patch:
        patch.setattr(WebKeys, "generate", lambda: world.web_keys)
        world.settings.key_dir.mkdir(mode=0o700)
        webkeyfile.create(world.settings.key_dir)
    keys = {}
    for name in ("anna", "piet"):
        path = tmp_path / f"{name}.key"
        made = OperatorKey.create(name, path)
        setattr(office, name, made)
        keys[name] = str(path)
    office.employ(office.anna.operator, office.piet.operator)
    environment = {
        "ESCROW_DATA_DIR": str(world.settings.data_dir),
        "ESCROW_PUBLIC_URL": world.settings.public_url,
        "ESCROW_SMTP_HOST": "127.0.0.1",
        "ESCROW_MAIL_FROM": "recovery@recovery.test",
        "ESCROW_OPERATORS": f"{office.anna.operator.line} {office.piet.operator.line}",
        "ESCROW_LANGUAGE": "en",
    }
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)

    def types(*arguments: str) -> Answer:
        capsys.readouterr()
        status = run(["admin", *arguments], Surroundings(world.clock))
        return Answer(status, *capsys.readouterr())

    return Host(office, tmp_path, types, keys)


@pytest.fixture
def customer(host: Host) -> Customer:
    return host.office.world.customer("mira.jansen@example.org")


@pytest.fixture
def made(host: Host, customer: Customer) -> Deposited:
    return host.office.world.enrol(customer, 0, 0)[0]


def test_a_key_is_made_and_only_its_public_line_is_printed(host: Host) -> None:
    path = host.directory / "kim.key"
    answered = host.types("keygen", "--name", "kim", "--out", str(path))
    assert answered.status == 0
    assert Operator.parse(answered.out) == OperatorKey.load(path).operator
    seed = json.loads(path.read_bytes())["seed"]
    assert seed not in answered.out + answered.err
    again = host.types("keygen", "--name", "kim", "--out", str(path))
    assert (again.status, again.out) == (2, "")
    assert again.err.startswith("error: ")
    assert "hint: " in again.err
    assert json.loads(path.read_bytes())["seed"] == seed
    assert host.types("keygen", "--name", "K im", "--out", "x").status == 2


def test_a_recovery_is_found_and_put_on_hold(
    host: Host, customer: Customer, made: Deposited
) -> None:
    world = host.office.world
    recovery = world.open_recovery(customer, made)
    [line] = host.types("list", "recoveries", "--json").json["recoveries"]
    assert (line["recovery"], line["state"]) == (recovery, "waiting")
    assert line["customer"] == ["m…@example.org"]
    shown = host.types("show", recovery)
    assert "state: waiting" in shown.out
    assert "mira.jansen" not in shown.out
    done = host.by("anna", "freeze", recovery, "--reason", "The customer phoned.")
    assert done.status == 0, done.err
    world.run()
    assert customer.http.get(f"/recoveries/{recovery}").ok()["state"] == "frozen"
    assert host.types("show", recovery, "--json").json["state"] == "frozen"


def test_one_proposes_and_another_approves_exactly_that(
    host: Host, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = host.office.world
    proposed = host.by("anna", "propose", "close-deposit", made.deposit, "--reason", "Asked.")
    assert proposed.status == 0, proposed.err
    identifier = proposed.out.strip()
    [line] = host.types("list", "approvals", "--json").json["approvals"]
    assert (line["approval"], line["signed_by"]) == (identifier, "operator:anna")
    own = host.by("anna", "approve", identifier)
    assert (own.status, own.out) == (4, "")
    assert "another operator" in own.err
    monkeypatch.setenv("ESCROW_CONFIRM", "n")
    declined = host.by("piet", "approve", identifier)
    assert (declined.status, declined.out) == (4, "")
    with world.database.reading() as db:
        [row] = db.scalars(select(Approval)).all()
        body = world.web_keys.decrypt(BODY, row.id, row.id, row.body)
    for part in ("close-deposit", made.deposit, body, "operator:anna"):
        assert part in declined.err
    world.run()
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).state == "complete"
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    approved = host.by("piet", "approve", identifier)
    assert approved.status == 0
    assert "You have approved it." in approved.err
    world.run()
    with world.database.reading() as db:
        assert db.get_one(Deposit, made.deposit).state == "closing"
    assert host.types("list", "approvals", "--json").json["approvals"] == []


def test_what_was_changed_in_the_database_is_not_approved(
    host: Host, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    proposed = host.by("anna", "propose", "close-deposit", made.deposit, "--reason", "Asked.")
    with host.office.world.database.transaction() as db:
        db.execute(update(Approval).values(operation="close-account"))
    refused = host.by("piet", "approve", proposed.out.strip())
    assert (refused.status, refused.out) == (3, "")
    assert "not signed by an operator" in refused.err


def test_an_expired_proposal_is_refused_before_anything_is_asked(
    host: Host, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    arguments = ("propose", "close-deposit", made.deposit, "--reason", "Asked.", "--days", "1")
    identifier = host.by("anna", *arguments).out.strip()
    host.office.world.clock.move(86400)
    refused = host.by("piet", "approve", identifier)
    assert (refused.status, refused.out) == (4, "")
    assert "This proposal expired on" in refused.err
    assert "Operation:" not in refused.err


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("propose", "close-deposit", "0" * 32, "--reason", "x"), 4),
        (("propose", "close-deposit", "zero", "--reason", "x"), 2),
        (("propose", "close-deposit", "--reason", "x"), 2),
        (("propose", "move-account", "0" * 32, "--reason", "x"), 2),
        (("propose", "set-address", "0" * 32, "--reason", "x", "--address", "nobody"), 2),
        (("propose", "release", "0" * 32, "--reason", "x"), 2),
        (("propose", "accept-backup", "--reason", "x"), 2),
        (("propose", "close-deposit", "0" * 32, "--reason", "x", "--out", "/nowhere/x"), 2),
        (("propose", "freeze", "0" * 32, "--reason", "x"), 2),
        (("propose", "accept-backup", "--reason", "x", "--out", "/nowhere/x"), 4),
        (("freeze", "0" * 32, "--reason", "x"), 4),
        (("freeze", "0" * 32, "--reason", "x" * 201), 2),
        (("approve", "0" * 32), 4),
    ],
)
def test_wrong_use_ends_with_an_error_and_a_status(
    host: Host, arguments: tuple[str, ...], status: int
) -> None:
    answered = host.by("anna", *arguments)
    assert (answered.status, answered.out) == (status, "")
    assert answered.err.startswith("error: ")
    with host.office.world.database.reading() as db:
        assert db.scalars(select(Approval)).all() == []


def test_a_stranger_can_propose_nothing(host: Host, made: Deposited) -> None:
    path = host.directory / "kim.key"
    host.types("keygen", "--name", "kim", "--out", str(path))
    arguments = ("propose", "close-deposit", made.deposit, "--reason", "x", "--key", str(path))
    assert host.types(*arguments).status == 3
    path.chmod(0o644)
    assert host.types(*arguments).status == 2


def test_lists_come_in_pages(host: Host, customer: Customer) -> None:
    world = host.office.world
    deposits = sorted(world.enrol(customer, 0, 0)[0].deposit for _ in range(3))
    seen, after = [], ""
    while after is not None:
        page = host.types("list", "deposits", "--limit", "2", "--after", after, "--json").json
        assert len(page["deposits"]) <= 2
        seen += [line["deposit"] for line in page["deposits"]]
        after = page["next"]
    assert seen == deposits
    assert "There is more: --after" in host.types("list", "deposits", "--limit", "1").err


def test_an_export_is_checked_without_the_service(
    host: Host, customer: Customer, made: Deposited
) -> None:
    world = host.office.world
    path = host.directory / "export.json"
    assert host.types("export", customer.account, "--out", str(path)).status == 0
    assert path.stat().st_mode & 0o777 == 0o600
    verdict = custodyreport.check(path.read_bytes(), world.keys.signer.verifier.vkey)
    kinds = {event.type for event in verdict.account_events.values()}
    assert {"account created", "totp changed"} <= kinds
    [line] = verdict.lines
    assert line.manifest is not None and line.manifest.data == made.manifest.data
    assert {"deposit created", "custody attested"} <= {e.type for e in line.events.values()}
    assert customer.address.encode() not in path.read_bytes()
    world.run()
    with world.database.reading() as db:
        query = select(LedgerEvent).where(LedgerEvent.type == "admin exported")
        [said] = db.scalars(query).all()
    assert said.account == customer.account and said.index is not None
    data = Event.parse(said.body or b"").data
    assert data["body_sha256"] == sha256(path.read_bytes())
    before = path.read_bytes()
    assert host.types("export", customer.account, "--out", str(path)).status == 2
    assert path.read_bytes() == before
    assert host.types("export", "0" * 32, "--out", str(host.directory / "x")).status == 4


def test_two_operators_accept_a_backup_with_two_files(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, world = host.office, host.office.world
    first, second = (str(host.directory / name) for name in ("first", "second"))
    backup = rows(world.database)
    world.customer()
    restore(world.database, backup)
    arguments = ("propose", "accept-backup", "--reason", "The disk died.", "--out", first)
    assert host.by("anna", *arguments).status == 0
    assert host.by("anna", *arguments).status == 2  # it exists
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    assert host.by("anna", "approve", first, "--out", second).status == 4
    assert host.by("piet", "approve", first, "--out", second).status == 0
    world.restart_custodian()
    office.listen(world.custodian)
    assert go_on_with_backup(world.custodian, [Path(first), Path(second)])
    world.run()
    stale = host.by("piet", "approve", first, "--out", str(host.directory / "third"))
    assert (stale.status, stale.out) == (3, "")


@pytest.mark.parametrize("language", ["nl", "en"])
def test_help_is_in_both_languages(
    host: Host, monkeypatch: pytest.MonkeyPatch, language: str
) -> None:
    monkeypatch.setenv("ESCROW_LANGUAGE", language)
    for verb in ("keygen", "list", "show", "freeze", "propose", "approve", "export"):
        text = host.types(verb, "--help").out
        assert ("Eén JSON-document" in text) == (language == "nl")
        assert ("One JSON document" in text) == (language == "en")


def test_what_a_passkey_proposed_is_approved_on_the_host_and_the_reverse(
    host: Host, made: Deposited, monkeypatch: pytest.MonkeyPatch
) -> None:
    office, world = host.office, host.office.world
    olga = hired(world)
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    proposal = four_eyes.propose(world, "close-deposit", made.deposit)
    first = four_eyes.approve(olga, proposal)
    approved = host.by("piet", "approve", first)
    assert approved.status == 0, approved.err
    assert f"passkey:{olga.admin}" in approved.err
    world.run()
    assert office.row(first).executed_at is not None


def test_a_new_admin_is_invited_and_added_on_the_host(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = host.office.world
    hired(world)
    invited = host.types("invite", "--name", "Carla", "--role", "auditor", "--json").json
    carla = Crew(world, "auditor", "Carla")
    carla.token = invited["link"].partition("#")[2]
    early = host.by("anna", "propose", "add-admin", invited["admin"], "--reason", "Hired.")
    assert (early.status, early.out) == (4, "")
    code = carla.accept().ok()["code"]
    listed = host.types("list", "admins")
    assert any(line.endswith(f"waiting  auditor  Carla  {code}") for line in listed.out.split("\n"))
    proposed = host.by("anna", "propose", "add-admin", invited["admin"], "--reason", "Hired.")
    assert code in proposed.err
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    assert host.by("piet", "approve", proposed.out.strip()).status == 0
    world.run()
    carla.sign_in().ok()
    assert host.by("anna", "propose", "add-admin", "0" * 32, "--reason", "x").status == 4


def test_the_shortest_wait_is_proposed_on_the_host(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = host.office.world
    arguments = ("propose", "change-wait", "--reason", "Too many thefts.")
    assert host.by("anna", *arguments).status == 2
    proposed = host.by("anna", *arguments, "--wait-days", "4")
    monkeypatch.setenv("ESCROW_CONFIRM", "y")
    assert host.by("piet", "approve", proposed.out.strip()).status == 0
    world.run()
    assert world.http().get("/keys").ok()["minimum_waiting_seconds"] == 4 * 86400
