"""The case that must never happen again.

A freelancer's computer crashes, with the key to her backup on it. The helpdesk, meaning well,
closes her account and opens a new one. She still gets every byte back, within a phone call and a
waiting time. Everything here is real: web tier, custodian, mail, the client on terminals, restic.

That words alone are enough, with nothing but other people's tools (`shamir`, a printed script,
Debian's `age`), is shown in tests/cli/test_without_us.py.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
from pathlib import Path

import httpx
import pyotp

from tests.e2e.installation import DAY_SECONDS, Installation
from tests.e2e.people import Household, Person
from tests.e2e.stories import SECRET, Story

API = "/api/v1"


def test_her_computer_crashes_and_the_helpdesk_opens_a_new_account(
    service: Installation, tmp_path: Path
) -> None:
    home = Household(service, tmp_path, "mira@freelance.test")
    password = secrets.token_urlsafe(24)
    tree, repository = home.mira.home / "work", tmp_path / "backup-service"
    _fill(tree)
    expected = _snapshot(tree)
    (home.mira.home / "password").write_text(password)
    with_file = ("--password-file", "password")
    for command in (("init",), ("backup", "work")):
        _restic(home.mira, repository, *with_file, *command)
    home.enrol(password.encode())
    home.accept()

    shutil.rmtree(home.mira.home)  # the crash: state, password, every local file …
    shutil.rmtree(home.drawer)  # … and the kit lay beside it
    old = str(home.document["deposit"])
    helpdesk = _Helpdesk(home)
    helpdesk.close_the_account()
    helpdesk.open_another()
    accounts, deposits = helpdesk.what_the_mail_code_lists()
    assert sorted(accounts.values()) == ["active", "closing"]
    assert {line["deposit"]: line["state"] for line in deposits} == {old: "closing"}

    borrowed = home.computer("borrowed")
    home.open(borrowed)
    early = home.recover(borrowed, "--deposit", old, "--print")
    assert (early.status, early.stdout) == (4, b"")
    home.wait(3 * DAY_SECONDS + 60)
    restoring = home.restoring(
        borrowed,
        *("restic", "--no-cache", "-r", str(repository)),
        *("--password-command", f"escrow recover --deposit {old} --contact anna --print"),
        *("restore", "latest", "--target", "back"),
    )
    released = home.release(restoring)
    assert released.status == 0, released.stderr
    restored = restoring.finish(180)
    assert restored.status == 0, restored.stderr
    assert _snapshot(borrowed.home / "back" / "work") == expected
    assert password not in restored.stderr + restored.tty + restored.stdout.decode()
    assert helpdesk.state_of(old) == "closing", "a recovery undoes nothing behind anyone's back"


def test_kit_and_contact_without_any_service(story: Story) -> None:
    """The provider is gone; `escrow combine` needs the two pieces and nothing else."""
    service = story.service
    service.stop()
    try:
        elsewhere = story.home.computer("elsewhere")
        elsewhere.host = None
        ended = elsewhere.run(
            *("combine", "--piece", str(story.home.kit_path)),
            *("--piece", str(story.home.card_path()), "--print", "--no-newline"),
        )
    finally:
        service.start()
    assert ended.status == 0, ended.stderr
    assert ended.stdout == SECRET
    assert "pieces, signature and envelope are genuine" in ended.stderr


class _Helpdesk:
    """What was done by others with her accounts, and what she is shown afterwards."""

    def __init__(self, home: Household) -> None:
        self.home = home
        self.http = httpx.Client(base_url=f"{home.service.url}{API}", timeout=60)

    def _sign_in(self) -> tuple[str, dict[str, str]]:
        """Sign in up to the mail code; returns the login and its accounts with their states."""
        home = self.home
        self.http.headers.pop("Authorization", None)
        made = self._post("logins", {"address": home.address, "locale": "nl"})
        code = home.service.office.code(home.address)
        found = self._post(f"logins/{made['login']}/code", {"code": code})
        self.http.headers["Authorization"] = f"Bearer {found['token']}"
        return made["login"], {line["account"]: line["state"] for line in found["accounts"]}

    def _post(self, path: str, body: dict[str, str]) -> dict[str, object]:
        answer = self.http.post(path, json=body)
        assert answer.is_success, answer.text
        found: dict[str, object] = answer.json()
        return found

    def close_the_account(self) -> None:
        """Schedule the closing, with a code that she reads from her phone, on the telephone."""
        login, accounts = self._sign_in()
        [account] = accounts
        body = {"account": account, "code": self.home.phone.code()}
        found = self._post(f"logins/{login}/totp", body)
        self.http.headers["Authorization"] = f"Bearer {found['token']}"
        self._post(f"accounts/{account}/close", {"reason": "contract cancelled"})

    def open_another(self) -> None:
        """Make a second account with the same address; nothing of the first one is asked."""
        home = self.home
        self.http.headers.pop("Authorization", None)
        made = self._post("accounts", {"address": home.address, "locale": "nl"})
        self.http.headers["Authorization"] = f"Bearer {made['token']}"
        code = home.service.office.code(home.address)
        found = self._post(f"accounts/{made['account']}/code", {"code": code})
        totp = pyotp.TOTP(str(found["totp_secret"])).at(home.service.clock.now())
        self._post(f"accounts/{made['account']}/totp/confirm", {"code": totp})

    def what_the_mail_code_lists(self) -> tuple[dict[str, str], list[dict[str, str]]]:
        _, accounts = self._sign_in()
        return accounts, self.http.get("deposits").json()["deposits"]

    def state_of(self, deposit: str) -> str:
        self._sign_in()
        return {
            line["deposit"]: line["state"] for line in self.http.get("deposits").json()["deposits"]
        }[deposit]


def _restic(person: Person, repository: Path, *arguments: str) -> None:
    subprocess.run(
        ["restic", "--no-cache", "-r", str(repository), *arguments],
        cwd=person.home,
        env=person.environment(),
        check=True,
        capture_output=True,
    )


def _fill(tree: Path) -> None:
    """Make a year of work: nested, random, with names that scripts stumble over."""
    dice = random.Random(1)
    deep = tree / "klanten" / "Ünïcødé" / "a b" / "c"
    (tree / "empty folder").mkdir(parents=True)
    deep.mkdir(parents=True)
    names = ["invoice.pdf", "-rf", " leading and trailing ", "two\nlines", "'\"$(x)`", "日本語.txt"]
    for folder in (tree, deep):
        for name in names:
            (folder / name).write_bytes(dice.randbytes(dice.randrange(1, 40_000)))
    Path(os.fsdecode(bytes(deep) + b"/not utf-8 \xff\xfe")).write_bytes(b"\x00" * 4096)
    (tree / "empty").touch()
    (tree / "large").write_bytes(dice.randbytes(3 << 20))
    (tree / "large").chmod(0o640)
    (tree / "link").symlink_to("klanten/../large")


def _snapshot(tree: Path) -> dict[bytes, tuple[int, bytes]]:
    """Return mode and contents of everything under a folder, by its path as bytes."""
    found = {}
    for folder, folders, files in os.walk(os.fsencode(tree)):
        for name in (*folders, *files):
            path = Path(os.fsdecode(os.path.join(folder, name)))  # noqa: PTH118
            content = b""
            if path.is_symlink():
                content = os.fsencode(path.readlink())
            elif path.is_file():
                content = path.read_bytes()
            relative = os.path.relpath(os.fsencode(path), os.fsencode(tree))
            found[relative] = (path.lstat().st_mode, content)
    assert len(found) > 15
    return found
