"""A restored backup as operators meet it: their commands, the real process, and its end."""

import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from escrow.clock import SystemClock
from escrow.config import Settings
from escrow.custodian.outside import Outside
from escrow.custodian.process import make
from escrow.install import install
from escrow.ledger.append import append
from tests.support.mailbox import Mailbox

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_SECONDS = 60.0


@dataclass
class Machine:
    directory: Path
    environment: dict[str, str]

    def types(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        program = "from escrow_cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *arguments],
            env=self.environment | environment,
            cwd=self.directory,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )

    def custodian(self, *arguments: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "escrow_cli.server", "custodian", *arguments],
            env=self.environment,
            cwd=self.directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "LANG": "C.UTF-8",
        "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'cli'}",
        "ESCROW_DATA_DIR": str(tmp_path / "data"),
        "ESCROW_PUBLIC_URL": "https://recovery.test",
        "ESCROW_SMTP_HOST": "127.0.0.1",
        "ESCROW_MAIL_FROM": "recovery@recovery.test",
        "ESCROW_CONFIRM": "y",
    }
    return Machine(tmp_path, environment)


def test_a_custodian_goes_on_with_a_backup_that_two_operators_approved(
    machine: Machine, mail_server: Mailbox
) -> None:
    settings = Settings(
        data_dir=machine.directory / "data",
        public_url="https://recovery.test",
        smtp_host="127.0.0.1",
        mail_from="recovery@recovery.test",
    ).check()
    install(settings, SystemClock())
    lines = []
    for name in ("anna", "piet"):
        made = machine.types("admin", "keygen", "--name", name, "--out", f"{name}.key")
        assert made.returncode == 0, made.stderr
        lines.append(made.stdout.strip())
    machine.environment["ESCROW_OPERATORS"] = ",".join(lines)
    database, backup = settings.data_dir / "escrow.db", machine.directory / "backup.db"
    custodian = make(settings, SystemClock())
    custodian.run_pass()
    custodian.database.close()
    shutil.copy(database, backup)
    with custodian.database.transaction() as db:
        append(db, custodian.author, "tick")
    custodian.run_pass()
    custodian.database.close()
    promised = custodian.outside.size
    for path in settings.data_dir.glob("escrow.db*"):
        path.unlink()
    shutil.copy(backup, database)

    alone = machine.custodian()
    assert alone.wait(PATIENCE_SECONDS) == 78
    propose = ("admin", "propose", "accept-backup", "--reason", "The disk died.", "--out", "one")
    proposed = machine.types(*propose, ESCROW_OPERATOR_KEY="anna.key")
    assert proposed.returncode == 0, proposed.stderr
    approve = ("admin", "approve", "one", "--out", "two")
    approved = machine.types(*approve, ESCROW_OPERATOR_KEY="piet.key")
    assert approved.returncode == 0, approved.stderr
    refused = machine.custodian("--resume", "one", "one")
    assert refused.wait(PATIENCE_SECONDS) == 78
    assert Outside(settings.outside_dir).size == promised

    process = machine.custodian("--resume", "one", "two")
    try:
        end = time.monotonic() + PATIENCE_SECONDS
        while Outside(settings.outside_dir).size == promised:
            assert process.poll() is None, process.stdout and process.stdout.read()
            assert time.monotonic() < end
            time.sleep(0.05)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)
    doctor = machine.types("server", "doctor")
    assert f"{promised + 1} entries, as in the database" in doctor.stdout, doctor.stdout
