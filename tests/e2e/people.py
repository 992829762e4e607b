"""Mira, who has something to lose, and her contacts: real processes of the client, on terminals.

What they know by heart or have elsewhere (an authenticator on a phone, a kit in a drawer) is kept
apart from their computer's folder, so that a test can delete every file of that.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyotp

from escrow.protocol.kit import Card, Kit
from tests.cli.clock import FileClock
from tests.cli.person import Answer, Ended, Process
from tests.cli.person import Person as Computer
from tests.e2e.installation import Installation, until

_READ_OUT = re.compile(r"Read these 12 digits to [^\n]*\n\s*(\d{4} \d{4} \d{4})\n")


@dataclass
class Authenticator:
    """The app on her phone."""

    clock: FileClock
    secret: str = ""
    last_step: int = 0

    def code(self) -> str:
        """Return a code that was not used yet, moving time if need be."""
        if self.clock.now() // 30 <= self.last_step:
            self.clock.move(30)
        now = self.clock.now()
        self.last_step = now // 30
        return pyotp.TOTP(self.secret).at(now)


@dataclass
class Person(Computer):
    """A computer with a terminal on which any program can be run, `escrow` being on its PATH."""

    def __post_init__(self) -> None:
        super().__post_init__()
        program = self.home / "bin" / "escrow"
        program.parent.mkdir(exist_ok=True)
        program.write_text(
            f'#!/bin/sh\nexec "{sys.executable}" -m tests.cli.run "{self.clock}" "$@"\n'
        )
        program.chmod(0o755)

    def environment(self, **extra: str) -> dict[str, str]:
        found = super().environment(**extra)
        found["PATH"] = f"{self.home / 'bin'}{os.pathsep}{found['PATH']}"
        return found

    def start_program(self, *command: str, **extra: str) -> Process:
        """Start a program other than `escrow`, with the same terminal."""
        master, slave = pty.openpty()
        child = subprocess.Popen(
            [sys.executable, "-m", "tests.e2e.terminal", *command],
            cwd=self.home,
            env=self.environment(TEST_TTY=os.ttyname(slave), **extra),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        return Process(child, master, slave, list(self.answers))


@dataclass
class Household:
    """Mira with her computer, phone and drawer, and her contacts with theirs."""

    service: Installation
    directory: Path
    address: str
    names: tuple[str, ...] = ("Anna",)
    document: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.phone = Authenticator(self.service.clock)
        self.drawer = self.directory / "drawer"
        self.drawer.mkdir(parents=True)
        self.mira = self.computer("mira")
        self.contacts = [self.computer(name.lower()) for name in self.names]

    def computer(self, name: str) -> Person:
        return Person(self.directory / name, self.service.clock.path, self.service.url)

    @property
    def anna(self) -> Person:
        return self.contacts[0]

    @property
    def deposit(self) -> str:
        return str(self.document["deposit"])

    @property
    def kit_path(self) -> Path:
        return self.drawer / "kit.escrow.json"

    @property
    def kit(self) -> Kit:
        return Kit.parse(self.kit_path.read_bytes())

    def card_path(self, number: int = 0) -> Path:
        return self.contacts[number].home / "card.escrow.json"

    def card(self, number: int = 0) -> Card:
        return Card.parse(self.card_path(number).read_bytes())

    def enrolling(self, secret: bytes, *options: str) -> Process:
        """Start an enrolment; its questions are answered as it goes on."""
        (self.mira.home / "key.txt").write_bytes(secret)
        contacts = [f"{name} <{name.lower()}.{self.address}>" for name in self.names]
        process = self.mira.start(
            *("enrol", "--new-account", "--address", self.address, "--label", "Laptop backup"),
            *("--secret-file", "key.txt", "--kit", "kit.escrow.json", "--json", *options),
            *(part for contact in contacts for part in ("--contact", contact)),
        )

        def confirm() -> str:
            found = re.search(r"type this key into it: ([A-Z2-7 ]+)", process.stderr)
            assert found
            self.phone.secret = found[1].replace(" ", "")
            return self.phone.code()

        process.answers = [
            ("app shows now", confirm),
            ("last four digits", self._kit_digits),
            *self._signing_in(),
        ]
        return process

    def enrol(self, secret: bytes, *options: str) -> None:
        """Enrol; the kit goes into the drawer, as the kit itself asks for."""
        ended = self.enrolling(secret, *options).finish(180)
        assert ended.status == 0, ended.stderr + ended.tty
        self.put_away(ended)

    def put_away(self, ended: Ended) -> None:
        self.document = json.loads(ended.stdout)
        for name in ("kit.escrow.json", "kit.pdf"):
            shutil.move(self.mira.home / name, self.drawer / name)

    def _kit_digits(self) -> str:
        return Kit.parse((self.mira.home / "kit.escrow.json").read_bytes()).manifest.code()[-4:]

    def _signing_in(self) -> list[Answer]:
        return [
            ("mail address", self.address),
            ("from the mail", lambda: self.service.office.code(self.address)),
            ("authenticator app", self.phone.code),
            ("What happened", "My laptop crashed, with the key on it."),
        ]

    def accept(self, number: int = 0) -> None:
        """Let a contact accept: the link from a message, the digits from the telephone."""
        invitation = self.document["invitations"][number]
        ended = self.contacts[number].run(
            *("accept", "--save", "card.escrow.json"),
            answers=[
                ("The link", invitation["link"]),
                ("16 digits", invitation["digits"]),
                ("Is that you", "y"),
            ],
        )
        assert ended.status == 0, ended.stderr + ended.tty

    def recovering(self, computer: Person, *options: str) -> Process:
        process = computer.start("recover", *options)
        process.answers = self._signing_in()
        return process

    def recover(self, computer: Person, *options: str) -> Ended:
        return self.recovering(computer, *options).finish(180)

    def open(self, computer: Person, *options: str) -> None:
        """Open a recovery; it ends with the date from which it can be finished."""
        ended = self.recover(computer, *options)
        assert ended.status == 4, ended.stderr + ended.tty
        assert "You can finish from" in ended.stderr

    def restoring(self, computer: Person, *command: str) -> Process:
        """Start a program that starts `escrow recover`."""
        process = computer.start_program(*command)
        process.answers = self._signing_in()
        return process

    def release(self, recovering: Process, number: int = 0) -> Ended:
        """Hold the call: Mira's client waits, the contact types what she reads out."""
        recovering.until_said("Call ", 120)
        releasing = self.contacts[number].start("release", "--card", "card.escrow.json")

        def heard() -> str:
            recovering.until(lambda: _READ_OUT.search(recovering.stderr) is not None)
            found = _READ_OUT.search(recovering.stderr)
            assert found
            return found[1]

        releasing.answers = [("12 digits", heard)]
        return releasing.finish(180)

    def wait(self, seconds: int) -> None:
        """Let the waiting time pass, until the custodian has noticed that it is over."""
        told = self._told_ready()
        self.service.pass_time(seconds)
        until(lambda: self._told_ready() > told, "the mail that says it can be finished")

    def _told_ready(self) -> int:
        mails = self.service.office.to(self.address)
        return sum(str(mail["Subject"]).startswith("You can finish now") for mail in mails)
